"""Digests of pictures: what their files hold, remembered for those that have not changed."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import alignkit
from alignkit.data.pixels import cache_folder
from alignkit.progress import Progress, current_reporter
from alignkit.runs.files import sha256_of
from alignkit_tasks.sources import File, Source

FILE = "digests.sqlite"
# At a time, for the bar to move and for a killed process to lose little.
CHUNK = 256
THREADS = 16
# A file that was written this recently may be written again without a change of its time.
SETTLED = 2_000_000_000  # nanoseconds
_TABLE = (
    "CREATE TABLE IF NOT EXISTS digests (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
)
_DIGEST, _CHECK = 32, 8  # bytes

Stamp = tuple[int, int, int, int]


def content_of(samples: Iterable[tuple[str, Source]]) -> str:
    """Return a digest of samples' ids and of the bytes of their pictures, wherever these lie.

    Parameters
    ----------
    samples : iterable of (str, Source)
        Ids and pictures, in order.
    """
    every = list(samples)
    digest = hashlib.sha256()
    contents = _digests([source for _, source in every])
    for (sample, _), content in zip(every, contents, strict=True):
        digest.update(repr((sample, content)).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def content_of_files(root: Path, files: Iterable[Path]) -> str:
    """Return a digest of whole files below a folder: their names in it, and their bytes."""
    return content_of((file.relative_to(root).as_posix(), File(file)) for file in files)


@dataclass(frozen=True)
class _Place:
    """Where the bytes of a picture are: the file, its state, and what their digest goes by."""

    file: Path
    state: Stamp
    key: bytes


def _digests(sources: Sequence[Source]) -> Iterator[str]:
    """Yield the digest of every picture; of one that is missing, the empty text."""
    states: dict[Path, Stamp | None] = {}
    here = str(Path.cwd())
    with (
        closing(_Remembered(cache_folder() / FILE)) as remembered,
        ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool,
        ExitStack() as stack,
    ):
        bar: Progress | None = None
        for start in range(0, len(sources), CHUNK):
            chunk = sources[start : start + CHUNK]
            places = [_place(source, here, states) for source in chunk]
            known = remembered.known([place.key for place in places if place])
            new = {
                row: (source, place)
                for row, (source, place) in enumerate(zip(chunk, places, strict=True))
                if place and place.key not in known
            }
            if new and bar is None:
                progress = current_reporter().progress("check pictures", len(sources))
                bar = stack.enter_context(progress)
                bar.advance(start)
            digests = pool.map(lambda pair: _digest(*pair), new.values())
            made = dict(zip(new, digests, strict=True))
            remembered.add({new[row][1].key: d for row, (d, is_kept) in made.items() if is_kept})
            if bar is not None:
                bar.advance(len(chunk))
            for row, place in enumerate(places):
                yield made[row][0] if row in made else known[place.key] if place else ""


def _digest(source: Source, place: _Place) -> tuple[str, bool]:
    """Return the digest of a picture, and whether it may be remembered."""
    try:
        content = source.content()
        if content is None:
            return "", False
        if isinstance(content, bytes):
            return hashlib.sha256(content).hexdigest(), _is_settled(place)
        # A container that only names a file does not change with it.
        return sha256_of(content), content == place.file and _is_settled(place)
    except (OSError, alignkit.AlignkitError):  # what opens the picture says so
        return "", False


def _is_settled(place: _Place) -> bool:
    """Whether a file did not change while it was read, nor shortly before."""
    is_old = time.time_ns() - max(place.state[1:3]) > SETTLED
    return is_old and _stamp(place.file) == place.state


def _place(source: Source, here: str, states: dict[Path, Stamp | None]) -> _Place | None:
    """Return where a picture is, None if it is missing; a container is looked at once."""
    container = source.container()
    if container is None:
        content = source.content()
        if not isinstance(content, Path):
            return None
        file, within, state = content, "", _stamp(content)
    else:
        file, within = container
        if file not in states:
            states[file] = _stamp(file)
        state = states[file]
    if state is None:
        return None
    text = repr(("" if file.is_absolute() else here, str(file), within, state))
    key = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=20).digest()
    return _Place(file, state, key)


def _stamp(path: Path) -> Stamp | None:
    """Return size, times of modification and of change, and inode of a file; None without one."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino


class _Remembered:
    """Digests by key, in a file of the cache; without a place for it, nothing is remembered."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._base: sqlite3.Connection | None = None
        with suppress(OSError, sqlite3.Error):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(path, timeout=10)
            self._do(_TABLE)

    def close(self) -> None:
        """Close the file."""
        if self._base is not None:
            self._base.close()

    def known(self, keys: Sequence[bytes]) -> dict[bytes, str]:
        """Return the digests that are remembered; a damaged one is not."""
        rows = [
            (key, value)
            for key in keys
            for (value,) in self._do("SELECT value FROM digests WHERE key = ?", (key,))
        ]
        return {
            key: value[:_DIGEST].hex()
            for key, value in rows
            if value == _checked(key, value[:_DIGEST])
        }

    def add(self, digests: Mapping[bytes, str]) -> None:
        """Remember digests."""
        rows = [(key, _checked(key, bytes.fromhex(digest))) for key, digest in digests.items()]
        if rows and self._base is not None:
            with suppress(sqlite3.Error), self._base:
                self._base.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?)", rows)

    def _do(self, command: str, values: Sequence[bytes] = ()) -> list[tuple[bytes]]:
        if self._base is None:
            return []
        try:
            return self._base.execute(command, values).fetchall()
        except sqlite3.OperationalError:  # such as one that others use for long
            return []
        except sqlite3.DatabaseError:  # damaged: begun anew the next time
            self.close()
            self._base = None
            self._path.unlink(missing_ok=True)
            return []


def _checked(key: bytes, digest: bytes) -> bytes:
    """Return a digest with a check of it, which finds damage."""
    return digest + hashlib.blake2b(key + digest, digest_size=_CHECK).digest()
