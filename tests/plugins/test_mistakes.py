"""Mistakes of plugin authors: each gets one line, no traceback, and stops nothing else."""

import json
import re
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import mistakes
from alignkit.plugins import load, use_plugin_files
from tiny import alignkit

AREAS = sorted(file.stem for file in Path(mistakes.__file__).parent.glob("[a-z]*.py"))
ROWS = [row for area in AREAS for row in import_module(f"mistakes.{area}").MISTAKES]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two arrays, whose modules are imported anew by every test."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 5))
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", x @ rng.standard_normal((5, 4)) + rng.standard_normal((40, 4)))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    use_plugin_files([])
    for name in ("wrong", "wrong_code"):
        sys.modules.pop(name, None)


def installed(folder: Path, row: mistakes.Mistake) -> None:
    """Lay out what an installer would: the modules, and the metadata of a distribution."""
    given = row.distribution or {}
    (folder / "wrong_code.py").write_text(str(given.get("code", "")))
    info = folder / "wrong_dist-0.3.dist-info"
    info.mkdir()
    required = "".join(f"Requires-Dist: {each}\n" for each in given.get("requires", ()))
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: wrong-dist\nVersion: 0.3\n{required}"
    )
    group, value = given.get("group", "alignkit"), given.get("value", "wrong")
    (info / "entry_points.txt").write_text(f"[{group}]\nwrong = {value}\n")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_mistake_gets_one_line(row, folder, monkeypatch):
    (folder / "wrong.py").write_text(mistakes.HEAD + row.source)
    if row.distribution is not None:
        installed(folder, row)
    use_plugin_files([])
    words = row.command.split()
    if row.distribution is None:
        words = ["--plugin", "wrong.py", *words]
    monkeypatch.setattr(load, "SLOW", load.SLOW)
    done = alignkit(*words, cwd=folder, code=row.code)
    pattern = re.escape(row.line).replace(re.escape("[...]"), ".*")
    lines = done.stderr.splitlines()
    said = [line for line in lines if re.fullmatch(pattern, line)]
    assert said or not row.line, done.stderr
    assert not [line for line in lines if "Traceback" in line], done.stderr
    assert row.stdout in done.stdout
    if "--json" in words and row.code == 0:
        json.loads(done.stdout)


def test_rows_have_names_of_their_own():
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))
    assert len(names) >= 50
