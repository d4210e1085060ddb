"""Relate each parameter to each objective: rank correlations and importances."""

from __future__ import annotations

import math
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alignkit.search.ranges import bounded, within
from alignkit.statistics.multiple_testing import holm
from alignkit.statistics.permutation import (
    EXACT_UNITS,
    null_correlations,
    p_value,
    unit_permutations,
)

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

    from alignkit.search.analysis import Analysis
    from alignkit.search.ranges import Widened

EVALUATOR = "fANOVA"
MIN_TRIALS = 3  # for a correlation
MIN_TRIALS_IMPORTANCE = 4  # with fewer, a forest has nothing to split


def correlations(analysis: Analysis) -> list[dict[str, Any]]:
    """Return Spearman's rho of every parameter with every objective, Holm-corrected."""
    rows = [
        _correlation(analysis.distinct_trials(o), p, o)
        for p in analysis.parameters
        for o in analysis.names
    ]
    adjusted = holm(np.array([np.nan if r["p"] is None else r["p"] for r in rows]))
    for row, p in zip(rows, adjusted, strict=True):
        row["p_adjusted"] = None if np.isnan(p) else float(p)
    return rows


def _correlation(table: pd.DataFrame, parameter: str, objective: str) -> dict[str, Any]:
    from scipy.stats import spearmanr

    numbers = _as_numbers(table[parameter])
    row: dict[str, Any] = {
        "parameter": parameter,
        "objective": objective,
        "spearman": None,
        "p": None,
        "n": int(table[parameter].notna().sum()),
        "p_adjusted": None,
        "p_parametric": None,
        "reason": "",
    }
    if numbers is None:
        return row | {"reason": "its values are not ordered"}
    known = numbers.notna()
    x, y = numbers[known].to_numpy(float), table.loc[known, objective].to_numpy(float)
    if len(x) < MIN_TRIALS:
        return row | {"reason": f"{len(x)} trial(s); at least {MIN_TRIALS} are needed"}
    for name, values in ((parameter, x), (objective, y)):
        if values.min() == values.max():
            return row | {"reason": f"{name} is constant"}
    rho = spearmanr(x, y)
    p = _p(x, y, float(rho.statistic), float(rho.pvalue))
    return row | {"spearman": float(rho.statistic), "p": p, "p_parametric": float(rho.pvalue)}


def _p(x: np.ndarray, y: np.ndarray, rho: float, parametric: float) -> float:
    """Return the exact permutation p for few trials, else the t approximation, kept above 0."""
    from scipy.stats import rankdata

    if len(x) > EXACT_UNITS:
        return max(parametric, 2 / math.factorial(len(x)))
    null = null_correlations(rankdata(x)[:, None], rankdata(y), _all_orders(len(x)))
    return p_value(rho, null, exact=True)[0]


@cache
def _all_orders(n: int) -> np.ndarray:
    return unit_permutations(n, 0, np.random.default_rng(0))[0]


def _as_numbers(column: pd.Series) -> pd.Series | None:
    """Return a parameter as numbers, Booleans as 0 and 1; None if its values are names."""
    if not all(isinstance(value, (bool, int, float, np.number)) for value in column.dropna()):
        return None
    return column.map(lambda value: np.nan if value is None else float(value)).astype(float)


def importances(
    study: optuna.Study, analysis: Analysis, seed: int, widened: Widened
) -> list[dict[str, Any]]:
    """Return the importance of every parameter for every objective (fANOVA).

    Parameters
    ----------
    study : optuna.Study
    analysis : Analysis
    seed : int
    widened : mapping
        Ranges that take the place of those that do not hold all values.
    """
    return [
        {
            "parameter": parameter,
            "objective": name,
            "importance": value,
            "evaluator": EVALUATOR,
            "n": len(analysis.distinct_trials(name)),
            "reason": reason,
        }
        for i, name in enumerate(analysis.names)
        for parameter, (value, reason) in _importance(study, analysis, i, seed, widened).items()
    ]


def _importance(
    study: optuna.Study, analysis: Analysis, index: int, seed: int, widened: Widened
) -> dict[str, tuple[float | None, str]]:
    """Return the share of a random forest's variance due to each parameter (Hutter et al. 2014).

    Where there is none, None and the reason.
    """
    import optuna

    name = analysis.names[index]
    table = analysis.distinct_trials(name)
    if len(table) < MIN_TRIALS_IMPORTANCE:
        reason = f"{len(table)} trial(s); at least {MIN_TRIALS_IMPORTANCE} are needed"
        return dict.fromkeys(analysis.parameters, (None, reason))
    if table[name].min() == table[name].max():
        return dict.fromkeys(analysis.parameters, (None, f"{name} is constant"))
    usable = optuna.create_study(directions=study.directions)
    trials = study.get_trials(deepcopy=False)
    usable.add_trials([_bare(trials[number], widened) for number in table["number"]])
    scale = bounded(table[name])  # the shares of variance do not depend on it
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = optuna.importance.get_param_importances(
            usable, evaluator=evaluator, target=lambda trial: trial.values[index] / scale
        )
    return {
        parameter: (float(values[parameter]), "")
        if parameter in values
        else (None, "not every trial has this parameter")
        for parameter in analysis.parameters
    }


def _bare(trial: FrozenTrial, widened: Widened) -> FrozenTrial:
    import optuna

    return optuna.trial.create_trial(
        state=trial.state,
        values=trial.values,
        params=trial.params,
        distributions=within(trial, widened),
    )
