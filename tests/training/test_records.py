"""Tables always, TensorBoard events by option."""

import sys

import pandas as pd
import pytest

from alignkit.chain.train import train
from alignkit.errors import UsageError
from alignkit.runs import RuntimeOptions, Training, resolve_config
from alignkit.training.records import Records
from tiny import TINY_MODEL, TINY_TASK


def _config(**runtime):
    return resolve_config(
        TINY_TASK,
        "1",
        TINY_MODEL,
        Training(epochs=2, batch_size=20),
        runtime=RuntimeOptions(**runtime),
    )


@pytest.mark.slow
def test_every_step_and_epoch_is_a_row(tmp_path):
    run = train(_config(), tmp_path)
    steps = pd.read_csv(run.path / "steps.csv")
    assert steps["step"].tolist() == list(range(1, 9))
    assert steps["epoch"].tolist() == [1] * 4 + [2] * 4
    history = run.history()
    sizes = [20, 20, 20, 4]
    expected = sum(n * loss for n, loss in zip(sizes, steps["loss"], strict=False)) / 64
    row = history[(history.epoch == 1) & (history.split == "train")].iloc[0]
    assert row["loss"] == pytest.approx(expected, rel=1e-12)
    assert (steps["gradient_norm"] > 0).all()


@pytest.mark.slow
def test_events_hold_the_same_numbers(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = train(_config(tensorboard=True), tmp_path)
    events = accumulator.EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    steps = pd.read_csv(run.path / "steps.csv")
    assert [e.value for e in events.Scalars("step/loss")] == pytest.approx(steps["loss"].tolist())
    scores = run.history()[lambda h: h.split == "validation"]["auroc"].tolist()
    assert [e.value for e in events.Scalars("validation/auroc")] == pytest.approx(scores)


def test_without_tensorboard_the_option_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageError, match=r"alignkit\[tensorboard\]"):
        Records(tmp_path)
