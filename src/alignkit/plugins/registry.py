"""Names and their owners: what every plugin has registered, by kind."""

from __future__ import annotations

import importlib
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from alignkit.cleaning import print_message
from alignkit.errors import PluginError, UsageError, in_one_line
from alignkit.plugins.calls import PluginCall, check_command, described, is_fault
from alignkit.plugins.declarations import TARGET, check_declarations
from alignkit.plugins.declared import declared_options
from alignkit.plugins.hookspecs import DECLARATIONS
from alignkit.plugins.options import Option, options_of
from alignkit.plugins.printing import caught_prints
from alignkit.plugins.requirements import said_of_unmet

KINDS = (
    "metrics",
    "architectures",
    "placements",
    "tasks",
    "targets",
    "objectives",
    "losses",
    "encoders",
    "spaces",
    "scores",
    "sections",
    "layer_rules",
    "poolings",
)

# Names become parts of paths and specs, so they hold nothing special to a shell or file system.
_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")


def singular(kind: str) -> str:
    """Return the singular of a kind, as used in messages and by ``alignkit show``."""
    return "loss" if kind == "losses" else kind.removesuffix("s")


@dataclass
class Plugin:
    """One plugin: an entry point of a distribution, or a ``.py`` file.

    ``versioned`` plugins vouch for the versions that they declare; ``code`` is the key of its
    code, once it was asked for; ``notes`` is what is to be said of it although it works.
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
    notes: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The distribution and its version, as shown in messages."""
        return f"{self.distribution} {self.version}".strip()

    def own_module(self, name: str) -> str:
        """Return under which name a module is imported: that of a ``.py`` file is its own.

        A file named like a package must not shadow the package, so it has a name of its own;
        in ``"my_file:function"`` it is called as its author calls it.
        """
        return file_module(self.file) if self.is_file and name == self.module else name


def file_module(file: str | Path) -> str:
    """Return the name under which a ``.py`` file is imported."""
    suffix = re.sub(r"\W", "_", str(Path(file).resolve()))
    return f"alignkit_plugin_file_{suffix}"


def in_path(name: str) -> str:
    """Return a name as a part of a path: ``alignkit-rv.rv`` for ``alignkit-rv/rv``."""
    return name.replace("/", ".")


