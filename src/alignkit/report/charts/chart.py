"""An interactive figure: its rows, what chooses among them, and how they are drawn."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from alignkit.cleaning import visible
from alignkit.report.charts.theme import CONFIG

# Every chart draws these rows; the page fills in those that are chosen.
DATA = alt.NamedData(name="rows")
# Significant digits of the numbers on the page; its tables and tooltips show fewer.
DIGITS = 6


@dataclass(frozen=True)
class Selector:
    """A choice among the rows of a chart.

    Attributes
    ----------
    column : str
        Of the rows; a choice shows those with one of its values.
    label : str
        What the choice is called; the name of the column if empty.
    every : str
        How the choice of all values is called; they cannot be chosen together if empty.
    """

    column: str
    label: str = ""
    every: str = ""


@dataclass(frozen=True)
class Layout:
    """How wide a chart is drawn.

    Attributes
    ----------
    panel : int
        The width that a panel has at least, in pixels, where the screen has room for it.
    widest : int
        The width that it has at most.
    most : int
        The largest number of panels beside each other.
    beside : int
        The width of what stands beside each panel: numbers and names of its axis.
    height : int
        Of a panel; a square if 0, and whatever the rows need if negative.
    """

    panel: int = 200
    widest: int = 900
    most: int = 4
    beside: int = 50
    height: int = 0


@dataclass(frozen=True)
class Chart:
    """An interactive figure.

    Attributes
    ----------
    name : str
        Of its file of data.
    title : str
    about : str
        How to read it.
    rows : DataFrame
        What it can show. The same rows are its file of data.
    drawing : altair chart
        Of the rows that are chosen, without data.
    selectors : sequence of Selector
        In the order in which they are chosen: what is offered depends on those before.
    layout : Layout
    value : str
        The column of which the page says the range in words.
    names : sequence of str
        The columns that name a row where its value is the highest or lowest.
    told : (str, str), optional
        A column, and its value in the rows of which the range is said; all rows if None.
    told_by : str
        The column by whose values the range is said, each by itself; not divided if empty.
    scaled_by : str
        The selector whose choices have one scale each, given as parameters ``low`` and ``high``;
        none if empty.
    parameters : mapping
        Values of parameters of the drawing, by what that selector has chosen.
    note : str
        What the rows leave out, if anything.
    pictures : sequence of str
        Files that show the same and need no browser, by their paths from the page.
    """

    name: str
    title: str
    about: str
    rows: pd.DataFrame
    drawing: Any
    selectors: Sequence[Selector]
    layout: Layout = Layout()
    value: str = "value"
    names: Sequence[str] = ("placement",)
    told: tuple[str, str] | None = None
    told_by: str = ""
    scaled_by: str = ""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    note: str = ""
    pictures: Sequence[str] = ()

    @property
    def picture_folders(self) -> list[str]:
        """Where the pictures lie, by their paths from the page."""
        return list(dict.fromkeys(path.rpartition("/")[0] for path in self.pictures))

    @property
    def choices(self) -> list[tuple[Selector, list[str]]]:
        """Every selector with all values that it may offer, in the order of the rows."""
        return [
            (selector, [visible(value) for value in pd.factorize(self.rows[selector.column])[1]])
            for selector in self.selectors
        ]

    @property
    def packed(self) -> str:
        """The chart as the page reads it: JSON, compressed, in letters that end no script."""
        spec = self.drawing.configure(**CONFIG).to_dict()
        spec.pop("$schema")
        content = {
            "spec": spec,
            "rows": {str(name): _column(self.rows[name]) for name in self.rows},
            "count": len(self.rows),
            "selectors": [{"column": s.column, "every": bool(s.every)} for s in self.selectors],
            "layout": vars(self.layout),
            "value": self.value,
            "names": list(self.names),
            "told": self.told,
            "toldBy": self.told_by,
            "scaledBy": self.scaled_by,
            "parameters": {visible(k): dict(v) for k, v in self.parameters.items()},
        }
        text = json.dumps(content, allow_nan=False, separators=(",", ":"))
        return base64.b64encode(zlib.compress(text.encode(), 6)).decode()


def panels_by(column: str, names: Sequence[str]) -> alt.Facet:
    """Return one panel per value of a column, in this order."""
    return alt.Facet(f"{column}:N", title=None, sort=list(dict.fromkeys(map(visible, names))))


def _column(column: pd.Series) -> dict[str, Any]:
    """A column as the page reads it: texts once each, and repeated entries counted."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return _counted(_rounded(column.to_numpy(float)))
    codes, texts = pd.factorize(column)
    known = np.where(codes >= 0, codes, np.nan)
    return {"levels": [visible(text) for text in texts], **_counted(known)}


def _rounded(values: np.ndarray) -> np.ndarray:
    """Round to so many significant digits; what is no finite number becomes NaN."""
    known = np.where(np.isfinite(values), values, np.nan)
    size = np.floor(np.log10(np.abs(np.where(known == 0, 1, known))))
    tens = 10.0 ** np.abs(DIGITS - 1 - size)
    small = size < DIGITS
    rounded: np.ndarray = np.where(
        small, np.round(known * tens) / tens, np.round(known / tens) * tens
    )
    return rounded


def _counted(entries: np.ndarray) -> dict[str, Any]:
    """Entries as they are, or each with how often it is repeated, whichever is shorter."""
    same = (entries[1:] == entries[:-1]) | (np.isnan(entries[1:]) & np.isnan(entries[:-1]))
    starts = np.flatnonzero(np.concatenate([[True], ~same])) if len(entries) else np.arange(0)
    if 2 * len(starts) >= len(entries):
        return {"entries": _plain(entries)}
    counts = np.diff(np.append(starts, len(entries))).tolist()
    pairs = zip(_plain(entries[starts]), counts, strict=True)
    return {"repeated": [part for pair in pairs for part in pair]}


def _plain(entries: np.ndarray) -> list[Any]:
    """Entries as JSON has them: whole numbers without a point, null for NaN."""
    whole = entries == np.round(entries)
    return [
        None if value != value else int(value) if is_whole else value
        for value, is_whole in zip(entries.tolist(), whole.tolist(), strict=True)
    ]
