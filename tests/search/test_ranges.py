"""Studies that Optuna stores but does not read again: values out of range, boundless penalties."""

import sys

import optuna
import pytest

from alignkit.search.analyse import analyse


def _study(objective, *enqueued):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    for values in enqueued:
        study.enqueue_trial(values)
    study.optimize(objective, n_trials=8)
    return study


@pytest.mark.filterwarnings("ignore")
def test_enqueued_values_outside_their_ranges_are_kept_and_said():
    outside = {"x": 7.0, "k": 100}
    study = _study(lambda t: t.suggest_float("x", 0, 1) + t.suggest_int("k", 1, 5, step=2), outside)
    analysis = analyse(study)
    assert sum(row["importance"] for row in analysis.importances) == pytest.approx(1)
    assert analysis.table["k"].max() == 100
    assert any(note.startswith("values of k, x lie outside") for note in analysis.notes)


def test_the_largest_penalty_is_analysed_and_said():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        return sys.float_info.max if x < 0.5 else -sys.float_info.max if x > 0.7 else x

    analysis = analyse(_study(objective))
    assert analysis.importances[0]["importance"] == pytest.approx(1)
    assert any("beyond 1e+30" in note for note in analysis.notes)
