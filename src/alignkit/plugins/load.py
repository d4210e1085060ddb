"""Finding and loading plugins, one at a time, so that a broken one harms no other."""

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

from alignkit.errors import PluginError, UsageError
from alignkit.plugins import hookspecs
from alignkit.plugins.registry import KINDS, Collector, Plugin, Registry, singular

GROUP = "alignkit"
ONLY = "ALIGNKIT_PLUGINS"

_extra_files: list[Path] = []


def use_plugin_files(files: Iterable[Path]) -> None:
    """Load these ``.py`` files beside what is installed (the option ``--plugin``)."""
    _extra_files[:] = files
    registry.cache_clear()


def extra_plugin_files() -> list[Path]:
    """The files that ``use_plugin_files`` was given last, for processes that are started."""
    return list(_extra_files)


@cache
def registry() -> Registry:
    """All names of all plugins; loaded on first use and kept for the process.

    A plugin that fails to load gets one line on stderr and is left out.
    """
    found = load_plugins([*_sources(), *(_from_file(path) for path in _extra_files)])
    for plugin in found.plugins:
        if plugin.error:
            print(
                f"alignkit: plugin {plugin.name} ({plugin.label}) is left out: {plugin.error}; "
                "see 'alignkit plugins -v'",
                file=sys.stderr,
            )
    for kind, name, owners in found.contested():
        print(
            f"alignkit: {singular(kind)} '{name}' is claimed by {' and '.join(owners)}; "
            "using it is an error until one is gone",
            file=sys.stderr,
        )
    return found


def names(kind: str) -> list[str]:
    """List registered names: ``metrics``, ``architectures``, ``placements``, ``tasks`` or
    ``losses``.

    Raises
    ------
    UsageError
        For another kind.
    """
    return registry().names(kind)


@dataclass(frozen=True)
class Source:
    """A plugin before it is loaded: where it comes from and how to import it."""

    plugin: Plugin
    load: Callable[[], ModuleType]


def load_plugins(sources: Iterable[Source]) -> Registry:
    """Load each source, keep what succeeds, and remember why the others did not."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    collector, found = Collector(), Registry()
    for kind in KINDS:
        # Historic: the call is kept, and every plugin registered later receives it.
        hook = getattr(manager.hook, f"register_{kind}")
        hook.call_historic(kwargs={"register": collector.registrar(kind)})
    for source in sources:
        _load_one(manager, collector, source)
        found.add(source.plugin)
    return found


def _load_one(manager: pluggy.PluginManager, collector: Collector, source: Source) -> None:
    plugin, started = source.plugin, time.perf_counter()
    collector.bind(plugin)
    try:
        module = source.load()
        plugin.file = plugin.file or str(getattr(module, "__file__", "") or "")
        manager.register(module, name=plugin.name)
        plugin.hooks = tuple(sorted(hook.name for hook in manager.get_hookcallers(module) or ()))
        _check_hooks(manager)
    except (Exception, SystemExit) as error:
        plugin.error = f"{type(error).__name__}: {error}".replace("\n", " ")
        plugin.traceback = traceback.format_exc()
        plugin.entries.clear()
        if manager.has_plugin(plugin.name):
            manager.unregister(name=plugin.name)
    plugin.seconds = time.perf_counter() - started


def _check_hooks(manager: pluggy.PluginManager) -> None:
    """Report a misspelt hook, which pluggy would pass over in silence."""
    known = [f"register_{kind}" for kind in KINDS]
    for name in vars(manager.hook):
        if name.startswith("_") or name in known or not getattr(manager.hook, name).get_hookimpls():
            continue
        close = get_close_matches(name, known, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(known)}"
        raise PluginError(f"there is no hook '{name}'{hint}")


def _sources() -> list[Source]:
    """What ``ALIGNKIT_PLUGINS`` names, or everything that is installed."""
    wanted = os.environ.get(ONLY)
    installed = [_from_entry_point(point) for point in _entry_points()]
    if wanted is None:
        return installed
    return [
        source
        for name in dict.fromkeys(part.strip() for part in wanted.split(",") if part.strip())
        for source in _named(name, installed)
    ]


def _named(name: str, installed: list[Source]) -> list[Source]:
    if name.endswith(".py"):
        return [_from_file(Path(name))]
    found = [s for s in installed if _normal(s.plugin.distribution) == _normal(name)]
    if not found:
        known = sorted({source.plugin.distribution for source in installed})
        raise UsageError(
            f"{ONLY} names '{name}', which is no installed plugin distribution; installed: "
            f"{', '.join(known) or 'none'}"
        )
    return found


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
        name=str(path), distribution=path.name, version="", module=path.stem, file=str(path)
    )

    def load() -> ModuleType:
        if not path.is_file():
            raise PluginError(f"there is no file {path}")
        # A name of its own, so that a file called like a package does not shadow it.
        digits = re.sub(r"\W", "_", str(path.resolve()))
        name = f"alignkit_plugin_file_{digits}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise PluginError(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    return Source(plugin, load)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
