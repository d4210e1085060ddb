"""The benchmark of a GPU at small sizes, on the CPU: that it runs, and that both sides agree."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_gpu_compares_every_topic():
    words = [sys.executable, "benchmarks/gpu.py", "--small", "--device", "cpu"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("- GPU: none\n- CPU: ")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in done.stdout.splitlines()
        if line.startswith("|") and not line.startswith(("| |", "|---"))
    ]
    # Thirteen metrics and their sum, three nulls, two numbers of samples, extraction, four steps.
    assert len(rows) == 14 + 3 + 2 + 1 + 4
    for row in rows:
        assert float(row[1]) > 0
        assert float(row[2]) > 0
        assert row[4] == "0.0e+00"


def test_gpu_expects_times_by_the_square_of_the_samples():
    words = [sys.executable, "benchmarks/gpu.py", "neighbours", "--small", "--device", "cpu"]
    done = subprocess.run([*words, "--budget", "0"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| n = ")]
    fewer, more = (row.split("|")[2] for row in rows)
    assert "(expected)" in fewer
    assert "(expected)" in more
    seconds = [float(cell.replace("(expected)", "")) for cell in (fewer, more)]
    assert seconds[1] / seconds[0] == pytest.approx(4, rel=0.02)
