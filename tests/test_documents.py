"""Whether a JSON value has a form: what does not is named with its place."""

import pytest

from alignkit.documents import check_form
from alignkit.errors import DataError

FILES = {"*": {"size": int, "sha256": str}}
ENTRY = {"size": 1, "sha256": "0"}


@pytest.mark.parametrize(
    ("value", "form", "place"),
    [
        ({"a": ENTRY, "b": ENTRY | {"size": True}}, FILES, "'b.size' is true or false"),
        ({"a": ENTRY, "b": ENTRY | {"size": "1"}}, FILES, "'b.size' is a text"),
        ({"a": ENTRY, "b": {"size": 1}}, FILES, "lacks 'b.sha256'"),
        ({"a": ENTRY, "b": [1]}, FILES, "'b' is a list"),
        ({"x": {"t00": "0", "t01": None}}, {"*": {"*": str}}, "'x.t01' is null"),
        ({"x": {"t00": "0"}, "y": "0"}, {"*": {"*": str}}, "'y' is a text"),
        (["a", 1], [str], r"'\[1\]' is a whole number"),
        ([{"size": 1, "sha256": "0"}, {"size": 1}], [FILES["*"]], r"lacks '\[1\].sha256'"),
    ],
)
def test_what_differs_from_its_form_is_named(value, form, place):
    with pytest.raises(DataError, match=place):
        check_form(value, form, "a.json")


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"a": ENTRY, "b": ENTRY | {"more": None}}, FILES),
        ({}, FILES),
        ({"x": {}, "y": {"t00": "0"}}, {"*": {"*": str}}),
        ({"x": 1, "y": 0.5}, {"*": (int, float)}),
        ({"x": "a", "y": 0.5}, {"*": object}),
        (["a", "b"], [str]),
        ({"a": {"size": 1}}, {"*": {"size": int, "sha256?": str}}),
    ],
)
def test_what_has_its_form_passes(value, form):
    check_form(value, form, "a.json")
