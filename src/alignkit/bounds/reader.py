"""The process that reads files of HDF5 and Arrow on trial; see ``trial``. It is run as a script.

It reads requests as lines of JSON and answers each by a line: ``{"whole": BYTES}`` with the bytes
that come from the file, or ``{"failed": TEXT}`` where they cannot be read.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_PAGE = resource.getpagesize()
_CELL = 8  # bytes that a cell takes at least once it is read
Alive = Callable[[], None]


def main() -> None:
    """Answer requests until there are no more."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(_answer(asked)), flush=True)


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    read = {"hdf5": _hdf5, "pictures": _hdf5_of_pictures, "parquet": _parquet, "arrow": _arrow}[
        asked["kind"]
    ]

    def alive() -> None:
        # The signal ends this process, also within a library that does not come back.
        signal.setitimer(signal.ITIMER_VIRTUAL, asked["seconds"])

    try:
        _import(asked["kind"])
        _limit(asked["memory"])
        alive()
        return {"whole": read(asked, alive)}
    except MemoryError:
        return {"failed": ""}
    except _UnreadableError:  # which whoever reads it in earnest says better
        return {}
    except Exception as error:
        return {"failed": str(error)[:1000]}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        _limit(None)


class _UnreadableError(Exception):
    """A file is none of its kind."""


def _opened(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except MemoryError:
        raise
    except Exception as error:
        raise _UnreadableError from error


def _import(kind: str) -> None:
    if kind in ("hdf5", "pictures"):
        import h5py  # noqa: F401
        import numpy  # noqa: F401
    else:
        import pyarrow.parquet

        pyarrow.set_cpu_count(1)
        pyarrow.set_io_thread_count(1)


def _limit(more: int | None) -> None:
    """Limit the memory of this process to what it has and so much more."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = hard
    if more is not None:
        spent = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = spent * _PAGE + more
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _hdf5(asked: dict[str, Any], alive: Alive, numbers: bool = True) -> int:
    import h5py

    stored: list[Any] = []

    def visit(_name: str, item: Any) -> None:
        alive()
        for name in item.attrs:
            alive()
            with suppress(OSError, TypeError, ValueError):  # only a few are of use
                item.attrs[name]
        if isinstance(item, h5py.Dataset):
            stored.append(item)

    with _opened(lambda: h5py.File(asked["path"], "r")) as file:
        file.visititems(visit)
        whole = 0
        for data in stored:
            alive()
            whole += 0 if data.shape is None else int(data.size) * data.dtype.itemsize
        if whole > asked["most"]:
            return whole
        for data in stored:
            alive()
            _walk(data, alive, numbers)
    return whole


def _hdf5_of_pictures(asked: dict[str, Any], alive: Alive) -> int:
    if asked["part"] is None:
        return _hdf5(asked, alive, numbers=False)
    import h5py

    with _opened(lambda: h5py.File(asked["path"], "r")) as file:
        return int(file[asked["columns"][0]][asked["part"]].nbytes)


def _walk(data: Any, alive: Alive, read: bool) -> None:
    """Go through the chunks of a data set, and read them; numbers in one piece are not read."""
    if data.shape is None:
        return
    if data.chunks is not None:
        data.id.get_num_chunks()
        alive()
    if data.dtype.kind not in "fiub":
        data[()]  # at once, as many texts may be one and the same in the file
    elif read and data.chunks is not None:
        for place in data.iter_chunks():
            alive()
            data[place]


def _parquet(asked: dict[str, Any], alive: Alive) -> int:
    import pyarrow.parquet

    file = _opened(lambda: pyarrow.parquet.ParquetFile(asked["path"]))
    groups = range(file.num_row_groups) if asked["part"] is None else [asked["part"]]
    rows = sum(file.metadata.row_group(group).num_rows for group in groups)
    columns = len(file.schema_arrow) if asked["columns"] is None else len(asked["columns"])
    if rows * columns * _CELL > asked["most"]:
        return int(rows * columns * _CELL)
    batches = file.iter_batches(row_groups=groups, columns=asked["columns"], use_threads=False)
    return _sum(batches, asked, alive)


def _arrow(asked: dict[str, Any], alive: Alive) -> int:
    import pyarrow

    source = pyarrow.memory_map(asked["path"])
    try:
        reader = pyarrow.ipc.open_file(source)
        batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
    except pyarrow.ArrowInvalid:  # the streaming format has no footer
        batches = _opened(lambda: pyarrow.ipc.open_stream(source))
    return _sum(batches, asked, alive)


def _sum(batches: Any, asked: dict[str, Any], alive: Alive) -> int:
    whole = 0
    for batch in batches:
        alive()
        batch.validate(full=True)
        whole += sum(max(_bytes_of(column), len(column) * _CELL) for column in batch.columns)
        if whole > asked["most"]:
            return whole
    return whole


def _bytes_of(column: Any) -> int:
    if hasattr(column, "dictionary_decode"):  # one long text may stand in all rows
        column = column.dictionary_decode()
    return int(column.nbytes)


if __name__ == "__main__":
    main()
