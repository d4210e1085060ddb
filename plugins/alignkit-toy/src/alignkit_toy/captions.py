"""Captions: a template, a value word, and words that say nothing about the picture."""

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
# The nouns of distractors are their own, so that the main thing can always be told.
SMALL_NOUNS = ("dot", "speck", "crumb", "bead")
ASIDES = ("beside a {value} {noun}", "not far from a {value} {noun}", "with a {value} {noun}")


def write(
    rng: np.random.Generator, values: np.ndarray, distractors: np.ndarray, words: Sequence[str]
) -> list[str]:
    """Write one caption per value.

    Parameters
    ----------
    values : ndarray (n,)
        Index into ``words``, or ``HIDDEN``.
    distractors : ndarray (n, k)
        Values of the small things that are mentioned beside the main one.
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
    asides = rng.integers(len(ASIDES), size=len(captions))
    nouns = rng.integers(len(SMALL_NOUNS), size=len(captions))
    first = rng.random(len(captions)) < 0.5
    together = []
    for i, caption in enumerate(captions):
        aside = ASIDES[asides[i]].format(value=words[values[i]], noun=SMALL_NOUNS[nouns[i]])
        together.append(f"{aside} {caption}" if first[i] else f"{caption} {aside}")
    return together
