"""Checks that a metric holds what it declares, for tests and for ``sanity``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from alignkit.errors import PluginError, UndefinedError, UsageError, in_one_line
from alignkit.metrics import Metric, Representation, resolve

# Values that should be the same may differ by rounding; an angle near its best is steep.
TOLERANCE = 1e-6
BEST_TOLERANCE = 1e-5
PERMUTATIONS = 64
INVARIANCES = ("rotation", "scale", "shift", "linear")


@dataclass(frozen=True)
class Check:
    """One property: whether it holds, and the numbers that show it."""

    name: str
    holds: bool
    detail: str = ""


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
    bench = _Bench(metric, samples, width, seed)
    values, reasons = bench.table()
    checks = bench.checks(values, reasons)
    return Examination(
        metric.spec,
        values,
        reasons,
        metric.best,
        values["identical"] if "identity" in metric.declared else None,
        bench.chance,
        checks,
    )


class _Bench:
    """Made-up data, and one metric to try on them."""

    def __init__(self, metric: Metric, samples: int, width: int, seed: int) -> None:
        self.metric = metric
        # Without its range, so that a value beyond it is seen and not an error.
        self.bare = replace(
            metric, declared={**metric.declared, "range": (-np.inf, np.inf), "best": metric.best}
        )
        rng = np.random.default_rng(seed)
        self.x = rng.standard_normal((samples, width)) * np.geomspace(3, 0.3, width) + 0.5
        self.rotation = np.linalg.qr(rng.standard_normal((width, width)))[0]
        # Invertible, and not a rotation: directions are stretched by up to a factor of 4.
        self.linear = self.rotation * np.linspace(0.5, 2, width)
        self.inputs = {
            "identical": self.x.copy(),
            "rotated": self.x @ self.rotation,
            "scaled": 3.7 * self.x,
            "noisy": self.x + 0.5 * rng.standard_normal(self.x.shape) * self.x.std(axis=0),
            "random": rng.permutation(rng.standard_normal(self.x.shape) * self.x.std(axis=0) + 0.5),
        }
        self.rng = rng
        self.chance: float | None = None
        self.wrote = False

    def table(self) -> tuple[dict[str, float | None], dict[str, str]]:
        """Return the value on every kind of input, and the reason where there is none."""
        values: dict[str, float | None] = {}
        reasons: dict[str, str] = {}
        for name, y in self.inputs.items():
            try:
                values[name] = self.value(self.x, y)
            except UndefinedError as error:
                values[name], reasons[name] = None, error.reason
            except (UsageError, PluginError):
                raise  # parameters that do not go with the data are the caller's to mend
            except Exception as error:  # a third party's fault, to be shown and not to end the run
                values[name] = None
                reasons[name] = in_one_line(error)
        return values, reasons

    def value(self, x: np.ndarray, y: np.ndarray) -> float:
        given = x.copy(), y.copy()
        left, right = (Representation(z, name=name) for z, name in zip(given, "xy", strict=True))
        value = self.bare.compare(self.bare.prepare(left), self.bare.prepare(right))
        self.wrote |= not (np.array_equal(given[0], x) and np.array_equal(given[1], y))
        return value

    def checks(self, values: dict[str, float | None], reasons: dict[str, str]) -> list[Check]:
        """All of them; where the metric gives no value, only that."""
        missing = [f"{name}: {reasons[name]}" for name in values if values[name] is None]
        if missing:
            return [Check("value", False, "; ".join(missing))]
        known = {name: value for name, value in values.items() if value is not None}
        checks = [self._range(known), self._identity(known), self._direction(known)]
        checks += [self._repeatable(known["noisy"])]
        if self.metric.symmetric:
            back = self.value(self.inputs["noisy"], self.x)
            checks.append(self._same("symmetry", known["noisy"], {"y, x": back}))
        declared = self.metric.declared.get("invariances", ())
        for name in (each for each in INVARIANCES if each in declared):
            checks.append(self._invariance(name, known["noisy"]))
        return [*checks, *self._chance()]

    def _range(self, values: dict[str, float]) -> Check:
        low, high = self.metric.range
        beyond = {
            name: value
            for name, value in values.items()
            if not low - TOLERANCE <= value <= high + TOLERANCE
        }
        said = ", ".join(f"{name} {value:.6g}" for name, value in beyond.items())
        return Check(
            "range",
            not beyond,
            f"{said or 'all values'} in [{low:g}, {high:g}]"
            if not beyond
            else f"{said} outside [{low:g}, {high:g}]",
        )

    def _identity(self, values: dict[str, float]) -> Check:
        """Identical input gives the best value; else nothing gives a better one."""
        best, value = self.metric.best, values["identical"]
        if "identity" in self.metric.declared or not np.isfinite(best):
            better = self._better(values["noisy"], value)
            return Check(
                "identity", not better, f"identical {value:.6g}, noisy {values['noisy']:.6g}"
            )
        holds = abs(value - best) <= BEST_TOLERANCE * max(1.0, abs(best))
        return Check("identity", holds, f"identical {value:.6g}, best {best:g}")

    def _direction(self, values: dict[str, float]) -> Check:
        """Related input is more aligned than unrelated input."""
        noisy, random = values["noisy"], values["random"]
        return Check(
            "direction", self._better(noisy, random), f"noisy {noisy:.6g}, random {random:.6g}"
        )

    def _better(self, value: float, other: float) -> bool:
        return value > other if self.metric.higher_is_better else value < other

    def _repeatable(self, value: float) -> Check:
        """Check that a second call gives the same bits and leaves the input as it was."""
        again = self.value(self.x, self.inputs["noisy"])
        if self.wrote:
            return Check("repeatable", False, "the metric writes into its input")
        return Check("repeatable", again == value, f"{value!r}, then {again!r}")

    def _invariance(self, name: str, value: float) -> Check:
        change: Callable[[np.ndarray], np.ndarray] = {
            "rotation": lambda z: z @ self.rotation,
            "scale": lambda z: 0.01 * z,
            "shift": lambda z: z + np.linspace(-2, 2, z.shape[1]),
            "linear": lambda z: z @ self.linear,
        }[name]
        noisy = self.inputs["noisy"]
        changed = {"of x": (change(self.x), noisy), "of y": (self.x, change(noisy))}
        return self._same(name, value, {side: self.value(*pair) for side, pair in changed.items()})

    def _same(self, name: str, value: float, others: dict[str, float]) -> Check:
        off = {
            side: other
            for side, other in others.items()
            if not abs(other - value) <= TOLERANCE * max(1.0, abs(value))
        }
        said = ", ".join(f"{side} {other:.6g}" for side, other in (off or others).items())
        return Check(name, not off, f"{value:.6g}, {said}")

    def _chance(self) -> list[Check]:
        """Check that the declared chance level is the mean over permuted rows."""
        x, random = Representation(self.x), Representation(self.inputs["random"])
        prepared = self.bare.prepare(x)
        drawn = np.array(
            [
                self.bare.compare(prepared, self.bare.prepare(random.permuted(self._order())))
                for _ in range(PERMUTATIONS)
            ]
        )
        mean, error = float(drawn.mean()), float(drawn.std(ddof=1) / np.sqrt(PERMUTATIONS))
        stated = self.metric.chance(x, random)
        self.chance = mean if stated is None else stated
        if stated is None:
            return []
        holds = abs(stated - mean) <= 5 * error + TOLERANCE
        return [Check("chance", holds, f"declared {stated:.6g}, permuted rows {mean:.6g}")]

    def _order(self) -> Any:
        import torch

        return torch.from_numpy(self.rng.permutation(len(self.x)))


def _metric(metric: str | Callable[..., Any], declared: dict[str, Any]) -> Metric:
    from alignkit.plugins.declarations import check_declarations
    from alignkit.plugins.hookspecs import DECLARATIONS
    from alignkit.plugins.options import bind

    if isinstance(metric, str):
        if declared:
            raise UsageError(f"'{metric}' is registered with its declarations; leave them out here")
        return resolve(metric)
    name = getattr(metric, "__name__", type(metric).__name__)
    check_declarations(f"metric '{name}'", DECLARATIONS["metrics"], declared)
    declared = {key: value for key, value in declared.items() if key != "variants"}
    return Metric(name, bind(metric, {}), name, metric, declared)
