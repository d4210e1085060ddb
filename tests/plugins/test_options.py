"""Options: one syntax, read off signatures, checked with suggestions."""

import enum
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal, NewType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignkit.errors import UsageError
from alignkit.plugins.option_types import plain_value
from alignkit.plugins.options import bind, changed, format_spec, options_of, parse_spec


def target(
    x,
    y,
    *,
    k: int = 10,
    scale: float = 1.0,
    normed: bool = False,
    kind: str = "a",
    dims: int | None = None,
    root: Path | None = None,
):
    """A metric with one option of every type."""


words = st.text("abcxyz_", min_size=1, max_size=6)
values = st.text("abc019.-", min_size=1, max_size=6)


@given(words, st.dictionaries(words, values, max_size=4))
def test_specs_are_read_as_they_are_written(name, options):
    assert parse_spec(format_spec(name, options)) == (name, options)


@given(st.integers(-99, 99), st.floats(-1e6, 1e6), st.booleans(), st.none() | st.integers(0, 9))
def test_bound_values_survive_the_text(k, scale, normed, dims):
    given_options = {"k": k, "scale": scale, "normed": normed, "dims": dims}
    spec = format_spec("m", given_options)
    assert bind(target, parse_spec(spec)[1]) | given_options == bind(target, parse_spec(spec)[1])


def test_the_text_of_options_is_that_of_stored_tables():
    options = {"dims": None, "standardised": False, "threshold": 0.99, "sets": ("a", "b")}
    assert format_spec("m", options) == "m:dims=None,sets=a+b,standardised=false,threshold=0.99"


def test_defaults_are_filled_in_and_changes_found():
    bound = bind(target, {"k": "20"})
    assert bound["k"] == 20
    assert bound["scale"] == 1.0
    assert changed(target, bound) == {"k": 20}


def test_paths_are_known_as_such():
    assert [o.name for o in options_of(target).values() if o.is_path] == ["root"]
    assert bind(target, {"root": "a/b"})["root"] == Path("a/b")


@pytest.mark.parametrize(
    ("given_options", "message"),
    [
        ({"kk": "3"}, "m has no option 'kk'; did you mean 'k'?"),
        ({"k": "three"}, "option 'k=three' is not a whole number (default 10)"),
        ({"k": "3.5"}, "not a whole number"),
        ({"scale": "big"}, "not a number"),
        ({"normed": "maybe"}, "not true or false"),
    ],
)
def test_wrong_options(given_options, message):
    with pytest.raises(UsageError) as caught:
        bind(target, given_options, "m")
    assert message in str(caught.value)


@pytest.mark.parametrize("spec", ["m:", "m:k", "m:=3", "m:k=1,k=2", "m:k=1,,"])
def test_broken_specs(spec):
    with pytest.raises(UsageError):
        parse_spec(spec)


@given(words, values, st.dictionaries(words, values, max_size=3))
def test_one_option_may_stand_without_its_name(name, value, options):
    options.pop("root", None)
    rest = "".join(f",{key}={text}" for key, text in options.items())
    parsed = parse_spec(f"{name}:{value}{rest}", positional="root")
    assert parsed == (name, {"root": value} | options)
    named = parse_spec(f"{name}:root={value}{rest}", positional="root")
    assert named == parsed


@pytest.mark.parametrize("spec", ["m:a,b", "m:k=1,a", "m:a,root=b", "m:", "m:,a"])
def test_only_the_first_piece_may(spec):
    with pytest.raises(UsageError):
        parse_spec(spec, positional="root")


def test_a_target_without_options():
    with pytest.raises(UsageError, match="has no option 'k'; it has none"):
        bind(lambda x, y: 0.0, {"k": "1"}, "plain")


