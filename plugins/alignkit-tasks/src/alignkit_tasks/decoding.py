"""Pictures that cannot be decoded: found once, and remembered in the cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import PIL

import alignkit
from alignkit.data.pixels import cache_folder
from alignkit.documents import read_json
from alignkit.progress import current_reporter
from alignkit.runs.files import write_json
from alignkit_tasks.sources import Source

# At a time, for the bar to move and to keep few results in memory.
CHUNK = 256
# Raised when `open_picture` refuses more, or less, than before: kept results are then made again.
CHECKS = 2
# Fewer pictures are decoded again rather than remembered.
FEW = 64
THREADS = 16


@dataclass(frozen=True)
class Fault:
    """What is wrong with a picture: ``missing``, ``broken`` or ``oversized``, and a message."""

    kind: str
    message: str


def faults_in_decoding(sources: Sequence[Source]) -> Mapping[int, Fault]:
    """Decode every picture, unless these have been decoded before.

    The result is remembered in the cache until a picture is written again.

    Returns
    -------
    mapping of int to Fault
        What is wrong with those that cannot be used, in order.
    """
    path = cache_folder() / "pictures" / f"{_key(sources)}.json" if len(sources) > FEW else None
    known = _read(path) if path else None
    if known is not None:
        return known
    faults = _decode(sources)
    if path:
        # Without a place to remember the result, it is only found again.
        with suppress(OSError, alignkit.AlignkitError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, {str(i): [fault.kind, fault.message] for i, fault in faults.items()})
    return faults


def _decode(sources: Sequence[Source]) -> Mapping[int, Fault]:
    faults: dict[int, Fault] = {}
    threads = min(THREADS, os.cpu_count() or 1)
    with (
        ThreadPoolExecutor(threads) as pool,
        current_reporter().progress("check pictures", len(sources)) as bar,
    ):
        for start in range(0, len(sources), CHUNK):
            chunk = sources[start : start + CHUNK]
            results = enumerate(pool.map(_fault, chunk), start)
            faults |= {i: fault for i, fault in results if fault}
            bar.advance(len(chunk))
    return faults


def _fault(source: Source) -> Fault | None:
    kind = source.fault()
    try:
        source.open()
    except alignkit.MissingError as error:
        return Fault("missing", str(error))
    except alignkit.DataError as error:
        return Fault(kind or "broken", str(error))
    return Fault(kind, f"{source}: a checksum is wrong") if kind else None


def _read(path: Path) -> Mapping[int, Fault] | None:
    try:
        content = read_json(path)
        return {int(i): Fault(*fault) for i, fault in content.items()}
    except (alignkit.DataError, ValueError, TypeError, AttributeError):
        return None


def _key(sources: Sequence[Source]) -> str:
    """Return a hash of places and times of the pictures, and of the versions of what decodes."""
    digest = hashlib.sha256(f"{PIL.__version__} {CHECKS}".encode())
    for source in sources:
        digest.update(repr((str(source), source.stamp())).encode())
    return digest.hexdigest()[:32]
