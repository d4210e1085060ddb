"""A few captions in every form in which Conceptual Captions is passed on."""

import csv
import hashlib
import io
import json
import tarfile
from pathlib import Path

from PIL import Image

CAPTIONS = {
    "train": [
        "a very typical bus station",
        'person said " hello',
        "actor attends the premiere",
        "NA",
        "the - bedroom stone cottage can sleep people",
    ],
    "validation": ["author : a life in photography", "an image of food"],
}


def address(part: str, number: int) -> str:
    # The last part of the address is the same for all: names taken from it would collide.
    return f"http://example.org/{part}/{number}/image.jpg?size=large"


def jpeg(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (10, 8), (40 * number, 90, 30)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def _pictures(root: Path) -> None:
    (root / "images").mkdir(parents=True, exist_ok=True)
    for part, captions in CAPTIONS.items():
        for number in range(len(captions)):
            name = hashlib.sha256(address(part, number).encode()).hexdigest()[:32]
            (root / f"images/{name}.jpg").write_bytes(jpeg(number))


def tsv(root: Path) -> Path:
    _pictures(root)
    names = {"train": "Train_GCC-training.tsv", "validation": "Validation_GCC-1.1.0-Validation.tsv"}
    for part, captions in CAPTIONS.items():
        lines = [f"{caption}\t{address(part, i)}\n" for i, caption in enumerate(captions)]
        (root / names[part]).write_text("".join(lines))
    return root


def tar(root: Path, caption_in: str = "txt") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for part, captions in CAPTIONS.items():
        for shard in range(0, len(captions), 2):
            path = root / f"cc3m-{part}-{shard // 2:04d}.tar"
            with tarfile.open(path, "w") as archive:
                for number in range(shard, min(shard + 2, len(captions))):
                    told = {"caption": captions[number], "url": address(part, number)}
                    members = {"jpg": jpeg(number), "json": json.dumps(told).encode()}
                    if caption_in == "txt":
                        members = {
                            "jpg": jpeg(number),
                            "json": b"{}",
                            "txt": captions[number].encode(),
                        }
                    for ending, content in members.items():
                        info = tarfile.TarInfo(f"{number:09d}.{ending}")
                        info.size = len(content)
                        archive.addfile(info, io.BytesIO(content))
    return root


def parquet(root: Path, pictures: str = "struct", suffix: str = "parquet") -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (root / "data").mkdir(parents=True, exist_ok=True)
    if pictures == "address":
        _pictures(root)
    for part, captions in CAPTIONS.items():
        rows = []
        for number, caption in enumerate(captions):
            match pictures:
                case "struct":
                    held = {"image": {"bytes": jpeg(number), "path": None}}
                case "bytes":
                    held = {"image": jpeg(number)}
                case "address":
                    held = {"image_url": address(part, number)}
            rows.append({"caption": caption, **held})
        table = pa.Table.from_pylist(rows)
        path = root / "data" / f"{part}-00000-of-00001.{suffix}"
        if suffix == "parquet":
            pq.write_table(table, path, row_group_size=2)
        else:
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
                out.write_table(table)
    return root


def study(root: Path) -> Path:
    """The study's copy: names of pictures taken from the end of the address."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    for part, captions in CAPTIONS.items():
        with (root / f"{part}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "filepath"])
            for number, caption in enumerate(captions):
                name = "same.jpg" if part == "train" and number in (1, 2) else f"{part}{number}.jpg"
                (root / f"images/{name}").write_bytes(jpeg(number))
                writer.writerow([caption, f"res/data/conceptual-captions/images/{name}"])
    return root
