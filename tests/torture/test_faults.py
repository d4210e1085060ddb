"""A few of the faults that `make torture` lets happen, all of which it counts."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_failing_disk_ends_commands_in_one_line_and_a_rerun_gives_the_same_bytes(tmp_path):
    script = Path(__file__).with_name("faults.py")
    words = [sys.executable, str(script), "--every", "50", str(tmp_path)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = re.search(r"(\d+) faults: .*; (\d+) problems", ended.stdout)
    assert said is not None, ended.stdout
    assert int(said[1]) > 20
    assert said[2] == "0"


@pytest.mark.slow
def test_readers_of_damaged_files_read_or_refuse_them_in_one_line():
    script = Path(__file__).with_name("fuzz.py")
    words = [sys.executable, str(script), "--executions", "1000", "--seed", "1"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"[\d,]+ executions with seed 1: 0 problems", ended.stdout), ended.stdout


@pytest.mark.slow
def test_a_killed_search_loses_and_repeats_no_trial():
    script = Path(__file__).with_name("lost_trials.py")
    words = [sys.executable, str(script), "--every", "11", "--space", "named"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"1\d kills of a search: 0 problems", ended.stdout), ended.stdout


@pytest.mark.slow
def test_commands_killed_at_random_give_the_same_bytes_when_run_again():
    script = Path(__file__).with_name("kills.py")
    words = [sys.executable, str(script), "--kills", "20"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"^20 kills: .* 0 lost, 0 made again,.*; 0 problems", ended.stdout, re.M)


@pytest.mark.slow
def test_damage_to_every_kind_of_file_is_found_and_not_used():
    script = Path(__file__).with_name("flips.py")
    words = [sys.executable, str(script), "--flips", "21"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.endswith("21 flips: 0 not found, 0 used\n")


@pytest.mark.slow
def test_commands_that_work_on_the_same_runs_together_give_one_result():
    script = Path(__file__).with_name("mixed.py")
    words = [sys.executable, str(script), "--rounds", "2", "--seed", "1"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = "2 rounds of 8 processes: 16 commands, 0 that failed; 0 problems\n"
    assert ended.stdout.endswith(said), ended.stdout
