"""The version of what plugins may use, and whether a plugin was written for it."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from alignkit.errors import AlignkitDeprecationWarning, PluginError
from alignkit.plugins.calls import described
from alignkit.plugins.registry import Plugin, normal_name
from alignkit.plugins.requirements import unmet

# Raised where something that docs/plugin-api.md calls public is removed or changes its meaning.
# A plugin may state the version that it was written for: PLUGIN_API = 1 in its module.
PLUGIN_API = 1
OLDEST = 1  # the oldest version whose plugins still work

_STATED = re.compile(r"^PLUGIN_API\s*(?::[^=\n]+)?=\s*(\d+)\s*(?:#.*)?$", flags=re.MULTILINE)


def check_requirement(requires: Iterable[str]) -> None:
    """Refuse a plugin whose distribution is made for other versions of alignkit.

    Raises
    ------
    PluginError
    """
    if _for_others(tuple(line for line in requires if _name_of(line) == "alignkit")):
        raise PluginError("it is made for other versions of alignkit")


@cache  # most plugins require the same
def _for_others(requires: tuple[str, ...]) -> bool:
    try:
        version("alignkit")
    except PackageNotFoundError:  # it is used from its source
        return False
    return bool(unmet(requires))


def check_stated(stated: object) -> None:
    """Refuse a plugin whose ``PLUGIN_API`` is not among those that this alignkit has.

    Raises
    ------
    PluginError
    """
    if reason := _other(stated):
        raise PluginError(reason)


def other_in_source(plugin: Plugin) -> str:
    """Return why a plugin that cannot be imported is for another API; empty where it is not.

    What it lacks in this alignkit tells less than the version that it states in its source.
    """
    file = plugin.file
    if not file:
        with contextlib.suppress(ImportError, ValueError, AttributeError):
            spec = importlib.util.find_spec(plugin.module.partition(":")[0])
            file = str(spec.origin or "") if spec else ""
    with contextlib.suppress(OSError, UnicodeError):
        stated = _STATED.search(Path(file).read_text()) if file.endswith(".py") else None
        return _other(int(stated[1])) if stated else ""
    return ""


@contextlib.contextmanager
def named_deprecations(notes: list[str]) -> Iterator[None]:
    """Add to ``notes`` what the plugin uses that goes in a later version of alignkit."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", AlignkitDeprecationWarning)
            yield
    finally:
        for each in caught:
            if issubclass(each.category, AlignkitDeprecationWarning):
                notes.append(f"uses what will go: {each.message}")
            else:
                warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def _other(stated: object) -> str:
    if not isinstance(stated, int) or isinstance(stated, bool) or stated < 1:
        return (
            f"its PLUGIN_API is {described(stated)}; expected a whole number such as {PLUGIN_API}"
        )
    here = f"this alignkit has version {PLUGIN_API}"
    if stated > PLUGIN_API:
        return (
            f"it is written for version {stated} of the plugin API, and {here}: "
            "pip install --upgrade alignkit"
        )
    if stated < OLDEST:
        return (
            f"it is written for version {stated} of the plugin API, and {here}, which takes "
            f"plugins from version {OLDEST}; install a newer version of the plugin"
        )
    return ""


def _name_of(requirement: str) -> str:
    match = re.match(r"\s*([\w.-]+)", requirement)
    return normal_name(match[1]) if match else ""
