"""Alignment during training: chosen metrics on a fixed probe set, from epoch 0 on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from alignkit.contracts.model import run_model
from alignkit.data.encoded import EncodedSplit
from alignkit.metrics import Representation, grid, resolve
from alignkit.models.schedule import Schedule
from alignkit.models.walk import StreamState
from alignkit.plugins.options import format_spec
from alignkit.runs import RuntimeOptions
from alignkit.runs.files import write_csv
from alignkit.runs.tracking import tracked_pairs

BATCH = 128
POOL = "cls"
COLUMNS = [
    "epoch",
    "step",
    "split",
    "metric",
    "parameters",
    "pool",
    "x",
    "y",
    "n",
    "value",
    "reason",
    "chance",
]


class Tracker:
    """Measures alignment during training: of layers of equal depth, the last states, and others.

    The probe set is a fixed random sample of the validation split. Measuring does not touch
    the random generators of training, so tracking does not change the resulting weights.

    Parameters
    ----------
    runtime : RuntimeOptions
        The metrics, the layers, how often to measure, and the size of the probe set.
    model : nn.Module
        What an architecture built.
    schedule : Schedule
    data : EncodedSplit
        The validation split.

    Raises
    ------
    UsageError
        For an unknown metric.
    """

    def __init__(
        self, runtime: RuntimeOptions, model: nn.Module, schedule: Schedule, data: EncodedSplit
    ) -> None:
        self.metrics = [resolve(spec) for spec in runtime.track]
        self.every = int(runtime.track_every.removesuffix("s"))
        self.by_steps = runtime.track_every.endswith("s")
        self.model, self.schedule, self.data = model, schedule, data
        order = np.random.Generator(np.random.Philox(0)).permutation(len(data))
        self.probe_set = np.sort(order[: runtime.track_samples])
        self.pairs = tracked_pairs(runtime, schedule)
        self.rows: list[Sequence[Any]] = []  # of COLUMNS

    def after_step(self, epoch: int, step: int) -> None:
        """Measure if measuring is due after this optimiser step."""
        if self.by_steps and step % self.every == 0:
            self._measure(epoch, step)

    def after_epoch(self, epoch: int, step: int) -> None:
        """Measure if measuring is due after this epoch; it always is after epoch 0."""
        if epoch == 0 or (not self.by_steps and epoch % self.every == 0):
            self._measure(epoch, step)

    def state(self) -> list[Sequence[Any]]:
        """Return the measured values for a checkpoint."""
        return self.rows

    def restore(self, state: list[Any]) -> None:
        """Continue from what ``state`` returned; in earlier versions, its rows had names."""
        self.rows = [
            [row[column] for column in COLUMNS] if isinstance(row, dict) else row for row in state
        ]

    def write(self, file: Path) -> None:
        """Write the measured values as a tidy table."""
        import pandas as pd

        write_csv(file, pd.DataFrame(self.rows, columns=COLUMNS))

    def _measure(self, epoch: int, step: int) -> None:
        with torch.random.fork_rng(devices=[]):
            self._measure_now(epoch, step)

    def _measure_now(self, epoch: int, step: int) -> None:
        was_training = self.model.training
        representations = self._representations()
        self.model.train(was_training)
        for metric in self.metrics:
            names = [sorted({pair[side] for pair in self.pairs}) for side in (0, 1)]
            xs, ys = ([representations[name] for name in side] for side in names)
            where = [(names[0].index(x), names[1].index(y)) for x, y in self.pairs]
            parameters = format_spec("", metric.parameters).removeprefix(":")
            shared = (epoch, step, self.data.name, metric.name, parameters, POOL)
            self.rows += [
                (*shared, v.x, v.y, v.n, v.value, v.reason, v.chance)
                for v in grid(metric, xs, ys, pairs=where)
            ]

    def _representations(self) -> dict[str, Representation]:
        wanted = {site for pair in self.pairs for site in pair}
        parts: dict[str, list[np.ndarray]] = {site: [] for site in wanted}

        def keep(site: str, state: StreamState) -> None:
            if site in wanted:
                parts[site].append(state.pooled(POOL).float().cpu().numpy())

        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(self.probe_set), BATCH):
                run_model(
                    self.model,
                    self.schedule,
                    self.data.batch(self.probe_set[start : start + BATCH]),
                    keep,
                )
        ids = [self.data.split.ids[int(row)] for row in self.probe_set]
        return {
            site: Representation(np.concatenate(values), ids=ids, name=site)
            for site, values in parts.items()
        }
