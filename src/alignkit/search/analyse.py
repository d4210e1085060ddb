"""Analyse the trials of a study: counts, correlations, importances, the Pareto front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alignkit.search.analysis import Analysis
from alignkit.search.layers import placement_of
from alignkit.search.parameters import correlations, importances
from alignkit.search.ranges import HUGE, widened_ranges
from alignkit.search.search import SEARCH

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

STATES = ("COMPLETE", "PRUNED", "FAIL", "RUNNING", "WAITING")


def analyse(study: optuna.Study, seed: int = 0, depth: int = 12) -> Analysis:
    """Analyse an Optuna study, made by alignkit or not.

    Only complete trials with finite values enter, each once: a trial that repeats the runs of
    another adds no observation. A failed trial never gets a value.

    Parameters
    ----------
    study : optuna.Study
    seed : int
        Seed of the random forest that gives the importances.
    depth : int
        Layers per stream, where the study does not store it.

    Returns
    -------
    Analysis
    """
    trials = study.get_trials(deepcopy=False)
    objectives = _objectives(study)
    names = [objective["name"] for objective in objectives]
    parameters = list(dict.fromkeys(name for trial in trials for name in trial.params))
    states = Counter(trial.state.name for trial in trials)
    analysis = Analysis(
        study.study_name,
        objectives,
        {state: states[state] for state in STATES},
        sum("duplicate_of" in t.user_attrs for t in trials),
        sum(_is_retry(t) for t in trials),
        _table(trials, parameters, names),
        parameters,
    )
    analysis.correlations = correlations(analysis)
    widened = widened_ranges(study, analysis)
    analysis.importances = importances(study, analysis, seed, widened)
    analysis.pareto = _describe(study, _pareto_front(analysis.distinct_trials(), analysis), depth)
    analysis.notes = _notes(analysis, sorted(name for name, _ in widened))
    return analysis


def best(
    analysis: Analysis, study: optuna.Study, count: int, depth: int = 12
) -> list[dict[str, Any]]:
    """Describe the best trials: by the single objective, or one Pareto front after another."""
    numbers: list[int] = []
    rest = analysis.distinct_trials()
    while len(numbers) < count and len(rest):
        front = _pareto_front(rest, analysis)
        numbers += front
        rest = rest[~rest["number"].isin(front)]
    return _describe(study, numbers[:count], depth)


def _objectives(study: optuna.Study) -> list[dict[str, str]]:
    directions = [direction.name.lower() for direction in study.directions]
    names = study.metric_names
    if not names:  # the names in Optuna's own tables
        several = [f"values_{i}" for i in range(len(directions))]
        names = several if len(directions) > 1 else ["value"]
    return [{"name": n, "direction": d} for n, d in zip(names, directions, strict=True)]


def _is_retry(trial: FrozenTrial) -> bool:
    return "retry_of" in trial.user_attrs or "failed_trial" in trial.system_attrs


def _table(
    trials: Sequence[FrozenTrial], parameters: Sequence[str], names: Sequence[str]
) -> pd.DataFrame:
    rows = []
    for trial in trials:
        values = trial.values if trial.state.name == "COMPLETE" else None
        row: dict[str, Any] = {
            "number": trial.number,
            "state": trial.state.name,
            "duplicate_of": trial.user_attrs.get("duplicate_of"),
        }
        row |= {name: trial.params.get(name) for name in parameters}
        rows.append(row | dict(zip(names, values or [None] * len(names), strict=True)))
    table = pd.DataFrame(rows, columns=["number", "state", "duplicate_of", *parameters, *names])
    for name in names:
        numbers = pd.to_numeric(table[name], errors="coerce").astype(float)
        table[name] = numbers.where(np.isfinite(numbers))
    return table


def _pareto_front(table: pd.DataFrame, analysis: Analysis) -> list[int]:
    """Return the numbers of the trials that no other dominates, best first.

    A trial dominates another if it is at least as good in all objectives and better in one.
    """
    signs = [1 if o["direction"] == "maximize" else -1 for o in analysis.objectives]
    values = table[analysis.names].to_numpy(float) * signs
    kept = [
        i
        for i, mine in enumerate(values)
        if not np.any(np.all(values >= mine, axis=1) & np.any(values > mine, axis=1))
    ]
    kept.sort(key=lambda i: tuple(-values[i]))
    return [int(table["number"].iloc[i]) for i in kept]


def _describe(study: optuna.Study, numbers: Sequence[int], depth: int) -> list[dict[str, Any]]:
    trials = study.get_trials(deepcopy=False)
    names = [objective["name"] for objective in _objectives(study)]
    stored = study.user_attrs.get(SEARCH, {})
    depths = stored.get("depths", {"text": depth, "vision": depth})
    return [
        {
            "number": number,
            "values": dict(zip(names, trials[number].values, strict=True)),
            "parameters": dict(trials[number].params),
            "placement": _placement(trials[number], depths),
            "runs": trials[number].user_attrs.get("runs", []),
        }
        for number in numbers
    ]


def _placement(trial: FrozenTrial, depths: Mapping[str, int]) -> dict[str, list[int]] | None:
    """Return the layer indices of a trial: those stored, or those that its parameters mean."""
    stored = trial.user_attrs.get("placement")
    if isinstance(stored, dict) and {"text", "vision"} <= set(stored):
        return {stream: stored[stream] for stream in ("text", "vision")}
    read = placement_of(trial.params, depths)
    return {"text": list(read.text), "vision": list(read.vision)} if read else None


def _notes(analysis: Analysis, outside: Sequence[str]) -> list[str]:
    notes = []
    if outside:
        notes.append(
            f"values of {', '.join(dict.fromkeys(outside))} lie outside the ranges that were "
            "searched (enqueued, perhaps); they are kept, and the ranges widened"
        )
    complete = analysis.table[analysis.table["state"] == "COMPLETE"]
    missing = int(complete[analysis.names].isna().any(axis=1).sum())
    if missing:
        notes.append(
            f"{missing} complete trial(s) lack a finite value of an objective and are left out"
        )
    for name in analysis.names:
        zeros = int((complete[name] == 0).sum())
        if zeros:
            notes.append(
                f"{zeros} trial(s) have exactly {name} = 0; if failed trials were stored as 0, "
                "they distort these results"
            )
        huge = int((complete[name].abs() >= HUGE).sum())
        if huge:
            notes.append(
                f"{huge} trial(s) have a {name} beyond {HUGE:g}; if it is a penalty for failed "
                "trials, it decides the importances; figures leave it out"
            )
    if analysis.states["RUNNING"]:
        notes.append(
            f"{analysis.states['RUNNING']} trial(s) are still running, or their worker died"
        )
    return notes
