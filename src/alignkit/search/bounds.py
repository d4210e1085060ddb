"""Bounds of the parameters of a search: ``name=low:high``, ``low:high:log``, ``a,b,c``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alignkit.errors import UsageError

if TYPE_CHECKING:
    import optuna

EXPECTED = "NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=VALUE,VALUE,..."


@dataclass(frozen=True)
class Bound:
    """A range of numbers, or a choice of values.

    Attributes
    ----------
    low, high : float or int
        Both inclusive; integers are drawn when both are ``int``.
    log : bool
        Draw uniformly on the logarithm.
    choices : tuple
        Instead of a range.
    """

    low: float = 0
    high: float = 0
    log: bool = False
    choices: tuple[Any, ...] = ()

    def suggest(self, trial: optuna.Trial, name: str) -> Any:
        """Draw a value for a parameter of a trial."""
        if self.choices:
            return trial.suggest_categorical(name, self.choices)
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def __str__(self) -> str:
        """Return the bound as it is written on the command line."""
        if self.choices:
            return ",".join(map(str, self.choices))
        return f"{self.low}:{self.high}{':log' if self.log else ''}"


def parse_bound(text: str) -> tuple[str, Bound]:
    """Parse ``NAME=LOW:HIGH``, ``NAME=LOW:HIGH:log`` or ``NAME=VALUE,VALUE,...``.

    Raises
    ------
    UsageError
        When the text has none of these forms, or its range is empty.
    """
    name, equals, rest = (part.strip() for part in text.partition("="))
    pieces = [piece.strip() for piece in rest.split(":")]
    if not equals or not name or not rest:
        raise UsageError(f"bound '{text}' is not understood; expected {EXPECTED}")
    if len(pieces) == 1:
        return name, Bound(choices=tuple(_value(v.strip()) for v in rest.split(",") if v.strip()))
    try:
        low, high = (_number(piece) for piece in pieces[:2])
    except ValueError:
        raise UsageError(f"bound '{text}' is not a range of numbers; expected {EXPECTED}") from None
    log = pieces[2:] == ["log"]
    if pieces[2:] and not log:
        raise UsageError(f"bound '{text}' is not understood; expected {EXPECTED}")
    if not low <= high or not math.isfinite(low) or not math.isfinite(high):
        raise UsageError(f"bound '{text}' is an empty range: {low} is above {high}")
    if log and low <= 0:
        raise UsageError(f"bound '{text}' is logarithmic; its lower end must be above 0")
    if isinstance(low, float) or isinstance(high, float):
        low, high = float(low), float(high)
    return name, Bound(low, high, log)


def _number(text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return _number(text)
    except ValueError:
        return text
