"""Python, packages, and plugins: their versions, and whether they fit together."""

from __future__ import annotations

import platform
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Any

from alignkit.doctor.child import ChildError, answer_of
from alignkit.doctor.finding import OK, PROBLEM, WARNING, Finding
from alignkit.plugins.load import extra_plugin_files
from alignkit.plugins.registry import singular
from alignkit.plugins.requirements import unmet

SHOWN = ("torch", "numpy", "scipy", "pandas", "scikit-learn", "matplotlib")
SLOW = 1.0  # seconds in which a plugin should be imported
NEEDED = ("metrics", "tasks", "architectures", "placements")


def check_versions(_: Path) -> list[Finding]:
    """Check that Python and all packages have versions that this one works with."""
    where = Path(sys.prefix)
    findings = [Finding("Python", OK, f"{platform.python_version()} in {where}")]
    try:
        needed = requires("alignkit") or []
        installed = version("alignkit")
    except PackageNotFoundError:
        remedy = "install it: pip install PATH-OF-ALIGNKIT"
        return [*findings, Finding("alignkit", WARNING, "used without being installed", remedy)]
    findings.append(Finding("alignkit", OK, f"{installed} in {Path(__file__).parents[1]}"))
    missing = unmet(needed)
    if missing:
        remedy = f"pip install {' '.join(repr(each.partition(' (')[0]) for each in missing)}"
        findings.append(Finding("packages", PROBLEM, ", ".join(missing), remedy))
    else:
        shown = ", ".join(f"{name} {version(name)}" for name in SHOWN)
        findings.append(Finding("packages", OK, shown))
    return [*findings, _extras(needed)]


def _extras(needed: Iterable[str]) -> Finding:
    """Say which extras are installed; none is needed by everyone."""
    from packaging.requirements import Requirement

    packages: dict[str, list[str]] = {}
    for extra in metadata("alignkit").get_all("Provides-Extra") or []:
        packages[extra] = []
        for line in needed:
            requirement = Requirement(line)
            marker, requirement.marker = requirement.marker, None
            if marker and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
                packages[extra].append(str(requirement))
    there = [extra for extra, lines in packages.items() if not unmet(lines)]
    absent = [extra for extra in packages if extra not in there]
    found = f"installed: {', '.join(there) or 'none'}"
    found += f"; not installed: {', '.join(absent)}" if absent else ""
    return Finding("extras", OK, found)


def check_plugins(_: Path) -> list[Finding]:
    """Load the plugins in another process, and name those that fail or claim the same name."""
    files = [word for file in extra_plugin_files() for word in ("--plugin", str(file))]
    try:
        rows = answer_of("alignkit", *files, "plugins", "--json")
    except ChildError as error:
        remedy = "see what hinders them: alignkit plugins -v"
        return [Finding("plugins", PROBLEM, str(error).removeprefix("Error: "), remedy)]
    loaded = [row for row in rows if row["state"] == "loaded"]
    names = sum(len(names) for row in loaded for names in row["names"].values())
    found = f"{len(loaded)} {'plugin' if len(loaded) == 1 else 'plugins'} with {names} names"
    findings = [Finding("plugins", OK, found)] if loaded else []
    findings += [finding for row in rows for finding in _faults(row)]
    findings += _contested(loaded)
    without = [kind for kind in NEEDED if not any(kind in row["names"] for row in loaded)]
    if without:
        remedy = "install plugins that have some; ALIGNKIT_PLUGINS restricts which are loaded"
        findings.append(
            Finding("plugins", WARNING, f"there are no {', no '.join(without)}", remedy)
        )
    return findings


def _faults(row: dict[str, Any]) -> list[Finding]:
    check, label = "plugins", f"{row['distribution']} {row['version']}".strip()
    if row["error"]:
        leave = (
            "leave the file out" if label.endswith(".py") else f"pip uninstall {label.split()[0]}"
        )
        remedy = f"see the traceback: alignkit plugins -v; to do without it: {leave}"
        return [Finding(check, PROBLEM, f"{label} fails to load: {row['error']}", remedy)]
    if row["seconds"] > SLOW:
        remedy = "its author should register 'module:name', which is imported when it is used"
        found = f"{label} takes {row['seconds']:.1f} s to import, in every command"
        return [Finding(check, WARNING, found, remedy)]
    return []


def _contested(rows: Sequence[dict[str, Any]]) -> list[Finding]:
    owners: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        for kind, names in row["names"].items():
            for name in names:
                owners[kind, name].append(row["distribution"])
    findings = []
    for (kind, name), all_ in owners.items():
        if len(all_) > 1:
            found = f"{singular(kind)} '{name}' is of {' and of '.join(all_)}"
            qualified = dict.fromkeys(f"{owner}/{name}" for owner in all_)
            write = f"write {' or '.join(qualified)}, or " if len(qualified) > 1 else ""
            remedy = f"{write}select plugins with ALIGNKIT_PLUGINS"
            findings.append(Finding("plugins", PROBLEM, found, remedy))
    return findings
