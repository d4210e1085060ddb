"""Which pairs of sites a selection of layers means."""

import pytest

from alignkit.errors import UsageError
from alignkit.models.pairs import (
    SelectionError,
    equal_depth,
    pairs_by_streams,
    select_array_pairs,
    select_pairs,
)
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


def test_before_and_after_are_each_half_of_fusions():
    two = _schedule([1, 2], [2, 3])
    assert select_pairs(two, "before") == [("t00", "v01"), ("t01", "v02")]
    assert select_pairs(two, "after") == [("t.f0", "v.f0"), ("t.f1", "v.f1")]
    assert set(select_pairs(two, "fusions")) == {
        *select_pairs(two, "before"),
        *select_pairs(two, "after"),
    }
    # Two fusions in a row: before the second is after the first.
    assert select_pairs(_schedule([1, 2], [1, 3]), "before", "vision") == [
        ("v00", "v00"),
        ("v02", "v02"),
    ]


def test_maxima_are_over_equal_depth_or_over_the_grid():
    assert select_pairs(SCHEDULE, "max") == select_pairs(SCHEDULE, "same")
    assert select_pairs(SCHEDULE, "max-pair") == select_pairs(SCHEDULE, "all")
    # Within a stream, a layer against itself is no finding.
    within = select_pairs(SCHEDULE, "max-pair", "text")
    assert len(within) == 12
    assert all(x != y for x, y in within)
    with pytest.raises(
        UsageError, match="every layer of the text stream would be paired with itself"
    ):
        select_pairs(SCHEDULE, "max", "all")


def test_pairs_are_grouped_by_streams():
    groups = pairs_by_streams(SCHEDULE, "same", "text,vision")
    assert {name: len(pairs) for name, pairs in groups.items()} == {
        "text-text": 3,
        "vision-vision": 3,
    }


def test_between_two_runs_the_second_stands_second():
    deeper = _schedule([2, 4], [2, 4], depth=4)
    assert select_pairs(SCHEDULE, "last", "text,vision", deeper) == [
        ("t02", "t.f1"),
        ("v02", "v.f1"),
    ]
    assert len(select_pairs(SCHEDULE, "all", "text", deeper)) == 4 * 6
    assert select_pairs(SCHEDULE, "after", "cross", deeper) == [("t.f0", "v.f0")]
    assert {(x[0], y[0]) for x, y in select_pairs(SCHEDULE, "same", "all", deeper)} == {
        ("t", "v"),
        ("t", "t"),
        ("v", "v"),
        ("v", "t"),
    }
    # The same site of two runs is two representations.
    assert ("t00", "t00") in select_pairs(SCHEDULE, "max-pair", "text", deeper)


def test_layers_of_arrays():
    xs, ys = ["l0", "l1", "l2"], ["m0", "m1"]
    assert len(select_array_pairs(xs, ys, "all")) == len(select_array_pairs(xs, ys, "max-pair"))
    assert (
        select_array_pairs(xs, ys, "same") == [(0, 0), (1, 1)] == select_array_pairs(xs, ys, "max")
    )
    assert select_array_pairs(xs, ys, "last") == [(2, 1)]
    assert select_array_pairs(xs, ys, "0-1,1") == [(0, 0), (1, 1)]
    assert select_array_pairs(xs, ys, "l[12],m0") == [(1, 0), (2, 0)]
    assert select_array_pairs(xs, ys, "m1") == [(0, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("fusions", "`layers=fusions`: arrays have no fusions"),
        ("2", "there is no layer 2; layers are 0 to 1"),
        ("1-0", "runs backwards; write 0-1"),
        ("z*", r"`layers=z\*`: no layer matches .*; expected a name such as l0"),
        (" , ", "is empty"),
    ],
)
def test_layers_of_arrays_that_are_not_there(layers, message):
    with pytest.raises(UsageError, match=message):
        select_array_pairs(["l0", "l1", "l2"], ["m0", "m1"], layers)


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
        ("bogus", "cross", "`layers=bogus`: no layer matches"),
        ("", "cross", "selects no pair"),
        ("2-0", "cross", "`layers=2-0`: the range runs backwards; write 0-2"),
        ("v0*", "text", "selects no pair"),
        ("all", "text,sound", "unknown streams 'sound'"),
        ("all", "audio", "unknown streams 'audio'; known: cross, text, vision, all"),
    ],
)
def test_a_selection_that_means_nothing_is_refused(layers, streams, message):
    with pytest.raises(UsageError, match=message):
        select_pairs(SCHEDULE, layers, streams)


def test_the_reason_can_be_given_under_another_name_of_the_parameter():
    with pytest.raises(SelectionError) as caught:
        select_pairs(SCHEDULE, "7")
    assert caught.value.parameters == ["layers"]
    assert caught.value.reason == "there is no layer 7; layers are 0 to 2"


def test_fusions_of_a_placement_without_any():
    with pytest.raises(UsageError, match="selects no pair"):
        select_pairs(_schedule([], []), "fusions")


def test_layers_of_one_stream_are_paired_with_the_next_and_the_last():
    assert select_pairs(SCHEDULE, "next", "text") == [("t00", "t01"), ("t01", "t02")]
    assert select_pairs(SCHEDULE, "to-last", "vision") == [("v00", "v02"), ("v01", "v02")]
    on_top = _schedule([3], [3])
    assert select_pairs(on_top, "to-last", "text")[-1] == ("t02", "t.f0")
    with pytest.raises(SelectionError, match="pairs the layers of one stream"):
        select_pairs(SCHEDULE, "next")
    with pytest.raises(SelectionError, match="pairs the layers of one stream"):
        select_pairs(SCHEDULE, "next", "text", other=SCHEDULE)
    assert select_array_pairs("abc", "abc", "next") == [(0, 1), (1, 2)]
    assert select_array_pairs("abc", "abc", "to-last") == [(0, 2), (1, 2)]
    with pytest.raises(SelectionError, match="layers of one model"):
        select_array_pairs("abc", "abd", "next")
    with pytest.raises(SelectionError, match="only one layer"):
        select_array_pairs("a", "a", "to-last")
