"""A metric by name and parameters: what it declares, and how it is computed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.errors import UndefinedError, UsageError
from alignkit.plugins import Entry, registry
from alignkit.plugins.code import code_of
from alignkit.plugins.options import bind, changed, format_spec, parse_spec

if TYPE_CHECKING:
    from torch import Tensor

    from alignkit.metrics.representation import Representation
    from alignkit.metrics.ties import Ties

# Values beyond the declared range by less than this are rounding, and are set to its end.
ROUNDING = 1e-6


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

    def prepare(self, x: Representation) -> Any:
        """Do the work of one layer, once; plain functions leave it to the shared views."""
        return self._pair.prepare(x) if self._pair else x

    def compare(self, a: Any, b: Any) -> float:
        """Compare two prepared layers.

        Raises
        ------
        UndefinedError
            On degenerate data.
        """
        value = self._pair.compare(a, b) if self._pair else self.target(a, b, **self.parameters)
        return self._settled(float(value))

    def chance(self, x: Representation, y: Representation) -> float | None:
        """Return the mean over all permutations of rows in closed form; None where unknown."""
        source = self._declared_function("chance")
        value = None if source is None else source(x, y, **self.parameters)
        return None if value is None else float(value)

    @property
    def permutes(self) -> bool:
        """Whether it can reorder the samples of what it has prepared."""
        return hasattr(self._pair, "permute")

    def permute(self, prepared: Any, order: Tensor) -> Any:
        """Reorder the samples of a prepared layer."""
        return self._pair.permute(prepared, order)

    def null(
        self, xs: Sequence[Representation], ys: Sequence[Representation], orders: Sequence[Tensor]
    ) -> np.ndarray | None:
        """Return values of all pairs on permuted rows of y, where the metric has a fast way.

        Returns
        -------
        ndarray (len(orders), len(xs), len(ys)) or None
        """
        source = self._declared_function("null")
        values = None if source is None else source(xs, ys, orders, **self.parameters)
        return None if values is None else np.clip(values, *self.range)

    def _declared_function(self, name: str) -> Any:
        source = self.declared.get(name)
        if isinstance(source, str):
            module, _, attribute = source.partition(":")
            return getattr(importlib.import_module(module), attribute)
        return source

    def ties(self, x: Representation, y: Representation) -> list[Ties | None]:
        """Return how neighbours tie in x and in y; empty where ties do not matter."""
        source = self._declared_function("ties")
        ties: list[Ties | None] = [] if source is None else source(x, y, **self.parameters)
        return ties if any(side is not None for side in ties) else []

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
        return self.target(**self.parameters) if isinstance(self.target, type) else None

    def _settled(self, value: float) -> float:
        low, high = self.range
        if value != value:
            raise UndefinedError(f"{self.name} gave no number on these data")
        if low <= value <= high:
            return value
        nearest = min(max(value, low), high)
        if abs(value - nearest) > ROUNDING * max(1.0, abs(nearest)):
            raise UsageError(
                f"{self.name} gave {value}, outside its declared range {low:g} to {high:g}"
            )
        return nearest


def resolve(spec: str) -> Metric:
    """Look up ``name`` or ``name:key=value,key=value``.

    Raises
    ------
    UsageError
        For an unknown metric or parameter, with a suggestion.
    """
    name, given = parse_spec(spec)
    entry = registry().get("metrics", name)
    options = entry.options()
    parameters = bind(options, given, f"metric '{name}'")
    declared = dict(entry.declarations)
    for option, by_value in declared.pop("variants", {}).items():
        declared |= by_value.get(parameters.get(option), {})
    spec = format_spec(name, changed(options, parameters))
    return Metric(name, parameters, spec, entry, declared)
