"""Variants of one thing are one concept; different things are not."""

import pytest

from alignkit_emoji.catalogue import catalogue
from alignkit_emoji.concepts import concept_of, markedness


@pytest.mark.parametrize(
    "variants",
    [
        ("1F468-200D-1F680", "1F469-200D-1F680", "1F9D1-200D-1F680", "1F469-1F3FD-200D-1F680"),
        ("1F3C3", "1F3C3-200D-2640-FE0F", "1F3C3-1F3FB-200D-2642-FE0F", "1F3C3-200D-27A1-FE0F"),
        ("1F46A", "1F468-200D-1F469-200D-1F466", "1F9D1-200D-1F9D2", "1F469-200D-1F467"),
        ("1F491", "1F468-200D-2764-FE0F-200D-1F468"),
        ("1F48F", "1F469-200D-2764-FE0F-200D-1F48B-200D-1F468"),
        ("1F46B", "1F46C", "1F46D", "1F9D1-1F3FB-200D-1F91D-200D-1F9D1-1F3FF"),
        ("1F385", "1F936", "1F9D1-200D-1F384"),
        ("1F9D1", "1F468", "1F469", "1F468-200D-1F9B0", "1F469-1F3FF"),
        ("1F474", "1F475", "1F9D3"),
        ("1F483", "1F57A"),
        ("1F934", "1F478"),
        ("2764", "2764-FE0F"),
    ],
)
def test_variants_are_one_concept(variants):
    assert len({concept_of(variant) for variant in variants}) == 1


def test_what_looks_alike_in_code_points_stays_apart():
    different = (
        *("1F9D1", "1F9D2", "1F46A", "1F9D1-200D-1F680", "1F680", "1F9D1-200D-1F33E"),
        *("2640-FE0F", "2642-FE0F", "27A1-FE0F", "1F9B0", "1F3FB"),  # alone, marks are emoji
        *("2764-FE0F", "2764-FE0F-200D-1F525", "1F1E9-1F1EA", "1F1E9-1F1F0"),
        *("1F642", "1F642-200D-2194-FE0F", "1F436", "1F415"),
    )
    assert len({concept_of(points) for points in different}) == len(different)


def test_the_neutral_emoji_represents_its_concept():
    neutral = {e.concept: e.id for e in catalogue() if e.neutral}
    assert neutral[concept_of("1F469-200D-1F680")] == "1f9d1-200d-1f680"
    assert neutral[concept_of("1F468")] == "1f9d1"
    assert neutral[concept_of("1F3C3")] == "1f3c3"
    assert neutral["1f46a"] == "1f46a"
    assert markedness("1F9D1-200D-1F680") < markedness("1F469-200D-1F680")


def test_the_catalogue_is_whole():
    entries = catalogue()
    assert len(entries) > 3500
    assert len({entry.id for entry in entries}) == len(entries)
    concepts = {entry.concept for entry in entries}
    assert len(concepts) == sum(entry.neutral for entry in entries)
    assert {e.concept for e in entries if e.id.startswith("1f44b-")} == {"1f44b"}
    tones = next(e for e in entries if e.id == "1f44b-1f3fd")
    assert tones.name == "WAVING HAND SIGN: medium skin tone"
    assert tones.characters == "\U0001f44b\U0001f3fd"


def test_concepts_of_more_than_one_emoji_are_of_people():
    """Elsewhere one emoji is one concept, so that nothing is lost by mistake."""
    groups: dict[str, set[str]] = {}
    for entry in catalogue():
        groups.setdefault(entry.concept, set()).add(entry.name.partition(":")[0])
    crowded = {c: names for c, names in groups.items() if len(names) > 1}
    of_people = {e.concept for e in catalogue() if e.group == "People & Body"}
    assert set(crowded) <= of_people
