"""Model folders as people have them: configurations, weights and tokenizers that are odd."""

import json
import struct
from pathlib import Path

NOT_OBJECTS = ("[]", '"bert"', "3", "null", "true", "", "{", "[" * 5000, '[{"a": 1}]')
ODD = (
    *(None, "x", "12", -1, 0, 2.5, True, [], [1, 2], {}, {"a": 1}, float("inf")),
    *(10**30, 10**9, -(10**30)),
)
ABSENT = "absent"


def changed(file: Path, **values) -> str:
    """Change values of a JSON file, or leave out those that are `ABSENT`; return what it held."""
    whole = file.read_text()
    kept = {k: v for k, v in (json.loads(whole) | values).items() if v is not ABSENT}
    file.write_text(json.dumps(kept))
    return whole


def odd_values(folder: Path, name: str, keys=None, inner: str = ""):
    """Change each value of a JSON file of a folder to each odd one; yield what was changed.

    After every step the file is as it was. ``inner`` names an object in the file whose values
    are changed.
    """
    file = folder / name
    whole = file.read_text()
    content = json.loads(whole)
    for key in keys or (content[inner] if inner else content):
        for value in (*ODD, ABSENT):
            values = {key: value}
            if inner:
                kept = (content[inner] | values).items()
                values = {inner: {k: v for k, v in kept if v is not ABSENT}}
            try:
                changed(file, **values)
                yield f"{name}: {inner} {key}={value!r}"
            finally:
                file.write_text(whole)


def odd_files(folder: Path):
    """Remove, empty, cut and replace every file of a folder; yield what was done.

    After every step the folder is as it was.
    """
    for file in sorted(folder.iterdir()):
        whole = file.read_bytes()
        texts = [text.encode() for text in NOT_OBJECTS] if file.suffix == ".json" else []
        others = {
            "empty": b"",
            "cut to half": whole[: len(whole) // 2],
            "cut by a byte": whole[:-1],
            "cut to 20 bytes": whole[:20],
            "of bytes that are no text": b"\xff\xfe\x00\x01" * 10,
            "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
            **{f"{text[:20]!r}": text for text in texts},
        }
        try:
            file.unlink()
            yield f"no {file.name}"
            file.mkdir()
            yield f"{file.name} is a folder"
            file.rmdir()
            for how, content in others.items():
                file.write_bytes(content)
                yield f"{file.name} is {how}"
        finally:
            if file.is_dir():
                file.rmdir()
            file.write_bytes(whole)


def odd_weights(folder: Path):
    """Change the weights of a folder: names, shapes, number formats, indexes; yield what was done.

    After every step the folder is as it was.
    """
    import torch
    from safetensors.torch import load_file, save_file

    file, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    whole, weights = file.read_bytes(), load_file(file)
    names = sorted(weights)
    first, last = next(n for n in names if weights[n].ndim > 1), names[-1]
    changes = {
        "one is missing": {n: weights[n] for n in names if n != first},
        "one only": {last: weights[last]},
        "none": {},
        "one is renamed": {f"other.{n}" if n == first else n: weights[n] for n in names},
        "all have a prefix": {f"backbone.{n}": weights[n] for n in names},
        "one is longer": weights | {last: torch.cat([weights[last]] * 2)},
        "one is flat": weights | {first: weights[first].flatten()},
        "one is a number": weights | {first: torch.tensor(1.0)},
        "one is of integers": weights | {first: weights[first].long()},
        "all are half": {n: value.half() for n, value in weights.items()},
        "one is nan": weights | {first: torch.full_like(weights[first], float("nan"))},
        "one more": weights | {"extra": torch.ones(3)},
    }
    shards = [folder / f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    try:
        for how, content in changes.items():
            save_file(content, file, {"format": "pt"})
            yield f"weights: {how}"
        for size in (0, 2**40, 2**63):  # of the header, as its first bytes say
            file.write_bytes(struct.pack("<Q", size) + whole[8:])
            yield f"weights: a header of {size} bytes"
        half = len(names) // 2
        for shard, part in zip(shards, (names[:half], names[half:]), strict=True):
            save_file({n: weights[n] for n in part}, shard, {"format": "pt"})
        file.unlink()
        yield "weights: shards without an index"
        place = {n: shards[i >= half].name for i, n in enumerate(names)}
        for listed in (place, {}, [], 3, None, dict.fromkeys(names, 3), dict.fromkeys(names, "")):
            index.write_text(json.dumps({"metadata": {}, "weight_map": listed}))
            yield f"weights: an index of {str(listed)[:40]}"
        index.write_text(json.dumps({"weight_map": dict.fromkeys(names, "../model.safetensors")}))
        yield "weights: an index that names a file elsewhere"
        index.write_text("{")
        yield "weights: an index that is no JSON"
        index.write_text(json.dumps({"metadata": {}, "weight_map": place}))
        shards[1].unlink()
        yield "weights: an index that names a missing shard"
        shards[0].unlink()
        yield "weights: an index without shards"
        (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
        yield "weights: pickled ones only"
    finally:
        for extra in [*shards, index, folder / "pytorch_model.bin"]:
            extra.unlink(missing_ok=True)
        file.write_bytes(whole)
