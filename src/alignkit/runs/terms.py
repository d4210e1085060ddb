"""The terms of a training's loss, objectives and auxiliary losses: the options that they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from alignkit.errors import UsageError
from alignkit.plugins import registry
from alignkit.plugins.options import Option, bind, options_of
from alignkit.plugins.registry import singular
from alignkit.runs.training import OBJECTIVES, Training, objective_entry

# The options that all terms of a kind have: which states they read, how they are pooled, and the
# width of learned projections. alignkit's own objectives have none of them.
COMMON = {"objectives": ("layer", "pool"), "losses": ("layer", "pool", "projection")}


def check_terms(training: Training) -> None:
    """Refuse names and options of objectives and losses that there are not.

    Raises
    ------
    UsageError
    """
    for term in training.weighted_objectives:
        entry = objective_entry(term.name)
        if term.name in OBJECTIVES and term.options:
            bind(entry.options(), term.options, f"objective '{term.name}'")
        elif term.options:
            _check_own(entry.options(), term.options, "objectives", term.name)
    for term in training.weighted_aux:
        entry = registry().get("losses", term.name)
        if term.options:
            _check_own(entry.options(), term.options, "losses", term.name)


def _check_own(
    options: Mapping[str, Option], given: Mapping[str, str], kind: str, name: str
) -> None:
    own = {key: value for key, value in given.items() if key not in COMMON[kind]}
    bind_own(options, own, kind, name)


def bind_own(
    target: Callable[..., Any] | Mapping[str, Option],
    given: Mapping[str, str],
    kind: str,
    name: str,
) -> dict[str, Any]:
    """Return the options of what a plugin registered, as ``bind``.

    Parameters
    ----------
    target : callable, or mapping of str to Option
    given : mapping
        Values by option, as text; without those that all terms have.
    kind : str
        ``objectives`` or ``losses``.
    name : str

    Raises
    ------
    UsageError
        For an unknown option, or a value of the wrong type.
    """
    word = singular(kind)
    try:
        return bind(target, given, f"{word} '{name}'")
    except UsageError as error:
        known = target if isinstance(target, Mapping) else options_of(target)
        if not given.keys() - known.keys():
            raise
        every = f"every {word} has: {', '.join(COMMON[kind])}"
        raise UsageError(f"{error}; {every}") from None
