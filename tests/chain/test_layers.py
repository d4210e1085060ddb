"""``--layers``: which pairs of sites a selection means."""

import pytest

from alignkit.chain.layers import equal_depth, select_pairs
from alignkit.errors import UsageError
from alignkit.models.placement import Placement
from alignkit.models.schedule import between_layers


def _schedule(text, vision, depth=3):
    return between_layers(Placement(text, vision), {"text": depth, "vision": depth})


SCHEDULE = _schedule([1], [2])


def test_all_is_the_grid_of_layers_and_fusions():
    pairs = select_pairs(SCHEDULE, "all")
    assert len(pairs) == 16
    assert ("t.f0", "v02") in pairs
    assert not any(site.endswith(".in") for pair in pairs for site in pair)


def test_same_pairs_layers_of_equal_depth():
    assert select_pairs(SCHEDULE, "same") == [("t00", "v00"), ("t01", "v01"), ("t02", "v02")]
    assert equal_depth(SCHEDULE) == select_pairs(SCHEDULE, "same")


def test_last_is_what_the_head_reads():
    assert select_pairs(SCHEDULE, "last") == [("t02", "v02")]
    assert select_pairs(_schedule([3], [3]), "last") == [("t.f0", "v.f0")]


def test_fusions_are_just_before_and_just_after():
    assert select_pairs(SCHEDULE, "fusions") == [("t00", "v01"), ("t.f0", "v.f0")]
    assert select_pairs(_schedule([0], [0]), "fusions")[0] == ("t.in", "v.in")


def test_indices_and_ranges():
    assert select_pairs(SCHEDULE, "0,2") == [("t00", "v00"), ("t02", "v02")]
    assert len(select_pairs(SCHEDULE, "0-2")) == 3


def test_globs_over_sites():
    assert select_pairs(SCHEDULE, "t00,v0*") == [("t00", "v00"), ("t00", "v01"), ("t00", "v02")]
    assert select_pairs(SCHEDULE, "t.in,v.in") == [("t.in", "v.in")]
    assert len(select_pairs(SCHEDULE, "t.f0")) == 4  # the other stream is left free


def test_streams_choose_the_sides():
    assert all(x[0] == y[0] == "t" for x, y in select_pairs(SCHEDULE, "all", "text"))
    assert len(select_pairs(SCHEDULE, "all", "all")) == 3 * 16


@pytest.mark.parametrize(
    ("layers", "streams", "message"),
    [
        ("7", "cross", "there is no layer 7; layers are 0 to 2"),
        ("bogus", "cross", "'bogus' matches no layer"),
        ("", "cross", "selects no pair"),
        ("all", "audio", "unknown streams 'audio'; known: cross, text, vision, all"),
    ],
)
def test_a_selection_that_means_nothing_is_refused(layers, streams, message):
    with pytest.raises(UsageError, match=message):
        select_pairs(SCHEDULE, layers, streams)


def test_fusions_of_a_placement_without_any():
    with pytest.raises(UsageError, match="selects no pair"):
        select_pairs(_schedule([], []), "fusions")
