"""Names that two distributions claim: refused alone, taken with the distribution before them."""

import pandas as pd
import pytest

from tiny import TINY_MODEL, TINY_TASK, alignkit

RIVAL = """
import alignkit

def rival(x, y):
    return 0.5

@alignkit.hookimpl
def register_metrics(register):
    register("cka", rival)

@alignkit.hookimpl
def register_encoders(register):
    register("module", rival)
"""
ENCODER = """
import torch
from torch import nn

def tower():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), prepare

def prepare(texts):
    return torch.tensor([[len(text), text.count("a"), text.count("e"), 1.0] for text in texts])
"""
STUDY = """
runs = "runs"
output = "results"
[grid]
tasks = ["alignkit-toy/{task}"]
placements = ["1", "alignkit-vilbert/none"]
seeds = [0]
[options]
architecture = "alignkit-vilbert/{model}"
epochs = 0
[measure]
metrics = ["{metric}"]
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "rival.py").write_text(RIVAL)
    (tmp_path / "encoder.py").write_text(ENCODER)
    return tmp_path


def both(*words, place, **expected):
    return alignkit("--plugin", "rival.py", *words, cwd=place, **expected)


def test_of_an_encoder(place):
    spec = "module:encoder.py:tower,stream=text"
    words = ("extract", "--task", TINY_TASK, "--encoder")
    refused = both(*words, spec, place=place, code=1).stderr
    assert "Error: encoder 'module' is claimed by alignkit-encoders" in refused
    assert "write alignkit-encoders/module or rival.py/module" in refused
    assert not (place / "encoders").exists()
    stored = both(*words, f"alignkit-encoders/{spec}", place=place).stdout
    assert alignkit(*words, spec, cwd=place).stdout == stored, "the same encoder by its own name"


def test_in_a_study(place):
    file = place / "study.toml"
    study = STUDY.format(task=TINY_TASK, model=TINY_MODEL, metric="{}")
    file.write_text(study.format("cka"))
    refused = both("study", "run", file, place=place, code=1).stderr
    assert "metric 'cka' is claimed by alignkit-metrics" in refused
    assert not (place / "runs").exists()
    file.write_text(study.format("alignkit-metrics/cka"))
    both("study", "run", file, place=place)
    tables = [pd.read_csv(each) for each in sorted((place / "runs").rglob("*cka.cls.csv"))]
    assert len(tables) == 2
    assert all(table["value"].nunique() > 1 for table in tables), "not those of the rival"
