"""Alignment while training: chosen metrics on a fixed probe set, epoch 0 included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from alignkit.data.encoded import Encoded
from alignkit.metrics import Representation, grid, resolve
from alignkit.models.pairs import select_pairs
from alignkit.models.schedule import Schedule
from alignkit.models.walk import StreamState, walk
from alignkit.plugins.options import format_spec
from alignkit.runs import RuntimeOptions
from alignkit.runs.files import write_csv

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
    """Measures pairs of layers of equal depth, and the last states, as training goes on.

    The probe set is a fixed draw from the validation split. Measuring draws nothing random
    from the generators of training, so a tracked training ends with the same weights.

    Parameters
    ----------
    runtime : RuntimeOptions
        Which metrics, how often, on how many samples.
    model, schedule
    data : Encoded
        The validation split.

    Raises
    ------
    UsageError
        For an unknown metric.
    """

    def __init__(
        self, runtime: RuntimeOptions, model: Any, schedule: Schedule, data: Encoded
    ) -> None:
        self.metrics = [resolve(spec) for spec in runtime.track]
        self.every = int(runtime.track_every.removesuffix("s"))
        self.by_steps = runtime.track_every.endswith("s")
        self.model, self.schedule, self.data = model, schedule, data
        order = np.random.Generator(np.random.Philox(0)).permutation(len(data))
        self.rows = np.sort(order[: runtime.track_samples])
        self.pairs = list(
            dict.fromkeys([*select_pairs(schedule, "same"), *select_pairs(schedule, "last")])
        )
        self.found: list[dict[str, Any]] = []

    def after_step(self, epoch: int, step: int) -> None:
        """Measure, if steps are counted and it is time."""
        if self.by_steps and step % self.every == 0:
            self._measure(epoch, step)

    def after_epoch(self, epoch: int, step: int) -> None:
        """Measure, if epochs are counted and it is time; always before the first."""
        if epoch == 0 or (not self.by_steps and epoch % self.every == 0):
            self._measure(epoch, step)

    def state(self) -> list[dict[str, Any]]:
        """Plain values for a checkpoint."""
        return self.found

    def restore(self, state: list[dict[str, Any]]) -> None:
        """Go on from what ``state`` gave."""
        self.found = list(state)

    def write(self, file: Path) -> None:
        """Write what was found as a tidy table."""
        import pandas as pd

        write_csv(file, pd.DataFrame(self.found, columns=COLUMNS))

    def _measure(self, epoch: int, step: int) -> None:
        with torch.random.fork_rng(devices=[]):
            self._measure_now(epoch, step)

    def _measure_now(self, epoch: int, step: int) -> None:
        was_training = self.model.training
        held = self._representations()
        self.model.train(was_training)
        for metric in self.metrics:
            names = [sorted({pair[side] for pair in self.pairs}) for side in (0, 1)]
            xs, ys = ([held[name] for name in side] for side in names)
            where = [(names[0].index(x), names[1].index(y)) for x, y in self.pairs]
            for value in grid(metric, xs, ys, pairs=where):
                self.found.append(
                    {
                        "epoch": epoch,
                        "step": step,
                        "split": self.data.name,
                        "metric": metric.name,
                        "parameters": format_spec("", metric.parameters).removeprefix(":"),
                        "pool": POOL,
                        "x": value.x,
                        "y": value.y,
                        "n": value.n,
                        "value": value.value,
                        "reason": value.reason,
                        "chance": value.chance,
                    }
                )

    def _representations(self) -> dict[str, Representation]:
        wanted = {site for pair in self.pairs for site in pair}
        parts: dict[str, list[np.ndarray]] = {site: [] for site in wanted}

        def keep(site: str, state: StreamState) -> None:
            if site in wanted:
                parts[site].append(state.pooled(POOL).float().cpu().numpy())

        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(self.rows), BATCH):
                walk(
                    self.model,
                    self.schedule,
                    self.data.batch(self.rows[start : start + BATCH]),
                    keep,
                )
        ids = [self.data.split.ids[int(row)] for row in self.rows]
        return {
            site: Representation(np.concatenate(values), ids=ids, name=site)
            for site, values in parts.items()
        }
