"""Core stays light, and core names no plugin."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "alignkit"
PLUGINS = Path(__file__).parents[1] / "plugins"
HEAVY = ("torch", "numpy", "pandas", "scipy", "optuna", "matplotlib", "sklearn", "PIL")


def _imported(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(' '.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


HELP = """
sys.argv = ['alignkit'] + {words}
from alignkit.cli.main import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""


@pytest.mark.parametrize(
    "code",
    [
        "import alignkit",
        "import alignkit; alignkit.hookimpl, alignkit.Placement, alignkit.UsageError",
        HELP.format(words=["--help"]),
        HELP.format(words=["measure", "--help"]),
        HELP.format(words=["compare", "--help"]),
        HELP.format(words=["dimension", "--help"]),
        HELP.format(words=["trajectory", "--help"]),
        HELP.format(words=["probe", "--help"]),
        HELP.format(words=["search", "run", "--help"]),
        HELP.format(words=["study", "run", "--help"]),
        HELP.format(words=["runs", "--help"]),
        HELP.format(words=["doctor", "--help"]),
        HELP.format(words=["new", "--help"]),
        HELP.format(words=["plugins", "check", "--help"]),
        HELP.format(words=["list", "metrics", "--json"]),
        HELP.format(words=["show", "placement", "late"]),
        HELP.format(words=["plugins"]),
    ],
    ids=[
        "import",
        "names",
        "help",
        "measure help",
        "compare help",
        "dimension help",
        "trajectory help",
        "probe help",
        "search help",
        "study help",
        "runs help",
        "doctor help",
        "new help",
        "check help",
        "list",
        "show placement",
        "plugins",
    ],
)
def test_nothing_heavy_is_imported(code):
    assert not _imported(code) & set(HEAVY)


def test_help_loads_no_plugin():
    loaded = _imported(HELP.format(words=["--help"]))
    assert not {name for name in loaded if name.startswith("alignkit_")}


def _strings_and_imports(tree: ast.AST) -> set[str]:
    """Words in string literals and imports, docstrings left out."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                found.add(text)
            case ast.Import(names=names):
                found.update(alias.name for alias in names)
            case ast.ImportFrom(module=str(module)):
                found.add(module)
    return found


def _plugin_names() -> set[str]:
    from alignkit.plugins import KINDS, registry

    every = [entry for kind in KINDS for entry in registry().entries(kind)]
    # What comes with alignkit itself is registered as well.
    names = {entry.name for entry in every if entry.plugin.name != "alignkit"}
    folders = {folder.name for folder in PLUGINS.iterdir() if folder.is_dir()}
    return names | folders | {folder.replace("-", "_") for folder in folders}


# The declared primary family of the statistics, and words that are not only plugins' names:
# the placement without co-attention is singled out by the statistics as the leverage point,
# neighbours are found by cosine or Euclidean distance, and commands print a folder.
ALLOWED = {"unbiased_cka", "mknn", "svcca", "procrustes", "none", "cosine", "folder"}


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda f: f.name)
def test_core_names_no_plugin(file):
    names = _plugin_names() - ALLOWED
    assert len(names) > 20
    found = _strings_and_imports(ast.parse(file.read_text()))
    modules = {word.split(".")[0] for word in found}
    assert not (found | modules) & names
    assert not {word for word in found if word.startswith("alignkit_")} - {"alignkit_plugin_file_"}


@pytest.fixture
def many_plugins(tmp_path, monkeypatch):
    """Fifty more distributions, whose code imports torch."""
    from startup import install

    install(tmp_path, 50)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


def test_fifty_plugins_are_listed_without_their_code(many_plugins):
    names = "import alignkit; assert 'plugin_49' in alignkit.names('metrics')"
    for code in (HELP.format(words=["list", "metrics", "--json"]), names):
        loaded = {name for name in _imported(code) if name.startswith("plugin_")}
        assert len(loaded) == 50, code
        assert not {name for name in loaded if name.endswith("_code")}


def test_help_loads_none_of_fifty_plugins(many_plugins):
    for words in (["--help"], ["measure", "--help"]):
        loaded = _imported(HELP.format(words=words))
        assert not {name for name in loaded if name.startswith(("plugin_", "alignkit_"))}
