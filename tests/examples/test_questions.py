"""The examples of the questions: the curve on tiny runs, the script as far as a shell reads it."""

import runpy
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from alignkit.runs import Training
from tiny import TINY_MODEL

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
def test_alignment_is_drawn_against_the_share_of_redundant_information(tmp_path, capsys):
    example = runpy.run_path(str(EXAMPLES / "redundancy.py"))
    names = example["main"].__globals__
    names |= {
        "PLACEMENTS": {"none": "without", "1,2": "with"},
        "SHARES": (0.0, 1.0),
        "SEEDS": (0,),
        "MODEL": TINY_MODEL,
        "TRAINING": Training(epochs=0),
        "TASK": "toy_redundant:redundancy={share},n_train=32,n_validation=16,n_test=24",
    }
    example["main"](tmp_path)
    assert "with, unbiased_cka: Spearman" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "redundancy.csv")
    assert table["share"].tolist() == [0, 1, 0, 1]
    assert table["placement"].tolist() == ["none", "none", "1,2", "1,2"]
    assert table["mknn chance"].tolist() == [10 / 23] * 4
    assert (tmp_path / "redundancy.png").read_bytes().startswith(b"\x89PNG")


def test_the_script_is_one_that_a_shell_can_read():
    subprocess.run(["sh", "-n", EXAMPLES / "questions.sh"], check=True)
