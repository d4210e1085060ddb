"""Versions of what a result depends on, plugins included."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from alignkit.plugins import registry

_PACKAGES = ("alignkit", "torch", "numpy", "scipy", "scikit-learn")


def versions() -> dict[str, str]:
    """Versions of Python, of the numerical packages and of every loaded plugin."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | {p.distribution: p.version for p in registry().plugins if not p.error}
