"""Poolings of plugins: of runs and encoders, in losses, and when their code has changed."""

import json

import numpy as np
import pytest
import torch

from alignkit.alignment.runs import measure_run
from alignkit.chain.extract import extract
from alignkit.contracts.pooling import pooled, require_pooling
from alignkit.errors import PluginError, UsageError
from alignkit.models.encoders import SiteState
from alignkit.models.walk import StreamState
from alignkit.plugins import use_plugin_files
from alignkit.runs import Training, load_run, resolve_config
from alignkit.testing import check_pooling
from tiny import TINY_MODEL, TINY_TASK, train_tiny
from tiny import alignkit as run_command

PLUGIN = """
import itertools
import torch
import alignkit

calls = itertools.count()

def ends(state):
    return (state.tokens[:, 0] + state.tokens.mean(1)) / 2

def first(state):
    return 1.0 * state.tokens[:, 0]

@alignkit.hookimpl
def register_poolings(register):
    register("first", first)
    register("ends", ends)
    register("both", lambda state: torch.cat([state.tokens[:, 0]] * 2, dim=1))
    register("number", lambda state: 0.5)
    register("broken", lambda state: state.nothing)
    register("empty", lambda state: state.tokens[:, 0] / 0)
    register("cut", lambda state: state.tokens[:, 0].detach())
    register("batch", lambda state: state.tokens[:, 0] - state.tokens[:, 0].mean(0))
    register("restless", lambda state: state.tokens[:, 0] + next(calls))
    register("writes", lambda state: state.tokens.mul_(2)[:, 0])
"""


@pytest.fixture
def file(tmp_path):
    """A plugin with poolings, good and bad."""
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN)
    use_plugin_files([file])
    yield file
    use_plugin_files([])


def _state():
    tokens = torch.arange(24.0).reshape(2, 4, 3)
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    return StreamState(tokens, mask, mask & (torch.arange(4) > 0))


def test_max_is_over_content_of_runs_and_encoders_alike():
    state = _state()
    expected = torch.stack([state.tokens[0, 3], state.tokens[1, 1]])
    assert torch.equal(pooled(state, "max"), expected)
    same = SiteState(state.tokens, state.mask, state.content)
    assert torch.equal(pooled(same, "max"), expected)
    assert torch.equal(pooled(state, "cls"), state.pooled("cls"))
    assert torch.equal(pooled(state, "mean"), state.pooled("mean"))


@pytest.mark.slow
def test_a_run_stores_and_measures_what_a_plugin_pools(file, tmp_path):
    run = train_tiny(tmp_path / "runs")
    extract(run, "test")
    before = (run.representations_folder("test") / "index.json").read_text()
    assert "poolings" not in before
    table = measure_run(run, ["cka"], pool="first", layers="last")
    assert set(table["pool"]) == {"first"}
    index = run.representation_index("test")
    assert index["pools"] == ["cls", "first", "mean"]
    assert list(index["poolings"]) == ["first"]
    first, cls = (run.representation("t00", "test", pool).values for pool in ("first", "cls"))
    assert np.array_equal(first, cls)
    words = ("measure", run.path, "--pool", "max", "--layers", "last", "--json")
    (row,) = json.loads(run_command(*words, cwd=tmp_path).stdout)
    assert row["pool"] == "max"
    # Of an older run, nothing is known of the code; what is there stays.
    assert extract(run, "test", ["cls", "mean", "max"])["pools"] == ["cls", "first", "max", "mean"]


@pytest.mark.slow
def test_vectors_are_made_again_when_the_code_has_changed(file, tmp_path):
    run = train_tiny(tmp_path / "runs")
    extract(run, "test", ["first"])
    old = np.array(run.representation("t00", "test", "first").values)
    file.write_text(PLUGIN.replace("1.0 * state", "2.0 * state"))
    use_plugin_files([file])
    run, notes = load_run(run.path), []
    reporter = type("Notes", (), {"note": lambda self, text: notes.append(text)})
    extract(run, "test", ["first"], reporter=_reporter(reporter))
    assert any("the code of pooling first has changed since" in note for note in notes)
    new = run.representation("t00", "test", "first").values
    assert np.allclose(new, 2 * old)
    use_plugin_files([])  # gone: what is stored is read
    assert load_run(run.path).representation("t00", "test", "first").values.shape == old.shape
    with pytest.raises(UsageError, match="unknown pooling 'first'"):
        extract(run, "train", ["first"])


def _reporter(notes):
    from alignkit.progress import Reporter

    return type("Told", (notes, Reporter), {})()


@pytest.mark.slow
def test_an_auxiliary_loss_reads_what_a_plugin_pools(file, tmp_path):
    from alignkit.chain.train import train

    values = {}
    for pool in ("cls", "first", "ends", "max"):
        training = Training(epochs=1, aux=(f"cosine=0.5:pool={pool}",))
        run = train(resolve_config(TINY_TASK, "1,2", TINY_MODEL, training), tmp_path / pool)
        values[pool] = run.history()["loss"].tolist()
    assert values["cls"] == values["first"]
    assert values["cls"] != values["ends"] != values["max"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("both", r"gave a torch.Tensor of shape \(6, 8\) .*; expected a tensor .* shape \(6, 4\)"),
        ("number", "gave 0.5; expected a tensor"),
        ("broken", "raised AttributeError: .* no attribute 'nothing'"),
        ("empty", "gave NaN or infinite values"),
        ("cut", "without a gradient"),
        ("batch", "another vector for a sample alone"),
        ("restless", "gave others for the same states"),
        ("writes", "writes to its input"),
        ("ends", "depends on what padding holds"),
    ],
)
def test_a_bad_pooling_is_named(file, name, message):
    with pytest.raises(AssertionError, match=rf"pooling '{name}' of mine.py, .*{message}"):
        check_pooling(name)


def test_good_poolings_pass(file):
    for name in ("cls", "mean", "max", "first"):
        assert check_pooling(name) == (6, 4)


def test_what_cannot_be_a_pooling(file):
    with pytest.raises(UsageError, match=r"unknown pooling 'frist'; did you mean 'first'"):
        require_pooling("frist")
    with pytest.raises(UsageError, match="must be named without its distribution"):
        require_pooling("mine.py/first")
    with pytest.raises(PluginError, match=r"'number' of mine.py.*to check it: alignkit --plugin"):
        pooled(_state(), "number")
