"""Spaces: what the parameters stand for."""

from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignkit.errors import UsageError
from alignkit.runs import resolve_config
from alignkit.search.bounds import Bound, parse_bound
from alignkit.search.layers import placement_of, placement_of_mask, spread_layers
from alignkit.search.spaces import build_space
from tiny import TINY_MODEL, TINY_TASK

DEPTHS = {"text": 12, "vision": 12}


def test_layers_stand_at_the_quantiles_of_the_normal_distribution():
    wanted = [6 + 2 * NormalDist().inv_cdf(p) for p in (0.25, 0.5, 0.75)]
    assert spread_layers(3, 6, 2, 12) == [round(w) for w in wanted] == [5, 6, 7]
    assert spread_layers(3, 10, 4, 12) == [7, 10, 11]  # 12.7 is clipped
    assert spread_layers(4, 2, 1, 12) == [1, 2, 3]  # two blocks merge on layer 2
    assert spread_layers(0, 6, 2, 12) == []


@settings(deadline=None)
@given(blocks=st.integers(1, 12), centre=st.floats(0, 12), spread=st.floats(0, 6))
def test_distinct_loses_no_block(blocks, centre, spread):
    found = spread_layers(blocks, centre, spread, 12, distinct=True)
    assert len(found) == blocks
    assert found == sorted(set(found))
    assert 0 <= found[0] <= found[-1] <= 11


def test_distinct_moves_as_little_as_it_can():
    assert spread_layers(4, 2, 1, 12, distinct=True) in ([0, 1, 2, 3], [1, 2, 3, 4])
    assert spread_layers(3, 6, 2, 12, distinct=True) == [5, 6, 7]


def test_the_names_of_the_study_mean_the_same():
    study = {
        "num_coattn_layers": 3,
        "t_center": 6.0,
        "t_spread": 2.0,
        "v_center": 2.0,
        "v_spread": 1.0,
    }
    ours = {
        "blocks": 3,
        "text_centre": 6.0,
        "text_spread": 2.0,
        "vision_centre": 2.0,
        "vision_spread": 1.0,
    }
    assert placement_of(study, DEPTHS) == placement_of(ours, DEPTHS)
    assert placement_of(study, DEPTHS).text == (5, 6, 7)
    assert placement_of({"learning_rate": 0.1}, DEPTHS) is None


def test_of_two_lists_the_longer_is_cut():
    values = {
        "blocks": 4,
        "text_centre": 6.0,
        "text_spread": 4.0,
        "vision_centre": 2.0,
        "vision_spread": 1.0,
    }
    found = placement_of(values, DEPTHS)
    assert found.vision == (1, 2, 3)
    assert found.text == (3, 5, 7)


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=26, max_size=26))
def test_any_mask_is_a_legal_placement(switches):
    values = {f"{s}_{i}": switches[13 * j + i] for j, s in enumerate(DEPTHS) for i in range(13)}
    found = placement_of_mask(values, DEPTHS)
    text, vision = ([i for i in range(13) if values[f"{s}_{i}"]] for s in DEPTHS)
    assert len(found) == min(len(text), len(vision))
    assert set(found.text) <= set(text)
    assert set(found.vision) <= set(vision)


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("a=1:3", Bound(1, 3)),
        ("a=1e-5:1e-3:log", Bound(1e-5, 1e-3, True)),
        ("a=0:0.5", Bound(0.0, 0.5)),
        ("a=16,32", Bound(choices=(16, 32))),
        ("a=true,both", Bound(choices=(True, "both"))),
    ],
)
def test_bounds_are_read_and_written(text, bound):
    assert parse_bound(text) == ("a", bound)
    assert parse_bound(f"a={bound}") == ("a", bound)


@pytest.mark.parametrize("text", ["a", "a=", "=1:2", "a=3:1", "a=0:1:log", "a=1:2:lin", "a=x:y"])
def test_other_bounds_are_refused(text):
    with pytest.raises(UsageError, match="bound"):
        parse_bound(text)


def _space(spec, placements=(), architecture=None, **bounds):
    config = resolve_config(TINY_TASK, "/", architecture)
    return build_space(spec, config, placements, bounds)


def test_the_placement_space_is_the_studys_and_scales_with_the_depth():
    assert {k: str(v) for k, v in _space("placement").bounds.items()} == {
        "blocks": "2:8",
        "text_centre": "2.0:10.0",
        "text_spread": "1.0:4.0",
        "vision_centre": "2.0:10.0",
        "vision_spread": "1.0:4.0",
    }
    small = _space("placement", architecture="vilbert:depth=6")
    assert str(small.bounds["blocks"]) == "1:4"
    assert str(small.bounds["text_centre"]) == "1.0:5.0"


def test_named_takes_all_that_fit_once():
    assert len(_space("named").bounds["placement"].choices) == 11
    assert _space("named", architecture=TINY_MODEL).bounds["placement"].choices == (
        "early_early",
        "none",
    )
    assert _space("named", ["late", "1,2"]).bounds["placement"].choices == ("late", "1,2")


def test_hparams_vary_what_the_model_has():
    space = _space("hparams")
    assert list(space.bounds) == ["learning_rate", "epochs", "dropout"]
    assert space.bounds["learning_rate"].log
    config = space.configure(
        {"learning_rate": 0.01, "epochs": 3, "dropout": 0.25}, resolve_config(TINY_TASK)
    )
    assert (config.training.learning_rate, config.training.epochs) == (0.01, 3)
    assert config.architecture.changed == {"dropout": 0.25}


def test_a_bound_adds_an_option_and_a_misspelt_one_gets_a_suggestion():
    space = _space("placement", batch_size=Bound(choices=(16, 32)))
    assert list(space.bounds)[-1] == "batch_size"
    with pytest.raises(UsageError, match="did you mean 'epochs'"):
        _space("hparams", epoch=Bound(1, 2))
    with pytest.raises(UsageError, match="did you mean 'placement'"):
        _space("placment")
