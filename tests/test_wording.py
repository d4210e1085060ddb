"""What messages say: parameters by their Python names, whole commands as one types them."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "src" / "alignkit"
# The command line speaks of its options; everything else is a library.
LIBRARY = [
    file
    for file in (*CORE.rglob("*.py"), *ROOT.glob("plugins/*/src/**/*.py"))
    if "cli" not in file.relative_to(ROOT).parts
]
# An option that no command precedes. Commands of others are spelled as one types them too.
OPTION = re.compile(r"(?<![\w-])--[a-z]")
COMMAND = re.compile(r"\b(alignkit|torchrun|optuna|dask|pip) [^;]*$")


def _texts(tree: ast.AST) -> list[tuple[int, str]]:
    """Strings of a module that are no docstrings, those of an f-string put together."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    skipped = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped.update(id(value) for value in node.values)
            parts = (v.value if isinstance(v, ast.Constant) else "X" for v in node.values)
            texts.append((node.lineno, "".join(str(part) for part in parts)))
    texts += [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in skipped
    ]
    return texts


@pytest.mark.parametrize("file", LIBRARY, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_library_speaks_of_parameters_not_of_options(file):
    for line, text in _texts(ast.parse(file.read_text())):
        if text.startswith("--") and " " not in text:  # an argument for another program
            continue
        for match in OPTION.finditer(text):
            assert COMMAND.search(text[: match.start()]), f"{file}:{line}: {text}"
