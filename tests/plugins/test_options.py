"""Options: one syntax, read off signatures, checked with suggestions."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignkit.errors import UsageError
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
        ({"k": "three"}, "option k='three' is not a whole number (default 10)"),
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
