"""A metric by name and parameters: what it declares, and how it is computed."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.errors import UndefinedError, UsageError
from alignkit.plugins import Entry, registry
from alignkit.plugins.calls import PluginCall
from alignkit.plugins.code import code_of
from alignkit.plugins.options import bind, changed, format_spec, parse_spec

if TYPE_CHECKING:
    from torch import Tensor

    from alignkit.metrics.representation import Representation
    from alignkit.metrics.ties import Ties

# Values beyond the declared range by less than this are rounding, and are set to its end.
ROUNDING = 1e-6


class NoNumberError(UndefinedError):
    """A metric gave NaN, without a reason."""


@dataclass(frozen=True)
class Metric:
    """A registered metric with its parameters.

    Attributes
    ----------
    name : str
    parameters : mapping
        All of them, defaults included.
    spec : str
        Name and parameters that differ from the defaults: ``svcca:dims=10``.
    source : callable or Entry
        The target, or the registered entry from which it is imported when it is needed.
    declared : mapping
        Range, best value, symmetry, invariances, version, chance, null, ties, cost and paper.
    """

    name: str
    parameters: Mapping[str, Any]
    spec: str
    source: Callable[..., Any] | Entry
    declared: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> Callable[..., Any]:
        """What computes it.

        ``target(x, y, **parameters) -> float``, or a class with ``prepare(x)``, ``compare(a, b)``
        and perhaps ``permute(a, order)`` whose constructor takes the parameters.

        Raises
        ------
        PluginError
            When it cannot be imported.
        """
        target: Callable[..., Any]
        target = self.source.load() if isinstance(self.source, Entry) else self.source
        return target

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest possible value."""
        low, high = self.declared.get("range", (float("-inf"), float("inf")))
        return float(low), float(high)

    @property
    def best(self) -> float:
        """The value of perfect alignment."""
        return float(self.declared.get("best", self.range[1]))

    @property
    def higher_is_better(self) -> bool:
        """False for distances."""
        return self.best > self.range[0]

    @property
    def version(self) -> int:
        """Of its definition, from 1: values of different versions cannot be compared."""
        return int(self.declared.get("version", 1))

    @property
    def code(self) -> str:
        """The key of its plugin's code; empty where its version alone tells.

        Values of other code may differ.
        """
        if not isinstance(self.source, Entry) or self.source.plugin.versioned:
            return ""
        return code_of(self.source)

    @property
    def symmetric(self) -> bool:
        """Whether swapping x and y gives the same value."""
        return bool(self.declared.get("symmetric", False))

    @property
    def owner(self) -> Entry | str:
        """Whose code it is, as messages name it."""
        return self.source if isinstance(self.source, Entry) else f"metric '{self.name}'"

    def prepare(self, x: Representation) -> Any:
        """Do the work of one layer, once; plain functions leave it to the shared views."""
        if self._pair is None:
            return x
        with self._call("a prepared layer"):
            return self._pair.prepare(x)

    def compare(self, a: Any, b: Any) -> float:
        """Compare two prepared layers.

        Raises
        ------
        UndefinedError
            On degenerate data.
        PluginError
            When the metric fails, or gives what is no number or beyond its range.
        """
        with self.value_call:
            if self._pair is None:
                value = self.target(a, b, **self.parameters)
            else:
                value = self._pair.compare(a, b)
        return self._settled(value, self.value_call)

    def chance(self, x: Representation, y: Representation) -> float | None:
        """Return the mean over all permutations of rows in closed form; None where unknown."""
        call = self._call("its chance level", f"{self._expected}, or None")
        value = self._declared("chance", call, x, y)
        return None if value is None else self._settled(value, call)

    @property
    def permutes(self) -> bool:
        """Whether it can reorder the samples of what it has prepared."""
        return hasattr(self._pair, "permute")

    def permute(self, prepared: Any, order: Tensor) -> Any:
        """Reorder the samples of a prepared layer."""
        with self._call("a permuted layer"):
            return self._pair.permute(prepared, order)

    def null(
        self, xs: Sequence[Representation], ys: Sequence[Representation], orders: Sequence[Tensor]
    ) -> np.ndarray | None:
        """Return values of all pairs on permuted rows of y, where the metric has a fast way.

        Returns
        -------
        ndarray (len(orders), len(xs), len(ys)) or None
            NaN where a permutation has no value.
        """
        shape = len(orders), len(xs), len(ys)
        within = f" with values {self._bounds}" if self._bounds else ""
        call = self._call("its null", f"an array of shape {shape}{within}")
        values = self._declared("null", call, xs, ys, orders)
        if values is None:
            return None
        with call:
            array = np.asarray(values)
        if array.shape != shape or array.dtype.kind not in "fiu":
            raise call.gave(values)
        low, high = self.range
        off = (array < low - _slack(low)) | (array > high + _slack(high)) | np.isinf(array)
        if off.any():
            raise call.gave(array[off][0].item())
        clipped: np.ndarray = np.clip(array.astype(float), low, high)
        return clipped

    def ties(self, x: Representation, y: Representation) -> list[Ties | None]:
        """Return how neighbours tie in x and in y; empty where ties do not matter."""
        call = self._call("its ties", "what x.ties(k, distance) and y.ties(k, distance) return")
        ties = self._declared("ties", call, x, y)
        if ties is None:
            return []
        if not isinstance(ties, (list, tuple)) or not all(map(_is_ties, ties)):
            raise call.gave(ties)
        return list(ties) if any(side is not None for side in ties) else []

    def _declared(self, name: str, call: PluginCall, *given: Any) -> Any:
        """Call a function that is declared, by its name in a module or itself; None without."""
        source = self.declared.get(name)
        if source is None:
            return None
        with call:
            if isinstance(source, str):
                module, _, attribute = source.partition(":")
                source = getattr(importlib.import_module(module), attribute)
            return source(*given, **self.parameters)

    def _call(self, asked: str, expected: str = "") -> PluginCall:
        return PluginCall(self.owner, asked, expected)

    @cached_property
    def value_call(self) -> PluginCall:
        """The call for a value."""
        return self._call("its value", self._expected)

    @property
    def _expected(self) -> str:
        return f"a number {self._bounds}".rstrip()

    @property
    def _bounds(self) -> str:
        low, high = self.range
        return f"from {low:g} to {high:g}" if self.range != (-math.inf, math.inf) else ""

    def warning(self, x: Representation, y: Representation) -> str:
        """Return what a reader of a value on these data should know; empty for nothing."""
        return "; ".join(filter(None, [self._tie_warning(x, y), self._chance_warning(x, y)]))

    def _tie_warning(self, x: Representation, y: Representation) -> str:
        sides = [
            (side, ties)
            for side, ties in zip((x, y), self.ties(x, y), strict=False)
            if ties is not None and ties.exceeding
        ]
        if not sides:
            return ""
        named = " and ".join(
            f"{ties.exceeding:,} of {side.n:,} samples of {side.label}" for side, ties in sides
        )
        largest = max(ties.largest for _, ties in sides)
        return (
            f"{self.spec}: {named} have up to {largest:,} neighbours at the same distance, more "
            f"than k={self.parameters.get('k', 1)}; they share the places, so that identical "
            "data score self_score"
        )

    def _chance_warning(self, x: Representation, y: Representation) -> str:
        k = self.parameters.get("k")
        if isinstance(k, int) and k > 0.1 * (x.n - 1):
            return (
                f"{self.spec}: k={k} is {k / (x.n - 1):.0%} of the {x.n - 1} other samples, "
                "so chance overlap is high"
            )
        widest = max(x.width, y.width)
        if self.declared.get("inflated") and x.n <= widest:
            return (
                f"{self.spec}: {x.n} samples for a width of {widest}; unrelated data score high "
                "here, read it against its chance level"
            )
        return ""

    @cached_property
    def _pair(self) -> Any:
        """The object that prepares and compares, for a metric that is a class."""
        target = self.target
        if not isinstance(target, type):
            return None
        call = self._call("its object", "one with prepare(x) and compare(a, b)")
        with call:
            pair = target(**self.parameters)
        for method in ("prepare", "compare"):
            if not callable(getattr(pair, method, None)):
                raise call.failed(f"has no method '{method}'")
        return pair

    def _settled(self, value: Any, call: PluginCall) -> float:
        """Return a value as a number in the declared range."""
        number = value if type(value) is float else _as_number(value)
        if number is None:
            raise call.gave(value)
        low, high = self.range
        if number != number:
            raise NoNumberError(f"{self.name} gave no number on these data")
        if not low - _slack(low) <= number <= high + _slack(high) or math.isinf(number):
            raise call.gave(value)
        return min(max(number, low), high)


