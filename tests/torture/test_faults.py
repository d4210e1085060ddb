"""A few of the faults that `make torture` lets happen, all of which it counts."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def _said_by(script, *words):
    """Run a script of this folder, which must succeed; return what it prints."""
    words = [sys.executable, Path(__file__).with_name(script), *map(str, words)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_failing_disk_ends_commands_in_one_line_and_a_rerun_gives_the_same_bytes(tmp_path):
    said = _said_by("faults.py", "--every", "50", tmp_path)
    counts = re.search(r"(\d+) faults: .*; (\d+) problems", said)
    assert counts is not None, said
    assert int(counts[1]) > 20
    assert counts[2] == "0"


@pytest.mark.slow
def test_readers_of_damaged_files_read_or_refuse_them_in_one_line():
    said = _said_by("fuzz.py", "--executions", "1000", "--seed", "1")
    assert re.search(r"[\d,]+ executions with seed 1: 0 problems", said), said


@pytest.mark.slow
def test_a_killed_search_loses_and_repeats_no_trial():
    said = _said_by("lost_trials.py", "--every", "11", "--space", "named")
    assert re.search(r"1\d kills of a search: 0 problems", said), said


@pytest.mark.slow
def test_commands_killed_at_random_give_the_same_bytes_when_run_again():
    said = _said_by("kills.py", "--kills", "20")
    assert re.search(r"^20 kills: .* 0 lost, 0 made again,.*; 0 problems", said, re.M)


@pytest.mark.slow
def test_damage_to_every_kind_of_file_is_found_and_not_used():
    said = _said_by("flips.py", "--flips", "21")
    assert said.endswith("21 flips: 0 not found, 0 used\n")


@pytest.mark.slow
def test_commands_that_work_on_the_same_runs_together_give_one_result():
    said = _said_by("mixed.py", "--rounds", "2", "--seed", "1")
    last = "2 rounds of 8 processes: 16 commands, 0 that failed; 0 problems\n"
    assert said.endswith(last), said


@pytest.mark.slow
def test_what_another_command_removes_meanwhile_stops_none():
    said = _said_by("removals.py", "--only", "runs", "--only", "runs gc", "--only", "runs verify")
    counts = re.search(r"^(\d+) removals: (\d+) problems$", said, re.M)
    assert counts is not None, said
    assert int(counts[1]) > 60
    assert counts[2] == "0", said
