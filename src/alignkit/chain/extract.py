"""Record the representations of a run at every site: shard by shard, streamed to disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alignkit.chain import model as models
from alignkit.chain.shards import BATCH, Shards
from alignkit.data.encoded import Encoded
from alignkit.errors import UsageError
from alignkit.models.schedule import sites
from alignkit.models.walk import StreamState, walk
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.files import discard, locked, whole_folder
from alignkit.runs.run import POOLS
from alignkit.tasks import Split, Task
from alignkit.training.device import choose_device


def extract(
    run: Run,
    split: str = "test",
    pools: Sequence[str] = POOLS,
    force: bool = False,
    reporter: Reporter = SILENT,
    shard_size: int | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """Store every site's representation on a split, unless that is done already.

    Samples are taken in ranges, and each range is kept once it is through: an extraction
    that was killed goes on at the range it had reached.

    Parameters
    ----------
    run : Run
    split : str
    pools : sequence of str
        ``cls``, ``mean`` or both; those stored before are kept.
    shard_size : int, optional
        Samples in a range, rounded up to whole batches; the result is the same for any.

    Returns
    -------
    dict
        The index: ``sites``, ``pools``, ``n``, ``dtype``.

    Raises
    ------
    UsageError
        For an unknown pooling, or a size below 1.
    DataError
        When the run is not trained, or the split is empty.
    """
    _check_pools(pools)
    index = run.representation_index(split)
    if index is not None and not force and set(pools) <= set(index["pools"]):
        return index
    with locked(run.path):
        index = run.representation_index(split)  # another process may have done it meanwhile
        if index is not None and not force and set(pools) <= set(index["pools"]):
            return index
        if force and run.alignment_folder(split).exists():
            discard(run.alignment_folder(split))  # it was measured on what is now replaced
        stored = index["pools"] if index and not force else []
        return _Extraction(
            run, split, sorted({*pools, *stored}), shard_size, reporter, force, device
        ).all()


def extract_shard(
    run: Run,
    split: str,
    pools: Sequence[str],
    shard_size: int,
    shard: int,
    reporter: Reporter = SILENT,
    device: str = "auto",
) -> None:
    """Store one range of samples; ``extract`` puts the ranges together.

    Several processes may store different ranges of one run at the same time.
    """
    _check_pools(pools)
    with locked(run.path, shared=True):
        if not is_extracted(run, split, pools):
            stored = (run.representation_index(split) or {"pools": []})["pools"]
            work = _Extraction(
                run, split, sorted({*pools, *stored}), shard_size, reporter, device=device
            )
            work.one(work.shards.ranges[shard])


def is_extracted(run: Run, split: str, pools: Sequence[str]) -> bool:
    """Whether all of these poolings are stored."""
    index = run.representation_index(split)
    return index is not None and set(pools) <= set(index["pools"])


class _Extraction:
    """What extracting from one run needs, made once for all of its ranges."""

    def __init__(
        self,
        run: Run,
        split: str,
        pools: list[str],
        shard_size: int | None,
        reporter: Reporter,
        anew: bool = False,
        device: str = "auto",
    ) -> None:
        self.run, self.split, self.pools, self.reporter = run, split, pools, reporter
        models.make_repeatable(run.seed, run.config.training.threads)
        task: Task = run.config.task.make()
        where = choose_device(device)
        self.model, self.schedule, inputs = models.load(run, models.outputs_of(task), where)
        self.data: Split = task.split(split)
        self.encoded = Encoded(self.data, inputs, split, task.fingerprint, where)
        self.shards = Shards(run, split, pools, len(self.data), shard_size, anew)

    def all(self) -> dict[str, Any]:
        """Make the missing ranges, then one array per site out of all of them."""
        missing = self.shards.missing()
        n = len(self.data)
        if len(missing) < len(self.shards.ranges):
            done = len(self.shards.ranges) - len(missing)
            self.reporter.note(
                f"{self.run.path}: {done} of {len(self.shards.ranges)} shards are kept"
            )
        with self.reporter.progress(f"extract {self.split}", n) as bar:
            bar.advance(n - sum(stop - start for start, stop in missing))
            for shard in missing:
                self.one(shard, bar)
        index: dict[str, Any] = {
            "sites": sites(self.schedule),
            "pools": self.pools,
            "n": n,
            "dtype": "float32",
            "split": self.split,
        }
        self.shards.join(index, list(self.data.ids))
        self.reporter.note(
            f"{self.run.path}: {len(index['sites'])} sites x {n} samples ({', '.join(self.pools)})"
        )
        return index

    def one(self, shard: tuple[int, int], bar: Any = None) -> None:
        """Make one range, unless it is there."""
        with self.shards.held(shard):
            if self.shards.is_done(shard):
                return
            with whole_folder(self.shards.folder(shard)) as folder, torch.inference_mode():
                start, stop = shard
                writer = _Writer(folder, stop - start, self.pools)
                for rows in self.encoded.in_order(BATCH, start, stop):
                    writer.rows = slice(int(rows[0]) - start, int(rows[-1]) + 1 - start)
                    walk(self.model, self.schedule, self.encoded.batch(rows), writer.record)
                    if bar is not None:
                        bar.advance(len(rows))
                writer.close()


class _Writer:
    """One .npy file per site and pooling, filled batch by batch through a memmap."""

    def __init__(self, folder: Path, n: int, pools: Sequence[str]) -> None:
        self.folder, self.n, self.pools = folder, n, pools
        self.rows = slice(0, 0)
        self._files: dict[tuple[str, str], np.memmap] = {}

    def record(self, site: str, state: StreamState) -> None:
        for pool in self.pools:
            values = state.pooled(pool).float().cpu().numpy()
            self._file(site, pool, values.shape[1])[self.rows] = values

    def close(self) -> None:
        for file in self._files.values():
            file.flush()
        self._files.clear()

    def _file(self, site: str, pool: str, width: int) -> np.memmap:
        key = (site, pool)
        if key not in self._files:
            self._files[key] = np.lib.format.open_memmap(
                self.folder / f"{site}.{pool}.npy", "w+", np.float32, (self.n, width)
            )
        return self._files[key]


def _check_pools(pools: Sequence[str]) -> None:
    for pool in pools:
        if pool not in POOLS:
            raise UsageError(f"unknown pooling '{pool}'; known: {', '.join(POOLS)}")
