"""Writing files so that each is whole or absent, whatever happens in between."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.errors import AlignkitError, DataError

if TYPE_CHECKING:
    import pandas as pd

LOCK = ".lock"


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; put it in place once the block is through."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path``; put it in place once the block is through."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        yield temporary
        os.chmod(temporary, 0o777 & ~_umask())
        put_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def put_folder(source: Path, path: Path) -> None:
    """Move a finished folder to its place, in the room of what is there."""
    for file in sorted(source.rglob("*")):
        if file.is_file():
            _sync(file)
    _sync(source)
    if path.exists():
        discard(path)
    os.replace(source, path)
    _sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8 with the line ends given."""
    with whole_file(path) as temporary:
        temporary.write_bytes(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys; NaN and infinity are not JSON and are refused."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table; numbers with the fewest digits that read back the same."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises
    ------
    DataError
        When the file is missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"there is no {path}") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not JSON: {error}") from None


def discard(path: Path) -> None:
    """Remove a file or folder; a folder vanishes at once by a rename before it is emptied."""
    if path.is_dir():
        doomed = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
        os.replace(path, doomed / "it")
        shutil.rmtree(doomed, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Checksum of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def locked(folder: Path, shared: bool = False) -> Iterator[None]:
    """Hold a folder for one process; others wait. The kernel lets go when a holder dies.

    A folder that was made for this and got nothing else goes again.

    Parameters
    ----------
    folder : Path
    shared : bool
        Hold it together with others that share; whoever wants it alone waits for them all.

    Raises
    ------
    AlignkitError
        When the folder cannot be written to.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    handle = _lock(folder, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    try:
        yield
    finally:
        if made and not shared:  # others may share it still
            _remove_if_empty(made)
        os.close(handle)


def _lock(folder: Path, kind: int) -> int:
    """Lock the lock file that is in the folder once the lock is had; its holder may remove it."""
    while True:
        handle = _open_lock(folder)
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another alignkit process at {folder}", file=sys.stderr)
            fcntl.flock(handle, kind)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(folder / LOCK)):
                return handle
        os.close(handle)


def _open_lock(folder: Path, tries: int = 20) -> int:
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            tries -= 1
            if tries and isinstance(error, FileNotFoundError):
                continue  # another process removed the empty folder in between
            raise AlignkitError(
                f"cannot write to {folder}: {error.strerror}; choose another place with --runs"
            ) from None


def _remove_if_empty(folders: list[Path]) -> None:
    """Remove a folder with nothing but its lock, and the empty ones around it, inner first."""
    with contextlib.suppress(OSError):  # it is gone, or somebody has put something there
        if os.listdir(folders[0]) == [LOCK]:
            (folders[0] / LOCK).unlink()
            for folder in folders:
                folder.rmdir()


def held_by_another(folder: Path) -> bool:
    """Whether a process holds a folder now."""
    try:
        handle = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
