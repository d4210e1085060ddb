"""Find and load plugins, one at a time, so that a broken one does not affect the others."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import ModuleType

import pluggy

from alignkit.cleaning import print_message
from alignkit.errors import PluginError, UsageError, in_one_line
from alignkit.plugins import hookspecs
from alignkit.plugins.registry import KINDS, Collector, Plugin, Registry, singular
from alignkit.signals import Terminated

GROUP = "alignkit"
PLUGINS_VARIABLE = "ALIGNKIT_PLUGINS"

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
    loaded = load_plugins([*_sources(), *(_from_file(path) for path in _extra_files)])
    for plugin in loaded.plugins:
        if plugin.error:
            _say(
                f"alignkit: plugin {plugin.name} ({plugin.label}) is left out: {plugin.error}; "
                "see 'alignkit plugins -v'"
            )
    for kind, name, owners in loaded.contested():
        _say(
            f"alignkit: {singular(kind)} '{name}' is claimed by {' and '.join(owners)}; "
            "it cannot be used until one of them is uninstalled"
        )
    return loaded


def _say(text: str) -> None:
    print_message(text.replace("\n", "\\n"))


def names(kind: str) -> list[str]:
    """Return the registered names of a kind, sorted.

    Parameters
    ----------
    kind : str
        ``metrics``, ``architectures``, ``placements``, ``tasks``, ``losses`` or ``encoders``.

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
        hook.call_historic(kwargs={"register": collector.registrar(kind)})
    for source in sources:
        _load_one(manager, collector, source)
        loaded.add(source.plugin)
    return loaded


def _load_one(manager: pluggy.PluginManager, collector: Collector, source: Source) -> None:
    """Import one plugin and run its hooks; on any error, drop everything it registered."""
    plugin, started = source.plugin, time.perf_counter()
    collector.bind(plugin)
    try:
        module = source.load()
        plugin.file = plugin.file or str(getattr(module, "__file__", "") or "")
        plugin.versioned = getattr(module, "VERSIONED", False) is True
        manager.register(module, name=plugin.name)
        plugin.hooks = tuple(sorted(hook.name for hook in manager.get_hookcallers(module) or ()))
        _check_hooks(manager)
    except (KeyboardInterrupt, Terminated):  # this process was told to end
        raise
    except BaseException as error:
        plugin.error = in_one_line(error)
        plugin.traceback = traceback.format_exc()
        plugin.entries.clear()
        if manager.has_plugin(plugin.name):
            manager.unregister(name=plugin.name)
    plugin.seconds = time.perf_counter() - started


def _check_hooks(manager: pluggy.PluginManager) -> None:
    """Raise a PluginError for a misspelt hook, which pluggy would silently ignore."""
    known = [f"register_{kind}" for kind in KINDS]
    for name in vars(manager.hook):
        if name.startswith("_") or name in known or not getattr(manager.hook, name).get_hookimpls():
            continue
        close = get_close_matches(name, known, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(known)}"
        raise PluginError(f"unknown hook '{name}'{hint}")


def _sources() -> list[Source]:
    """Return the plugins named by ``ALIGNKIT_PLUGINS``, or all installed ones if it is unset."""
    selection = os.environ.get(PLUGINS_VARIABLE)
    installed = [_from_entry_point(point) for point in _entry_points()]
    if selection is None:
        return installed
    return [
        source
        for name in dict.fromkeys(part.strip() for part in selection.split(",") if part.strip())
        for source in _named(name, installed)
    ]


def _named(name: str, installed: list[Source]) -> list[Source]:
    """Return the plugins of a ``.py`` file or of an installed distribution."""
    if name.endswith(".py"):
        return [_from_file(Path(name))]
    matches = [s for s in installed if normal_name(s.plugin.distribution) == normal_name(name)]
    if not matches:
        known = sorted({source.plugin.distribution for source in installed})
        raise UsageError(
            f"{PLUGINS_VARIABLE} names '{name}', which is not an installed plugin distribution; "
            f"installed: {', '.join(known) or 'none'}"
        )
    return matches


def _entry_points() -> list[importlib.metadata.EntryPoint]:
    points = importlib.metadata.entry_points(group=GROUP)
    return sorted(points, key=lambda point: (point.dist.name if point.dist else "", point.name))


def _from_entry_point(point: importlib.metadata.EntryPoint) -> Source:
    distribution = point.dist.name if point.dist else "unknown"
    plugin = Plugin(
        name=f"{distribution}:{point.name}",
        distribution=distribution,
        version=point.dist.version if point.dist else "",
        module=point.value,
        requires=tuple(point.dist.requires or ()) if point.dist else (),
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
        # A unique module name, so that a file named like a package does not shadow the package.
        suffix = re.sub(r"\W", "_", str(path.resolve()))
        name = f"alignkit_plugin_file_{suffix}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise PluginError(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    return Source(plugin, load)


def normal_name(name: str) -> str:
    """Normalise a distribution's name, as PyPI does."""
    return re.sub(r"[-_.]+", "-", name).lower()
