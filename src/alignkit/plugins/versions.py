"""Versions of what a result depends on, plugins included."""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, version

from alignkit.plugins import registry

_PACKAGES = ("alignkit", "torch", "numpy", "scipy", "scikit-learn")


def versions() -> dict[str, str]:
    """Versions of Python, of the numerical packages, of every plugin and of what it needs."""
    found = {"python": platform.python_version()}
    needed = {_name(line) for p in registry().plugins if not p.error for line in p.requires}
    for package in sorted({*_PACKAGES, *needed}):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | {p.distribution: p.version for p in registry().plugins if not p.error}


def _name(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    return match[0] if match else requirement
