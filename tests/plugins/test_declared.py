"""Options that are read from a function's source are those of its signature."""

import importlib
import subprocess
import sys

import pytest

from alignkit.plugins import registry
from alignkit.plugins.declared import declared_options
from alignkit.plugins.options import options_of

READ = """
import sys
from alignkit.plugins import registry
from alignkit.plugins.declared import declared_options
read = {e.name: declared_options(e.target) for e in registry().entries("metrics")}
assert "torch" not in sys.modules
print(sorted(name for name, options in read.items() if options is None))
for entry in registry().entries("metrics"):
    from alignkit.plugins.options import options_of
    assert read[entry.name] == options_of(entry.load()), entry.name
"""


def test_metrics_have_the_options_of_their_signatures():
    done = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"  # all of them could be read


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module that has not been imported."""
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def write(text: str) -> str:
        name = f"declared_{tmp_path.name}_{len(written)}".replace("-", "_")
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        written.append(name)
        return f"{name}:f"

    return write


@pytest.mark.parametrize(
    "signature",
    [
        "x, y",
        "x, y, k: int = 3",
        "x, y, *, a: float = -1.5, b: 'int' = 2",
        "x, *, a: int | None = None, b: 'bool' = True, c: None | str = 'c'",
        "x: int, /, y: float = 0.5, **rest: int",
        "x, *, needed: int, a: int = 1_000",
    ],
)
@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_a_function_is_read_as_its_signature(module, signature, future):
    target = module(f"{future}def f({signature}): ...")
    read = declared_options(target)
    real = options_of(importlib.import_module(target.partition(":")[0]).f)
    assert read is None or read == real
    assert read is not None or "'" in signature  # types in quotes are left to the import


@pytest.mark.parametrize(
    "text",
    [
        "def f(x, k=SIZE): ...",
        "def f(x, *, k: Literal['a', 'b'] = 'a'): ...",
        "@changed\ndef f(x, k: int = 1): ...",
        "def f(x, k: int = 1): ...\nf = changed(f)",
        "def f(x, k: int = 1): ...\nf.Options = Options",
        "def f(x, k: int = 1): ...\nif FAST:\n    def f(x, k: int = 2): ...",
        "class f: ...",
        "from elsewhere import f",
        "def f(",
    ],
)
def test_what_is_not_plain_is_left_to_the_import(module, text):
    assert declared_options(module(text)) is None


def test_no_module_and_an_imported_one_are_left_to_the_import():
    assert declared_options("no_such_module:f") is None
    assert declared_options("json:dumps") is None


def test_an_unknown_option_names_those_in_the_source():
    assert "k" in registry().get("metrics", "mknn").options()
