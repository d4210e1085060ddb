"""Options of plugins: one syntax, ``name:key=value,key=value``, for every kind.

A target's keyword parameters are its options. They are read from its signature, so a plugin
declares its options once, and the command line, ``alignkit show`` and the stored configuration
follow.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from alignkit.errors import UsageError

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Option:
    """One option of a target: its name, type and default, and whether it may be None."""

    name: str
    type: type
    default: Any
    optional: bool = False

    @property
    def is_path(self) -> bool:
        """Whether the option is a path; paths are not part of a run's identity."""
        return self.type is Path

    def convert(self, value: object) -> Any:
        """Convert text, or a value from a file, to the option's type.

        Raises
        ------
        UsageError
            If the value cannot be converted.
        """
        if self.optional and (value is None or value in ("none", "None", "")):
            return None
        try:
            return self._convert(value)
        except (TypeError, ValueError, KeyError, OverflowError):
            raise UsageError(
                f"option {self.name}={value!r} is not {_describe(self.type)} "
                f"(default {self.default!r})"
            ) from None

    def _convert(self, value: Any) -> Any:
        if self.type is bool:
            return value if isinstance(value, bool) else _BOOLEANS[str(value).lower()]
        if self.type is int:
            number = float(value)
            if isinstance(value, bool) or number != int(number):
                raise ValueError(value)
            return int(number)
        if self.type is tuple:
            names = value.split("+") if isinstance(value, str) else value
            return tuple(name.strip() for name in names if name.strip())
        return self.type(value)


def parse_spec(spec: str, positional: str | None = None) -> tuple[str, dict[str, str]]:
    """Split ``"svcca:dims=10,standardised=true"`` into a name and its options as text.

    Parameters
    ----------
    spec : str
    positional : str, optional
        The option that a first piece without ``=`` sets, as in ``folder:PATH,text=caption``.

    Raises
    ------
    UsageError
        If a piece after the colon is not of the form ``key=value``, or a key is given twice.
    """
    name, colon, rest = spec.partition(":")
    given: dict[str, str] = {}
    for piece in rest.split(",") if rest else []:
        key, equals, value = piece.partition("=")
        if positional and piece.strip() and not equals and not given:
            key, equals, value = positional, "=", piece
        key = key.strip()
        if not equals or not key:
            raise UsageError(
                f"'{piece}' in '{spec}' is not of the form key=value; write {name}:key=value,..."
            )
        if key in given:
            raise UsageError(f"option '{key}' is given twice in '{spec}'")
        given[key] = value.strip()
    if colon and not given:
        raise UsageError(f"'{spec}' has a colon but no options; write {name}:key=value,...")
    return name.strip(), given


def format_spec(name: str, options: Mapping[str, object]) -> str:
    """Format a name and its options as text that ``parse_spec`` can read."""
    if not options:
        return name
    return name + ":" + ",".join(f"{key}={_text(value)}" for key, value in sorted(options.items()))


def options_of(target: Callable[..., object]) -> dict[str, Option]:
    """Return the options of a target: the parameters of its signature that have a default.

    A class may keep its options in a dataclass, ``Options``; they are then those of its fields.
    """
    target = getattr(target, "Options", target)
    try:
        return dict(_read_options(target))
    except TypeError:  # it cannot be hashed
        return _read_options.__wrapped__(target)


@cache
def _read_options(target: Callable[..., object]) -> dict[str, Option]:
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return {}
    hints = _hints(target)
    options = {}
    for parameter in signature.parameters.values():
        if parameter.default is inspect.Parameter.empty:
            continue
        kind, optional = _plain_type(hints.get(parameter.name), parameter.default)
        options[parameter.name] = Option(parameter.name, kind, parameter.default, optional)
    return options


def bind(
    target: Callable[..., object] | Mapping[str, Option],
    given: Mapping[str, object],
    name: str = "",
) -> dict[str, Any]:
    """Check and convert the given options of a target, and fill in the defaults.

    Parameters
    ----------
    target : callable, or mapping of str to Option
        Or its options.
    given : mapping
        Values by option, as text or already converted.
    name : str
        What messages call the target; by default its ``__name__``.

    Raises
    ------
    UsageError
        For an option that the target does not have, or a value of the wrong type.
    """
    options = _known(target)
    label = name or getattr(target, "__name__", "this")
    for key in given:
        if key not in options:
            raise UsageError(f"{label} has no option '{key}'{_suggest(key, options)}")
    defaults = {key: option.default for key, option in options.items()}
    return defaults | {key: options[key].convert(value) for key, value in given.items()}


def changed(
    target: Callable[..., object] | Mapping[str, Option], bound: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options whose values differ from the target's defaults."""
    options = _known(target)
    return {key: value for key, value in bound.items() if value != options[key].default}


def _known(target: Callable[..., object] | Mapping[str, Option]) -> Mapping[str, Option]:
    return target if isinstance(target, Mapping) else options_of(target)


def _suggest(key: str, options: Mapping[str, Option]) -> str:
    """Return the end of a message about an unknown option: the closest one, and all others."""
    if not options:
        return "; it has none"
    close = get_close_matches(key, options, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return f"{hint} It has: {', '.join(options)}" if close else f"; it has: {', '.join(options)}"


def _hints(target: Callable[..., object]) -> dict[str, Any]:
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


def _plain_type(hint: Any, default: object) -> tuple[type, bool]:
    """Reduce an annotation to a plain type, and to whether None is allowed.

    The type is int, float, bool, str, Path, or tuple for several names.
    """
    optional = default is None
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        arms = [arm for arm in typing.get_args(hint) if arm is not type(None)]
        optional = optional or len(arms) < len(typing.get_args(hint))
        hint = float if set(arms) == {int, float} else arms[0] if len(arms) == 1 else str
    if typing.get_origin(hint) is typing.Literal:
        hint = type(typing.get_args(hint)[0])
    if hint == tuple[str, ...]:
        return tuple, optional
    if hint in (int, float, bool, str, Path):
        return hint, optional
    return (type(default) if type(default) in (int, float, bool, str) else str), optional


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _describe(kind: type) -> str:
    descriptions: dict[type, str] = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
        Path: "a path",
        tuple: "names joined by +",
    }
    return descriptions.get(kind, kind.__name__)
