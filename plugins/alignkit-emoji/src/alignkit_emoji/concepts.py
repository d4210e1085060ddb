"""Which emoji show the same concept, so that its variants never end up in different splits.

Woman, man and person are one concept; so are all skin tones, facing right or left, all
families, all couples and all kisses. The rules use code points, so they also apply to emoji
that later versions of Unicode add.
"""

from __future__ import annotations

_TONES = {"1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"}
_PRESENTATION = "FE0F"
_JOINER = "200D"
# Joined to another emoji, these mark gender, direction or hair; alone they are emoji too.
_MARKS = {"2640", "2642", "27A1", "1F9B0", "1F9B1", "1F9B2", "1F9B3"}

_PERSON, _CHILD, _FAMILY = "1F9D1", "1F9D2", "1F46A"
_HEART, _KISS_MARK, _HANDS = "2764", "1F48B", "1F91D"

# Characters with a gender of their own, and the neutral character that represents them.
_NEUTRAL = {
    "1F468": _PERSON,
    "1F469": _PERSON,
    "1F466": _CHILD,
    "1F467": _CHILD,
    "1F474": "1F9D3",  # old man, old woman: older adult
    "1F475": "1F9D3",
    "1F934": "1FAC5",  # prince, princess: person with crown
    "1F478": "1FAC5",
    "1F930": "1FAC4",  # pregnant woman, man: person
    "1FAC3": "1FAC4",
    "1F57A": "1F483",  # man dancing: dancer
    "1F46C": "1F46B",  # two men, two women holding hands: couple
    "1F46D": "1F46B",
}
_GENDERED = set(_NEUTRAL) | {"2640", "2642", "1F385", "1F936", "1F483", "1F46B"}

# Sequences with the same meaning as a single character.
_WHOLE = {
    (_PERSON, "1F384"): "1F385",  # mx claus
    ("1F936",): "1F385",
    (_PERSON, _HANDS, _PERSON): "1F46B",
    (_PERSON, _HEART, _PERSON): "1F491",
    (_PERSON, _HEART, _KISS_MARK, _PERSON): "1F48F",
}


def concept_of(unified: str) -> str:
    """Return the concept of an emoji, given its code points as ``1F469-200D-1F680``."""
    ignored = {_PRESENTATION, _JOINER, *_TONES}
    points = [point for point in unified.split("-") if point not in ignored]
    if not points:
        return unified.lower()
    kept = [points[0], *(point for point in points[1:] if point not in _MARKS)]
    neutral = tuple(_NEUTRAL.get(point, point) for point in kept)
    if len(neutral) > 1 and set(neutral) <= {_PERSON, _CHILD}:
        return _FAMILY.lower()
    return _WHOLE.get(neutral, "-".join(neutral)).lower()


def markedness(unified: str) -> tuple[int, int]:
    """Return a sort key for the emoji of a concept: fewest marks of gender or direction first."""
    points = unified.split("-")
    marks = sum(point in _GENDERED or point in _MARKS for point in points)
    return marks, len(points)
