"""The files of a named model: in a folder or in the hub's cache. Only safetensors are read."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import alignkit
from alignkit.documents import read_json
from alignkit.file_names import listed
from alignkit.progress import current_reporter
from alignkit_encoders.sizes import check_sizes

_COMMIT = re.compile("[0-9a-f]{40}")
INDEX = "model.safetensors.index.json"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
# No weights in other formats, of which a repository may hold several copies.
FETCHED = (
    "*.json",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "model.safetensors",
    "model-*.safetensors",
    "*_Dense/model.safetensors",
)


def local_folder(name: str) -> Path | None:
    """Return the folder that a name stands for; None where it is not a folder.

    Raises
    ------
    DataError
        When the name is written as a path, but there is no such folder.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve()
    if name.startswith((".", "/", "~")):
        raise alignkit.DataError(f"there is no folder {name}; expected a folder with config.json")
    return None


def fetched_folder(repository: str, what: str, instead: str) -> Path:
    """Return a folder with a hub repository's files, downloaded unless they are cached.

    The commit that they are of is said, so that it can be named.

    Parameters
    ----------
    repository : str
        Its name on the Hugging Face hub; with ``@`` and a commit hash of 40 digits, the files of
        that commit and no others.
    what : str
        The model, as messages name it.
    instead : str
        What the user can do when there is no network, for the message.

    Raises
    ------
    DataError
        When the files are neither cached nor can be downloaded.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    name, commit = split_commit(repository)
    try:
        # Without a commit, what is read is the user's choice: safetensors and JSON only, and the
        # identities of encoders hold the hash of their content.
        patterns = list(FETCHED)
        fetched = snapshot_download(name, revision=commit or None, allow_patterns=patterns)
    except Exception as error:  # the hub's client lets through what its transport raises
        reason = alignkit.first_line(error).removeprefix("Got: ")
        raise alignkit.DataError(
            f"{what} is not on this machine and cannot be downloaded ({reason}); {instead}"
        ) from None
    folder = Path(fetched)
    if not commit and _COMMIT.fullmatch(folder.name):
        _tell_once(f"note: {what} is read as it is in {name}@{folder.name}")
    return folder


def split_commit(repository: str) -> tuple[str, str]:
    """Split the name of a repository from the commit behind it, which is empty without one."""
    name, _, commit = repository.rpartition("@")
    return (name, commit) if _COMMIT.fullmatch(commit) and name else (repository, "")


@cache
def _tell_once(text: str) -> None:
    current_reporter().note(text)


def read_config(folder: Path) -> dict[str, Any]:
    """Read the ``config.json`` of a model folder.

    Raises
    ------
    DataError
        When it is missing, not valid JSON, or no object.
    """
    file = folder / "config.json"
    if not file.exists():
        raise alignkit.DataError(f"{folder} is not a model folder: it has no config.json")
    return read_object(file)


def read_object(file: Path) -> dict[str, Any]:
    """Read a JSON file of a model folder that holds an object.

    Raises
    ------
    DataError
        When it is missing, not valid JSON, or no object.
    """
    content = read_json(file, infinite=True)  # as transformers writes for some models
    if not isinstance(content, dict):
        raise alignkit.DataError(
            f"{file} holds no object of names and values; expected the {file.name} of a model"
        )
    return content


def read_timm_config(folder: Path) -> dict[str, Any]:
    """Read the ``config.json`` of timm; preprocessing stands in ``pretrained_cfg`` or beside it.

    Raises
    ------
    DataError
        When it does not name an architecture, or a value has another form than timm's.
    """
    declared = read_config(folder)
    file = folder / "config.json"
    if not isinstance(declared.get("architecture"), str):
        raise alignkit.DataError(
            f"{file} does not name an architecture; expected a folder saved by timm"
        )
    for key in ("model_args", "pretrained_cfg"):
        if not isinstance(declared.get(key) or {}, dict):
            raise alignkit.DataError(f"{file}: {key} holds no object of names and values")
    if not declared.get("pretrained_cfg") and any(key in declared for key in _PICTURES):
        declared["pretrained_cfg"] = {key: declared[key] for key in _PICTURES if key in declared}
    check_sizes(declared, file)
    for key, (expected, fits) in _PICTURES.items():
        value = (declared.get("pretrained_cfg") or {}).get(key)
        if value is not None and not fits(value):
            raise alignkit.DataError(f"{file}: {key} is {value!r}; expected {expected}")
    return declared


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _channels(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (1, 3) and all(map(_number, value))


def _deviations(value: Any) -> bool:
    return _channels(value) and min(value) > 0


def _shape(value: Any) -> bool:
    whole = isinstance(value, list) and all(type(n) is int and 0 < n <= 10_000 for n in value)
    return whole and len(value) == 3


_RESAMPLING = ("bicubic", "bilinear", "nearest", "lanczos", "box", "hamming")

# How pictures are prepared, in the words of timm: what is expected of each, and whether it is so.
_PICTURES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "input_size": ("three whole numbers: channels, height, width", _shape),
    "mean": ("a list of a number per channel", _channels),
    "std": ("a list of a number above 0 per channel", _deviations),
    "interpolation": (f"one of {', '.join(_RESAMPLING)}", lambda value: value in _RESAMPLING),
    "crop_pct": ("a number above 0", lambda value: _number(value) and value > 0),
    "crop_mode": ("a name such as center", lambda value: isinstance(value, str)),
}


def require_safetensors(folder: Path) -> None:
    """Refuse a folder whose weights are missing, incomplete or only pickled.

    Raises
    ------
    DataError
        When there is no ``model*.safetensors``, or not all that the index names.
    """
    weights = sorted(folder.glob("model*.safetensors"))
    if weights:
        if folder / "model.safetensors" not in weights:
            _require_shards(folder / INDEX)
        return
    pickled = sorted(file.name for pattern in PICKLED for file in folder.glob(pattern))
    if pickled:
        raise alignkit.DataError(
            f"{folder} has only pickled weights ({', '.join(pickled)}), which can run code when "
            "they are loaded; convert them to model.safetensors"
        )
    raise alignkit.DataError(
        f"{folder} has no weights; expected model.safetensors, or use `from_scratch=True`"
    )


def _require_shards(index: Path) -> None:
    """Refuse weights in several files of which some are missing."""
    try:
        shards = sorted({*read_json(index, {"weight_map": {"*": str}})["weight_map"].values()})
    except alignkit.MissingError:
        raise alignkit.DataError(
            f"{index.parent} has weights in several files, but no {INDEX}, which says what is in "
            "which; copy it from the model's repository"
        ) from None
    except alignkit.DataError:
        raise alignkit.DataError(
            f"{index} does not say which weights are in which file; copy it from the model's "
            "repository"
        ) from None
    missing = [name for name in shards if not (index.parent / name).is_file()]
    if missing or not shards:
        raise alignkit.DataError(
            f"{index} names {len(shards)} files of weights, of which {len(missing)} are missing"
            + (f", such as {missing[0]}" if missing else "")
            + "; copy them from the model's repository"
        )


def label_of(folder: Path, weights: bool) -> str:
    """Name a folder by its content, wherever it is: ``minilm@3f2a9c41d07b``.

    With ``weights``, the content includes the weights.
    """
    files = sorted(listed(folder, "*.json", "*.txt", "*.model"))
    if weights:
        files += sorted(folder.glob("model*.safetensors"))
    files = [file for file in files if file.is_file()]
    stamps = tuple((str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files)
    return f"{folder.name}@{_digest(stamps)[:12]}"


def check_label(folder: Path, label: str, weights: bool) -> None:
    """Refuse a folder whose content has changed since a run was made from it.

    Raises
    ------
    DataError
        When its content is not that of the label.
    """
    current = label_of(folder, weights)
    if current.rpartition("@")[2] != label.rpartition("@")[2]:
        raise alignkit.DataError(
            f"{folder} now contains {current}, not {label} as in the configuration; restore the "
            "folder, or name it again for a new run"
        )


@lru_cache
def _digest(stamps: tuple[tuple[str, int, int], ...]) -> str:
    total = hashlib.sha256()
    for path, _, _ in stamps:
        with Path(path).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{Path(path).name} {content}\n".encode())
    return total.hexdigest()


def first_of(config: Mapping[str, Any], *keys: str) -> Any:
    """Return the value of the first of several keys that a configuration has."""
    return next((config[key] for key in keys if config.get(key) is not None), None)
