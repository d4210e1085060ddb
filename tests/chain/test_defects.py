"""What went wrong in earlier training code, each as a property that must hold here.

Some are held where their subject is tested:

- validation without repeated memes, pictures whose names collide, and pictures squashed in
  one task and cropped in another: tests/plugins/tasks
- special tokens that were masked or drawn, views that do not correspond, equal captions as
  negatives, swapped pairs in other losses: tests/training/test_masking.py, test_prepared.py
- placements of unequal lists: tests/models, tests/plugins/vilbert/test_model.py
- searches that do not repeat, and blocks lost in rounding: tests/search
- the maximum of a distance: tests/chain/test_table.py, tests/metrics/test_resample.py
- identical input with another value than the best: tests/plugins/metrics/test_values.py
- seeds as independent runs, many tests uncorrected: tests/statistics
"""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from alignkit.chain.extract import extract
from alignkit.chain.train import train
from alignkit.runs import RuntimeOptions, Training, resolve_config
from alignkit.statistics import correlate
from alignkit.training.loop import Loop
from alignkit_vilbert.options import HEADS
from parts import cut, gradients, learner_and_batches
from tiny import TINY_MODEL, TINY_TASK


def _train(root, runtime=None, task=TINY_TASK, **options):
    config = resolve_config(task, "1", TINY_MODEL, Training(**options), runtime=runtime)
    return train(config, root)


@pytest.mark.slow
def test_the_best_weights_are_kept_when_training_never_stops_early(tmp_path):
    options = {"epochs": 6, "learning_rate": 0.05}
    run = _train(tmp_path, **options)
    best = run.performance()["epoch"]
    scores = run.history()[lambda h: h.split == "validation"]["auroc"].to_numpy()
    assert best == scores.argmax() < 6
    weights = {}

    plain = Loop._validate

    def validate(self, epoch):
        best_epoch = plain(self, epoch)
        weights[epoch] = {k: v.clone() for k, v in self.learner.model.state_dict().items()}
        return best_epoch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "_validate", validate)
        _train(tmp_path / "again", **options)
    kept = load_file(run.model_file)
    assert all((kept[name] == value).all() for name, value in weights[best].items())


@pytest.mark.slow
def test_the_test_split_is_read_neither_before_nor_during_training(tmp_path, monkeypatch):
    from alignkit_toy.match import Match

    plain = Match.split

    def split(self, name):
        assert name != "test", "the test split was opened"
        return plain(self, name)

    monkeypatch.setattr(Match, "split", split)
    for options in ({}, {"objectives": ("pretrain",)}):
        _train(tmp_path, RuntimeOptions(track=("cka",)), epochs=1, **options)


@pytest.mark.slow
def test_alignment_is_measured_on_the_split_that_was_asked_for(tmp_path):
    """Never on training rows: the default is test, and tracking looks at validation."""
    import json

    run = _train(tmp_path, RuntimeOptions(track=("cka",)), epochs=1)
    assert set(pd.read_csv(run.path / "tracking.csv")["split"]) == {"validation"}
    extract(run)
    ids = json.loads((run.path / "representations" / "test" / "ids.json").read_text())
    assert ids == list(run.config.task.make().split("test").ids)


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2, 3])
def test_the_schedule_is_sized_by_optimiser_steps_and_ends_at_the_floor(tmp_path, accumulate):
    """In pretraining too: several objectives are one step, not several."""
    run = _train(
        tmp_path,
        epochs=3,
        batch_size=10,
        accumulate=accumulate,
        floor=0.1,
        objectives=("pretrain",),
    )
    steps = pd.read_csv(run.path / "steps.csv")
    assert len(steps) == 3 * math.ceil(math.ceil(64 / 10) / accumulate)
    last = run.history()[lambda h: h.split == "train"]["learning_rate"].iloc[-1]
    assert last == pytest.approx(0.1 * 5e-4)
    assert steps["learning_rate"].max() == pytest.approx(5e-4)


def test_the_last_smaller_group_is_scaled_by_its_own_size():
    learner, prepare = learner_and_batches()
    rows = np.arange(11)
    whole, _ = gradients(learner, [prepare(rows, 1)])
    parts, _ = gradients(learner, [prepare(r, 1) for r in cut(rows, 8, 3)])
    np.testing.assert_allclose(parts, whole, atol=1e-6 * np.abs(whole).max() + 1e-7)


@pytest.mark.slow
def test_accumulation_and_batch_size_are_what_the_options_say(tmp_path):
    run = _train(tmp_path, epochs=1, batch_size=4, accumulate=5)
    assert len(pd.read_csv(run.path / "steps.csv")) == math.ceil(16 / 5)
    assert run.config.training.accumulate == 5


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_every_way_to_join_the_streams_can_be_named(tmp_path, head):
    config = resolve_config(TINY_TASK, "1", f"{TINY_MODEL},head={head}", Training(epochs=0))
    assert train(config, tmp_path).is_trained


@pytest.mark.parametrize("seeds", [(0,), (3, 7), (0, 1, 2, 3)])
def test_any_number_of_seeds_is_a_unit(seeds):
    table = pd.DataFrame(
        [
            {
                "task": "t",
                "placement": f"p{i}",
                "seed": seed,
                "auroc": 0.5 + 0.1 * i,
                "cka": 0.1 * i,
            }
            for i in range(4)
            for seed in seeds
        ]
    )
    row = correlate(table, "auroc", ["cka"]).table.iloc[0]
    assert (row["n"], row["runs"]) == (4, 4 * len(seeds))


@pytest.mark.slow
def test_nothing_depends_on_the_clock_or_on_earlier_draws(tmp_path):
    """Seeds decide, whatever else was drawn in the process before."""
    import random

    import torch

    runs = []
    for name in ("a", "b"):
        runs.append(_train(tmp_path / name, epochs=1, objectives=("pretrain",)))
        random.random(), np.random.rand(3), torch.rand(5)  # noqa: NPY002
    assert runs[0].model_file.read_bytes() == runs[1].model_file.read_bytes()


@pytest.mark.slow
def test_tasks_and_seeds_are_read_from_files_not_from_folder_names(tmp_path):
    run = _train(tmp_path / "runs", epochs=0)
    moved = tmp_path / "named_after_nothing"
    run.path.rename(moved)
    from alignkit.runs import load_run

    again = load_run(moved)
    assert (again.task, again.placement, again.seed) == ("toy_match", "at_1", 0)


@pytest.mark.slow
def test_importing_asks_for_no_host_name(tmp_path):
    code = (
        "import socket\n"
        "def refuse(*_): raise RuntimeError('asked for the host name')\n"
        "socket.gethostname = refuse\n"
        "import alignkit.chain.train, alignkit.cli.main\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
