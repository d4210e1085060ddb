"""What a registered name declares about itself, and what values that may have."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

from alignkit.errors import PluginError
from alignkit.plugins.calls import described
from alignkit.tasks.score import named_like_a_loss

TARGET = re.compile(r"[\w.]+:\w+")
INVARIANCES = ("rotation", "scale", "shift", "linear")
WITHIN = ("means", "classes")
PLACEMENTS = ("candidates", "fixed")
READS = ("label", "labels", "number")


def check_declarations(title: str, known: Collection[str], declarations: Mapping[str, Any]) -> None:
    """Check what a name declares about itself.

    Parameters
    ----------
    title : str
        Kind and name, for messages: ``metric 'rv'``.
    known : collection of str
        What names of its kind can declare.
    declarations : mapping

    Raises
    ------
    PluginError
        For a declaration that the kind does not have, with a suggestion, and for a value that
        it cannot have.
    """
    for key, value in declarations.items():
        if key not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise PluginError(f"{title} declares {key}{_meant(key, known)}; known: {listed}")
        expected = CHECKS[key](value) if key in CHECKS else ""
        if expected:
            given = repr(value) if isinstance(value, (list, tuple)) else described(value)
            raise PluginError(f"{title} declares {key}={given}; expected {expected}")
    low, high = declarations.get("range", (-math.inf, math.inf))
    best = declarations.get("best", high)
    if not low < high:
        raise PluginError(
            f"{title} declares an empty range ({low}, {high}); expected (low, high) with low < high"
        )
    if not low <= best <= high:
        raise PluginError(f"{title} declares best={best}, outside its range ({low}, {high})")
    plain = {key: value for key, value in declarations.items() if key != "variants"}
    for option, by_value in declarations.get("variants", {}).items():
        for value, varied in by_value.items():
            check_declarations(f"{title} with {option}={value}", known, {**plain, **varied})


def _meant(word: object, known: Collection[str]) -> str:
    close = get_close_matches(str(word), list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


# Each returns what is expected, and an empty text if the value is that.
def _text(value: Any) -> str:
    return "" if isinstance(value, str) else "a text"


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "True or False"


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and not math.isnan(value)


def _number(value: Any) -> str:
    return "" if _is_number(value) else "a number"


def _range(value: Any) -> str:
    pair = isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_is_number, value))
    return "" if pair else "two numbers, (low, high)"


def _version(value: Any) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return "" if whole else "a whole number from 1"


def _function(value: Any) -> str:
    written = isinstance(value, str) and TARGET.fullmatch(value)
    return "" if written or callable(value) else "'module:function', or a function"


def _within(value: Any) -> str:
    return "" if value in WITHIN else f"one of {', '.join(WITHIN)}{_meant(value, WITHIN)}"


def _placements(value: Any) -> str:
    return "" if value in PLACEMENTS else f"one of {', '.join(PLACEMENTS)}"


def _reads(value: Any) -> str:
    return "" if value in READS else f"one of {', '.join(READS)}{_meant(value, READS)}"


def _targets(value: Any) -> str:
    several = isinstance(value, (tuple, list)) and value and all(isinstance(v, str) for v in value)
    return "" if several else "names of classes of targets, as in ('Binary', 'SingleLabel')"


def _scores(value: Any) -> str:
    several = isinstance(value, (tuple, list)) and all(isinstance(v, str) for v in value)
    named = several and all(re.fullmatch("[a-z0-9_]+", name) for name in value)
    if not named or "accuracy" in value:
        return "names of scores in lower-case letters, digits and underscores, without accuracy"
    wrong = [name for name in value if named_like_a_loss(name)]
    return f"scores of which higher is better, which {wrong[0]} does not say" if wrong else ""


def _invariances(value: Any) -> str:
    several = f"several of {', '.join(INVARIANCES)}, as in ('rotation', 'scale')"
    if isinstance(value, str) or not isinstance(value, (tuple, list, set, frozenset)):
        return several
    unknown = next((each for each in value if each not in INVARIANCES), None)
    return "" if unknown is None else f"{several}{_meant(unknown, INVARIANCES)}"


def _variants(value: Any) -> str:
    nested = isinstance(value, Mapping) and all(
        isinstance(by_value, Mapping) and all(isinstance(v, Mapping) for v in by_value.values())
        for by_value in value.values()
    )
    return "" if nested else "{option: {value: declarations}}"


CHECKS: dict[str, Callable[[Any], str]] = {
    "range": _range,
    "best": _number,
    "symmetric": _flag,
    "invariances": _invariances,
    "chance": _function,
    "null": _function,
    "ties": _function,
    "version": _version,
    "identity": _text,
    "inflated": _flag,
    "variants": _variants,
    "within": _within,
    "cost": _text,
    "paper": _text,
    "maximise": _flag,
    "higher_is_better": _flag,
    "targets": _targets,
    "placements": _placements,
    "scores": _scores,
    "reads": _reads,
}
