"""Find and load plugins, one at a time, so that a broken one does not affect the others."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import os
import re
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path
from types import ModuleType

import pluggy

from alignkit.cleaning import print_message
from alignkit.errors import PluginError, UsageError, in_one_line
from alignkit.plugins import hookspecs
from alignkit.plugins.api import (
    PLUGIN_API,
    check_requirement,
    check_stated,
    named_deprecations,
    other_in_source,
)
from alignkit.plugins.calls import described
from alignkit.plugins.code import import_file
from alignkit.plugins.printing import caught_prints
from alignkit.plugins.registry import KINDS, Collector, Plugin, Registry, file_module, singular
from alignkit.plugins.registry import normal_name as normal_name
from alignkit.plugins.requirements import said_of_unmet
from alignkit.signals import Terminated

GROUP = "alignkit"
PLUGINS_VARIABLE = "ALIGNKIT_PLUGINS"
SLOW = 3.0  # seconds to load a plugin, of which every command is the slower
# Groups of entry points under which somebody would look for plugins of alignkit.
_NEARLY = re.compile(
    r"align[-_.]?kit[-_.]?(plug[-_.]?ins?|entry[-_.]?points|hooks|metrics|tasks)?s?"
)

_extra_files: list[Path] = []


def use_plugin_files(files: Iterable[Path]) -> None:
    """Load these ``.py`` files in addition to the installed plugins."""
    _extra_files[:] = files
    registry.cache_clear()


def extra_plugin_files() -> list[Path]:
    """Return the files last given to ``use_plugin_files``, to pass on to child processes."""
    return list(_extra_files)


@cache
def registry() -> Registry:
    """Return the names registered by all plugins, which are loaded on first use.

    A plugin that fails to load is left out, with one line on stderr.
    """
    files = (_from_file(path) for path in _extra_files)
    loaded = load_plugins(_each_file_once([_own(), *_sources(), *files]))
    for plugin in loaded.plugins:
        if plugin.error:
            _say(
                f"alignkit: plugin {plugin.name} ({plugin.label}) is left out: {plugin.error}; "
                "see 'alignkit plugins -v'"
            )
        for note in plugin.notes:
            _say(f"alignkit: plugin {plugin.name} ({plugin.label}) {note}")
    for kind, name, owners in loaded.contested():
        _say(
            f"alignkit: {singular(kind)} '{name}' is claimed by {' and '.join(owners)}; "
            f"write {' or '.join(entry.name for entry in loaded.claims(kind, name))}"
        )
    return loaded


def _each_file_once(sources: Iterable[Source]) -> list[Source]:
    """Return the sources without a ``.py`` file that is named a second time, however spelt."""
    once: dict[str, Source] = {}
    for source in sources:
        plugin = source.plugin
        key = str(Path(plugin.file).resolve()) if plugin.is_file else plugin.name
        once.setdefault(key, source)
    return list(once.values())


def _say(text: str) -> None:
    print_message(text.replace("\n", "\\n"))


def names(kind: str) -> list[str]:
    """Return the registered names of a kind, sorted.

    Parameters
    ----------
    kind : str
        ``metrics``, ``architectures``, ``placements``, ``tasks``, ``targets``, ``objectives``,
        ``losses``, ``encoders``, ``spaces``, ``scores``, ``sections``,
        ``layer_rules`` or ``poolings``.

    Raises
    ------
    UsageError
        For any other kind.
    """
    return registry().names(kind)


@dataclass(frozen=True)
class Source:
    """A plugin before it is loaded: where it comes from and how to import it."""

    plugin: Plugin
    load: Callable[[], ModuleType]


def load_plugins(sources: Iterable[Source]) -> Registry:
    """Load each source; keep what its hooks register, or the error if it fails."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    collector, loaded = Collector(), Registry()
    for kind in KINDS:
        # Historic: pluggy remembers the call and makes it to every plugin registered later.
        hook = getattr(manager.hook, f"register_{kind}")
        hook.call_historic(
            partial(_refuse_result, hook.name), {"register": collector.registrar(kind)}
        )
    for source in sources:
        _load_one(manager, collector, source)
        loaded.add(source.plugin)
    return loaded


def _load_one(manager: pluggy.PluginManager, collector: Collector, source: Source) -> None:
    """Import one plugin and run its hooks; on any error, drop everything it registered."""
    plugin, started = source.plugin, time.perf_counter()
    collector.bind(plugin)
    try:
        check_requirement(plugin.requires)
        with caught_prints(plugin.notes, "when it is imported"), named_deprecations(plugin.notes):
            module = source.load()
            check_stated(getattr(module, "PLUGIN_API", PLUGIN_API))
            plugin.file = plugin.file or str(getattr(module, "__file__", "") or "")
            plugin.versioned = getattr(module, "VERSIONED", False) is True
            plugin.hooks = tuple(sorted(_checked_hooks(manager, module)))
            manager.register(module, name=plugin.name)
    except (KeyboardInterrupt, Terminated):  # this process was told to end
        raise
    except BaseException as error:
        plugin.error = other_in_source(plugin) or in_one_line(error)
        plugin.error += said_of_unmet(plugin.distribution, plugin.requires)
        plugin.traceback = traceback.format_exc()
        plugin.entries.clear()
        if manager.has_plugin(plugin.name):
            manager.unregister(name=plugin.name)
    plugin.seconds = time.perf_counter() - started
    if plugin.seconds > SLOW:
        advice = (
            "import large packages in the functions that use them"
            if plugin.is_file
            else "register its names as 'module:attribute', so that their code is imported when it "
            "is used"
        )
        plugin.notes.append(f"took {plugin.seconds:.1f} s to load; {advice}")