def test_inherited_fields_keep_their_types_across_modules(tmp_path, monkeypatch):
    top = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    (tmp_path / "declares_options.py").write_text(
        f"{top}from pathlib import Path\n@dataclass\nclass Base:\n    k: int = 3\n"
        "    root: Path | None = None\n"
    )
    (tmp_path / "inherits_options.py").write_text(
        f"{top}from declares_options import Base\n@dataclass\nclass Heir(Base):\n"
        "    n: int | None = None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from inherits_options import Heir  # which has no name Path

    wanted = {"k": 5, "n": 7, "root": Path("a")}
    assert bind(Heir, {"k": "5", "n": "7", "root": "a"}) == wanted


def test_several_names_are_one_option():
    def target(objectives: tuple[str, ...] = ()):
        return objectives

    assert bind(target, {"objectives": "mlm + itm"}) == {"objectives": ("mlm", "itm")}
    assert bind(target, {"objectives": ("mlm",)}) == {"objectives": ("mlm",)}
    assert bind(target, {}) == {"objectives": ()}
    spec = format_spec("x", {"objectives": ("mlm", "itm")})
    assert spec == "x:objectives=mlm+itm"
    assert bind(target, parse_spec(spec)[1]) == {"objectives": ("mlm", "itm")}


class Side(enum.Enum):
    LEFT = "l"
    RIGHT = "r"


Name = NewType("Name", str)

# Annotation, default, text, and the value; None where the text is refused, with the message.
TYPED = [
    (int, 1, "12345678901234567890", 12345678901234567890, ""),
    (int, 1, "1e3", 1000, ""),
    (int, 1, "true", None, "'o=true' is not a whole number (default 1)"),
    (int, 1, "", None, "'o=' is not a whole number"),
    (float, 0.5, "1e-3", 0.001, ""),
    (float, 0.5, "nan", None, "'o=nan' is not a number (default 0.5)"),
    (bool, True, "No", False, ""),
    (bool, True, "2", None, "'o=2' is not true or false (default true)"),
    (str, "a", "007", "007", ""),
    (Path, Path("a"), "b/c", Path("b/c"), ""),
    (Path, Path("a"), "", None, "'o=' is not a path (default a)"),
    (Path | None, None, "none", None, None),
    (Literal["mean", "max"], "mean", "max", "max", ""),
    (
        Literal["mean", "max"],
        "mean",
        "maxx",
        None,
        "'o=maxx' is not one of mean, max; did you mean 'max'? (default mean)",
    ),
    (Literal[1, 2, "all"], 1, "2", 2, ""),
    (Literal[1, 2, "all"], 1, "all", "all", ""),
    (Literal[True, "auto"], "auto", "true", True, ""),
    (Literal["a"] | None, None, "none", None, None),
    (Side, Side.LEFT, "RIGHT", Side.RIGHT, ""),
    (Side, Side.LEFT, "r", Side.RIGHT, ""),
    (Side, Side.LEFT, "up", None, "'o=up' is not one of LEFT, RIGHT (default LEFT)"),
    (list[int], [1], "1+-2", [1, -2], ""),
    (list[int], [1], "", [], ""),
    (list[int], (), "3", [3], ""),
    (
        list[int],
        [1, 2],
        "1+a",
        None,
        "is not values, each a whole number, joined by + (default 1+2)",
    ),
    (list[int], [1], "1++2", None, "'o=1++2' is not values"),
    (list[float], [1.0], "1e+3+2.5", [1000.0, 2.5], ""),
    (Sequence[str], (), "image+text", ("image", "text"), ""),
    (list[Path], [], "a+b/c", [Path("a"), Path("b/c")], ""),
    (list[Literal["a", "b"]], ["a"], "b+c", None, "each one of a, b, joined by +"),
    (tuple[float, ...], (), "1+2", (1.0, 2.0), ""),
    (tuple[int, int], (1, 2), "3+4", (3, 4), ""),
    (tuple[int, str], (1, "a"), "3+b", (3, "b"), ""),
    (tuple[int, int], (1, 2), "3", None, "is not 2 values"),
    (list[int] | None, None, "none", None, None),
    (int | str, 3, "4", 4, ""),
    (int | str, 3, "all", "all", ""),
    (int | Literal["auto"], 3, "all", None, "'o=all' is not a whole number or one of auto"),
    (Name, Name("a"), "b", "b", ""),
    (Annotated[int, "rows"], 3, "4", 4, ""),
    (dict[str, int], {}, "a", None, "an option of type dict"),
    (Callable[[int], int], abs, "abs", None, "it is set in Python, not by text"),
    (None, 3, "4", 4, ""),
    (None, "a", "4", "4", ""),
    (None, [1, 2], "3+4", [3, 4], ""),
    (None, (), "a+b", ("a", "b"), ""),
    (None, Side.LEFT, "RIGHT", Side.RIGHT, ""),
]


def _target_of(annotation, default):
    def target(x, y, o=default):
        return 0.0

    if annotation is not None:
        target.__annotations__["o"] = annotation
    return target


@pytest.mark.parametrize(("annotation", "default", "text", "value", "message"), TYPED)
def test_the_annotation_says_what_an_option_takes(annotation, default, text, value, message):
    target = _target_of(annotation, default)
    if message:
        with pytest.raises(UsageError) as caught:
            bind(target, {"o": text}, "m")
        assert message in str(caught.value)
        return
    bound = bind(target, {"o": text}, "m")["o"]
    assert (bound, type(bound)) == (value, type(value))
    # What is stored, as JSON and as a spec, is read back as the same value.
    assert bind(target, {"o": json.loads(json.dumps(plain_value(bound)))})["o"] == value
    if bound not in ([], ()):
        assert bind(target, parse_spec(format_spec("m", {"o": bound}))[1])["o"] == value


def test_a_value_given_in_python_is_checked_in_the_same_way():
    lists = _target_of(list[int], [1])
    assert bind(lists, {"o": (1, 2)}) == {"o": [1, 2]}
    assert bind(lists, {"o": 3}) == {"o": [3]}
    with pytest.raises(UsageError, match=r"'o=\{'a': 1\}' is not values"):
        bind(lists, {"o": {"a": 1}})
    with pytest.raises(UsageError, match=r"'o=1\+2' is not text"):
        bind(_target_of(str, "a"), {"o": [1, 2]})
    table = {"a": 1}
    assert bind(_target_of(dict[str, int], {}), {"o": table})["o"] is table


def test_what_differs_from_the_default_is_seen_whatever_sequence_it_is():
    target = _target_of(list[int], (1, 2))
    assert changed(target, bind(target, {"o": "1+2"})) == {}
    assert changed(target, bind(target, {"o": "2+1"})) == {"o": [2, 1]}


def test_paths_are_found_within_other_types():
    for annotation in (Path, Path | None, list[Path], tuple[Path, ...], Path | str):
        assert options_of(_target_of(annotation, None))["o"].is_path, annotation
    for annotation in (str, list[str], Literal["Path"]):
        assert not options_of(_target_of(annotation, None))["o"].is_path, annotation


def test_the_page_says_what_every_type_takes():
    page = (Path(__file__).parents[2] / "docs/plugins.md").read_text()
    names = {"Literal": Literal, "Path": Path, "Side": Side}
    rows = re.findall(r"^\| `([^`]+)` \| `o=([^`]*)` \| `([^`]+)` \|", page, flags=re.MULTILINE)
    assert len(rows) >= 9
    for annotation, text, value in rows:
        target = _target_of(eval(annotation.replace("\\|", "|"), dict(names)), None)
        assert bind(target, {"o": text})["o"] == eval(value, dict(names)), annotation
