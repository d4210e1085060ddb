"""A metric against what it declares, on made-up data: in full for tests, in brief at first use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from alignkit.errors import PluginError, UndefinedError, UsageError
from alignkit.metrics.metric import Metric, NoNumberError
from alignkit.metrics.representation import Representation
from alignkit.metrics.views import VIEWS
from alignkit.plugins.calls import PluginCall
from alignkit.plugins.declarations import INVARIANCES

# Values that should be the same may differ by rounding; an angle near its best is steep.
TOLERANCE = 1e-6
BEST_TOLERANCE = 1e-5
PERMUTATIONS = 64
# Samples and columns at first use: more where the parameters do not go with few.
BRIEF = ((24, 6), (96, 24), (384, 24))
BRIEF_PERMUTATIONS = 8
BRIEF_INPUTS = ("identical", "noisy", "random")
# Views that metrics share: one that is written to would change the values of the next metric.
SHARED = ("tensor", "centred", "normalized", "gram", "normalized_gram", "scatter", "unit_rows")


@dataclass(frozen=True)
class Check:
    """One property: whether it holds, and the numbers that show it."""

    name: str
    holds: bool
    detail: str = ""


# What was found of every metric that was used, by its source and parameters.
_FOUND: dict[tuple[int, str, str], tuple[object, PluginError | None]] = {}


def check_at_first_use(metric: Metric) -> None:
    """Check a metric in brief, once per metric and process.

    Raises
    ------
    PluginError
        When it does not hold what it declares.
    """
    key = id(metric.source), metric.spec, repr(metric.declared)
    if key not in _FOUND:
        _FOUND[key] = metric.source, _error_of(metric)  # which keeps the source, and so its id
    error = _FOUND[key][1]
    if error is not None:
        raise error


def _error_of(metric: Metric) -> PluginError | None:
    for samples, width in BRIEF:
        bench = Bench(metric, samples, width, brief=True)
        try:
            values = {name: bench.value(bench.x, bench.inputs[name]) for name in BRIEF_INPUTS}
            checks = [check() for _, check in bench.checks(values)]
        except UsageError:  # parameters that do not go with so few samples
            continue
        except NoNumberError:
            return metric.value_call.gave(float("nan"))
        except UndefinedError:  # not made for such data; of the user's, it says so itself
            return None
        except PluginError as error:
            return error
        if bench.wrote:  # which makes all other values doubtful
            return PluginCall(metric.owner).failed(f"writes to {bench.wrote}")
        broken = [f"{check.name}: {check.detail}" for check in checks if not check.holds]
        if not broken:
            return None
        return PluginCall(metric.owner).failed(
            f"does not hold what it declares: {'; '.join(broken)}"
        )
    return None


class Bench:
    """Made-up data, and one metric to try on them."""

    def __init__(
        self, metric: Metric, samples: int, width: int, seed: int = 0, brief: bool = False
    ) -> None:
        self.metric, self.brief = metric, brief
        unbounded = {"range": (-np.inf, np.inf), "best": metric.best}
        # In full without its range, so that a value beyond it is seen beside the others.
        self.bare = metric if brief else replace(metric, declared=dict(metric.declared) | unbounded)
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
        self.wrote = ""

    def value(self, x: np.ndarray, y: np.ndarray) -> float:
        """Return the metric on two arrays; note what it writes to."""
        given = x.copy(), y.copy()
        left, right = (Representation(z, name=name) for z, name in zip(given, "xy", strict=True))
        value = self._compared(left, right)
        for layer, before, after in ((left, x, given[0]), (right, y, given[1])):
            self.wrote = self.wrote or _written(layer, before, after)
        return value

    def checks(self, values: dict[str, float]) -> list[tuple[str, Callable[[], Check]]]:
        """Return all checks by name, given the values on the inputs.

        In brief, what nothing is declared about is left out.
        """
        noisy, declared = values["noisy"], self.metric.declared
        checks: list[tuple[str, Callable[[], Check]]] = [
            ("range", lambda: self._range(values)),
            ("repeatable", lambda: self._repeatable(noisy)),
        ]
        if not self.brief or (np.isfinite(self.metric.best) and "identity" not in declared):
            checks.append(("identity", lambda: self._identity(values)))
        if not self.brief:
            checks.append(("direction", lambda: self._direction(values)))
        if self.metric.symmetric:
            checks.append(("symmetry", lambda: self._symmetry(noisy)))
        stated = declared.get("invariances", ())
        checks += [
            (name, partial(self._invariance, name, noisy)) for name in INVARIANCES if name in stated
        ]
        if "chance" in declared:
            checks.append(("chance", self._chance))
        if self.metric.permutes:
            checks.append(("permute", self._permute))
        if "null" in declared:
            checks.append(("null", self._null))
        if "ties" in declared:
            checks.append(("ties", self._ties))
        return checks

    def _compared(self, x: Representation, y: Representation) -> float:
        return self.bare.compare(self.bare.prepare(x), self.bare.prepare(y))

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
            return Check("repeatable", False, f"it writes to {self.wrote}")
        return Check("repeatable", again == value, f"{value!r}, then {again!r}")

    def _symmetry(self, value: float) -> Check:
        back = self.value(self.inputs["noisy"], self.x)
        return self._same("symmetry", value, {"y, x": back})

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

    @cached_property
    def stated(self) -> float | None:
        """The declared chance level on random input."""
        return self.metric.chance(*self._unrelated)

    @cached_property
    def permuted(self) -> np.ndarray:
        """Values of random input with permuted rows, as many as permutations."""
        x, random = self._unrelated
        orders = self._orders(BRIEF_PERMUTATIONS if self.brief else PERMUTATIONS)
        return np.array([self._compared(x, random.permuted(order)) for order in orders])

    @property
    def _unrelated(self) -> tuple[Representation, Representation]:
        return Representation(self.x), Representation(self.inputs["random"])

    def _chance(self) -> Check:
        """Check that the declared chance level is the mean over permuted rows."""
        if self.stated is None:
            return Check("chance", True, "none for these data")
        mean, spread = float(self.permuted.mean()), float(self.permuted.std(ddof=1))
        # The spread of a few is itself uncertain.
        most = (12 if self.brief else 5) * spread / np.sqrt(len(self.permuted)) + TOLERANCE
        said = f"declared {self.stated:.6g}, permuted rows {mean:.6g}"
        return Check("chance", abs(self.stated - mean) <= most, said)

    def _null(self) -> Check:
        """Check that the metric's own null is the metric on permuted rows."""
        xs = [Representation(self.x), Representation(self.inputs["noisy"])]
        random, orders = Representation(self.inputs["random"]), self._orders(3)
        values = self.bare.null(xs, [random], orders)
        if values is None:
            return Check("null", True, "none for these data")
        own = [[self._compared(x, random.permuted(order)) for x in xs] for order in orders]
        return _differing("null", values[:, :, 0], np.array(own), "its own null")

    def _permute(self) -> Check:
        """Check that reordering what is prepared is preparing what is reordered."""
        x, random = (Representation(each) for each in (self.x, self.inputs["random"]))
        a, b, orders = self.bare.prepare(x), self.bare.prepare(random), self._orders(2)
        values = [self.bare.compare(a, self.bare.permute(b, order)) for order in orders]
        own = [self._compared(x, random.permuted(order)) for order in orders]
        return _differing("permute", np.array(values), np.array(own), "permuted once prepared")

    def _ties(self) -> Check:
        """Check that identical input scores less than the best only where there are ties."""
        x = Representation(np.round(self.x[:, :2]) + 0.5)  # no row of zeros
        try:
            ties, value = bool(self.bare.ties(x, x)), self._compared(x, x)
        except UndefinedError as error:  # of ordered neighbours, where many tie
            return Check("ties", True, f"undefined where many tie: {error}")
        best = self.metric.best
        holds = ties or "identity" in self.metric.declared
        holds = holds or not abs(value - best) > BEST_TOLERANCE * max(1.0, abs(best))
        said = "ties" if ties else "no ties"
        return Check("ties", holds, f"identical {value:.6g}, best {best:g}, and {said} are stated")

    def _orders(self, count: int) -> list[Tensor]:
        return [torch.from_numpy(self.rng.permutation(len(self.x))) for _ in range(count)]


def _differing(name: str, values: np.ndarray, own: np.ndarray, what: str) -> Check:
    """Check that values are those of the metric itself."""
    off = np.abs(values - own) / np.maximum(1.0, np.abs(own))
    worst = np.unravel_index(int(np.nanargmax(off)), off.shape)
    said = f"{what} {values[worst]:.6g}, the metric on permuted rows {own[worst]:.6g}"
    return Check(name, bool((off <= TOLERANCE).all()), said)


def _written(layer: Representation, before: np.ndarray, after: np.ndarray) -> str:
    """Return what of a layer was changed; empty for nothing."""
    if not np.array_equal(before, after):
        return "its input"
    fresh = Representation(before)
    for name, kept in VIEWS.of(layer).items():
        if name in SHARED and not torch.allclose(kept.value, getattr(fresh, name), equal_nan=True):
            return f"{name} of its input, which other metrics read"
    return ""
