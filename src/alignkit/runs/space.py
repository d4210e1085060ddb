"""Space on the disk: asked for before the work, and what is said where it ends all the same."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from alignkit.errors import AlignkitError

if TYPE_CHECKING:
    import numpy as np

# A disk that is full or broken, a quota, and a limit on the size of files.
FAILURES = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
# What libraries that are not written in Python say of the failure.
_CODE = re.compile(r"\(os error (\d+)\)")


class DiskError(AlignkitError, OSError):
    """A file cannot be written; the message names it, the reason and the space that is left.

    Attributes
    ----------
    errno : int
        The number of the error, as in the module ``errno``.
    reason : str
        What the system says of it.
    """

    def __init__(self, path: Path, code: int, reason: str) -> None:
        super().__init__(
            f"cannot write {path}: {reason} ({in_bytes(_free(path))} free); free some space or "
            "check the disk, then rerun the same command"
        )
        self.errno: int = code
        self.reason = reason


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name a file or folder in the error if the disk fails while it is written.

    Raises
    ------
    DiskError
        When the disk is full, over quota or broken.
    """
    try:
        yield
    except DiskError as error:  # of a temporary file in the folder
        raise DiskError(path, error.errno, error.reason) from error
    except Exception as error:
        failure = _failure(error, path)
        if failure is None:
            raise
        raise DiskError(path, *failure) from error


def require_space(folder: Path, needed: int, what: str, advice: str) -> None:
    """Refuse work whose results have no space on the disk.

    Parameters
    ----------
    folder : Path
        Where they are to be written; it need not exist.
    needed : int
        Bytes.
    what : str
        What needs them, in the plural.
    advice : str
        What to do where there are fewer.

    Raises
    ------
    AlignkitError
        With the folder, and the bytes that are needed and free.
    """
    free = _free(folder)
    if needed > free:
        raise AlignkitError(
            f"{what} need about {in_bytes(needed)} in {folder}, but only {in_bytes(free)} are "
            f"free; {advice}"
        )


class ArrayFile:
    """A ``.npy`` file of known shape that is written part by part, in any order.

    It is written plainly: where the disk is full, writing to a memory map would end the process.

    Parameters
    ----------
    path : Path
    shape : tuple of int
    dtype : type or str
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: type | str = "float32") -> None:
        import numpy as np

        self.path, self.shape, self.dtype = path, shape, np.dtype(dtype)
        self._row_bytes = self.dtype.itemsize * int(np.prod(shape[1:]))
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file,
                {
                    "descr": np.lib.format.dtype_to_descr(self.dtype),
                    "fortran_order": False,
                    "shape": shape,
                },
            )
            self._begin = file.tell()
            file.truncate(self._begin + shape[0] * self._row_bytes)

    def put(self, start: int, values: np.ndarray) -> None:
        """Write rows from ``start`` on, of the file's shape and type.

        Raises
        ------
        ValueError
            When they do not fit into the file.
        """
        import numpy as np

        if values.shape[1:] != self.shape[1:] or start + len(values) > self.shape[0]:
            raise ValueError(
                f"rows of shape {values.shape} from {start} on do not fit into {self.shape}"
            )
        # Opened anew each time: an extraction may have more files than a process may open.
        with self.path.open("r+b") as file:
            file.seek(self._begin + start * self._row_bytes)
            file.write(np.ascontiguousarray(values, self.dtype).data)


def _failure(error: Exception, path: Path) -> tuple[int, str] | None:
    """Return number and text of an error of the disk that holds a file, None for any other."""
    if not isinstance(error, OSError):
        code = _CODE.search(str(error))
        return (int(code[1]), os.strerror(int(code[1]))) if code else None
    named = [Path(os.fsdecode(n)) for n in (error.filename, error.filename2) if n is not None]
    elsewhere = named and not any(n.is_relative_to(path.parent) for n in named)
    if error.errno not in FAILURES or elsewhere:
        return None
    return error.errno, error.strerror or os.strerror(error.errno)


def _free(path: Path) -> int:
    """Return the bytes that are free where a file or folder is, or would be."""
    path = path.absolute()
    existing = next((p for p in (path, *path.parents) if p.is_dir()), Path("/"))
    return shutil.disk_usage(existing).free


def in_bytes(size: int) -> str:
    """Return a number of bytes as people write it, such as ``1.5 GB``."""
    power = min(len(str(size)) - 1, 12) // 3
    unit = ("bytes", "kB", "MB", "GB", "TB")[power]
    return f"{size / 1000**power:.{1 if power else 0}f} {unit}"
