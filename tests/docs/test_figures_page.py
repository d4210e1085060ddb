"""The commands of docs/figures.md run as they stand, and its table names every kind of figure."""

import re
import shlex
from pathlib import Path

import pytest

from alignkit.report.plots import COLUMNS, KINDS
from tiny import alignkit

PAGE = (Path(__file__).parents[2] / "docs" / "figures.md").read_text()


@pytest.mark.slow
def test_every_command_of_the_page_runs(own_runs, tmp_path):
    root, _ = own_runs
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
    for line in block.splitlines():
        words = shlex.split(line)[1:]
        done = alignkit(*words, "--runs", root, "--permutations", "19", cwd=tmp_path)
        paths = [tmp_path / name for name in done.stdout.split()]
        assert paths, line
        assert all(path.is_file() for path in paths)


def test_the_table_names_every_kind_and_both_widths():
    assert re.findall(r"^\| `([\w-]+)` \|", PAGE, flags=re.MULTILINE) == list(KINDS)
    assert all(f"{width:g}" in PAGE for width in COLUMNS.values())
