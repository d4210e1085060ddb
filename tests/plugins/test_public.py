"""The page on what a plugin may use: complete, true, and kept to by the plugins of this project."""

import ast
import importlib
import re
from pathlib import Path

import pytest

import alignkit
import alignkit.testing

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/plugin-api.md").read_text()
FILES = [
    *sorted(ROOT.glob("plugins/*/src/**/*.py")),
    *sorted(ROOT.glob("examples/third_party/**/*.py")),
]


def _section(title):
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [
        line.split("|")[1:3]
        for line in text.splitlines()
        if line.startswith("| `") and not line.startswith("| ---")
    ]


def _names(cell):
    return re.findall(r"`(\w+)`", cell)


NAMES = [name for cells in _section("Names of `alignkit`") for name in _names(cells[0])]
CHECKS = [name for cells in _section("Checks") for name in _names(cells[0])]
HELPERS = {cells[0].strip().strip("`"): set(_names(cells[1])) for cells in _section("Helpers")}


def test_every_name_stands_on_the_page_once():
    assert sorted(NAMES) == sorted(alignkit.__all__)
    assert sorted(CHECKS) == sorted(alignkit.testing.__all__)


@pytest.mark.parametrize("module", HELPERS)
def test_helpers_exist_and_are_documented(module):
    found = importlib.import_module(module)
    for name in HELPERS[module]:
        helper = getattr(found, name)
        assert not callable(helper) or helper.__doc__, name


def _used(tree):
    """What a file takes from alignkit, as modules and names."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if _is_core(module):
                yield from ((module, alias.name) for alias in names)
            case ast.Import(names=names):
                yield from ((alias.name, "*") for alias in names if _is_core(alias.name))
            case ast.Attribute(value=ast.Name(id="alignkit"), attr=name):
                yield "alignkit", name


def _is_core(module):
    return module.split(".")[0] == "alignkit"


PUBLIC = {
    "alignkit": {*NAMES, "*"},
    "alignkit.errors": set(NAMES),
    "alignkit.testing": {*CHECKS, "*"},
    **HELPERS,
}


def _private(text):
    return sorted({use for use in _used(ast.parse(text)) if use[1] not in PUBLIC.get(use[0], ())})


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(file.parts[-2:]))
def test_plugins_use_only_what_the_page_names(file):
    assert not _private(file.read_text())


def test_what_it_does_not_name_is_found():
    text = (
        "import alignkit.runs.config\nfrom alignkit.plugins import registry\nimport alignkit\n"
        "def f():\n    from alignkit.tables import guess\n    alignkit.secret\n    alignkit.Split"
    )
    assert _private(text) == [
        ("alignkit", "secret"),
        ("alignkit.plugins", "registry"),
        ("alignkit.runs.config", "*"),
        ("alignkit.tables", "guess"),
    ]


def test_helpers_are_those_that_are_used():
    used = {use for file in FILES for use in _used(ast.parse(file.read_text()))}
    for module, names in HELPERS.items():
        assert names <= {name for place, name in used if place == module}, module
