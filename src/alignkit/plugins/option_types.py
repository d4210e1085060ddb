"""What values an option takes, as its annotation says, and how they are written as text.

=============================  ==================================================
``int``, ``float``, ``bool``   numbers; ``true``, ``yes``, ``1`` and their opposites
``str``, ``Path``              any text; a path is not part of a run's identity
``Literal["a", "b"]``          one of these
an ``Enum``                    one of its members, by name or value
``list[int]``                  values joined by ``+``, each of the type of the items
``tuple[int, ...]``            the same; ``tuple[int, int]`` takes exactly two
``X | None``                   ``none``, or a value of the type
=============================  ==================================================

Other annotations, such as that of a function, are kept as they are: their values are given in
Python only.
"""

from __future__ import annotations

import enum
import inspect
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

SCALARS = (int, float, bool, str, Path)
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SEQUENCES = (list, tuple, Sequence, Collection, Iterable)


def hints_of(target: Callable[..., object]) -> dict[str, Any]:
    """Return the annotations of the parameters, for a dataclass those of its fields."""
    # Inherited fields must be resolved in the module that declares them.
    sources = [target, target.__init__] if inspect.isclass(target) else [target]
    hints: dict[str, Any] = {}
    for source in sources:
        try:
            hints |= typing.get_type_hints(source)
        except Exception:  # nosec B112  # an annotation that only a type checker can resolve
            continue
    return hints


def option_type(hint: Any, default: object) -> tuple[Any, bool]:
    """Return the type of an option without None, and whether None is allowed.

    Parameters
    ----------
    hint : type or None
        The annotation; without one, the type is that of the default.
    default : object
    """
    optional = default is None
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    if hint in (None, Any, object, inspect.Parameter.empty):
        return _type_of(default), optional
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        arms = [arm for arm in typing.get_args(hint) if arm is not type(None)]
        optional = optional or len(arms) < len(typing.get_args(hint))
        if set(arms) == {int, float}:
            return float, optional
        return (arms[0] if len(arms) == 1 else typing.Union[tuple(arms)]), optional  # noqa: UP007
    return hint, optional


def converted(kind: Any, value: Any) -> Any:
    """Convert text, or a value from a file or from Python, to the type of an option.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If it is not one; ``described`` says what was expected.
    """
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return _first_of(kind, value)
    if typing.get_origin(kind) is typing.Literal:
        return _choice(typing.get_args(kind), value)
    if inspect.isclass(kind) and issubclass(kind, enum.Enum):
        return _member(kind, value)
    if _is_sequence(kind):
        return _several(kind, value)
    if kind in SCALARS:
        return _scalar(kind, value)
    if isinstance(value, str) and kind is not str:
        raise TypeError(value)
    return value


