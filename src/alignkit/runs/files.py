"""Write files atomically, each complete or absent whatever happens in between; read them."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from alignkit.bounds import require_regular
from alignkit.cleaning import print_message, without_formula
from alignkit.documents import read_json as read_json  # beside what writes it
from alignkit.errors import AlignkitError, DataError, first_line
from alignkit.runs.space import writing

if TYPE_CHECKING:
    import pandas as pd

LOCK = ".lock"

T = TypeVar("T")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; move it into place when the block succeeds.

    Raises
    ------
    DiskError
        When the disk is full or fails.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; move it into place when the block succeeds.

    Raises
    ------
    DiskError
        When the disk is full or fails.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            put_folder(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def put_folder(source: Path, path: Path) -> None:
    """Move a finished folder into place, replacing what exists there."""
    with writing(path):
        for file in sorted(source.rglob("*")):
            if file.is_file():
                sync(file)
        sync(source)
        before = _put_aside(path) if path.exists() else None
        try:
            source.replace(path)
        except OSError:
            if before is not None:
                before.replace(path)
                before.parent.rmdir()
            raise
        sync(path.parent)
        if before is not None:  # last: it may take long, and others look for the new one
            shutil.rmtree(before.parent, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, with its line endings unchanged."""
    with whole_file(path) as temporary:
        temporary.write_bytes(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys; raises ValueError for NaN and infinity."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, numbers with the fewest digits that read back exactly."""
    write_text(path, _csv(table))


def _csv(table: pd.DataFrame) -> str:
    text: str = table.to_csv(index=False, lineterminator="\n")
    return text


def write_results(path: Path, table: pd.DataFrame) -> None:
    """Write a table for people as CSV, see ``results_csv``."""
    write_text(path, results_csv(table))


def results_csv(table: pd.DataFrame) -> str:
    """Return a table for people as CSV: no spreadsheet takes its text for a formula."""
    import pandas as pd

    columns = []
    for place in range(table.shape[1]):
        column = table.iloc[:, place]
        is_text = not pd.api.types.is_numeric_dtype(column)
        columns.append(column.map(without_formula) if is_text and _has_formula(column) else column)
    quoted = pd.concat(columns, axis=1) if columns else table
    return _csv(quoted.set_axis([*map(without_formula, table.columns)], axis=1))


def read_results(
    path: Path,
    command: str,
    columns: Sequence[str] | None = None,
    texts: Sequence[str] = ("parameters",),
) -> pd.DataFrame:
    """Read a table that was written as CSV.

    Parameters
    ----------
    path : Path
    command : str
        What creates it, for error messages.
    columns : sequence of str, optional
        Those to read; all by default.
    texts : sequence of str
        Columns whose cells are texts even where they look like numbers.

    Raises
    ------
    DataError
        When the file is missing or is no such table.
    """
    import pandas as pd

    if not path.is_file():
        raise DataError(f"there is no {path}; create it with: {command}")
    require_regular(path)
    try:
        return pd.read_csv(
            path,
            keep_default_na=False,
            na_values=[""],
            dtype=dict.fromkeys(texts, str),
            usecols=None if columns is None else lambda name: name in columns,
        )
    except (OSError, ValueError, OverflowError) as error:
        raise DataError(
            f"{path} cannot be read: {first_line(error)}; create it again with: {command}"
        ) from None


def _has_formula(column: pd.Series) -> bool:
    """Return whether a cell would be taken for a formula; repeated texts are looked at once."""
    try:
        cells = column.unique()
    except TypeError:  # lists and the like
        return True
    return any(without_formula(cell) is not cell for cell in cells)


def discard(path: Path) -> None:
    """Remove a file or folder; a folder is renamed first, so that it disappears at once.

    Two processes may discard the same path at once.
    """
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(_put_aside(path).parent, ignore_errors=True)


def _put_aside(folder: Path) -> Path:
    """Move a folder into a hidden one beside it, and return where it is now."""
    doomed = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".old", dir=folder.parent))
    try:
        return folder.replace(doomed / "it")
    except OSError:
        doomed.rmdir()
        raise


def state_of(path: Path) -> tuple[int, ...]:
    """Return what changes when a file does; nothing where there is none."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def read_once(read: Callable[[Path], T]) -> Callable[[Path], T]:
    """Return a function that reads a file again only once the file has changed.

    What it returns is shared, and not to be changed.
    """

    @lru_cache(maxsize=4096)
    def of_state(path: Path, _state: tuple[int, ...]) -> T:
        return read(path)

    def reading(path: Path) -> T:
        state = state_of(path)
        return of_state(path, state) if state else read(path)  # which says why not

    return reading


def sha256_of(path: Path) -> str:
    """Return the SHA-256 checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def locked(folder: Path, shared: bool = False) -> Iterator[None]:
    """Lock a folder for one process; others wait. The kernel releases the lock of a dead one.

    A folder that was created for the lock and is otherwise empty is removed again.

    Parameters
    ----------
    folder : Path
    shared : bool
        Share the lock with other processes that do so; an exclusive lock waits for all of
        them.

    Raises
    ------
    AlignkitError
        When the folder is not writable.
    """
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    handle = _lock(folder, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    try:
        yield
    finally:
        if created and not shared:  # other processes may still share it
            _remove_if_empty(created)
        os.close(handle)


def _lock(folder: Path, kind: int) -> int:
    """Lock the folder's lock file; again if its last holder has removed it meanwhile."""
    while True:
        handle = _open_lock(folder)
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if multiprocessing.parent_process() is None:  # a worker waits for its sibling
                print_message(f"waiting for another alignkit process at {folder}")
            fcntl.flock(handle, kind)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), (folder / LOCK).stat()):
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
                f"cannot write to {folder}: {error.strerror}; choose another folder with `runs`"
            ) from None


def _remove_if_empty(folders: list[Path]) -> None:
    """Remove a folder that holds only its lock, and the empty folders around it, inner first."""
    with contextlib.suppress(OSError):  # it no longer exists, or is no longer empty
        if [path.name for path in folders[0].iterdir()] == [LOCK]:
            (folders[0] / LOCK).unlink()
            for folder in folders:
                folder.rmdir()


def held_by_another(folder: Path) -> bool:
    """Whether a process holds the lock of a folder."""
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


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
