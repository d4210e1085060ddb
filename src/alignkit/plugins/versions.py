"""Versions of everything that a result depends on, including plugins."""

from __future__ import annotations

import platform
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from alignkit.plugins import registry

_PACKAGES = ("alignkit", "torch", "numpy", "scipy", "scikit-learn")


def versions() -> dict[str, str]:
    """Return the versions of Python, the numerical packages, the plugins and their requirements.

    Plugins that failed to load are left out.
    """
    installed = {"python": platform.python_version()}
    plugins = [plugin for plugin in registry().plugins if not plugin.error]
    required = {_name(line) for plugin in plugins for line in plugin.requires}
    for package in sorted({*_PACKAGES, *required}):
        try:
            installed[package] = _version(package)
        except PackageNotFoundError:
            continue
    return installed | {plugin.distribution: plugin.version for plugin in plugins}


@cache  # it takes milliseconds to look up, and what is imported stays as it is
def _version(package: str) -> str:
    return version(package)


def _name(requirement: str) -> str:
    """Return the package name of a requirement such as ``numpy>=1.26``."""
    match = re.match(r"[\w.-]+", requirement)
    return match[0] if match else requirement
