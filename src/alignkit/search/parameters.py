"""What each parameter has to do with each objective: correlations and importances."""

from __future__ import annotations

import math
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

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

EVALUATOR = "fANOVA"
LEAST = 3  # trials, below which nothing is said
LEAST_IMPORTANCE = 4  # with fewer, a forest has nothing to split


def correlations(found: Analysis) -> list[dict[str, Any]]:
    """Spearman of every parameter with every objective; Holm over all that can be tested."""
    rows = [_correlation(found.own(o), p, o) for p in found.parameters for o in found.names]
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
        return row | {"reason": "its values have no order"}
    known = numbers.notna()
    x, y = numbers[known].to_numpy(float), table.loc[known, objective].to_numpy(float)
    if len(x) < LEAST:
        return row | {"reason": f"{len(x)} trial(s), at least {LEAST} are needed"}
    for name, values in ((parameter, x), (objective, y)):
        if np.ptp(values) == 0:
            return row | {"reason": f"{name} is constant"}
    rho = spearmanr(x, y)
    p = _p(x, y, float(rho.statistic), float(rho.pvalue))
    return row | {"spearman": float(rho.statistic), "p": p, "p_parametric": float(rho.pvalue)}


def _p(x: np.ndarray, y: np.ndarray, rho: float, parametric: float) -> float:
    """Exact over all orders of few trials; else by the t approximation, which may not fall to 0."""
    from scipy.stats import rankdata

    if len(x) > EXACT_UNITS:
        return max(parametric, 2 / math.factorial(len(x)))
    null = null_correlations(rankdata(x)[:, None], rankdata(y), _all_orders(len(x)))
    return p_value(rho, null, exact=True)[0]


@cache
def _all_orders(n: int) -> np.ndarray:
    return unit_permutations(n, 0, np.random.default_rng(0))[0]


def _as_numbers(column: pd.Series) -> pd.Series | None:
    """A parameter as numbers, switches as 0 and 1; None if it is made of names."""
    if not all(isinstance(value, (bool, int, float, np.number)) for value in column.dropna()):
        return None
    return column.map(lambda value: np.nan if value is None else float(value)).astype(float)


def importances(study: optuna.Study, found: Analysis, seed: int) -> list[dict[str, Any]]:
    """Share of every parameter in the variance of every objective."""
    return [
        {
            "parameter": parameter,
            "objective": name,
            "importance": value,
            "evaluator": EVALUATOR,
            "n": len(found.own(name)),
            "reason": reason,
        }
        for i, name in enumerate(found.names)
        for parameter, (value, reason) in _importance(study, found, i, seed).items()
    ]


def _importance(
    study: optuna.Study, found: Analysis, index: int, seed: int
) -> dict[str, tuple[float | None, str]]:
    """Share of a forest's variance that each parameter explains (Hutter et al. 2014)."""
    import optuna

    name = found.names[index]
    table = found.own(name)
    if len(table) < LEAST_IMPORTANCE:
        reason = f"{len(table)} trial(s), at least {LEAST_IMPORTANCE} are needed"
        return dict.fromkeys(found.parameters, (None, reason))
    if np.ptp(table[name].to_numpy(float)) == 0:
        return dict.fromkeys(found.parameters, (None, f"{name} is constant"))
    own = optuna.create_study(directions=study.directions)
    trials = study.get_trials(deepcopy=False)
    own.add_trials([_bare(trials[number]) for number in table["number"]])
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = optuna.importance.get_param_importances(
            own, evaluator=evaluator, target=lambda trial: trial.values[index]
        )
    return {
        parameter: (float(values[parameter]), "")
        if parameter in values
        else (None, "not every trial has it")
        for parameter in found.parameters
    }


def _bare(trial: FrozenTrial) -> FrozenTrial:
    import optuna

    return optuna.trial.create_trial(
        state=trial.state,
        values=trial.values,
        params=trial.params,
        distributions=trial.distributions,
    )
