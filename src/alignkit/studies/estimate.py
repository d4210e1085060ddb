"""Estimate the time and disk space that a study still needs, from the runs that are done."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from alignkit.runs import Run
from alignkit.runs.listing import size_of
from alignkit.studies.plan import Plan
from alignkit.studies.sizes import RunSize

# Guesses where nothing is known, neither finished runs nor the size of the model.
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
    """Estimate the time and disk space that the rest of a plan needs.

    Measured durations and sizes count first, of the same task for the time; then what follows
    from the size of the model and of the data; then guesses.
    """
    records = plan.records.everywhere()
    known = _StepSeconds(records)
    left = [planned for planned in plan.runs if planned.state in ("missing", "unresolved")]
    sizes = {id(planned): RunSize(planned, plan.study) for planned in left}
    seconds = sum(known.of(sizes[id(planned)]) for planned in left)
    stored = [size for record in records if (size := _bytes(plan.study.runs / record["run"]))]
    new = [p for p in left if p.config is None or not (plan.study.runs / p.name).is_dir()]
    needed, bytes_from = _needed([sizes[id(planned)] for planned in new], stored)
    parallel = max(1, min(workers, len(left)))
    checkpoints = max((size.checkpoint_bytes for size in sizes.values()), default=0) * parallel
    return Estimate(
        seconds=seconds,
        wall_seconds=seconds / parallel,
        bytes=needed + checkpoints * bool(new),
        free_bytes=_free(plan.study.runs),
        seconds_from=known.origin(list(sizes.values())),
        bytes_from=bytes_from,
    )


def _needed(new: Sequence[RunSize], stored: Sequence[int]) -> tuple[int, str]:
    """Return the bytes that new runs will leave, and what that is estimated from."""
    if stored:
        return round(fmean(stored) * len(new)), f"the mean of {len(stored)} runs"
    each = [size.stored_bytes for size in new]
    unknown = each.count(None)
    guess = f"a rough guess of 1 GB for {unknown} run{'s' * (unknown != 1)}"
    origins = ["the size of the models and of the data"] * (unknown < len(each)) + [guess] * (
        unknown > 0
    )
    return sum(GUESSED_BYTES if n is None else n for n in each), " and ".join(origins)


class _StepSeconds:
    """Seconds of each kind of step, on the same task where it was measured there."""

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._seconds: dict[tuple[str, str], list[float]] = {}
        self._runs = 0
        self._guessed = self._sized = False
        for record in records:
            steps = {n: s for n, s in record["steps"].items() if s["state"] == "done"}
            self._runs += bool(steps)
            for name, step in steps.items():
                kind = name.split()[0]
                per = step["seconds"] / (max(1, record["epochs"]) if kind == "train" else 1)
                for task in (record["task"], ""):
                    self._seconds.setdefault((task, kind), []).append(per)

    def of(self, size: RunSize) -> float:
        """Estimate the seconds of the missing steps of a run."""
        planned = size.planned
        task = planned.config.task.name if planned.config else ""
        return sum(self._of_step(task, step, size) for step in size.missing)

    def origin(self, left: Sequence[RunSize]) -> str:
        """Describe what the estimate for the missing runs is based on."""
        if not left:
            return "nothing is left"
        origins = [f"the durations of {self._runs} runs"] * (self._runs > 0)
        if self._sized:
            origins.append(f"{_models(left)} at the usual speed of {_device(left)}")
        if self._guessed:
            origins.append("a rough guess of 1 minute per epoch")
        return " and ".join(origins)

    def _of_step(self, task: str, step: str, size: RunSize) -> float:
        kind = step.split()[0]
        times = size.epochs if kind == "train" else 1
        if measured := self._seconds.get((task, kind)) if task else None:
            return times * fmean(measured)
        if (seconds := size.seconds(step)) is not None:
            self._sized = True
            return seconds
        if elsewhere := self._seconds.get(("", kind)):
            return times * fmean(elsewhere)
        self._guessed = True
        return times * GUESSED_SECONDS[kind]


def _models(left: Sequence[RunSize]) -> str:
    counts = sorted(size.model.parameters / 1e6 for size in left if size.model is not None)
    low, high = f"{counts[0]:.3g}", f"{counts[-1]:.3g}"
    span = low if low == high else f"{low} to {high}"
    return f"the size of the models ({span} million parameters) and of the data"


def _device(left: Sequence[RunSize]) -> str:
    return "a data-centre GPU" if any(size.on_gpu for size in left) else "a server's CPU"


def _bytes(folder: Path) -> int:
    run = Run(folder)
    if not run.is_trained:
        return 0
    return size_of(folder)


def _free(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
