"""Where a named model's files lie: a folder, or the hub's cache. Only safetensors are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import alignkit

PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
# Everything but weights in other formats, which a repository may hold several times over.
FETCHED = (
    "*.json",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "model.safetensors",
    "model-*.safetensors",
)


def local_folder(name: str) -> Path | None:
    """Take a name for a folder if it is one.

    Raises
    ------
    DataError
        When it is spelled like a path, but there is no such folder.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve()
    if name.startswith((".", "/", "~")):
        raise alignkit.DataError(f"there is no folder {name}; expected one with config.json")
    return None


def fetched_folder(repository: str, what: str, instead: str) -> Path:
    """Files of a repository on the hub: from its cache, or fetched if there is a network.

    Raises
    ------
    DataError
        When they are not on this machine and cannot be fetched.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    try:
        return Path(snapshot_download(repository, allow_patterns=list(FETCHED)))
    except Exception as error:  # the hub's client lets through what its transport raises
        reason = str(error).strip().splitlines()[0].removeprefix("Got: ").rstrip(".")
        raise alignkit.DataError(
            f"{what} is not on this machine and cannot be fetched ({reason}); {instead}"
        ) from None


def read_config(folder: Path) -> dict[str, Any]:
    """Read a model folder's ``config.json``.

    Raises
    ------
    DataError
        When it is missing or not JSON.
    """
    file = folder / "config.json"
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        raise alignkit.DataError(f"{folder} is no model folder: it has no config.json") from None
    except ValueError as error:
        raise alignkit.DataError(f"{file} is not JSON: {error}") from None


def require_safetensors(folder: Path) -> None:
    """Refuse a folder whose weights are missing or only pickled.

    Raises
    ------
    DataError
    """
    if any(folder.glob("model*.safetensors")):
        return
    pickled = sorted(file.name for pattern in PICKLED for file in folder.glob(pattern))
    if pickled:
        raise alignkit.DataError(
            f"{folder} holds only pickled weights ({', '.join(pickled)}), which can run code "
            "when they are read; expected model.safetensors, so convert them first"
        )
    raise alignkit.DataError(
        f"{folder} holds no weights; expected model.safetensors (or: --from-scratch)"
    )


def label_of(folder: Path, weights: bool) -> str:
    """Name a folder by what it holds, wherever it lies: ``minilm@3f2a9c41d07b``."""
    files = sorted(
        file for pattern in ("*.json", "*.txt", "*.model") for file in folder.glob(pattern)
    )
    if weights:
        files += sorted(folder.glob("model*.safetensors"))
    stamps = tuple((str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files)
    return f"{folder.name}@{_digest(stamps)[:12]}"


def check_label(folder: Path, label: str, weights: bool) -> None:
    """Refuse a folder that does not hold any more what a run was made from.

    Raises
    ------
    DataError
    """
    found = label_of(folder, weights)
    if found.rpartition("@")[2] != label.rpartition("@")[2]:
        raise alignkit.DataError(
            f"{folder} holds {found} and not {label}, which the configuration names; "
            "name the folder anew"
        )


@lru_cache
def _digest(stamps: tuple[tuple[str, int, int], ...]) -> str:
    total = hashlib.sha256()
    for path, _, _ in stamps:
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{Path(path).name} {content}\n".encode())
    return total.hexdigest()


def first_of(config: Mapping[str, Any], *keys: str) -> Any:
    """The value of the first of several keys that a configuration has."""
    return next((config[key] for key in keys if config.get(key) is not None), None)
