"""Placements by name: with options, by depth, and what a plugin may do wrong."""

import json

import pytest

import alignkit
from alignkit.plugins import use_plugin_files
from alignkit.runs.config import choose
from alignkit.runs.placements import choose_placement, placements_that_fit
from tiny import TINY_MODEL
from tiny import alignkit as run

PLUGIN = """
import alignkit

def spread(depths, count: int = 2, shift: int = 0):
    return [i * depths["text"] // count + shift for i in range(count)]

def broken(depths, count: int = 2):
    return [1 // (count - 2)]

def wordy(depths):
    return "0,1"

@alignkit.hookimpl
def register_placements(register):
    register("spread", spread)
    register("broken", broken)
    register("wordy", wordy)
    register("listed", "{module}:LISTED")
"""


@pytest.fixture
def added(tmp_path, monkeypatch):
    """A plugin with placements of all kinds."""
    (tmp_path / "listed_layers.py").write_text("LISTED = [4, 5]")
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "spread.py"
    file.write_text(PLUGIN.replace("{module}", "listed_layers"))
    use_plugin_files([file])
    yield file
    use_plugin_files([])


@pytest.mark.parametrize(
    ("text", "layers", "name"),
    [
        ("late", (9, 10, 11), "late"),
        ("late:count=3", (9, 10, 11), "late"),
        ("late:count=4", (8, 9, 10, 11), "at_8_9_10_11"),
        ("late:count=1", (11,), "at_11"),
        ("late:count=12", tuple(range(12)), "full"),
        ("early:count=1", (3,), "at_3"),
        ("middle:count=2", (6, 7), "at_6_7"),
        ("8,9,10,11", (8, 9, 10, 11), "at_8_9_10_11"),
    ],
)
def test_options_change_a_placement_and_equal_ones_have_one_name(text, layers, name):
    placement = choose_placement(text)
    assert (placement.text, placement.vision, placement.name) == (layers, layers, name)


def test_late_is_late_in_streams_of_any_depth():
    deep = choose("architectures", "vilbert:text_depth=4,vision_depth=24").make()
    placement = choose_placement("late:count=2", deep)
    assert (placement.text, placement.vision) == ((2, 3), (22, 23))
    assert choose_placement("late", choose("architectures", TINY_MODEL).make()).text == (0, 1, 2)
    with pytest.raises(alignkit.UsageError, match="count=5 is more than the depth of the text str"):
        choose_placement("late:count=5", deep)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("late:cont=2", "placement 'late' has no option 'cont'; did you mean 'count'?"),
        ("late:count=two", "option 'count=two' is not a whole number"),
        ("late:count=0", "count=0 must be at least 1"),
        ("none:count=1", "placement 'none' has no option 'count'; it has none"),
        ("lat:count=1", "unknown placement 'lat'; did you mean 'late'?"),
    ],
)
def test_wrong_options_are_refused(text, message):
    with pytest.raises(alignkit.UsageError) as caught:
        choose_placement(text)
    assert message in str(caught.value)


@pytest.mark.usefixtures("added")
def test_a_plugin_adds_functions_and_lists_by_reference():
    assert choose_placement("spread").text == (0, 6)
    assert choose_placement("spread:count=3,shift=1").name == "at_1_5_9"
    assert choose_placement("listed").text == (4, 5)
    assert choose_placement("4,5").name == "listed"


@pytest.mark.usefixtures("added")
def test_a_broken_function_is_named_and_stops_no_other(capsys):
    with pytest.raises(alignkit.PluginError, match=r"'broken' .*spread\.py.*ZeroDivision"):
        choose_placement("broken")
    with pytest.raises(alignkit.PluginError, match=r"'wordy' .*gave '0,1'; expected a list of lay"):
        choose_placement("wordy")
    fitting = [placement.name for placement in placements_that_fit({"text": 12, "vision": 12})]
    assert "spread" in fitting
    assert not {"broken", "wordy"} & set(fitting)
    assert "placement 'broken' of spread.py" in capsys.readouterr().err


def test_train_and_show_take_options(tmp_path):
    words = ("train", "--dry-run", "--placement", "late:count=2")
    done = run(*words, "--architecture", TINY_MODEL, cwd=tmp_path)
    assert "placement late:count=2 is named at_1_2\n" in done.stderr
    assert "at_1_2" in done.stdout
    shown = run("show", "placement", "late:count=2", "--json", cwd=tmp_path).stdout
    page = json.loads(shown)
    assert (page["name"], page["text"]) == ("at_10_11", [10, 11])
    assert page["options"] == [{"option": "count", "value": 2, "default": 3, "type": "int"}]
