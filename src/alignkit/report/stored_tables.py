"""Tables that other commands wrote, read for a report of the runs that they are about."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from alignkit.analysis.dimension import QUANTITIES
from alignkit.documents import Form, read_json
from alignkit.errors import AlignkitError, DataError
from alignkit.report.content import Content
from alignkit.runs.files import read_results
from alignkit.runs.listing import files_below


@dataclass(frozen=True)
class Kind:
    """What a command writes.

    Attributes
    ----------
    title : str
        What a report calls it.
    command : str
        Writes it where ``alignkit report --results results`` finds it.
    columns : frozenset of str
        Those by which its first table is known.
    drawn : tuple of str
        What the names of its figures begin with.
    beside : mapping of str to tuple of str
        Of its other tables, the columns that a page draws.
    """

    title: str
    command: str
    columns: frozenset[str]
    drawn: tuple[str, ...]
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


KINDS = {
    "stability": Kind(
        "Stability of metrics",
        "alignkit stability --output results/stability/models.csv "
        "--figures results/stability/figures",
        frozenset(
            (
                *("metric", "model", "varied", "samples", "k"),
                *("value", "chance", "agreement", "reliability"),
            )
        ),
        ("stability-",),
    ),
    "probes": Kind(
        "Linear probes",
        "alignkit probe --output results/probe --figures results/probe/figures",
        frozenset(
            (
                *("model", "stream", "layer", "depth", "draw", "penalty"),
                *("score", "value", "chance"),
            )
        ),
        ("probe",),
        {"points": ("model", "metric", "stream", "depth", "value", "alignment")},
    ),
    "dimension": Kind(
        "Dimensions by layer",
        "alignkit dimension --output results/dimension --figures results/dimension/figures",
        frozenset(("model", "stream", "layer", "depth", "pool", *QUANTITIES)),
        ("dimension-", "spectra"),
        {"spectra": ("model", "stream", "depth", "component", "cumulative")},
    ),
    "trajectory": Kind(
        "Change from layer to layer",
        "alignkit trajectory --output results/trajectory --figures results/trajectory/figures",
        frozenset(("model", "stream", "metric", "relation", "x", "y", "depth", "value", "fusion")),
        ("trajectory-", "jumps-"),
    ),
    "search": Kind(
        "Search",
        "alignkit search analyse --figures results/search",
        frozenset(("number", "state", "duplicate_of")),
        ("history", "correlations", "importances", "parallel", "pareto"),
        {
            "correlations": ("objective", "parameter", "spearman"),
            "importances": ("objective", "parameter", "importance"),
        },
    ),
}
# The file that says what a search was for, beside its tables.
SEARCH = "search.json"
_SEARCH_FORM: Form = {"study": str, "objectives": [{"name": str, "direction": str}]}
# Columns that are never numbers, whatever they look like.
_TEXTS = frozenset(
    (
        *("task", "placement", "unit", "model", "stream", "layer", "pool", "metric", "score"),
        *("relation", "x", "y", "fusion", "quantity", "varied", "reason", "verdict", "detects"),
        *("adjustment", "objective", "parameter", "evaluator", "state"),
    )
)
# A table of spectra has a row per component, and may be larger than all else.
_LARGEST = 100_000_000


@dataclass(frozen=True)
class StoredTables:
    """What a command wrote into a folder.

    Attributes
    ----------
    kind : str
        Of ``KINDS``.
    file : Path
        Its first table.
    """

    kind: str
    file: Path

    @property
    def name(self) -> str:
        """What a page calls it: its folder, or its file where that could be any."""
        place = self.file if self.kind == "stability" else self.file.parent
        return place.as_posix()

    @property
    def pictures(self) -> list[Path]:
        """The figures of the command that lie beside its tables, or in ``figures/`` there."""
        here = self.file.parent
        return [
            picture
            for folder in (here, here / "figures")
            for picture in sorted(folder.glob("*.svg"))
            if picture.name.startswith(KINDS[self.kind].drawn) and picture.is_file()
        ]

    @cached_property
    def first(self) -> pd.DataFrame:
        """The first table.

        Raises
        ------
        DataError
            When it cannot be read, lacks a column, or holds text where numbers are expected.
        """
        columns, texts = KINDS[self.kind].columns, _TEXTS
        if self.kind == "search":  # its parameters and objectives may have any name
            columns |= {objective["name"] for objective in self.search["objectives"]}
            texts = frozenset(["state"])
        table = self._read(self.file, texts)
        _require(self.file, table, columns, texts)
        return table

    def table(self, name: str) -> pd.DataFrame:
        """Return another of its tables; empty where it was not written.

        Raises
        ------
        DataError
            When it cannot be read, is very large, lacks a column, or holds text where numbers
            are expected.
        """
        file = self.file.with_name(f"{name}.csv")
        if not file.is_file():
            return pd.DataFrame()
        size = file.stat().st_size
        if size > _LARGEST:
            raise DataError(f"{file} has {size:,} bytes; at most {_LARGEST:,} are shown")
        table = self._read(file, _TEXTS)
        _require(file, table, KINDS[self.kind].beside.get(name, ()), _TEXTS)
        return table

    def _read(self, file: Path, texts: frozenset[str]) -> pd.DataFrame:
        table = read_results(file, KINDS[self.kind].command, texts=sorted(texts))
        named = [column for column in table if column in texts]
        table[named] = table[named].fillna("")
        return table

    @property
    def search(self) -> dict[str, Any]:
        """What a search was for: its ``study`` and ``objectives``."""
        told: dict[str, Any] = read_json(self.file.with_name(SEARCH), _SEARCH_FORM)
        return told


def find_tables(places: Sequence[Path]) -> list[StoredTables]:
    """Find what commands wrote in folders and below them; nothing is read but heads of tables.

    Raises
    ------
    DataError
        When a place is not there, or holds nothing of these commands.
    """
    found = []
    for place in places:
        if not place.exists():
            raise DataError(f"`results` is {place}, which is not there")
        # Whoever opens a pipe waits for it.
        below = sorted(file for file in files_below(place) if file.suffix == ".csv")
        files = [place] if place.is_file() else below
        here = [StoredTables(kind, file) for file in files for kind in _kind(file)]
        if not here:
            raise DataError(
                f"`results` is {place}, which holds no table of stability, probe, dimension, "
                f"trajectory or search; write one with: alignkit dimension --output {place}"
            )
        found += here
    return list(dict.fromkeys(found))


def _require(
    file: Path, table: pd.DataFrame, columns: Iterable[str], texts: frozenset[str]
) -> None:
    for column in sorted(columns):
        if column not in table:
            raise DataError(f"{file} has no column '{column}'")
        if column not in texts and not pd.api.types.is_numeric_dtype(table[column]):
            raise DataError(f"{file} holds text in the column '{column}', not numbers")


def _kind(file: Path) -> Iterator[str]:
    """Yield what a table is; nothing for the data of a figure, which repeats other tables."""
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            head = set(next(csv.reader(opened), ()))
    except (OSError, UnicodeError, csv.Error):
        return
    drawn = any(file.with_suffix(ending).is_file() for ending in (".svg", ".png"))
    for name, kind in KINDS.items():
        if not kind.columns <= head:
            continue
        if name == "search":
            if file.name == "history.csv" and file.with_name(SEARCH).is_file():
                yield name
        elif not drawn:
            yield name


@dataclass(frozen=True)
class OfRuns:
    """Which rows of tables are about the runs of a report, and what these are called there.

    Parameters
    ----------
    content : Content
    """

    content: Content

    @cached_property
    def _known(self) -> Mapping[str, tuple[str, str, int]]:
        labels = self.content.scores["placement"]
        return {
            os.path.normpath(run.path.absolute()): (run.task, str(label), run.seed)
            for run, label in zip(self.content.runs, labels, strict=True)
        }

    def rows(self, tables: StoredTables, name: str = "") -> tuple[pd.DataFrame, str]:
        """Return the rows of the first or another table, and what is left out in a sentence.

        ``task``, ``placement``, ``unit`` and ``seed`` are those of the report. Commands write
        paths as they were given, so a path may begin where the command ran.

        Raises
        ------
        DataError
            When the table cannot be read, or no row is about a run of the report.
        """
        table = tables.table(name) if name else tables.first
        if table.empty or "model" not in table:
            return table.iloc[:0], ""
        bases = [Path.cwd(), *tables.file.absolute().parents]
        models = {model: self._run(model, bases) for model in table["model"].unique()}
        runs = {model: run for model, run in models.items() if run is not None}
        if not runs:
            raise DataError(f"{tables.name} is about none of the runs of this report")
        mine = table[table["model"].isin(runs)].reset_index(drop=True)
        own = [runs[model] for model in mine["model"]]
        mine = mine.assign(
            task=[task for task, _, _ in own],
            placement=[label for _, label, _ in own],
            unit=[label for _, label, _ in own],
            seed=[seed for _, _, seed in own],
        )
        return mine, self._coverage(tables, len(runs), len(models))

    def _run(self, model: str, bases: Sequence[Path]) -> tuple[str, str, int] | None:
        places = (os.path.normpath(base / model) for base in bases)
        return next((self._known[place] for place in places if place in self._known), None)

    def _coverage(self, tables: StoredTables, runs: int, models: int) -> str:
        total = len(self._known)
        said = [f"{runs} of the {total} runs"] if runs < total else []
        others = models - runs
        said += [f"{others} other model(s), which are left out"] if others else []
        return f"{tables.name} is about {' and '.join(said)}." if said else ""


def holds_tables(place: Path) -> bool:
    """Return whether a folder holds anything that ``find_tables`` finds."""
    try:
        return bool(find_tables([place]))
    except AlignkitError:
        return False