def described(kind: Any, value: object = "") -> str:
    """Return what is expected of a value, in words, with a suggestion for one that is wrong."""
    words = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
        Path: "a path",
    }
    if kind in words:
        return words[kind]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(described(arm) for arm in typing.get_args(kind))
    choices = _choices(kind)
    if choices:
        close = get_close_matches(str(value), choices, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        return f"one of {', '.join(choices)}{hint}"
    if _is_sequence(kind):
        length, item = _items(kind)
        several = f"{length} values" if length else "values"
        what = "names" if item is str else f"{several}, each {described(item)},"
        return f"{what} joined by +"
    return f"what an option of type {named(kind)} takes: it is set in Python, not by text"


def named(kind: Any) -> str:
    """Return the name of an option's type, as ``alignkit show`` prints it."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(named(arm) for arm in typing.get_args(kind))
    if choices := _choices(kind):
        return " or ".join(choices)
    if _is_sequence(kind):
        length, item = _items(kind)
        return f"{length or 'list of'} {named(item)}"
    return getattr(kind, "__name__", None) or str(kind)


def holds_paths(kind: Any) -> bool:
    """Return whether values of a type are paths, or contain some."""
    return kind is Path or any(holds_paths(arm) for arm in typing.get_args(kind))


def text_of(value: object) -> str:
    """Return a value as the text that ``converted`` reads; stored tables hold these texts."""
    if isinstance(value, (tuple, list)):
        return "+".join(text_of(each) for each in value)
    if isinstance(value, enum.Enum):
        return value.name
    return str(value).lower() if isinstance(value, bool) else str(value)


def plain_value(value: object) -> Any:
    """Return a value as JSON can hold it, which ``converted`` reads back."""
    if isinstance(value, (tuple, list)):
        return [plain_value(each) for each in value]
    simple = isinstance(value, (int, float, str)) and not isinstance(value, enum.Enum)
    return value if simple or value is None else text_of(value)


def _scalar(kind: type, value: Any) -> Any:
    if isinstance(value, (list, tuple, dict, set)):
        raise TypeError(value)
    if kind is bool:
        if isinstance(value, bool):
            return value
        if str(value).lower() not in _BOOLEANS:
            raise ValueError(value)
        return _BOOLEANS[str(value).lower()]
    if kind in (int, float) and isinstance(value, bool):
        raise TypeError(value)
    if kind is int:
        return _whole(value)
    if kind is float:
        number = float(value)
        if number != number:
            raise ValueError(value)
        return number
    if kind is Path and not str(value):
        raise ValueError(value)
    return kind(value)


def _whole(value: Any) -> int:
    """Return a whole number, also from ``1e3``; one of many digits keeps all of them."""
    if isinstance(value, str) and re.fullmatch(r"\s*[-+]?\d+\s*", value):
        return int(value)
    if isinstance(value, int):
        return value
    number = float(value)
    if number != int(number):
        raise ValueError(value)
    return int(number)


def _first_of(kind: Any, value: Any) -> Any:
    """Convert to the first type of a union that takes the value, with text as the last resort."""
    arms = sorted(typing.get_args(kind), key=lambda arm: arm in (str, Path))
    for arm in arms:
        try:
            return converted(arm, value)
        except (TypeError, ValueError, OverflowError):
            continue
    raise ValueError(value)


def _choice(choices: Iterable[Any], value: Any) -> Any:
    for choice in choices:
        if type(choice) is type(value) and choice == value:
            return choice
    for choice in choices:
        if text_of(choice) == str(value):
            return choice
    raise ValueError(value)


def _member(kind: type[enum.Enum], value: Any) -> enum.Enum:
    for member in kind:
        if value is member or str(value) in (member.name, str(member.value)):
            return member
    raise ValueError(value)


def _choices(kind: Any) -> list[str]:
    """Return the texts that an option takes where there are only some; otherwise none."""
    if typing.get_origin(kind) is typing.Literal:
        return [text_of(choice) for choice in typing.get_args(kind)]
    members = kind if inspect.isclass(kind) and issubclass(kind, enum.Enum) else ()
    return [text_of(member) for member in members]


def _is_sequence(kind: Any) -> bool:
    return (typing.get_origin(kind) or kind) in _SEQUENCES


def _items(kind: Any) -> tuple[int, Any]:
    """Return how many values an option of several takes, 0 for any number, and their type."""
    arms = typing.get_args(kind)
    if (typing.get_origin(kind) or kind) is not tuple:
        return 0, (arms[0] if arms else str)
    if not arms or arms[-1] is Ellipsis:
        return 0, (arms[0] if arms else str)
    return len(arms), typing.Union[arms]  # noqa: UP007


def _several(kind: Any, value: Any) -> Any:
    length, item = _items(kind)
    if isinstance(value, str):
        # The exponent of 1e+3 is no separator.
        between = r"(?<!\d[eE])(?<!\.[eE])\+" if item in (int, float) else r"\+"
        values = [piece.strip() for piece in re.split(between, value)] if value.strip() else []
        if "" in values:
            raise ValueError(value)
    else:
        values = list(value) if isinstance(value, (list, tuple)) else [value]
    if length and len(values) != length:
        raise ValueError(value)
    types_ = typing.get_args(kind) if length else [item] * len(values)
    made = [converted(each, one) for each, one in zip(types_, values, strict=True)]
    return made if (typing.get_origin(kind) or kind) is list else tuple(made)


def _type_of(default: object) -> Any:
    """Return the type of an option that has no annotation."""
    if isinstance(default, enum.Enum):
        return type(default)
    if isinstance(default, (list, tuple)):
        items = {type(each) for each in default}
        item = items.pop() if len(items) == 1 else str
        return list[item] if isinstance(default, list) else tuple[item, ...]  # type: ignore[valid-type]
    return next((kind for kind in (bool, int, float) if type(default) is kind), str)
