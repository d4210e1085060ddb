"""Names and their owners: what every plugin has registered, by kind."""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from alignkit.errors import PluginError, UsageError

KINDS = ("metrics", "architectures", "placements", "tasks", "losses")

# Names stand in folder names and in specs, so nothing that a shell or a path would mind.
_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")


def singular(kind: str) -> str:
    """One of a kind, as messages and ``alignkit show`` call it."""
    return "loss" if kind == "losses" else kind.removesuffix("s")


@dataclass
class Plugin:
    """One plugin: an entry point of a distribution, or a ``.py`` file."""

    name: str
    distribution: str
    version: str
    module: str
    file: str = ""
    hooks: tuple[str, ...] = ()
    entries: list[Entry] = field(default_factory=list)
    seconds: float = 0.0
    requires: tuple[str, ...] = ()
    error: str = ""
    traceback: str = ""

    @property
    def label(self) -> str:
        return f"{self.distribution} {self.version}".strip()


@dataclass(frozen=True)
class Entry:
    """One registered name: its target, its owner and what it declares."""

    kind: str
    name: str
    target: Any
    plugin: Plugin = field(repr=False)
    summary: str = ""
    default: bool = False
    declarations: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Any:
        """Import the target, if it was given as ``"module:attr"``.

        Raises
        ------
        PluginError
            When the module or the attribute cannot be imported.
        """
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except Exception as error:
            raise PluginError(
                f"{singular(self.kind)} '{self.name}' of {self.plugin.label} cannot be imported "
                f"from '{self.target}': {type(error).__name__}: {error}"
            ) from error