def _slack(end: float) -> float:
    """Return how far beyond an end of the range a value may be by rounding."""
    return ROUNDING * max(1.0, abs(end)) if math.isfinite(end) else 0.0


def _as_number(value: Any) -> float | None:
    """Return a number of any library, also an array or tensor without dimensions; else None."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if plain else None


def _is_ties(value: object) -> bool:
    return value is None or hasattr(value, "exceeding")


def resolve(spec: str) -> Metric:
    """Look up ``name`` or ``name:key=value,key=value``.

    Raises
    ------
    UsageError
        For an unknown metric or parameter, with a suggestion.
    """
    name, given = parse_spec(spec)
    entry = registry().get("metrics", name)
    name, options = entry.name, entry.options()
    parameters = bind(options, given, f"metric '{name}'")
    declared = dict(entry.declarations)
    for option, by_value in declared.pop("variants", {}).items():
        declared |= by_value.get(parameters.get(option), {})
    spec = format_spec(name, changed(options, parameters))
    return Metric(name, parameters, spec, entry, declared)


def metric_of(
    target: Any, parameters: Mapping[str, Any], declared: Mapping[str, Any] | None = None
) -> Metric:
    """Return a metric that is not registered: a function, or a class that prepares.

    Parameters
    ----------
    target : callable
        See ``alignkit.Metric`` and ``alignkit.PreparedMetric``.
    parameters : mapping
        Values of its options; the others have their defaults.
    declared : mapping, optional
        What it declares about itself.

    Raises
    ------
    UsageError
        When it cannot be called, or has no such option.
    """
    if not callable(target):
        raise UsageError(
            f"`metric` is {target!r}; expected a name, a function of two representations, or a "
            "list of these"
        )
    function = getattr(target, "func", target)  # of functools.partial
    name = getattr(function, "__name__", type(function).__name__)
    declared = {key: value for key, value in (declared or {}).items() if key != "variants"}
    return Metric(name, bind(target, parameters, f"metric '{name}'"), name, target, declared)
