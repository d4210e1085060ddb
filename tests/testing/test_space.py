"""What the check of a search space accepts, and what it refuses."""

import pytest

import alignkit
from alignkit.plugins import use_plugin_files
from alignkit.testing import check_space
from tiny import TINY_MODEL

PLUGIN = """
import itertools
import alignkit

calls = itertools.count()

def empty(context):
    return alignkit.Space("empty", {})

def too_deep(context):
    either = alignkit.Bound(choices=(98, 99))
    return alignkit.Space("too_deep", {"at": either}, lambda v: alignkit.Placement([v["at"]], [0]))

def wrong_size(context):
    return alignkit.Space("wrong_size", {"epochs": alignkit.Bound(choices=(1, 2))}, size=3)

def restless(context):
    at = {"at": alignkit.Bound(0, 1)}
    return alignkit.Space("restless", at, lambda v: alignkit.Placement([next(calls) % 2], [0]))

def no_space(context):
    return {"at": (0, 1)}

def broken(context):
    return context.nothing

def epochs(context):
    return alignkit.Space("epochs", {"epochs": alignkit.Bound(choices=(1, 2, 3))}, size=3)

@alignkit.hookimpl
def register_spaces(register):
    for function in (empty, too_deep, wrong_size, restless, no_space, broken):
        register(function.__name__, function)
    register("epochs", epochs, placements="fixed")
"""


@pytest.fixture(autouse=True)
def added(tmp_path):
    """A plugin with spaces, good and bad."""
    file = tmp_path / "spaces.py"
    file.write_text(PLUGIN)
    use_plugin_files([file])
    yield
    use_plugin_files([])


@pytest.mark.parametrize("space", ["placement", "placement:distinct=true", "named", "mask"])
def test_the_own_spaces_pass(space):
    assert check_space(space, TINY_MODEL) > 1


def test_a_finite_space_has_as_many_runs_as_points():
    assert check_space("epochs", TINY_MODEL) == 3
    assert check_space("named", TINY_MODEL, placements=["0", "1"]) == 2


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        ("empty", AssertionError, "has no parameter"),
        ("too_deep", AssertionError, "text index 9. .* beyond the depth"),
        ("wrong_size", AssertionError, "declares size=3; its bounds have 2 points"),
        ("restless", AssertionError, "mean another run each time"),
        ("no_space", alignkit.PluginError, "space 'no_space' .*spaces.py.* dict"),
        ("broken", alignkit.PluginError, "space 'broken' .*spaces.py.*nothing"),
    ],
)
def test_a_bad_space_is_named(space, error, message):
    with pytest.raises(error, match=message):
        check_space(space, TINY_MODEL)
