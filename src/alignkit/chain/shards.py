"""The ranges of samples that an extraction is made of, and how they become one array."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from alignkit.errors import DataError, UsageError
from alignkit.runs import Run
from alignkit.runs.files import (
    discard,
    locked,
    put_folder,
    read_json,
    sha256_of,
    whole_file,
    write_json,
)

BATCH = 128
SHARD_SIZE = 2048  # samples: minutes of work for a large model on a CPU

Shard = tuple[int, int]


class Shards:
    """The ranges of one run's split: which there are, which are done, where they lie.

    They lie in ``representations/.<split>.shards/<start>-<stop>/``, each a whole folder or
    absent, until ``join`` has made one array per site and poolings of them.

    Parameters
    ----------
    run : Run
    split : str
    pools : sequence of str
    n : int
        Samples of the split.
    size : int, optional
        Samples in a range. An extraction that was begun keeps its own.
    anew : bool
        Drop what was begun.
    """

    def __init__(
        self,
        run: Run,
        split: str,
        pools: Sequence[str],
        n: int,
        size: int | None = None,
        anew: bool = False,
    ) -> None:
        if not n:
            raise DataError(f"the {split} split is empty; it needs at least one sample")
        self.run, self.split = run, split
        self.place = shards_folder(run, split)
        plan = {"pools": list(pools), "n": n, "model": sha256_of(run.train_manifest)}
        size = self._agree(plan, whole_batches(SHARD_SIZE if size is None else size), anew)
        self.ranges: list[Shard] = [(i, min(i + size, n)) for i in range(0, n, size)]

    def folder(self, shard: Shard) -> Path:
        return self.place / f"{shard[0]:09d}-{shard[1]:09d}"

    def is_done(self, shard: Shard) -> bool:
        return self.folder(shard).is_dir()

    def missing(self) -> list[Shard]:
        return [shard for shard in self.ranges if not self.is_done(shard)]

    def held(self, shard: Shard) -> AbstractContextManager[None]:
        """Keep two processes from making the same range."""
        return locked(self.folder(shard).with_suffix(".lock"))

    def join(self, index: dict[str, Any], ids: Sequence[str]) -> None:
        """Put the ranges together and commit the result, index last."""
        whole = self.place / "whole"
        whole.mkdir(exist_ok=True)
        for litter in whole.glob(".*.tmp"):  # of a process that was killed here
            litter.unlink()
        for site in index["sites"]:
            for pool in index["pools"]:
                self._join(whole / f"{site}.{pool}.npy")
        write_json(whole / "ids.json", list(ids))
        write_json(whole / "index.json", index)
        (self.place / "plan.json").unlink()  # the ranges are empty now: nothing to go on with
        put_folder(whole, self.run.representations_folder(self.split))
        discard(self.place)

    def _join(self, target: Path) -> None:
        """Copy a site's ranges into one file, then let go of them, to spare the disk."""
        parts = [self.folder(shard) / target.name for shard in self.ranges]
        if not target.exists():
            arrays = [np.load(part, mmap_mode="r", allow_pickle=False) for part in parts]
            shape = (self.ranges[-1][1], arrays[0].shape[1])
            with whole_file(target) as temporary:
                joined = np.lib.format.open_memmap(temporary, "w+", np.float32, shape)
                for (start, stop), array in zip(self.ranges, arrays, strict=True):
                    joined[start:stop] = array
                joined.flush()
        for part in parts:
            part.unlink(missing_ok=True)

    def _agree(self, plan: dict[str, Any], size: int, anew: bool) -> int:
        """Go on with an extraction that was begun; begin anew where it was another one."""
        file = self.place / "plan.json"
        with locked(self.place.parent):
            begun = read_json(file) if file.is_file() and not anew else {}
            if {key: begun.get(key) for key in plan} == plan:
                return int(begun["shard_size"])
            if self.place.exists():
                discard(self.place)
            write_json(file, plan | {"shard_size": size})
        return size


def shards_folder(run: Run, split: str) -> Path:
    """Where the ranges of an unfinished extraction lie."""
    return run.path / "representations" / f".{split}.shards"


def whole_batches(size: int) -> int:
    """Round up to whole batches: a sample's values depend a little on its batch.

    Raises
    ------
    UsageError
        When it is below 1.
    """
    if size < 1:
        raise UsageError(f"--shard-size is {size}; it must be at least 1")
    return -(-size // BATCH) * BATCH


def count_shards(n: int, size: int) -> int:
    """How many ranges a split of n samples has."""
    return max(1, -(-n // whole_batches(size)))
