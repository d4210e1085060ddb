"""Options of plugins: one syntax, ``name:key=value,key=value``, for every kind.

A target's keyword parameters are its options. They are read from its signature, so a plugin
declares its options once, and the command line, ``alignkit show`` and the stored configuration
follow. What values an option takes follows from its annotation: see ``option_types``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from alignkit.errors import UsageError
from alignkit.plugins.option_types import (
    converted,
    described,
    hints_of,
    holds_paths,
    named,
    option_type,
    text_of,
)


@dataclass(frozen=True)
class Option:
    """One option of a target: its name, type and default, and whether it may be None.

    The type is what ``option_type`` makes of the annotation: int, ``Literal["a", "b"]``,
    ``tuple[float, ...]``.
    """

    name: str
    type: Any
    default: Any
    optional: bool = False

    @property
    def is_path(self) -> bool:
        """Whether the option is a path, or several; paths are not part of a run's identity."""
        return holds_paths(self.type)

    @property
    def type_name(self) -> str:
        """The type as ``alignkit show`` prints it: ``int``, ``a or b``, ``list of float``."""
        return named(self.type)

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
            return converted(self.type, value)
        except (TypeError, ValueError, OverflowError):
            raise UsageError(
                f"option '{self.name}={text_of(value)}' is not {described(self.type, value)} "
                f"(default {text_of(self.default)})"
            ) from None


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
    return (
        name + ":" + ",".join(f"{key}={text_of(value)}" for key, value in sorted(options.items()))
    )


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
    hints = hints_of(target)
    options = {}
    for parameter in signature.parameters.values():
        if parameter.default is inspect.Parameter.empty:
            continue
        kind, optional = option_type(hints.get(parameter.name), parameter.default)
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
    return {k: v for k, v in bound.items() if _as_given(v) != _as_given(options[k].default)}


def _as_given(value: object) -> object:
    """Return a list as a tuple: a default may be one where the annotation says the other."""
    return tuple(value) if isinstance(value, list) else value


def _known(target: Callable[..., object] | Mapping[str, Option]) -> Mapping[str, Option]:
    return target if isinstance(target, Mapping) else options_of(target)


def _suggest(key: str, options: Mapping[str, Option]) -> str:
    """Return the end of a message about an unknown option: the closest one, and all others."""
    if not options:
        return "; it has none"
    close = get_close_matches(key, options, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return f"{hint} It has: {', '.join(options)}" if close else f"; it has: {', '.join(options)}"
