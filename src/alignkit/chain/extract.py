"""Record the representations of a run at every site, streamed to disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alignkit.chain import model as models
from alignkit.chain.encoded import Encoded
from alignkit.chain.talk import SILENT, Talk
from alignkit.errors import UsageError
from alignkit.models.schedule import sites
from alignkit.models.walk import StreamState, walk
from alignkit.runs import Run
from alignkit.runs.files import discard, locked, whole_folder, write_json
from alignkit.tasks import Task
from alignkit.training.device import choose_device

POOLS = ("cls", "mean")
BATCH = 128


def extract(
    run: Run,
    split: str = "test",
    pools: Sequence[str] = POOLS,
    force: bool = False,
    talk: Talk = SILENT,
    device: str = "auto",
) -> dict[str, Any]:
    """Store every site's representation on a split, unless that is done already.

    Parameters
    ----------
    run : Run
    split : str
    pools : sequence of str
        ``cls``, ``mean`` or both; those stored before are kept.

    Returns
    -------
    dict
        The index: ``sites``, ``pools``, ``n``, ``dtype``.

    Raises
    ------
    UsageError
        For an unknown pooling.
    DataError
        When the run is not trained, or the split is empty.
    """
    for pool in pools:
        if pool not in POOLS:
            raise UsageError(f"unknown pooling '{pool}'; known: {', '.join(POOLS)}")
    index = None if force else run.representation_index(split)
    if index is not None and set(pools) <= set(index["pools"]):
        return index
    with locked(run.path):
        if force and run.alignment_folder(split).exists():
            discard(run.alignment_folder(split))  # it was measured on what is now replaced
        stored = index["pools"] if index else []
        return _extract(run, split, sorted({*pools, *stored}), talk, choose_device(device))


def _extract(
    run: Run, split: str, pools: list[str], talk: Talk, device: torch.device
) -> dict[str, Any]:
    models.make_repeatable(run.seed, run.config.training.threads)
    task: Task = run.config.task.make()
    model, schedule, inputs = models.load(run, models.outputs_of(task), device)
    data = Encoded(task.split(split), inputs, split, task.fingerprint, device)
    index: dict[str, Any] = {
        "sites": sites(schedule), "pools": pools, "n": len(data), "dtype": "float32",
        "split": split,
    }  # fmt: skip
    with whole_folder(run.representations_folder(split)) as folder:
        writer = _Writer(folder, len(data), pools)
        with torch.inference_mode(), talk.progress(f"extract {split}", len(data)) as bar:
            for rows in data.in_order(BATCH):
                writer.rows = slice(int(rows[0]), int(rows[-1]) + 1)
                walk(model, schedule, data.batch(rows), writer.record)
                bar.advance(len(rows))
        writer.close()
        write_json(folder / "ids.json", list(data.split.ids))
        write_json(folder / "index.json", index)
    talk.note(f"{run.path}: {len(index['sites'])} sites x {len(data)} samples ({', '.join(pools)})")
    return index


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
