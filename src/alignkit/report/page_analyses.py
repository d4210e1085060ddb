"""The sections of a page that show what other commands wrote."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from alignkit.errors import AlignkitError
from alignkit.report.charts.chart import Chart
from alignkit.report.charts.of_layers import (
    dimension_chart,
    probe_points_chart,
    probes_chart,
    trajectory_chart,
)
from alignkit.report.charts.search import search_charts
from alignkit.report.charts.spectra import spectra_chart
from alignkit.report.charts.stability import stability_chart
from alignkit.report.content import Content
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.sections import folded
from alignkit.report.stored_tables import KINDS, OfRuns, StoredTables

_TABLE_TITLES = {
    "collapse": "Change of dimension across fusions, tested over placements",
    "within": "Change at fusions against other layers, at whatever depth",
    "against": "Change at fusions against the same layers without one",
    "pooled": "Probes against alignment, over all placements",
    "correlations": "Rank correlations of parameters with objectives",
}


@dataclass
class AnalysisSection:
    """What a page shows of one command.

    Attributes
    ----------
    kind : str
        Of ``KINDS``.
    title : str
    lines : list of str
        What its tables leave out.
    charts : list of Chart
    tables : list of dict
        ``file``, ``name``, ``columns`` and ``rows`` as text.
    pictures : list of str
        Files that the command drew, by their paths from the page.
    """

    kind: str
    title: str
    lines: list[str] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)


def analysis_sections(
    found: Sequence[StoredTables], content: Content, figures: FigureFolder
) -> list[AnalysisSection]:
    """Return a section for every command whose tables were found, in the order of ``KINDS``.

    Tables that cannot be read, or are about other runs, are named in it.

    Parameters
    ----------
    found : sequence of StoredTables
    content : Content
        Of the runs of the page.
    figures : FigureFolder
        Of the page, where the data go.
    """
    sections = []
    for kind, about in KINDS.items():
        tables = [each for each in found if each.kind == kind]
        if tables:
            section = AnalysisSection(kind, about.title, pictures=_pictures(tables, figures))
            _FILL[kind](_Reader(section, content, figures, tables))
            for chart in section.charts:
                figures.add_data(chart.name, chart.rows)
            sections.append(section)
    return sections


@dataclass(frozen=True)
class _Reader:
    """Reads the tables of one command into a section; what cannot be read is said there."""

    section: AnalysisSection
    content: Content
    figures: FigureFolder
    found: Sequence[StoredTables]

    def first(self) -> Iterator[tuple[StoredTables, pd.DataFrame]]:
        """Yield the first table of everything that was found, of the runs of the page."""
        for tables in self.found:
            with_rows = self.tried(partial(OfRuns(self.content).rows, tables))
            if with_rows is not None:
                rows, left_out = with_rows
                self.section.lines += [left_out] if left_out else []
                yield tables, rows

    def rows(self, tables: StoredTables, name: str) -> pd.DataFrame:
        """Return the rows of another table that are about runs of the page."""
        with_rows = self.tried(partial(OfRuns(self.content).rows, tables, name))
        return pd.DataFrame() if with_rows is None else with_rows[0]

    def table(self, tables: StoredTables, name: str) -> pd.DataFrame:
        """Return another table as it is."""
        table = self.tried(partial(tables.table, name))
        return pd.DataFrame() if table is None else table

    def tried(self, read: Callable[[], Any]) -> Any:
        """Return what is read; None where it cannot be, which the section then says."""
        try:
            return read()
        except AlignkitError as error:
            line = f"{str(error)[:1].upper()}{str(error)[1:]}."
            self.section.lines += [line] if line not in self.section.lines else []
            return None

    def show(self, tables: StoredTables, name: str) -> None:
        """Show a table as it was written."""
        table = self.table(tables, name)
        if len(table):
            several = f" ({tables.name})" if len(self.found) > 1 else ""
            file = self.figures.add_data(f"{self.section.kind}-{name}", table)
            self.section.tables.append(folded(_TABLE_TITLES[name] + several, file, table))


def _pictures(found: Sequence[StoredTables], figures: FigureFolder) -> list[str]:
    page = figures.folder.parent.absolute()
    files = dict.fromkeys(file.absolute() for tables in found for file in tables.pictures)
    return [Path(os.path.relpath(file, page)).as_posix() for file in files]


def _stability(reader: _Reader) -> None:
    parts = [
        rows.assign(results=tables.name, chance=pd.to_numeric(rows["chance"], errors="coerce"))
        for tables, rows in reader.first()
    ]
    _add(reader, stability_chart, parts)


def _probes(reader: _Reader) -> None:
    parts, points = [], []
    for tables, rows in reader.first():
        own = reader.rows(tables, "points")
        reader.show(tables, "pooled")
        parts.append(rows.assign(results=tables.name))
        points += [own.assign(results=tables.name)] if len(own) else []
    _add(reader, probes_chart, parts)
    if points:
        chart = probe_points_chart(pd.concat(points, ignore_index=True), reader.content)
        reader.section.charts += [chart] if chart is not None else []


def _dimension(reader: _Reader) -> None:
    parts, spectra = [], []
    for tables, rows in reader.first():
        reader.show(tables, "collapse")
        parts.append(rows.assign(results=tables.name))
        spectra.append(reader.rows(tables, "spectra").assign(results=tables.name))
    _add(reader, dimension_chart, parts, "dimension-")
    _add(reader, spectra_chart, spectra, "spectra")


def _trajectory(reader: _Reader) -> None:
    parts = []
    for tables, rows in reader.first():
        for name in ("within", "against"):
            reader.show(tables, name)
        parts.append(rows.assign(results=tables.name))
    _add(reader, trajectory_chart, parts)


def _search(reader: _Reader) -> None:
    found = []
    for tables in reader.found:
        told = reader.tried(partial(_of_search, tables))
        if told is not None:
            search, trials = told
            others = {name: reader.table(tables, name) for name in ("correlations", "importances")}
            name = f"{tables.name}: {search['study']}"
            found.append((name, trials, search["objectives"], others))
            reader.show(tables, "correlations")
    reader.section.charts += search_charts(found, reader.section.pictures)


def _of_search(tables: StoredTables) -> tuple[dict[str, Any], pd.DataFrame]:
    return tables.search, tables.first


def _add(
    reader: _Reader, chart: Callable[..., Chart | None], parts: list[pd.DataFrame], drawn: str = ""
) -> None:
    """Add a chart of rows, with the pictures whose names begin with ``drawn``."""
    if parts:
        rows = pd.concat(parts, ignore_index=True)
        files = [path for path in reader.section.pictures if PurePath(path).name.startswith(drawn)]
        made = chart(rows, reader.content, pictures=files)
        reader.section.charts += [made] if made is not None else []


_FILL: dict[str, Callable[[_Reader], None]] = {
    "stability": _stability,
    "probes": _probes,
    "dimension": _dimension,
    "trajectory": _trajectory,
    "search": _search,
}
