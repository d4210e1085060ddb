"""Checks that a metric holds what it declares, for tests and for ``sanity``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from alignkit.errors import PluginError, UndefinedError, UsageError
from alignkit.metrics import Metric, resolve
from alignkit.metrics.checks import Bench, Check
from alignkit.metrics.metric import metric_of


@dataclass(frozen=True)
class Examination:
    """What a metric gave on made-up data.

    Attributes
    ----------
    metric : str
    values : dict of str to float or None
        On ``identical``, ``rotated``, ``scaled``, ``noisy`` and ``random`` input; None where
        undefined.
    reasons : dict of str to str
        Why.
    best : float
        The declared best value.
    self_score : float or None
        What identical input gives, where the metric declares that it is not the best value.
    chance : float or None
        The declared chance level on random input, else the mean over permuted rows.
    checks : list of Check
    """

    metric: str
    values: dict[str, float | None]
    reasons: dict[str, str]
    best: float
    self_score: float | None
    chance: float | None
    checks: list[Check] = field(default_factory=list)

    @property
    def failures(self) -> list[Check]:
        """The checks that do not hold."""
        return [check for check in self.checks if not check.holds]


def check_metric(
    metric: str | Callable[..., Any],
    *,
    samples: int = 128,
    width: int = 32,
    seed: int = 0,
    **declared: Any,
) -> Examination:
    """Check a metric against what it declares.

    Parameters
    ----------
    metric : str or callable
        A registered metric, as ``name:key=value``; or the function or class itself.
    samples, width, seed : int
        Of the data.
    **declared
        For a function: what it is registered with, such as ``range=(0, 1)``, ``best=1``,
        ``symmetric=True``, ``invariances=("rotation",)``.

    Returns
    -------
    Examination

    Raises
    ------
    AssertionError
        When a property does not hold; the message names each, with numbers.

    Examples
    --------
    >>> check_metric(rv, range=(0, 1), best=1, symmetric=True)  # doctest: +SKIP
    """
    result = examine(_metric(metric, declared), samples, width, seed)
    if result.failures:
        lines = (f"  {check.name}: {check.detail}" for check in result.failures)
        raise AssertionError(
            f"metric '{result.metric}' does not hold what it declares:\n" + "\n".join(lines)
        )
    return result


def examine(metric: Metric, samples: int = 128, width: int = 32, seed: int = 0) -> Examination:
    """Measure a metric on made-up data, and check its declarations one by one.

    Raises
    ------
    UsageError
        When the parameters do not go with so many samples, or the sizes are too small.
    """
    if samples < 8 or width < 2:
        raise UsageError(
            f"`samples` is {samples} and `width` is {width}; they must be at least 8 and 2"
        )
    bench = Bench(metric, samples, width, seed)
    values, reasons = _values(bench)
    checks = _checks(bench, values, reasons)
    return Examination(
        metric.spec,
        values,
        reasons,
        metric.best,
        values["identical"] if "identity" in metric.declared else None,
        None if reasons else _chance(bench),
        checks,
    )


def _values(bench: Bench) -> tuple[dict[str, float | None], dict[str, str]]:
    """Return the value on every kind of input, and the reason where there is none."""
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name, y in bench.inputs.items():
        try:
            values[name] = bench.value(bench.x, y)
        except (UndefinedError, PluginError) as error:
            values[name], reasons[name] = None, str(error)
    return values, reasons


def _chance(bench: Bench) -> float | None:
    """Return the declared chance level, or the mean over permuted rows; None where it fails."""
    try:
        return float(bench.permuted.mean()) if bench.stated is None else bench.stated
    except (UndefinedError, PluginError):
        return None


def _checks(bench: Bench, values: dict[str, float | None], reasons: dict[str, str]) -> list[Check]:
    """Return all checks; where the metric gives no value, only that."""
    if reasons:
        by_reason: dict[str, list[str]] = {}
        for name, reason in reasons.items():
            by_reason.setdefault(reason, []).append(name)
        said = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())
        return [Check("value", False, said)]
    checks = []
    for name, check in bench.checks({k: v for k, v in values.items() if v is not None}):
        try:
            checks.append(check())
        except (UndefinedError, PluginError) as error:
            checks.append(Check(name, False, str(error)))
    return checks


def _metric(metric: str | Callable[..., Any], declared: dict[str, Any]) -> Metric:
    from alignkit.plugins.declarations import check_declarations
    from alignkit.plugins.hookspecs import DECLARATIONS

    if isinstance(metric, str):
        if declared:
            raise UsageError(f"'{metric}' is registered with its declarations; leave them out here")
        return resolve(metric)
    made = metric_of(metric, {}, declared)
    check_declarations(f"metric '{made.name}'", DECLARATIONS["metrics"], declared)
    return made
