"""Declarations of registered names: values that cannot be."""

import pytest

from alignkit.errors import PluginError
from alignkit.plugins.declarations import CHECKS, check_declarations
from alignkit.plugins.hookspecs import DECLARATIONS


def _declare(**declarations):
    check_declarations("metric 'mine'", DECLARATIONS["metrics"], declarations)


def test_every_declaration_is_checked():
    assert set().union(*DECLARATIONS.values()) == set(CHECKS)


def test_what_is_right_passes():
    _declare(
        range=(0, 1),
        best=1,
        symmetric=True,
        invariances=["rotation", "scale"],
        chance="module:chance",
        null=len,
        version=2,
        variants={"plain": {"true": {"range": (0, 2), "best": 2}}},
        within="classes",
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"range": (0, float("nan"))}, r"expected two numbers"),
        ({"range": (1, 1)}, r"an empty range \(1, 1\)"),
        ({"best": True}, r"best=True; expected a number"),
        ({"version": True}, r"version=True; expected a whole number from 1"),
        ({"ties": "no colon"}, r"ties='no colon'; expected 'module:function'"),
        ({"invariances": {"rotation": True}}, r"invariances=a dict of 1; expected several of"),
        ({"variants": {"k": {1: 2}}}, r"variants=a dict of 1; expected \{option: \{value: decl"),
        (
            {"range": (0, 1), "variants": {"plain": {"yes": {"best": 3}}}},
            r"metric 'mine' with plain=yes declares best=3, outside its range \(0, 1\)",
        ),
        ({"variants": {"plain": {"yes": {"bets": 3}}}}, r"declares bets; did you mean 'best'\?"),
    ],
)
def test_what_cannot_be_is_refused(given, said):
    with pytest.raises(PluginError, match=said):
        _declare(**given)
