"""What the check of a score accepts, and what it refuses."""

import pytest

from alignkit.errors import PluginError, UsageError
from alignkit.plugins import use_plugin_files
from alignkit.testing import check_score

PLUGIN = """
import itertools
import alignkit

calls = itertools.count()

def writes(predictions):
    value = float(((predictions.logits[:, 0] > 0) == predictions.targets).mean())
    predictions.logits[:] = 0
    return value

def right(predictions):
    return float(((predictions.logits[:, 0] > 0) == predictions.targets).mean())

@alignkit.hookimpl
def register_scores(register):
    binary = {"targets": ("Binary",)}
    register("writes", writes, **binary)
    register("restless", lambda p: (next(calls) % 9) / 9, **binary)
    register("first", lambda p: min(1.0, abs(float(p.logits[0, 0])) / 9), **binary)
    register("upside_down", right, higher_is_better=False, **binary)
    register("constant", lambda p: 0.5, **binary)
    register("of_mine", right, targets=("Mine",))
    register("wide", lambda p: 7.0, **binary)
"""


@pytest.fixture(autouse=True)
def added(tmp_path):
    """A plugin with bad scores."""
    file = tmp_path / "scores.py"
    file.write_text(PLUGIN)
    use_plugin_files([file])
    yield
    use_plugin_files([])


def test_the_own_scores_pass():
    assert set(check_score("worst_group_accuracy:group=any")) == {"Binary", "SingleLabel"}
    assert set(check_score("worst_group_auroc:group=any")) == {"Binary"}
    with pytest.raises(UsageError, match="say which fact"):
        check_score("worst_group_auroc")


@pytest.mark.parametrize(
    ("score", "error", "message"),
    [
        ("writes", AssertionError, "writes to its input"),
        ("restless", AssertionError, "for the same predictions"),
        ("first", AssertionError, "in another order of samples"),
        ("upside_down", AssertionError, "is not better than"),
        ("constant", AssertionError, "is not better than"),
        ("of_mine", AssertionError, "is for Mine, which alignkit lacks"),
        ("wide", PluginError, "gave 7.0"),
    ],
)
def test_a_bad_score_is_named(score, error, message):
    with pytest.raises(error, match=message):
        check_score(score)
