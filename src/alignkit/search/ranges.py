"""What Optuna refuses to analyse: values outside their ranges, and objectives beyond all bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from alignkit.search.analysis import Analysis

HUGE = 1e30  # a random forest works in single precision, which ends at 3e38

Widened = Mapping[tuple[str, "BaseDistribution"], "BaseDistribution"]


def widened_ranges(study: optuna.Study, analysis: Analysis) -> Widened:
    """Return, for ranges with values outside, ranges that hold all values of their trials.

    An enqueued value may lie outside its range: Optuna stores it so and refuses to read it again.
    """
    trials = study.get_trials(deepcopy=False)
    drawn: dict[tuple[str, BaseDistribution], list[Any]] = {}
    for number in analysis.distinct_trials()["number"]:
        trial = trials[number]
        for name, distribution in trial.distributions.items():
            drawn.setdefault((name, distribution), []).append(trial.params[name])
    return {
        key: _widened(key[1], values)
        for key, values in drawn.items()
        if not all(_holds(key[1], value) for value in values)
    }


def within(trial: FrozenTrial, widened: Widened) -> dict[str, BaseDistribution]:
    """Return the ranges of a trial, widened where its study needs that."""
    return {name: widened.get((name, d), d) for name, d in trial.distributions.items()}


def bounded(values: Iterable[float]) -> float:
    """Return what to divide an objective by, so that a random forest can hold it."""
    largest = max(map(abs, values), default=0.0)
    return largest if largest >= HUGE else 1.0


def _holds(distribution: BaseDistribution, value: Any) -> bool:
    return bool(distribution._contains(distribution.to_internal_repr(value)))


def _widened(distribution: BaseDistribution, values: list[Any]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, FloatDistribution):
        low, high = min(distribution.low, *values), max(distribution.high, *values)
        return FloatDistribution(low, high, log=distribution.log and low > 0)
    if isinstance(distribution, IntDistribution):
        low, high = min(distribution.low, *values), max(distribution.high, *values)
        return IntDistribution(int(low), int(high), log=distribution.log and low > 0)
    if isinstance(distribution, CategoricalDistribution):
        new = [value for value in dict.fromkeys(values) if value not in distribution.choices]
        return CategoricalDistribution((*distribution.choices, *new))
    return distribution
