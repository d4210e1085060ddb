"""Estimate the time and disk space that a study still needs, from the runs that are done."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from alignkit.runs import Run, Training
from alignkit.studies.plan import Plan, Planned

# Guesses where no run is done yet: small models on a CPU for the time, BERT-base and
# ViT-B/16 in float32 for the disk. The output says that they are guesses.
GUESSED_SECONDS = {"train": 60.0, "evaluate": 10.0, "extract": 30.0, "measure": 30.0}
GUESSED_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Estimate:
    """The time and disk space that the rest of a study needs.

    Attributes
    ----------
    seconds : float
        Time on a single worker.
    wall_seconds : float
        Time on the given number of workers.
    bytes : int
        Additional disk space.
    free_bytes : int
        Free disk space in the folder of runs.
    seconds_from, bytes_from : str
        What the estimates are based on.
    """

    seconds: float
    wall_seconds: float
    bytes: int
    free_bytes: int
    seconds_from: str
    bytes_from: str


def estimate(plan: Plan, workers: int = 1) -> Estimate:
    """Estimate the time and disk space that the rest of a plan needs."""
    records = plan.records.everywhere()
    known = _StepSeconds(records)
    left = [planned for planned in plan.runs if planned.state in ("missing", "unresolved")]
    seconds = sum(known.of(planned) for planned in left)
    sizes = [_bytes(plan.study.runs / record["run"]) for record in records]
    sizes = [size for size in sizes if size]
    new = [p for p in left if p.config is None or not (plan.study.runs / p.name).is_dir()]
    each = fmean(sizes) if sizes else GUESSED_BYTES
    return Estimate(
        seconds=seconds,
        wall_seconds=seconds / max(1, min(workers, len(left))),
        bytes=round(each * len(new)),
        free_bytes=_free(plan.study.runs),
        seconds_from=known.origin(len(left)),
        bytes_from=f"the mean of {len(sizes)} runs" if sizes else "a rough guess of 1 GB per run",
    )


class _StepSeconds:
    """Mean duration of each kind of step, on the same task where it was measured there."""

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._seconds: dict[tuple[str, str], list[float]] = {}
        self._runs = 0
        self._guessed = False
        for record in records:
            steps = {n: s for n, s in record["steps"].items() if s["state"] == "done"}
            self._runs += bool(steps)
            for name, step in steps.items():
                kind = name.split()[0]
                per = step["seconds"] / (max(1, record["epochs"]) if kind == "train" else 1)
                for task in (record["task"], ""):
                    self._seconds.setdefault((task, kind), []).append(per)

    def of(self, planned: Planned) -> float:
        """Estimate the seconds of the missing steps of a run."""
        if planned.config is None:
            epochs = int(planned.entry.options.get("epochs", Training().epochs))
            after = () if planned.pretrains else ("evaluate", "extract", "measure")
            return epochs * self._of_step("", "train") + sum(self._of_step("", k) for k in after)
        task, epochs = planned.config.task.name, max(1, planned.config.training.epochs)
        return sum(
            self._of_step(task, step.name.split()[0]) * (epochs if step.name == "train" else 1)
            for step in planned.steps
            if step.state == "missing"
        )

    def origin(self, left: int) -> str:
        """Describe what the estimate for a number of missing runs is based on."""
        if not left:
            return "nothing is left"
        guess = "a rough guess of 1 minute per epoch"
        if not self._runs:
            return guess
        seen = f"the durations of {self._runs} runs"
        return f"{seen} and {guess}" if self._guessed else seen

    def _of_step(self, task: str, kind: str) -> float:
        seconds = self._seconds.get((task, kind)) or self._seconds.get(("", kind))
        if not seconds:
            self._guessed = True
            return GUESSED_SECONDS[kind]
        return fmean(seconds)


def _bytes(folder: Path) -> int:
    run = Run(folder)
    if not run.is_trained:
        return 0
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _free(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
