"""Scores that plugins add: computed, stored, made again, and read by analyses."""

import json

import numpy as np
import pytest

import alignkit
from alignkit.analysis.scores import scores_table
from alignkit.chain.evaluate import evaluate
from alignkit.chain.extra_scores import choose_score, choose_scores, errors_of
from alignkit.errors import PluginError, UsageError
from alignkit.plugins import use_plugin_files
from alignkit.tasks import MultiLabel, Predictions
from tiny import alignkit as command
from tiny import train_tiny

ACCURACY = "worst_group_accuracy"
PLUGIN = """
import alignkit

def mistakes(predictions, share: bool = False):
    wrong = float(((predictions.logits[:, 0] > 0) != predictions.targets).sum())
    return wrong / len(predictions) if share else wrong

@alignkit.hookimpl
def register_scores(register):
    register("mistakes", mistakes, higher_is_better=False, range=(0, 10**6), targets=("Binary",))
    register("too_high", lambda predictions: 2.0)
    register("no_number", lambda predictions: "good")
    register("undefined", lambda predictions: float("nan"))
    register("broken", lambda predictions: predictions.nothing)
    register("several", lambda predictions: 1.0, targets=("MultiLabel",))
"""


@pytest.fixture
def added(tmp_path):
    """A plugin with scores, good and bad."""
    file = tmp_path / "scores.py"
    file.write_text(PLUGIN)
    use_plugin_files([file])
    yield file
    use_plugin_files([])


def _predictions(logits, targets, **facts):
    ids = [f"s{i}" for i in range(len(targets))]
    return Predictions(np.array(targets), np.array(logits, np.float32)[:, None], ids, facts)


def test_worst_groups():
    predictions = _predictions(
        [1, -1, 1, 1, 2, -2], [1, 0, 0, 1, 1, 0], scene=["a", "a", "b", "b", "b", "b"]
    )
    assert choose_score(f"{ACCURACY}:group=scene").of(predictions) == 0.75
    assert choose_score("worst_group_auroc:group=scene").of(predictions) == pytest.approx(0.875)
    with pytest.raises(UsageError, match="no fact 'place'; known: scene"):
        choose_score(f"{ACCURACY}:group=place").of(predictions)
    with pytest.raises(UsageError, match="say which fact makes the groups"):
        choose_score("worst_group_auroc").of(predictions)
    single = _predictions([1, -1], [1, 0], scene=["a", "b"])
    with pytest.raises(alignkit.DataError, match="scene is 'a' have the same label"):
        choose_score("worst_group_auroc:group=scene").of(single)


def test_draws_in_which_a_score_is_undefined_have_no_part_in_its_error():
    rng = np.random.default_rng(0)
    targets, scene = rng.integers(0, 2, 40), ["a", "b"] * 20
    predictions = _predictions(rng.standard_normal(40) + targets, targets, scene=scene)
    name = "worst_group_auroc:group=scene"
    error = errors_of(choose_scores([name]), predictions)[name]
    assert 0 < error["se"] < 0.2
    # Of few samples, most draws lack a label in a group: the other score has all draws.
    few = _predictions([1, 1, 2, -2], [1, 0, 1, 0], scene=["a", "a", "b", "b"])
    drawn = errors_of(choose_scores([name, f"{ACCURACY}:group=scene"]), few)
    alone = errors_of(choose_scores([f"{ACCURACY}:group=scene"]), few)
    assert drawn[f"{ACCURACY}:group=scene"] == alone[f"{ACCURACY}:group=scene"]
    assert drawn[f"{ACCURACY}:group=scene"]["se"] > 0


def test_a_score_knows_ids_and_keeps_rows_together():
    predictions = _predictions([1, -1, 3], [1, 0, 1], scene=["b", "a", "b"])
    groups = predictions.groups("scene")
    assert list(groups) == ["a", "b"]
    assert list(groups["b"].ids) == ["s0", "s2"]
    assert groups["b"].logits[:, 0].tolist() == [1, 3]
    assert groups["b"].fact("scene") == ["b", "b"]


@pytest.mark.slow
def test_scores_are_stored_and_made_again_with_the_others(tmp_path, added):
    run = train_tiny(tmp_path)
    plain = evaluate(run, "test")
    scores = evaluate(run, "test", extra=[ACCURACY, "mistakes"])
    assert {**scores, **plain} == scores
    assert set(scores) - set(plain) == {ACCURACY, "mistakes"}
    assert scores["mistakes"] == round((1 - scores["accuracy"]) * scores["n"])
    assert scores[ACCURACY] <= scores["accuracy"]
    errors = run.score_errors("test")
    assert errors["mistakes"]["method"] == "bootstrap"
    n, right = scores["n"], scores["accuracy"]
    assert errors["mistakes"]["se"] == pytest.approx(n * (right * (1 - right) / n) ** 0.5, rel=0.25)
    assert errors[ACCURACY]["low"] <= scores[ACCURACY] <= errors[ACCURACY]["high"]
    assert not run.higher_is_better("mistakes")
    assert run.higher_is_better(ACCURACY)
    assert evaluate(run, "test") == scores
    stored = run.performance_file.read_bytes()
    assert evaluate(run, "test", extra=["mistakes:share=false"]) == scores
    assert run.performance_file.read_bytes() == stored
    assert evaluate(run, "test", force=True) == scores
    with pytest.raises(UsageError, match=r"score 'several' is for a target MultiLabel; .* Binary"):
        evaluate(run, "test", extra=["several"])


@pytest.mark.slow
def test_an_analysis_computes_an_outcome_that_is_not_stored(tmp_path, added):
    run = train_tiny(tmp_path)
    table = scores_table([run], "mistakes:share=true", "test")
    assert table["score"].item() == pytest.approx(1 - run.scores("test")["accuracy"])
    assert "mistakes:share=true" in run.scores("test")


@pytest.mark.slow
def test_evaluate_takes_scores(tmp_path, added):
    train_tiny(tmp_path / "runs")
    words = ("--plugin", added, "evaluate", "--json", "--score", f"{ACCURACY}:group=text")
    (row,) = json.loads(command(*words, "--score", "mistakes", cwd=tmp_path).stdout)
    assert 0 <= row[f"{ACCURACY}:group=text"] <= row["accuracy"]
    assert row["mistakes"] >= 1
    wrong = command("evaluate", "--score", "worst_group_acuracy", cwd=tmp_path, code=2)
    assert f"unknown score 'worst_group_acuracy'; did you mean '{ACCURACY}'?" in wrong.stderr
    wrong = command("evaluate", "--score", f"{ACCURACY}:groups=text", cwd=tmp_path, code=2)
    assert "has no option 'groups'; did you mean 'group'?" in wrong.stderr
    failed = command("--plugin", added, "evaluate", "--score", "broken", cwd=tmp_path, code=1)
    assert "score 'broken' of scores.py" in failed.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("too_high", r"gave 2\.0; expected a number in \[0, 1\]"),
        ("undefined", "gave nan"),
        ("no_number", "could not convert"),
        ("broken", "no attribute 'nothing'"),
    ],
)
@pytest.mark.usefixtures("added")
def test_what_is_no_score_is_named_with_its_owner(name, message):
    with pytest.raises(PluginError, match=f"score '{name}' of scores.py.*{message}"):
        choose_score(name).of(_predictions([1, -1], [1, 0]))


@pytest.mark.usefixtures("added")
def test_a_target_that_does_not_fit_is_refused():
    choose_score("several").check_target(MultiLabel(("a",)))
    with pytest.raises(UsageError, match="is for a target MultiLabel; that of the task is Binary"):
        choose_score("several").check_target(alignkit.Binary())
