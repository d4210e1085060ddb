"""What is still to come: time from the seconds of what is done, disk from its bytes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from alignkit.runs import Run, Training
from alignkit.studies.plan import Plan, Planned

# Where nothing has been done yet: small models on a CPU for the time, BERT-base and
# ViT-B/16 in float32 for the disk. The text beside the number says that it is a guess.
GUESSED_SECONDS = {"train": 60.0, "evaluate": 10.0, "extract": 30.0, "measure": 30.0}
GUESSED_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Estimate:
    """Work that is left.

    Attributes
    ----------
    seconds : float
        Of work, on one worker.
    wall_seconds : float
        On the workers that were asked for.
    bytes : int
        Further disk.
    free_bytes : int
        Free where the runs lie.
    seconds_from, bytes_from : str
        What the numbers stand on.
    """

    seconds: float
    wall_seconds: float
    bytes: int
    free_bytes: int
    seconds_from: str
    bytes_from: str


def estimate(plan: Plan, workers: int = 1) -> Estimate:
    """Estimate the time and disk that the rest of a plan takes."""
    records = plan.records.everywhere()
    known = _Seconds(records)
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
        bytes_from=f"the mean of {len(sizes)} runs" if sizes else "a guess of 1 GB per run",
    )


class _Seconds:
    """Mean seconds of each kind of step, of the same task where there are any."""

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._found: dict[tuple[str, str], list[float]] = {}
        self._runs = 0
        self._guessed = False
        for record in records:
            steps = {n: s for n, s in record["steps"].items() if s["state"] == "done"}
            self._runs += bool(steps)
            for name, step in steps.items():
                kind = name.split()[0]
                per = step["seconds"] / (max(1, record["epochs"]) if kind == "train" else 1)
                for task in (record["task"], ""):
                    self._found.setdefault((task, kind), []).append(per)

    def of(self, planned: Planned) -> float:
        """Seconds of the steps of a run that are missing."""
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
        if not left:
            return "nothing is left"
        guess = "a guess of 1 minute per epoch"
        if not self._runs:
            return guess
        seen = f"the seconds of {self._runs} runs"
        return f"{seen} and {guess}" if self._guessed else seen

    def _of_step(self, task: str, kind: str) -> float:
        found = self._found.get((task, kind)) or self._found.get(("", kind))
        if not found:
            self._guessed = True
            return GUESSED_SECONDS[kind]
        return fmean(found)


def _bytes(folder: Path) -> int:
    run = Run(folder)
    if not run.is_trained:
        return 0
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _free(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
