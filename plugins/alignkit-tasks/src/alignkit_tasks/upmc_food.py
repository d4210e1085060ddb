"""UPMC Food-101: predict the dish from a picture and the title of its web page.

Wang et al., "Recipe recognition with large multimodal food dataset", 2015.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

import alignkit
from alignkit.documents import read_bytes
from alignkit_tasks.folders import read_layout
from alignkit_tasks.records import Record, RecordedTask, classes
from alignkit_tasks.splits import held_out, study_split
from alignkit_tasks.upmc_food_layouts import LAYOUTS, Dish, Dishes

NAME = "upmc_food"
# Copies differ: some of them lack about 16 of the listed pictures.
TRAIN, TEST, CLASSES = (67972, 67988), 22716, 101


@dataclass(frozen=True)
class UpmcFood(RecordedTask):
    """Classification of pictures and titles into 101 dishes, scored by accuracy.

    The classes are those found in the data, in alphabetical order.

    Parameters
    ----------
    root : Path, optional
        The data set's folder; by default ``$ALIGNKIT_DATA/upmc_food``.
    splits : str
        There is no official validation split. ``stratified`` holds out a fraction of the
        training pictures of each class by a hash of their file names, so that every copy is
        split alike; ``listed`` uses the development part that some copies list; ``study``
        repeats the study's random 80/20 split of its own copy.
    text : str
        ``title``, or the whole ``page``, which only the original distribution contains.
    images : str
        What to do if a picture is missing or broken: ``error`` stops, ``skip`` leaves out the
        sample, ``blank`` shows a white picture.
    validation_share : float
        Fraction to hold out with ``splits=stratified``.
    data_seed : int
        Seed of ``splits=stratified``.
    """

    root: Path | None = None
    splits: str = "stratified"
    text: str = "title"
    images: str = "error"
    validation_share: float = 0.1
    data_seed: int = 0

    name: ClassVar[str] = NAME
    choices: ClassVar[Mapping[str, Sequence[str]]] = {
        "splits": ("stratified", "listed", "study"),
        "text": ("title", "page"),
    }

    @property
    def target(self) -> alignkit.SingleLabel:
        """The classes of the data, in alphabetical order."""
        return alignkit.SingleLabel(self._labels())

    @property
    def published(self) -> dict[str, int | tuple[int, int]]:
        """Numbers of training pictures (in two copies), test pictures and classes."""
        return {"train+validation": TRAIN, "test": TEST, "labels": CLASSES}

    def records(self, split: str, notes: Counter[str]) -> list[Record]:
        """Return the dishes of a split that have the text selected by the options."""
        records: dict[str, Record] = {}
        for dish in self._dishes(split):
            text = self._text_of(dish)
            if text is None:
                notes[f"without a {self.text} text, left out"] += 1
            elif dish.id in records:
                notes["listed twice, taken once"] += 1
            else:
                facts = {"title": " ".join((dish.title or "").lower().split())}
                records[dish.id] = Record(
                    dish.id, text, dish.picture, dish.label, dish.where, facts
                )
        return list(records.values())

    def all_records(self, split: str) -> list[Record]:
        """Return every dish of a split, with its title."""
        return [
            Record(dish.id, dish.title or "", dish.picture, dish.label, dish.where)
            for dish in self._dishes(split)
        ]

    def encode(self, records: Sequence[Record]) -> np.ndarray:
        """Return the index of each dish's class, ``(n,)``."""
        return classes(records, self._labels())

    def _text_of(self, dish: Dish) -> str | None:
        if self.text == "title":
            return dish.title
        if dish.page is None:
            raise alignkit.DataError(
                f"{NAME}: this copy holds no pages (texts_txt/); use `task={NAME}:text=title`"
            )
        try:
            page = read_bytes(dish.page).decode(errors="replace")
            return page.replace("\r\n", "\n").replace("\r", "\n").strip()
        except alignkit.MissingError:
            return None

    def _labels(self) -> tuple[str, ...]:
        labels = {dish.label for dishes in self._parts().values() for dish in dishes}
        return tuple(sorted(label for label in labels if label is not None))

    def _parts(self) -> Dishes:
        return read_layout(NAME, self.root, LAYOUTS)[1]

    def _dishes(self, split: str) -> Sequence[Dish]:
        parts = self._parts()
        if split == "test":
            return parts.get("test", [])
        if self.splits == "study":
            return _as_the_study(parts, split)
        if self.splits == "listed":
            return _as_listed(parts, split)
        dishes = [dish for part in parts if part != "test" for dish in parts[part]]
        held = held_out(
            [d.id for d in dishes], [d.label for d in dishes], self.validation_share, self.data_seed
        )
        return [dish for dish in dishes if (dish.id in held) == (split == "validation")]


def _as_listed(parts: Dishes, split: str) -> Sequence[Dish]:
    if not parts.get("dev"):
        raise alignkit.UsageError(
            f"{NAME}: splits=listed needs a copy that lists a development part, and this one does "
            "not; use splits=stratified"
        )
    return parts["dev" if split == "validation" else "train"]


def _as_the_study(parts: Dishes, split: str) -> Sequence[Dish]:
    if "trainval" not in parts:
        raise alignkit.UsageError(
            f"{NAME}: splits=study shuffles the study's own upmcfood_trainval.csv, which this copy "
            "does not hold; use splits=stratified"
        )
    return study_split(parts["trainval"], split)
