"""Regular files only, and no more in them than their size can hold."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from alignkit.errors import DataError

SMALL = 64 << 20  # bytes; so much may come from a file of any size
RATIO = 200  # of what comes from a file to its size; arrays, texts and tables are far below it


def require_regular(path: Path) -> None:
    """Refuse what exists and is neither a file nor a folder: a pipe, a socket, a device.

    Raises
    ------
    DataError
        With the path.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # whoever opens it says why not
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise DataError(f"{path} is not a regular file")


def most_of(size: int) -> int:
    """Return how many bytes may come from a file of so many."""
    return max(SMALL, RATIO * size)


def check_ratio(whole: int, size: int) -> None:
    """Refuse what would be far larger than the file that it comes from.

    Parameters
    ----------
    whole : int
        Bytes that would come from it.
    size : int
        Bytes of the file.

    Raises
    ------
    ValueError
        When they are more than ``RATIO`` times as many, and more than ``SMALL``.
    """
    if whole > most_of(size):
        raise ValueError(
            f"it states or unpacks to {whole:,} bytes, more than {RATIO} times its size; save what "
            "is needed of it as .npy"
        )


def check_holes(path: Path) -> None:
    """Refuse a file that is nearly all holes, which take no space on the disk.

    Raises
    ------
    ValueError
        When its size is more than ``RATIO`` times that of its data, and more than ``SMALL``.
    """
    size = path.stat().st_size
    if size <= SMALL:
        return
    data = _data_of(path, size // RATIO)
    if size > most_of(data):
        raise ValueError(f"of its {size:,} bytes only {data:,} were written; the others are a hole")


def _data_of(path: Path, enough: int) -> int:
    """Return how many bytes of a file are no holes; no more are counted than are enough."""
    data = end = 0
    handle = os.open(path, os.O_RDONLY)
    try:
        while data < enough:
            try:
                begin = os.lseek(handle, end, os.SEEK_DATA)
            except OSError as error:
                # Behind the last data; or of a file system that does not know.
                return data if error.errno == errno.ENXIO else enough
            end = os.lseek(handle, begin, os.SEEK_HOLE)
            data += end - begin
    finally:
        os.close(handle)
    return data


def free_memory() -> int:
    """Bytes that this process could still take, by the kernel's own estimate."""
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as file:
            line = next(line for line in file if line.startswith("MemAvailable"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
