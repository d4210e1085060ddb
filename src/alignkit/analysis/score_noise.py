"""Whether the scores of runs can be told from chance, given the samples they were scored on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alignkit.runs import Run

STANDARD_ERRORS = 2.0


@dataclass(frozen=True)
class ScoreNoise:
    """The scores of a task's runs beside their noise and chance.

    Attributes
    ----------
    task, score : str
    runs : int
        Runs that have the score.
    known : int
        Runs whose standard error and chance level are known.
    near : int
        Of these, runs whose score is within two standard errors of chance.
    lowest, highest : float
        The range of the score over runs.
    se, chance : float or None
        Medians over the runs where they are known.
    """

    task: str
    score: str
    runs: int
    known: int
    near: int
    lowest: float
    highest: float
    se: float | None
    chance: float | None


def score_noise(runs: Sequence[Run], outcomes: Mapping[str, str], split: str) -> list[ScoreNoise]:
    """Compare scores with chance, task by task.

    Parameters
    ----------
    runs : sequence of Run
        Scored on the split.
    outcomes : mapping of str to str
        The score of every task. A loss has no chance level and is left out.
    split : str
    """
    results = []
    for task, name in outcomes.items():
        scored = [
            (float(scores[name]), run.score_errors(split).get(name, {}))
            for run in runs
            if run.task == task
            and run.performance_file.is_file()
            and (scores := run.performance()["splits"].get(split, {})).get(name) is not None
        ]
        if not scored or name == "loss":
            continue
        known = [(value, e["se"], e["chance"]) for value, e in scored if "chance" in e]
        near = sum(abs(value - chance) <= STANDARD_ERRORS * se for value, se, chance in known)
        values = [value for value, _ in scored]
        se, chance = (
            (float(np.median([row[at] for row in known])) if known else None) for at in (1, 2)
        )
        results.append(
            ScoreNoise(
                task, name, len(scored), len(known), near, min(values), max(values), se, chance
            )
        )
    return results
