"""What a plugin's distribution requires, and what of it is not installed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version


def unmet(requires: Iterable[str]) -> list[str]:
    """Return the requirements that are not met, each with what is installed instead.

    Requirements of extras and of other systems are left out, and so are those that cannot be
    read.

    Parameters
    ----------
    requires : iterable of str
        As in the metadata of a distribution: ``numpy>=1.26; python_version > "3.10"``.

    >>> unmet(["numpy>=1.26", "absent>=2; extra == 'more'", "absent>=2"])
    ['absent>=2 (not installed)']
    """
    from packaging.requirements import InvalidRequirement, Requirement

    missing = []
    for line in requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        needed = f"{requirement.name}{requirement.specifier}"
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            missing.append(f"{needed} (not installed)")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            missing.append(f"{needed} (installed: {installed})")
    return missing


def said_of_unmet(distribution: str, requires: Iterable[str]) -> str:
    """Return what is not met as the end of a message, with the command that installs it."""
    missing = unmet(requires)
    if not missing:
        return ""
    return (
        f"; {distribution} requires {', '.join(missing)}: "
        f"pip install --upgrade '{distribution}' installs what it requires"
    )
