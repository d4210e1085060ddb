"""Names and their owners: what every plugin has registered, by kind."""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from alignkit.errors import PluginError, UsageError, in_one_line
from alignkit.plugins.calls import PluginCall, check_command, is_fault
from alignkit.plugins.declared import declared_options
from alignkit.plugins.hookspecs import DECLARATIONS
from alignkit.plugins.options import Option, options_of

KINDS = ("metrics", "architectures", "placements", "tasks", "losses", "encoders")

# Names become parts of paths and specs, so they hold nothing special to a shell or file system.
_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")


def singular(kind: str) -> str:
    """Return the singular of a kind, as used in messages and by ``alignkit show``."""
    return "loss" if kind == "losses" else kind.removesuffix("s")


@dataclass
class Plugin:
    """One plugin: an entry point of a distribution, or a ``.py`` file.

    ``versioned`` plugins vouch for the versions that they declare; ``code`` is the key of its
    code, once it was asked for.
    """

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
    is_file: bool = False
    versioned: bool = False
    code: str = ""

    @property
    def label(self) -> str:
        """The distribution and its version, as shown in messages."""
        return f"{self.distribution} {self.version}".strip()


@dataclass(frozen=True)
class Entry:
    """One registered name: its target, its owner and its declarations."""

    kind: str
    name: str
    target: object
    plugin: Plugin = field(repr=False)
    summary: str = ""
    default: bool = False
    declarations: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Kind, name and owner, as messages begin with them: ``metric 'rv' of rv 0.1``."""
        return f"{singular(self.kind)} '{self.name}' of {self.plugin.label}"

    @property
    def check(self) -> str:
        """The command that checks it."""
        file = self.plugin.file if self.plugin.is_file else ""
        return check_command(singular(self.kind), self.name, file)

    def load(self) -> Any:
        """Return the target, imported if it was given as ``"module:attr"``.

        Raises
        ------
        PluginError
            If the module or the attribute cannot be imported.
        """
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except BaseException as error:
            if not is_fault(error):
                raise
            said = f"cannot be imported from '{self.target}': {in_one_line(error)}"
            raise PluginCall(self).failed(said) from error

    def options(self) -> Mapping[str, Option]:
        """Return the options of the target; it is imported only where its source does not tell.

        Raises
        ------
        PluginError
            If it has to be imported and cannot be.
        """
        declared = declared_options(self.target) if isinstance(self.target, str) else None
        return options_of(self.load()) if declared is None else declared


class Registry:
    """The names of all loaded plugins, independent of the order in which they were loaded."""

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self._entries: dict[str, dict[str, list[Entry]]] = {
            kind: defaultdict(list) for kind in KINDS
        }

    def add(self, plugin: Plugin) -> None:
        """Add a plugin with everything that it registered."""
        self.plugins.append(plugin)
        for entry in plugin.entries:
            self._entries[entry.kind][entry.name].append(entry)

    def names(self, kind: str) -> list[str]:
        """Return the registered names of a kind, sorted."""
        return sorted(self._entries[_known_kind(kind)])

    def entries(self, kind: str) -> list[Entry]:
        """Return the entries of a kind, sorted by name; a contested name has one for each owner."""
        return [entry for name in self.names(kind) for entry in self._entries[kind][name]]

    def get(self, kind: str, name: str) -> Entry:
        """Return the entry of a name.

        Raises
        ------
        UsageError
            For an unknown name, with a suggestion.
        PluginError
            For a name that several distributions claim.
        """
        claims = self._entries[_known_kind(kind)].get(name, [])
        if not claims:
            raise UsageError(self._unknown(kind, name))
        if len(claims) > 1:
            owners = " and ".join(sorted(entry.plugin.label for entry in claims))
            raise PluginError(
                f"{singular(kind)} '{name}' is claimed by {owners}; uninstall one of them, or "
                "select plugins with ALIGNKIT_PLUGINS"
            )
        return claims[0]

    def default(self, kind: str) -> Entry:
        """Return the entry of a kind that was registered with ``default=True``.

        Raises
        ------
        UsageError
            If there is none.
        PluginError
            If there are several.
        """
        defaults = [entry for entry in self.entries(kind) if entry.default]
        if not defaults:
            raise UsageError(
                f"no plugin provides a default for {kind}; name one: {self._listing(kind)}"
            )
        if len(defaults) > 1:
            claims = " and ".join(f"'{entry.name}' of {entry.plugin.label}" for entry in defaults)
            raise PluginError(
                f"{claims} are both registered as the default of {kind}; name one explicitly"
            )
        return defaults[0]

    def meant(self, kind: str, specs: Sequence[str]) -> list[str]:
        """Return what specs mean, each once: every name for ``all``, the default for none.

        Raises
        ------
        UsageError
            If there are no specs and no default.
        """
        meant: list[str] = []
        for spec in specs or [self.default(kind).name]:
            meant += self.names(kind) if spec == "all" else [spec]
        return list(dict.fromkeys(meant))

    def contested(self) -> list[tuple[str, str, list[str]]]:
        """Return the names that several plugins claim, as ``(kind, name, owners)``."""
        return [
            (kind, name, sorted(entry.plugin.label for entry in entries))
            for kind in KINDS
            for name, entries in sorted(self._entries[kind].items())
            if len(entries) > 1
        ]

    def _unknown(self, kind: str, name: str) -> str:
        close = get_close_matches(name, self.names(kind), n=1)
        known = f"did you mean '{close[0]}'? Known" if close else "known"
        broken = [plugin.label for plugin in self.plugins if plugin.error]
        missing = f" ({', '.join(broken)} failed to load: alignkit plugins -v)" if broken else ""
        return f"unknown {singular(kind)} '{name}'; {known}: {self._listing(kind)}{missing}"

    def _listing(self, kind: str) -> str:
        names = self.names(kind)
        if not names:
            return f"none (no installed plugin provides {kind}; see 'alignkit plugins')"
        shown = ", ".join(names[:20])
        return shown + (
            f" and {len(names) - 20} more ('alignkit list {kind}')" if names[20:] else ""
        )


class Collector:
    """Collects what plugins register, one plugin at a time."""

    def __init__(self) -> None:
        self._plugin: Plugin | None = None

    def bind(self, plugin: Plugin) -> None:
        """Make a plugin the owner of everything registered from now on."""
        self._plugin = plugin

    def registrar(self, kind: str) -> Callable[..., None]:
        """Return the ``register`` callable that the hooks of a kind receive."""

        def register(
            name: str,
            target: object,
            *,
            summary: str = "",
            default: bool = False,
            **declarations: object,
        ) -> None:
            self._take(kind, name, target, summary, default, declarations)

        return register

    def _take(
        self,
        kind: str,
        name: str,
        target: object,
        summary: str,
        default: bool,
        declarations: dict[str, object],
    ) -> None:
        if self._plugin is None:
            raise PluginError(f"'{name}' was registered outside a hook")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise PluginError(
                f"{name!r} is not a valid name: use lower-case letters, digits and underscores"
            )
        if any(entry.kind == kind and entry.name == name for entry in self._plugin.entries):
            raise PluginError(f"{singular(kind)} '{name}' is registered twice")
        if isinstance(target, str) and not re.fullmatch(r"[\w.]+:\w+", target):
            raise PluginError(
                f"target {target!r} of '{name}' is not of the form 'module:attribute'"
            )
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


def _checked(kind: str, name: str, target: object, declarations: Mapping[str, object]) -> object:
    """Return the target, or raise while the owner of a faulty registration is known."""
    if kind == "placements" and not isinstance(target, str):
        from alignkit.models.placement import as_placement

        return as_placement(target, name)
    if kind == "metrics":
        check_declarations(name, declarations)
    else:
        _check_known(kind, name, declarations)
    return target


def check_declarations(name: str, declarations: Mapping[str, Any]) -> None:
    """Check what a metric declares about itself.

    Raises
    ------
    PluginError
        For a declaration that metrics do not have, an empty range, or a version below 1.
    """
    _check_known("metrics", name, declarations)
    low, high = declarations.get("range", (float("-inf"), float("inf")))
    if not low < high:
        raise PluginError(f"metric '{name}' declares an empty range ({low}, {high})")
    if declarations.get("within", "means") not in ("means", "classes"):
        raise PluginError(
            f"metric '{name}' declares within={declarations['within']!r}; known: means, classes"
        )
    version = declarations.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise PluginError(
            f"metric '{name}' declares version {version!r}; it must be a whole number from 1"
        )


def _check_known(kind: str, name: str, declarations: Mapping[str, object]) -> None:
    known = DECLARATIONS.get(kind, frozenset())
    unknown = sorted(set(declarations) - known)
    if unknown:
        raise PluginError(
            f"{singular(kind)} '{name}' declares {', '.join(unknown)}; "
            f"known: {', '.join(sorted(known)) or 'none'}"
        )


def _first_line(target: object) -> str:
    """Return the first line of the target's docstring, if it is a function or a class."""
    if isinstance(target, (str, list, tuple, dict)):
        return ""
    return (target.__doc__ or "").strip().partition("\n")[0]


def _known_kind(kind: str) -> str:
    if kind not in KINDS:
        close = get_close_matches(kind, KINDS, n=1)
        raise UsageError(
            f"unknown kind '{kind}'; known: {', '.join(KINDS)}"
            + (f"; did you mean '{close[0]}'?" if close else "")
        )
    return kind
