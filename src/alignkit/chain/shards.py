"""Shards: the ranges of samples that an extraction processes, and how they are joined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from alignkit.data.facts import FILE as FACTS
from alignkit.errors import DamagedError, DataError, UsageError
from alignkit.progress import Progress, Reporter
from alignkit.runs.files import discard, locked, put_folder, sync, write_csv, write_json
from alignkit.runs.litter import JOINED, is_spent
from alignkit.runs.manifests import (
    Entry,
    entries_of,
    read_checked,
    read_manifest,
    verify,
    write_checked,
)
from alignkit.runs.representations import RepresentationStore
from alignkit.runs.space import ArrayFile, require_space, writing

BATCH = 128
BYTES = 4  # of a float32
SHARD = "shard.json"  # the manifest of a shard
SHARD_SIZE = 2048  # samples: a few minutes for a large model on a CPU
TWICE = 256 << 20  # bytes of joined arrays, from which on their shards are removed

Shard = tuple[int, int]  # the first sample, and the one after the last


class Shards:
    """The shards of one extraction, and which of them are stored.

    A shard is stored in ``representations/.<split>.shards/<start>-<stop>/``, a folder that
    appears whole. ``join`` turns the shards into one array per site and pooling.

    Parameters
    ----------
    store : RepresentationStore
        A run or an encoder.
    split : str
    content : mapping of str to object
        Plain values that identify what is extracted: model, sites, poolings. An unfinished
        extraction of anything else is discarded.
    n : int
        Samples of the split.
    size : int, optional
        Samples per shard. An unfinished extraction keeps the size it was started with.
    restart : bool
        Discard the shards of an unfinished extraction.
    batch : int
        Samples per batch, to whole ones of which the size is rounded up.

    Attributes
    ----------
    ranges : list of (int, int)
        The first sample of every shard, and the one after its last.

    Raises
    ------
    DataError
        If the split is empty.
    """

    def __init__(
        self,
        store: RepresentationStore,
        split: str,
        content: Mapping[str, Any],
        n: int,
        size: int | None = None,
        restart: bool = False,
        batch: int = BATCH,
    ) -> None:
        if not n:
            raise DataError(f"the {split} split is empty; it needs at least one sample")
        self.store, self.split = store, split
        self.shards_folder = shards_folder(store, split)
        plan = {**content, "n": n}
        size = self._planned_size(
            plan, whole_batches(SHARD_SIZE if size is None else size, batch), restart
        )
        self.ranges: list[Shard] = [(i, min(i + size, n)) for i in range(0, n, size)]

    def folder(self, shard: Shard) -> Path:
        """Return the folder of a shard."""
        return self.shards_folder / f"{shard[0]:09d}-{shard[1]:09d}"

    def is_done(self, shard: Shard) -> bool:
        """Return whether a shard is stored."""
        return self.folder(shard).is_dir()

    def missing(self) -> list[Shard]:
        """Return the shards that are not stored yet."""
        return [shard for shard in self.ranges if not self.is_done(shard)]

    def lock(self, shard: Shard) -> AbstractContextManager[None]:
        """Return a lock that keeps two processes from extracting the same shard."""
        return locked(self.folder(shard).with_suffix(".lock"))

    def require_space(self, widths: Mapping[str, int], shards: Sequence[Shard]) -> None:
        """Refuse shards for which the disk has no space, before any is extracted.

        Parameters
        ----------
        widths : mapping of str to int
            The columns of every array, by name.
        shards : sequence of (int, int)
            What is to be extracted; all that is missing is joined afterwards.

        Raises
        ------
        AlignkitError
            With the folder, and the bytes that are needed and free.
        """
        rows = sum(stop - start for start, stop in shards)
        needed = BYTES * rows * sum(widths.values())
        if list(shards) == self.missing():  # joining holds some arrays twice
            n = BYTES * self.ranges[-1][1]
            needed += min(n * sum(widths.values()), TWICE + n * max(widths.values(), default=0))
        require_space(
            self.store.path / "representations",
            needed if shards else 0,
            f"the representations of {rows} samples",
            "free some, or extract fewer `sites` or poolings",
        )

    def complete(
        self, extract: Callable[[Shard, Progress], None], title: str, reporter: Reporter
    ) -> None:
        """Extract the shards that are missing, and say where an extraction resumes.

        Parameters
        ----------
        extract : callable
            Stores one shard, and advances the bar by its samples.
        title : str
            Shown beside the bar.
        reporter : Reporter
        """
        n, missing = self.ranges[-1][1], self.missing()
        if len(missing) < len(self.ranges):
            done = len(self.ranges) - len(missing)
            reporter.note(f"{self.store.path}: resuming after {done} of {len(self.ranges)} shards")
        with reporter.progress(title, n) as bar:
            bar.advance(n - sum(stop - start for start, stop in missing))
            for shard in missing:
                extract(shard, bar)

    def join(
        self, index: dict[str, Any], ids: Sequence[str], facts: Mapping[str, Sequence[str]]
    ) -> None:
        """Join the shards into whole arrays and commit the result, the index last.

        Parameters
        ----------
        index : dict
            ``sites``, ``pools`` and, where sites differ in their poolings, ``arrays``; what holds
            of all arrays is added.
        ids : sequence of str
        facts : mapping of str to sequence of str
            What is known of every sample, by name.
        """
        import pandas as pd

        index |= {"n": self.ranges[-1][1], "dtype": "float32", "split": self.split}
        whole = self.shards_folder / "whole"
        whole.mkdir(exist_ok=True)
        for litter in whole.glob(".*.tmp"):  # left by a process that was killed
            litter.unlink()
        arrays = [
            f"{site}.{pool}.npy"
            for site in index["sites"]
            for pool in index.get("arrays", {}).get(site, index["pools"])
        ]
        self._join_arrays(whole, arrays)
        write_json(whole / "ids.json", list(ids))
        write_csv(whole / FACTS, pd.DataFrame({"id": list(ids), **facts}))
        files = entries_of(whole, ["ids.json", FACTS, *arrays])
        write_checked(whole / "index.json", {**index, "files": files})
        put_folder(whole, self.store.representations_folder(self.split))
        discard(self.shards_folder)

    def _join_arrays(self, whole: Path, names: Sequence[str]) -> None:
        """Join arrays, and now and then remove the shards of those that are safely stored."""
        joined = _files(self.shards_folder / JOINED)
        listed = [_files(self.folder(shard) / SHARD) for shard in self.ranges]
        for name in joined:
            _verify(whole / name, joined)
        self._remove_parts(joined)
        new: list[str] = []
        size = 0
        for name in names:
            if name in joined:
                continue
            self._join(whole / name, listed)
            new.append(name)
            size += (whole / name).stat().st_size
            if size >= TWICE:
                joined = self._list(whole, joined, new)
                self._remove_parts(new)
                new, size = [], 0
        if new:
            self._list(whole, joined, new)

    def _list(
        self, whole: Path, joined: Mapping[str, Entry], new: Sequence[str]
    ) -> dict[str, Entry]:
        """List arrays as joined, once they are on the disk."""
        for name in new:
            sync(whole / name)
        files = {**joined, **entries_of(whole, new)}
        write_checked(self.shards_folder / JOINED, {"files": files})
        return files

    def _join(self, target: Path, listed: Sequence[Mapping[str, Entry]]) -> None:
        """Copy the shards of one array into one file."""
        parts = [self.folder(shard) / target.name for shard in self.ranges]
        for part, entries in zip(parts, listed, strict=True):
            _verify(part, entries)
        arrays = [np.load(part, mmap_mode="r", allow_pickle=False) for part in parts]
        with writing(target):
            file = ArrayFile(target, (self.ranges[-1][1], arrays[0].shape[1]))
            for (start, _), array in zip(self.ranges, arrays, strict=True):
                file.put(start, array)

    def _remove_parts(self, names: Iterable[str]) -> None:
        """Remove arrays from all shards."""
        for name in names:
            for shard in self.ranges:
                (self.folder(shard) / name).unlink(missing_ok=True)

    def _planned_size(self, plan: dict[str, Any], size: int, restart: bool) -> int:
        """Return the shard size of an unfinished extraction with this plan, or start a new one."""
        file = self.shards_folder / "plan.json"
        with locked(self.shards_folder.parent):
            with _again():
                unfinished = read_checked(file) if file.is_file() and not restart else {}
            is_ours = {key: unfinished.get(key) for key in plan} == plan
            if is_ours and not is_spent(self.shards_folder):
                return int(unfinished["shard_size"])
            if self.shards_folder.exists():
                discard(self.shards_folder)
            write_checked(file, plan | {"shard_size": size})
        return size


def commit_shard(folder: Path) -> None:
    """Write the manifest of a shard, when all of its files are written."""
    names = sorted(path.name for path in folder.iterdir())
    write_checked(folder / SHARD, {"files": entries_of(folder, names)})


def shard_file(folder: Path, name: str) -> Path:
    """Return a file of a shard, checked against its manifest where it has one.

    Raises
    ------
    DamagedError
        When it is not as it was written.
    """
    return _verify(folder / name, _files(folder / SHARD))


def _files(manifest: Path) -> dict[str, Entry]:
    """Return what a manifest lists; nothing where there is none."""
    with _again():
        files = read_manifest(manifest).get("files", {}) if manifest.is_file() else {}
    return dict(files)


def _verify(path: Path, entries: Mapping[str, Entry]) -> Path:
    with _again():
        return verify(path, entries)


@contextmanager
def _again() -> Iterator[None]:
    """Say what to do about damage."""
    try:
        yield
    except DataError as error:
        raise DamagedError(f"{error}; extract again with `force`") from None


class ShardWriter:
    """Writer of one .npy file per site and pooling, filled batch by batch.

    Parameters
    ----------
    folder : Path
    n : int
        Samples of the shard.
    """

    def __init__(self, folder: Path, n: int) -> None:
        self.folder, self.n = folder, n
        self._files: dict[tuple[str, str], ArrayFile] = {}

    def put(self, start: int, site: str, pool: str, values: np.ndarray) -> None:
        """Write the representations ``(rows, width)`` of the shard's rows from ``start`` on."""
        key = (site, pool)
        if key not in self._files:
            file = self.folder / f"{site}.{pool}.npy"
            self._files[key] = ArrayFile(file, (self.n, values.shape[1]))
        self._files[key].put(start, values)


def remove_spent(store: RepresentationStore, split: str) -> None:
    """Remove joined shards that a killed process could not remove; the store must be locked."""
    if is_spent(shards_folder(store, split)):
        discard(shards_folder(store, split))


def shards_folder(store: RepresentationStore, split: str) -> Path:
    """Return the folder of an unfinished extraction's shards."""
    return store.path / "representations" / f".{split}.shards"


def whole_batches(size: int, batch: int = BATCH) -> int:
    """Round a shard size up to whole batches, because rounding errors depend on the batch.

    Raises
    ------
    UsageError
        If the size is below 1.
    """
    if size < 1:
        raise UsageError(f"`shard_size` is {size}; it must be at least 1")
    return -(-size // batch) * batch


def count_shards(n: int, size: int) -> int:
    """Return the number of shards of a split with n samples."""
    return max(1, -(-n // whole_batches(size)))
