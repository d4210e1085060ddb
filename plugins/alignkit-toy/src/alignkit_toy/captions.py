"""Captions: a template, the word of the value, and words unrelated to the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alignkit_toy.values import HIDDEN, HIDDEN_WORD

TEMPLATES = (
    "a {value} {noun} {place}",
    "there is a {value} {noun} {place}",
    "the {noun} {place} looks {value}",
    "{time} someone left a {value} {noun} {place}",
    "{time} i saw a {noun} that was {value}",
    "this {noun} is {value} and lies {place}",
    "look at the {value} {noun} {place} {time}",
    "what a {value} {noun}",
)
NOUNS = ("thing", "toy", "object", "item", "piece", "gift")
PLACES = ("on the table", "near the window", "in the garden", "by the door", "under the bench")
TIMES = ("today", "this morning", "last night", "on sunday", "once")
# Distractors have their own nouns, so that the main object can always be identified.
SMALL_NOUNS = ("dot", "speck", "crumb", "bead")
ASIDES = ("beside a {value} {noun}", "not far from a {value} {noun}", "with a {value} {noun}")


def write(
    rng: np.random.Generator, values: np.ndarray, distractors: np.ndarray, words: Sequence[str]
) -> list[str]:
    """Write one caption per value.

    Parameters
    ----------
    rng : numpy.random.Generator
    values : ndarray (n,)
        Indices into ``words``, or ``HIDDEN``.
    distractors : ndarray (n, k)
        Values of the small objects mentioned besides the main one.
    words : sequence of str
        The word for each value.
    """
    lists = (TEMPLATES, NOUNS, PLACES, TIMES)
    picks = np.stack([rng.integers(len(choices), size=len(values)) for choices in lists], axis=1)
    captions = []
    for value, (template, noun, place, time) in zip(values, picks, strict=True):
        captions.append(
            TEMPLATES[template].format(
                value=HIDDEN_WORD if value == HIDDEN else words[value],
                noun=NOUNS[noun],
                place=PLACES[place],
                time=TIMES[time],
            )
        )
    for column in distractors.T:
        captions = _add_asides(rng, captions, column, words)
    return captions


def _add_asides(
    rng: np.random.Generator, captions: list[str], values: np.ndarray, words: Sequence[str]
) -> list[str]:
    """Mention one small object before or after each caption."""
    asides = rng.integers(len(ASIDES), size=len(captions))
    nouns = rng.integers(len(SMALL_NOUNS), size=len(captions))
    first = rng.random(len(captions)) < 0.5
    extended = []
    for i, caption in enumerate(captions):
        aside = ASIDES[asides[i]].format(value=words[values[i]], noun=SMALL_NOUNS[nouns[i]])
        extended.append(f"{aside} {caption}" if first[i] else f"{caption} {aside}")
    return extended
