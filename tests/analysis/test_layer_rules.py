"""Layer rules of plugins: which layers of a run make its value."""

import pytest

from alignkit.alignment.runs import measure_run
from alignkit.analysis.layer_rules import check_rule, pairs_of, upper
from alignkit.analysis.options import TableOptions
from alignkit.analysis.runs_table import run_value, runs_table
from alignkit.errors import PluginError, UsageError
from alignkit.plugins import use_plugin_files
from alignkit.runs.config import choose
from alignkit.runs.placements import choose_placement
from alignkit.testing import check_layer_rule
from tiny import TINY_MODEL, train_tiny

PLUGIN = """
import itertools
import alignkit

calls = itertools.count()

def after(text, vision, last: bool = False):
    pairs = [(x, y) for x, y in zip(text, vision) if ".f" in x and ".f" in y]
    return pairs[-1:] if last else pairs

@alignkit.hookimpl
def register_layer_rules(register):
    register("after", after)
    register("turned", lambda text, vision: [(vision[0], text[0])])
    register("deep", lambda text, vision: [("t99", "v99")])
    register("broken", lambda text, vision: text.nothing)
    register("triples", lambda text, vision: ["t00"])
    register("nowhere", lambda text, vision: [])
    register("restless", lambda text, vision: [(text[next(calls) % 2], vision[0])])
"""


@pytest.fixture(autouse=True)
def added(tmp_path):
    """A plugin with layer rules, good and bad."""
    file = tmp_path / "rules.py"
    file.write_text(PLUGIN)
    use_plugin_files([file])
    yield
    use_plugin_files([])


def _schedule(placement):
    built = choose("architectures", TINY_MODEL).make()
    return built.schedule(choose_placement(placement, built))


def test_upper_layers():
    text = ["t.in", "t00", "t01", "t.f0", "t02", "t03"]
    vision = ["v.in", "v00", "v01", "v02"]
    assert upper(text, vision) == [("t01", "v01"), ("t02", "v02")]
    assert upper(text, vision, 0.01) == [("t02", "v02")]
    assert upper(text, vision, 1.0)[0] == ("t00", "v00")
    with pytest.raises(UsageError, match="share=0 must be above 0"):
        upper(text, vision, 0.0)


def test_the_sites_are_those_that_the_model_records():
    assert pairs_of("after", _schedule("1,2")) == [("t.f0", "v.f0"), ("t.f1", "v.f1")]
    assert pairs_of("after:last=true", _schedule("1,2")) == [("t.f1", "v.f1")]
    assert pairs_of("after", _schedule("none")) == []


@pytest.mark.slow
def test_the_value_of_a_run_is_the_mean_over_the_pairs(tmp_path):
    run, plain = train_tiny(tmp_path, "1,2"), train_tiny(tmp_path, "none")
    values = measure_run(run, ["cka"], layers="all").set_index(["x", "y"])["value"].astype(float)
    expected = (values["t.f0", "v.f0"] + values["t.f1", "v.f1"]) / 2
    assert run_value(run, TableOptions(("cka",), "after")) == pytest.approx(expected)
    expected = (values["t01", "v01"] + values["t02", "v02"]) / 2
    assert run_value(run, TableOptions(("cka",), "upper:share=0.67")) == pytest.approx(expected)
    table = runs_table([run, plain], TableOptions(("cka",), "after")).set_index("placement")["cka"]
    assert table.notna().to_dict() == {"at_1_2": True, "none": False}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("uper", "unknown layer rule 'uper'; expected last, .*upper"),
        ("upper:shore=1", "has no option 'shore'; did you mean 'share'"),
    ],
)
def test_unknown_rules_and_options_are_refused(rule, message):
    with pytest.raises(UsageError, match=message):
        check_rule(rule)


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        ("turned", PluginError, "'turned' .*rules.py.*gave 'v.in:t.in'; expected pairs of a site"),
        ("deep", PluginError, "gave 't99:v99'"),
        ("broken", PluginError, "no attribute 'nothing'"),
        ("triples", PluginError, "'triples' .*rules.py.*expected pairs"),
        ("nowhere", AssertionError, "names no layers on any placement"),
        ("restless", AssertionError, "other layers the second time"),
    ],
)
def test_a_bad_rule_is_named(rule, error, message):
    with pytest.raises(error, match=message):
        check_layer_rule(rule, TINY_MODEL)


def test_good_rules_pass():
    assert set(check_layer_rule("upper", TINY_MODEL).values()) == {2}
    assert check_layer_rule("after", TINY_MODEL)["none"] == 0
