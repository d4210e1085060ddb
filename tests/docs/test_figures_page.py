"""The commands of docs/figures.md run as they stand, and its table names every kind of figure."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from alignkit import compare
from alignkit.report.plots import COLUMNS, KINDS, OF_COMPARISONS
from tiny import TINY_MODEL, TINY_TASK, alignkit

PAGE = (Path(__file__).parents[2] / "docs" / "figures.md").read_text()


@pytest.mark.slow
def test_every_command_of_the_page_runs(own_runs, tmp_path):
    root, _ = own_runs
    rng = np.random.default_rng(0)
    models = {name: list(rng.standard_normal((2, 30, 4))) for name in "abc"}
    compare(models, metric=["cka", "mknn"], null=0, interval=0).save(tmp_path / "comparison")
    tracking = ("--track-alignment", "unbiased_cka", "--track-layers", "all", "--epochs", 5)
    tiny = ("--task", TINY_TASK, "--architecture", TINY_MODEL, "--placement", "1")
    alignkit("train", *tiny, *tracking, "--runs", tmp_path / "tracked", cwd=tmp_path)
    for line in "".join(re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)).splitlines():
        words = shlex.split(line.partition(" > ")[0])[1:]
        if "results" in line:  # tests/report/test_stored_tables.py runs these
            continue
        kinds = OF_COMPARISONS if "comparison" in words else KINDS
        followed = kinds[words[1]].options if words[0] == "plot" else ("permutations",)
        is_fast = words[0] == "evaluate" or "permutations" not in followed
        fast = [] if is_fast else ["--permutations", "19"]
        of_runs = ["--runs", tmp_path / "tracked" if "--epoch" in words else root, *fast]
        of_runs = [] if "comparison" in words else of_runs
        done = alignkit(*words, *of_runs, cwd=tmp_path)
        assert done.stdout, line
        if words[0] in ("plot", "report"):
            assert all((tmp_path / name).is_file() for name in done.stdout.split())


def test_the_table_names_every_kind_and_both_widths():
    assert re.findall(r"^\| `([\w-]+)` \|", PAGE, flags=re.MULTILINE) == [*KINDS, *OF_COMPARISONS]
    assert all(f"{width:g}" in PAGE for width in COLUMNS.values())
