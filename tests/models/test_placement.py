"""Placements: what is legal, and how a message names what is not."""

import pytest

from alignkit.errors import UsageError
from alignkit.models.placement import Placement, as_placement, parse_placement


@pytest.mark.parametrize(
    ("text", "vision", "message"),
    [
        ([1, 2], [1], "2 text and 1 vision indices"),
        ([2, 1], [1, 2], r"text indices \[2, 1\] must be strictly increasing"),
        ([1, 2], [2, 2], r"vision indices \[2, 2\] must be strictly increasing"),
        ([-1], [0], r"text indices \[-1\] must be whole numbers of at least 0"),
        ([1.5], [1], "must be whole numbers"),
        ([True], [1], "must be whole numbers"),
    ],
)
def test_illegal_lists(text, vision, message):
    with pytest.raises(UsageError, match=message):
        Placement(text, vision, "odd")


def test_depth_is_legal_and_beyond_it_is_not():
    depths = {"text": 12, "vision": 6}
    Placement([12], [6]).check_depths(depths)
    with pytest.raises(
        UsageError, match=r"vision index 7 \(fusion 1\) is beyond .* 6; indices are 0 to 6"
    ):
        Placement([1, 2], [3, 7]).check_depths(depths)


@pytest.mark.parametrize(
    ("text", "lists", "name"),
    [
        ("3,4,10", ([3, 4, 10], [3, 4, 10]), "at_3_4_10"),
        ("6,7/3,5", ([6, 7], [3, 5]), "at_6_7_and_3_5"),
        ("0", ([0], [0]), "at_0"),
        (" 1, 2 ", ([1, 2], [1, 2]), "at_1_2"),
        (",", ([], []), "none"),
    ],
)
def test_spelled_out(text, lists, name):
    placement = parse_placement(text)
    assert (list(placement.text), list(placement.vision)) == lists
    assert placement.name == name


@pytest.mark.parametrize("text", ["late", "optuna1", "x3"])
def test_names_are_not_lists(text):
    assert parse_placement(text) is None


@pytest.mark.parametrize("text", ["1/2/3", "1--2", "3,2", "1,2/3"])
def test_broken_lists(text):
    with pytest.raises(UsageError):
        parse_placement(text)


def test_data_forms():
    assert as_placement([1, 2], "a") == Placement([1, 2], [1, 2], "a")
    assert as_placement({"text": [1], "vision": [2]}, "b") == Placement([1], [2], "b")
    with pytest.raises(UsageError, match="give one list of layer indices"):
        as_placement(3, "c")
