"""Controlled variables of runs: options, depth and number of fusions."""

import pandas as pd
import pytest

from alignkit.analysis.controls import add_controls
from alignkit.errors import UsageError
from alignkit.runs import Run, Training, resolve_config
from tiny import TINY_MODEL, TINY_TASK


@pytest.fixture
def runs(tmp_path):
    return [
        Run.planned(tmp_path, resolve_config(TINY_TASK, placement, TINY_MODEL, Training(epochs=e)))
        for placement, e in (("1", 3), ("1,2", 5))
    ]


def _added(runs, *controls):
    table = pd.DataFrame({"run": [str(run.path) for run in runs], "accuracy": 0.5})
    return add_controls(table, runs, controls)


def test_options_depth_and_fusions_are_columns(runs):
    depths = [run.config.architecture.make().depths() for run in runs]
    table = _added(runs, "epochs", "fusions", "depth", "precision")
    assert table["epochs"].tolist() == [3, 5]
    assert table["fusions"].tolist() == [1, 2]
    shares = [
        sum(
            sum(getattr(run.config.placement, s)) / len(run.config.placement) / d[s]
            for s in ("text", "vision")
        )
        / 2
        for run, d in zip(runs, depths, strict=True)
    ]
    assert table["depth"].tolist() == pytest.approx(shares)
    assert table["precision"].map(type).eq(str).all()


def test_what_cannot_be_controlled_for_is_refused(runs, tmp_path):
    with pytest.raises(UsageError, match="has no option 'epoch'; did you mean 'epochs'"):
        _added(runs, "epoch")
    with pytest.raises(UsageError, match="`control` is accuracy, which is correlated"):
        _added(runs, "accuracy")
    none = Run.planned(tmp_path, resolve_config(TINY_TASK, "none", TINY_MODEL, Training()))
    with pytest.raises(UsageError, match="the placement none has no fusion and so no depth"):
        _added([*runs, none], "depth")
    assert _added([*runs, none], "fusions")["fusions"].tolist() == [1, 2, 0]
