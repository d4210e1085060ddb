"""The plugin system: what is installed, who owns each name, and how names are resolved."""

from alignkit.plugins.load import load_plugins, names, registry, use_plugin_files
from alignkit.plugins.registry import KINDS, Entry, Plugin, Registry

__all__ = [
    "KINDS",
    "Entry",
    "Plugin",
    "Registry",
    "load_plugins",
    "names",
    "registry",
    "use_plugin_files",
]
