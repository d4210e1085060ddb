"""Commands that have nothing to compute, on a workspace of runs that are done."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import load
import pytest

METRICS = ("unbiased_cka", "mknn")
CODE = """
import sys
from alignkit.cli.main import main
sys.argv = ["alignkit", *sys.argv[1:]]
try:
    main()
except SystemExit as stop:
    print(*(name for name in {heavy} if name in sys.modules), file=sys.stderr)
    sys.exit(stop.code)
"""
COMMANDS = {
    "runs": ["runs"],
    "measure": ["measure", "--metric", "unbiased_cka", "--metric", "mknn"],
    "measure --layers last": ["measure", "--metric", "mknn", "--layers", "last"],
    "measure --json": ["measure", "--metric", "mknn", "--layers", "same", "--json"],
    "correlate": ["correlate", "--metric", "mknn", "--permutations", "99"],
    "study status": ["study", "status", "study.toml"],
    "study run": ["study", "run", "study.toml"],
    "report": ["report", "--metric", "mknn", "--permutations", "99"],
    "plot layers": ["plot", "layers", "--metric", "mknn"],
    "agreement": ["agreement", "--metric", "mknn", "--metric", "unbiased_cka"],
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("load")
    load.make(folder, runs=10, depth=10, metrics=METRICS)
    printed(folder, ["study", "run", "study.toml"])  # the analyses, so that nothing is left to do
    return folder


def printed(folder: Path, words: list[str], heavy: tuple[str, ...] = ()) -> tuple[str, str]:
    """What a command prints, and which heavy packages it has imported."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(heavy=heavy), "-q", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "80"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "runs"])
def test_the_same_is_printed_without_the_index(workspace, name):
    indexes = sorted(workspace.glob("runs/*/*/*/.index"))
    assert len(indexes) == 10
    before = printed(workspace, COMMANDS[name])
    for index in indexes:
        shutil.rmtree(index)
    assert printed(workspace, COMMANDS[name]) == before
    assert sorted(workspace.glob("runs/*/*/*/.index")) == indexes


@pytest.mark.slow
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_nothing_to_compute_imports_no_torch(workspace, words):
    text, imported = printed(workspace, words, ("torch", "transformers"))
    assert text
    assert not imported