def _checked_hooks(manager: pluggy.PluginManager, module: object) -> list[str]:
    """Return the names of the hooks of a plugin.

    Raises
    ------
    PluginError
        Where it has none, and for what pluggy would silently ignore: a misspelt hook, one that
        is not marked, and one whose parameters are not those of the hook.
    """
    known = [f"register_{kind}" for kind in KINDS]
    if not isinstance(module, ModuleType) and inspect.isroutine(module):
        raise PluginError(
            f"its entry point is {described(module)}; expected the module that holds the hooks"
        )
    marked = [name for name in dir(module) if manager.parse_hookimpl_opts(module, name)]
    for name in marked:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(known)}"
            raise PluginError(f"unknown hook '{name}'{hint}")
        _check_parameters(name, getattr(module, name))
    for name in (each for each in known if each not in marked):
        function = getattr(module, name, None)
        own = getattr(function, "__module__", None) == getattr(module, "__name__", None)
        if inspect.isfunction(function) and own:
            raise PluginError(f"hook '{name}' is not marked; write @alignkit.hookimpl above it")
    if not marked:
        raise PluginError(
            "it has no hooks; expected functions marked with @alignkit.hookimpl, such as "
            "register_metrics(register)"
        )
    return marked


def _check_parameters(name: str, function: Callable[..., object]) -> None:
    needed = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
    ]
    if needed != ["register"]:
        raise PluginError(
            f"hook '{name}' takes ({', '.join(needed)}); expected one parameter: "
            f"def {name}(register)"
        )


def _refuse_result(name: str, result: object) -> None:
    raise PluginError(
        f"hook '{name}' returned {described(result)}; expected no result: call register(name, "
        "target) for every name"
    )


def _own() -> Source:
    """Return what comes with alignkit itself, which no selection leaves out."""
    plugin = Plugin(
        name=GROUP,
        distribution=GROUP,
        version=importlib.import_module(GROUP).__version__,
        module="alignkit.plugins.core",
    )
    return Source(plugin, lambda: importlib.import_module(plugin.module))


def selection() -> tuple[list[str], list[str]] | None:
    """Return what ``ALIGNKIT_PLUGINS`` names to load, and what not to; None if it is unset."""
    value = os.environ.get(PLUGINS_VARIABLE)
    if value is None:
        return None
    names = dict.fromkeys(part.strip() for part in value.split(",") if part.strip())
    wanted = [name for name in names if not name.startswith("-")]
    return wanted, [name.removeprefix("-").strip() for name in names if name.startswith("-")]


def _sources() -> list[Source]:
    """Return the installed plugins that ``ALIGNKIT_PLUGINS`` selects; all if it is unset.

    It lists what to load: distributions and ``.py`` files; or, each after a minus, distributions
    not to load.
    """
    selected = selection()
    points = importlib.metadata.entry_points()
    installed = [_from_entry_point(point) for point in points.select(group=GROUP)]
    for group in points.groups - {GROUP}:
        if _NEARLY.fullmatch(group.lower()):
            installed += [_misplaced(point) for point in points.select(group=group)]
    installed.sort(key=lambda source: source.plugin.name)
    if selected is None:
        return installed
    wanted, unwanted = selected
    out = [source for name in unwanted for source in _of_distribution(name, installed)]
    chosen = [source for name in wanted for source in _named(name, installed)]
    if unwanted and not wanted:
        chosen = installed
    return [source for source in chosen if source not in out]


def _named(name: str, installed: list[Source]) -> list[Source]:
    """Return the plugins of a ``.py`` file or of an installed distribution."""
    return [_from_file(Path(name))] if name.endswith(".py") else _of_distribution(name, installed)


def _of_distribution(name: str, installed: list[Source]) -> list[Source]:
    matches = [s for s in installed if normal_name(s.plugin.distribution) == normal_name(name)]
    if not matches:
        known = sorted({source.plugin.distribution for source in installed})
        raise UsageError(
            f"{PLUGINS_VARIABLE} names '{name}', which is not an installed plugin distribution; "
            f"installed: {', '.join(known) or 'none'}"
        )
    return matches


def _misplaced(point: importlib.metadata.EntryPoint) -> Source:
    """Return a plugin that fails to load, as its entry point is in another group."""

    def load() -> ModuleType:
        raise PluginError(
            f"its entry point is in the group '{point.group}'; expected '{GROUP}': write "
            f"[project.entry-points.{GROUP}] in its pyproject.toml, and install it again"
        )

    return Source(_from_entry_point(point).plugin, load)


def _from_entry_point(point: importlib.metadata.EntryPoint) -> Source:
    if point.dist is None:
        return Source(Plugin(f"unknown:{point.name}", "unknown", "", point.value), point.load)
    metadata = point.dist.metadata  # which is read anew each time it is asked for
    distribution, requires = metadata["Name"], metadata.get_all("Requires-Dist")
    plugin = Plugin(
        name=f"{distribution}:{point.name}",
        distribution=distribution,
        version=metadata["Version"],
        module=point.value,
        requires=tuple(point.dist.requires or () if requires is None else requires),
    )
    return Source(plugin, point.load)


def _from_file(path: Path) -> Source:
    plugin = Plugin(
        name=str(path),
        distribution=path.name,
        version="",
        module=path.stem,
        file=str(path),
        is_file=True,
    )

    def load() -> ModuleType:
        if not path.is_file():
            raise PluginError(f"file {path} does not exist")
        module = import_file(file_module(path), path)
        if module is None:
            raise PluginError(f"{path} is not a Python file")
        return module

    return Source(plugin, load)
