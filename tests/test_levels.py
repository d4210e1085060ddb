"""Imports run downward only: between the packages of core, and within every distribution."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "src" / "alignkit"
DISTRIBUTIONS = [CORE, *sorted(ROOT.glob("plugins/*/src/*"))]

# From the bottom to the top. No two parts stand side by side: each may import only what
# stands before it, whether at the top of a file, in a function or for type checking.
LEVELS = [
    "errors",
    "signals",
    "cleaning",
    "bounds",
    "documents",
    "file_names",
    "progress",
    "tables",
    "tasks",
    "models",
    "statistics",
    "plugins",
    "contracts",
    "engines",
    "metrics",
    "runs",
    "data",
    "training",
    "chain",
    "alignment",
    "jobs",
    "analysis",
    "report",
    "scaffold",
    "doctor",
    "search",
    "studies",
    "testing",
    "cli",
]
# The package's own name stands above everything: it gives the public names. What may use it:
USES_THE_PACKAGE = {
    "cli": "prints the version, which stands there",
    "plugins": "types what the hooks receive with the public names, as plugins do",
}


def imported(file: Path, modules: set[str]) -> Iterator[str]:
    """Modules that a file imports, wherever in it: at the top, lazily, for type checking."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports relatively"
            module = str(node.module)
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                yield whole if whole in modules else module


def modules_of(package: Path) -> dict[str, Path]:
    """Every module below a package by its dotted name."""
    return {
        ".".join(file.relative_to(package.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): file
        for file in package.rglob("*.py")
    }


def upward_imports(core: Path) -> list[str]:
    """Imports of core that do not run downward."""
    modules = modules_of(core)
    wrong = []
    for name, file in modules.items():
        part = name.split(".")[1] if "." in name else ""
        if part in ("", "__main__"):  # the public names, and the way in
            continue
        if part not in LEVELS:
            wrong.append(f"{name} stands on no level")
            continue
        for other in imported(file, set(modules)):
            package, _, rest = other.partition(".")
            above = rest.split(".")[0]
            if package != core.name or above == part:
                continue
            down = above in LEVELS[: LEVELS.index(part)] or (not above and part in USES_THE_PACKAGE)
            if not down:
                wrong.append(f"{name} imports {other}")
    return wrong


def circle(package: Path) -> list[str]:
    """Modules of a package that import each other in a circle; none where there is none."""
    modules = modules_of(package)
    graph = {
        name: {other for other in imported(file, set(modules)) if other in modules} - {name}
        for name, file in modules.items()
    }
    graph.pop(package.name)  # gives public names of all others, each when it is used
    for others in graph.values():
        others.discard(package.name)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_import_runs_upward():
    assert not upward_imports(CORE)


@pytest.mark.parametrize("package", DISTRIBUTIONS, ids=lambda path: path.name)
def test_no_module_imports_itself_by_way_of_others(package):
    assert not circle(package)


def test_every_part_of_core_has_a_level():
    parts = {path.stem for path in CORE.iterdir() if not path.name.startswith("__")}
    assert parts - {"py"} == set(LEVELS)


@pytest.fixture
def crooked(tmp_path):
    """A package whose imports run in every wrong way."""
    core = tmp_path / "alignkit"
    for part, text in {
        "tasks": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import alignkit.runs",
        "models": "def lazy():\n    from alignkit.plugins import registry",
        "runs": "from alignkit import Run",
        "cli": "from alignkit import __version__\nimport alignkit.runs",
    }.items():
        (core / part).mkdir(parents=True)
        (core / part / "__init__.py").write_text(text)
    (core / "runs" / "one.py").write_text("import alignkit.runs.two")
    (core / "runs" / "two.py").write_text("def lazy():\n    from alignkit.runs import one")
    (core / "__init__.py").write_text("")
    return core


def test_lazy_imports_and_those_for_types_count(crooked):
    assert sorted(upward_imports(crooked)) == [
        "alignkit.models imports alignkit.plugins",
        "alignkit.runs imports alignkit",
        "alignkit.tasks imports alignkit.runs",
    ]
    assert {"alignkit.runs.one", "alignkit.runs.two"} <= set(circle(crooked))
