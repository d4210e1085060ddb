"""Alignment while training: on a fixed probe set, epoch 0 included, without a trace."""

import pandas as pd
import pytest

from alignkit.alignment.runs import measure_run
from alignkit.chain.train import train
from alignkit.errors import UsageError
from alignkit.runs import RuntimeOptions, Training, resolve_config
from tiny import TINY_MODEL, TINY_TASK, alignkit


def _run(root, epochs=3, **runtime):
    options = Training(epochs=epochs, batch_size=16)
    return train(
        resolve_config(TINY_TASK, "1,2", TINY_MODEL, options, runtime=RuntimeOptions(**runtime)),
        root,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("every", "steps"), [("1", [0, 4, 8, 12]), ("2", [0, 8]), ("5s", [0, 5, 10])]
)
def test_it_is_measured_when_it_is_time(tmp_path, every, steps):
    run = _run(tmp_path, track=("cka", "mknn:k=3"), track_every=every, track_samples=20)
    table = pd.read_csv(run.path / "tracking.csv")
    assert sorted(table["step"].unique()) == steps
    assert set(table["metric"]) == {"cka", "mknn"}
    assert (table["n"] == 20).all()
    assert set(zip(table["x"], table["y"], strict=True)) == {(f"t0{i}", f"v0{i}") for i in range(3)}


@pytest.mark.slow
def test_tracking_changes_no_weight(tmp_path):
    plain, tracked = _run(tmp_path / "a"), _run(tmp_path / "b", track=("cka",), track_every="3s")
    assert plain.config.identity == tracked.config.identity
    assert plain.model_file.read_bytes() == tracked.model_file.read_bytes()


@pytest.mark.slow
def test_the_value_is_what_measure_finds(tmp_path):
    run = _run(tmp_path, 0, track=("cka",), track_samples=32)
    tracked = pd.read_csv(run.path / "tracking.csv").set_index("x")["value"]
    table = measure_run(run, ["cka"], split="validation", pool="cls", layers="same")
    assert tracked.to_dict() == pytest.approx(table.set_index("x")["value"].to_dict(), rel=1e-6)


def test_an_unknown_metric_is_refused_before_the_work(tmp_path):
    done = alignkit(
        "train",
        "--task",
        TINY_TASK,
        "-a",
        TINY_MODEL,
        "-p",
        "1",
        "--track-alignment",
        "ckaa",
        cwd=tmp_path,
        code=2,
    )
    assert "did you mean 'cka'?" in done.stderr


@pytest.mark.parametrize("every", ["0", "s", "2e", "-1"])
def test_faulty_intervals(every):
    with pytest.raises(UsageError, match="`track_every`"):
        RuntimeOptions(track_every=every)