class Registry:
    """All names of all loaded plugins. Nothing here depends on the order of loading."""

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self._entries: dict[str, dict[str, list[Entry]]] = {
            kind: defaultdict(list) for kind in KINDS
        }

    def add(self, plugin: Plugin) -> None:
        """Take in a plugin with everything that it registered."""
        self.plugins.append(plugin)
        for entry in plugin.entries:
            self._entries[entry.kind][entry.name].append(entry)

    def names(self, kind: str) -> list[str]:
        """Registered names of a kind, sorted."""
        return sorted(self._entries[_known_kind(kind)])

    def entries(self, kind: str) -> list[Entry]:
        """Entries of a kind, sorted by name; a contested name stands once for every owner."""
        return [entry for name in self.names(kind) for entry in self._entries[kind][name]]

    def get(self, kind: str, name: str) -> Entry:
        """Look a name up.

        Raises
        ------
        UsageError
            For an unknown name, with a suggestion.
        PluginError
            For a name that two distributions claim.
        """
        found = self._entries[_known_kind(kind)].get(name, [])
        if not found:
            raise UsageError(self._unknown(kind, name))
        if len(found) > 1:
            owners = " and ".join(sorted(entry.plugin.label for entry in found))
            raise PluginError(
                f"{singular(kind)} '{name}' is claimed by {owners}; uninstall one, or choose "
                "plugins with ALIGNKIT_PLUGINS"
            )
        return found[0]

    def default(self, kind: str) -> Entry:
        """The one entry of a kind that was registered with ``default=True``."""
        found = [entry for entry in self.entries(kind) if entry.default]
        if not found:
            raise UsageError(
                f"no plugin provides a default for {kind}; name one: {self._listing(kind)}"
            )
        if len(found) > 1:
            claims = " and ".join(f"'{entry.name}' of {entry.plugin.label}" for entry in found)
            raise PluginError(
                f"{claims} both want to be the default of {kind}; name one explicitly"
            )
        return found[0]

    def contested(self) -> list[tuple[str, str, list[str]]]:
        """Names that several plugins claim: ``(kind, name, owners)``."""
        return [
            (kind, name, sorted(entry.plugin.label for entry in entries))
            for kind in KINDS
            for name, entries in sorted(self._entries[kind].items())
            if len(entries) > 1
        ]

    def _unknown(self, kind: str, name: str) -> str:
        close = get_close_matches(name, self.names(kind), n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        broken = [plugin.label for plugin in self.plugins if plugin.error]
        missing = f" ({', '.join(broken)} failed to load: alignkit plugins -v)" if broken else ""
        return f"unknown {singular(kind)} '{name}'; {hint}Known: {self._listing(kind)}{missing}"

    def _listing(self, kind: str) -> str:
        names = self.names(kind)
        if not names:
            return f"none (no installed plugin provides {kind}; see 'alignkit plugins')"
        shown = ", ".join(names[:20])
        return shown + (
            f" and {len(names) - 20} more ('alignkit list {kind}')" if names[20:] else ""
        )


class Collector:
    """Takes in what one plugin registers, bound to its owner, until its hooks are through."""

    def __init__(self) -> None:
        self._plugin: Plugin | None = None

    def bind(self, plugin: Plugin) -> None:
        """Make a plugin the owner of what is registered next."""
        self._plugin = plugin

    def registrar(self, kind: str) -> Any:
        """Give the ``register`` callable that hooks of a kind receive."""

        def register(
            name: str, target: Any, *, summary: str = "", default: bool = False, **declarations: Any
        ) -> None:
            self._take(kind, name, target, summary, default, declarations)

        return register

    def _take(
        self,
        kind: str,
        name: str,
        target: Any,
        summary: str,
        default: bool,
        declarations: dict[str, Any],
    ) -> None:
        if self._plugin is None:
            raise PluginError(f"'{name}' was registered outside of a hook")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise PluginError(
                f"{name!r} is no name: use lower-case letters, digits and underscores"
            )
        if any(entry.kind == kind and entry.name == name for entry in self._plugin.entries):
            raise PluginError(f"{singular(kind)} '{name}' is registered twice")
        if isinstance(target, str) and not re.fullmatch(r"[\w.]+:\w+", target):
            raise PluginError(f"target {target!r} of '{name}' is not 'module:attribute'")
        entry = Entry(
            kind,
            name,
            _checked(kind, name, target, declarations),
            self._plugin,
            summary or _first_line(target),
            default,
            declarations,
        )
        self._plugin.entries.append(entry)


def _checked(kind: str, name: str, target: Any, declarations: Mapping[str, Any]) -> Any:
    """Refuse a broken registration while its owner is known."""
    if kind == "placements" and not isinstance(target, str):
        from alignkit.models.placement import as_placement

        return as_placement(target, name)
    if kind == "metrics":
        check_declarations(name, declarations)
    if kind == "losses":
        _check_known(f"loss '{name}'", declarations, {"maximise", "paper"})
    return target


def check_declarations(name: str, declarations: Mapping[str, Any]) -> None:
    """Refuse what a metric cannot declare, or an empty range."""
    known = {
        "range",
        "best",
        "symmetric",
        "invariances",
        "chance",
        "null",
        "cost",
        "paper",
        "identity",
        "inflated",
        "variants",
    }
    _check_known(f"metric '{name}'", declarations, known)
    low, high = declarations.get("range", (float("-inf"), float("inf")))
    if not low < high:
        raise PluginError(f"metric '{name}' declares an empty range ({low}, {high})")


def _check_known(what: str, declarations: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(declarations) - known)
    if unknown:
        raise PluginError(
            f"{what} declares {', '.join(unknown)}; known: {', '.join(sorted(known))}"
        )


def _first_line(target: Any) -> str:
    text = (
        ""
        if isinstance(target, (str, list, tuple, dict))
        else (getattr(target, "__doc__", "") or "")
    )
    return text.strip().partition("\n")[0]


def _known_kind(kind: str) -> str:
    if kind not in KINDS:
        close = get_close_matches(kind, KINDS, n=1)
        raise UsageError(
            f"unknown kind '{kind}'; known: {', '.join(KINDS)}"
            + (f"; did you mean '{close[0]}'?" if close else "")
        )
    return kind
