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
    for line in "".join(re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)).splitlines():
        words = shlex.split(line.partition(" > ")[0])[1:]
        fast = [] if words[0] == "evaluate" else ["--permutations", "19"]
        done = alignkit(*words, "--runs", root, *fast, cwd=tmp_path)
        assert done.stdout, line
        if words[0] in ("plot", "report"):
            assert all((tmp_path / name).is_file() for name in done.stdout.split())


def test_the_table_names_every_kind_and_both_widths():
    assert re.findall(r"^\| `([\w-]+)` \|", PAGE, flags=re.MULTILINE) == list(KINDS)
    assert all(f"{width:g}" in PAGE for width in COLUMNS.values())