def normal_name(name: str) -> str:
    """Normalise a distribution's name, as PyPI does."""
    return re.sub(r"[-_.]+", "-", name).lower()


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
    label: str = ""

    @property
    def title(self) -> str:
        """Kind, name and owner, as messages begin with them: ``metric 'rv' of rv 0.1``."""
        return f"{singular(self.kind)} '{self.name}' of {self.plugin.label}"

    @property
    def check(self) -> str:
        """The command that checks it."""
        file = self.plugin.file if self.plugin.is_file else ""
        return check_command(singular(self.kind), self.name, file)

    def qualified(self) -> Entry:
        """Return the entry under its name with its distribution, ``alignkit-rv/rv``."""
        from alignkit.models.placement import Placement, as_placement

        name, target = f"{self.plugin.distribution}/{self.name}", self.target
        if isinstance(target, Placement):
            target = as_placement(target, in_path(name))
        return replace(self, name=name, target=target)

    def load(self) -> Any:
        """Return the target, imported if it was given as ``"module:attr"``.

        Raises
        ------
        PluginError
            If the module or the attribute cannot be imported.
        """
        if not isinstance(self.target, str):
            return self.target
        name, _, attribute = self.target.partition(":")
        name = self.plugin.own_module(name)
        try:
            target = getattr(self._imported(name), attribute)
        except BaseException as error:
            if not is_fault(error):
                raise
            said = f"cannot be imported from '{self.target}': {in_one_line(error)}"
            if isinstance(error, AttributeError) and name in sys.modules:
                close = get_close_matches(attribute, dir(sys.modules[name]), n=1)
                said += f"; did you mean '{close[0]}'?" if close else ""
            said += said_of_unmet(self.plugin.distribution, self.plugin.requires)
            raise PluginCall(self).failed(said) from error
        if not callable(target) and self.kind != "placements":
            said = f"is {described(target)} at '{self.target}'"
            raise PluginCall(self, expected="a function or a class").failed(said)
        return target

    def _imported(self, module: str) -> ModuleType:
        """Import a module of the plugin; what it prints is named on stderr."""
        if module in sys.modules:
            return importlib.import_module(module)  # which waits until it is complete
        notes: list[str] = []
        with caught_prints(notes, "when it is imported"):
            imported = importlib.import_module(module)
        for note in notes:
            print_message(f"alignkit: {self.title} {note}")
        return imported

    def options(self) -> Mapping[str, Option]:
        """Return the options of the target; it is imported only where its source does not tell.

        Raises
        ------
        PluginError
            If it has to be imported and cannot be.
        """
        if not isinstance(self.target, str):
            return options_of(self.target)  # type: ignore[arg-type]
        name, _, attribute = self.target.partition(":")
        declared = declared_options(f"{self.plugin.own_module(name)}:{attribute}")
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
        """Return the names of a kind, sorted; one that several claim is ``distribution/name``."""
        return [entry.name for entry in self.entries(kind)]

    def entries(self, kind: str) -> list[Entry]:
        """Return the entries of a kind, sorted by name; a contested name has one for each owner."""
        by_name = self._entries[_known_kind(kind)]
        return [entry for name in sorted(by_name) for entry in self.claims(kind, name)]

    def claims(self, kind: str, name: str) -> list[Entry]:
        """Return the entries that a name may mean: none, one, or one for each that claims it.

        Parameters
        ----------
        kind : str
        name : str
            With its distribution, ``alignkit-rv/rv``, or without. Of the entries of a name that
            several claim, the name has its distribution.
        """
        owner, _, plain = name.rpartition("/")
        claims = self._entries[_known_kind(kind)].get(plain, [])
        if len(claims) > 1:
            claims = sorted((entry.qualified() for entry in claims), key=lambda entry: entry.name)
        wanted = normal_name(owner)
        return [e for e in claims if not owner or normal_name(e.plugin.distribution) == wanted]

    def get(self, kind: str, name: str) -> Entry:
        """Return the entry of a name, with or without its distribution, as ``alignkit-rv/rv``.

        Raises
        ------
        UsageError
            For an unknown name, with a suggestion.
        PluginError
            For a name that several distributions claim.
        """
        claims = self.claims(kind, name)
        if not claims:
            raise UsageError(self._unknown(kind, name))
        if len(claims) > 1:
            owners = " and ".join(sorted(entry.plugin.label for entry in claims))
            names = list(dict.fromkeys(entry.name for entry in claims))
            way = f"write {' or '.join(names)}" if len(names) > 1 else "uninstall one of them"
            raise PluginError(
                f"{singular(kind)} '{name}' is claimed by {owners}; {way}, or select plugins with "
                "ALIGNKIT_PLUGINS"
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
        if not close and not broken and not any(plugin.is_file for plugin in self.plugins):
            missing = " (of a .py file: alignkit --plugin FILE ...)"
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
            label: str = "",
            default: bool = False,
            **declarations: object,
        ) -> None:
            self._take(kind, name, target, (summary, label), default, declarations)

        register.__qualname__ = "register"  # as messages name it where arguments are missing
        return register

    def _take(
        self,
        kind: str,
        name: str,
        target: object,
        texts: tuple[str, str],
        default: bool,
        declarations: dict[str, object],
    ) -> None:
        summary, label = texts
        if self._plugin is None:
            raise PluginError(f"'{name}' was registered outside a hook")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise PluginError(
                f"{name!r} is not a valid name: use lower-case letters, digits and underscores"
            )
        if any(entry.kind == kind and entry.name == name for entry in self._plugin.entries):
            raise PluginError(f"{singular(kind)} '{name}' is registered twice")
        if not all(isinstance(text, str) for text in texts) or not isinstance(default, bool):
            raise PluginError(
                f"{singular(kind)} '{name}' has summary={described(summary)}, "
                f"label={described(label)} and default={described(default)}; expected two texts, "
                "and True or False"
            )
        entry = Entry(
            kind,
            name,
            _checked(kind, name, target, declarations),
            self._plugin,
            summary or _first_line(target),
            default,
            _own_targets(self._plugin, declarations),
            label,
        )
        self._plugin.entries.append(entry)


def _checked(kind: str, name: str, target: object, declarations: Mapping[str, object]) -> object:
    """Return the target, or raise while the owner of a faulty registration is known."""
    title = f"{singular(kind)} '{name}'"
    check_declarations(title, DECLARATIONS.get(kind, frozenset()), declarations)
    if kind == "placements" and not isinstance(target, str) and not callable(target):
        from alignkit.models.placement import as_placement

        return as_placement(target, name)
    if isinstance(target, str) and not TARGET.fullmatch(target):
        raise PluginError(f"target {target!r} of '{name}' is not of the form 'module:attribute'")
    if not isinstance(target, str) and not callable(target):
        raise PluginError(
            f"the target of {title} is {described(target)}; expected a function or a class, or "
            "'module:attribute'"
        )
    return target


def _own_targets(plugin: Plugin, declarations: Mapping[str, Any]) -> dict[str, Any]:
    """Return declarations, with ``"my_file:function"`` as the name of the file's own module."""

    def own(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: own(each) for key, each in value.items()}
        if not isinstance(value, str) or not TARGET.fullmatch(value):
            return value
        module, _, attribute = value.partition(":")
        return f"{plugin.own_module(module)}:{attribute}"

    return {key: own(value) for key, value in declarations.items()}


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
