"""The sections of a page that show what other commands wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd

from alignkit.analysis.comparison.models import Model
from alignkit.analysis.dimension import Dimensions
from alignkit.analysis.jumps import Jumps
from alignkit.analysis.probing.probe import Probes
from alignkit.analysis.stability import Plan, Stability, summarise
from alignkit.analysis.stream_layers import MODEL_COLUMNS, Stream
from alignkit.analysis.trajectory import Trajectory
from alignkit.errors import AlignkitError
from alignkit.models.placement import STREAMS
from alignkit.models.schedule import depths, sites
from alignkit.report.charts.chart import Chart
from alignkit.report.charts.of_layers import (
    dimension_chart,
    probe_points_chart,
    probes_chart,
    trajectory_chart,
)
from alignkit.report.charts.search import search_charts
from alignkit.report.charts.stability import stability_chart
from alignkit.report.content import Content
from alignkit.report.dimension import draw_dimensions
from alignkit.report.figures.folder import FigureFolder, Shown
from alignkit.report.figures.search_history import history
from alignkit.report.probe import draw_probes
from alignkit.report.questions import draw_stability
from alignkit.report.sections import folded
from alignkit.report.stored_tables import KINDS, OfRuns, StoredTables
from alignkit.report.trajectory import draw_trajectory

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
    shown : list of Shown
        The same as pictures.
    """

    kind: str
    title: str
    lines: list[str] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)


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
        Where pictures and data go.
    """
    sections = []
    for kind, about in KINDS.items():
        tables = [each for each in found if each.kind == kind]
        if tables:
            section = AnalysisSection(kind, about.title)
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

    def show(self, tables: StoredTables, name: str) -> pd.DataFrame:
        """Show a table as it was written, and return it."""
        table = self.table(tables, name)
        if len(table):
            several = f" ({tables.name})" if len(self.found) > 1 else ""
            file = self.figures.add_data(f"{self.section.kind}-{name}", table)
            self.section.tables.append(folded(_TABLE_TITLES[name] + several, file, table))
        return table

    def drawn(self, draw: Callable[[FigureFolder], Any]) -> None:
        """Draw pictures."""
        before = len(self.figures.shown)
        draw(self.figures)
        self.section.shown += self.figures.shown[before:]

    def note(self) -> dict[str, Any]:
        """What every chart of the section takes: the names of its pictures."""
        return {"pictures": [shown.name for shown in self.section.shown]}

    def streams(self) -> list[Stream]:
        """Return the streams of the runs with where their fusions stand."""
        labels = self.content.scores["placement"]
        made = []
        for run, label in zip(self.content.runs, labels, strict=True):
            schedule = run.schedule()
            for stream in STREAMS:
                own = (run.task, run.placement, str(label), run.seed, str(run.path), stream)
                model = Model(str(label), "run", (), 0, None, "", _unopened, run=run, stream=stream)
                columns = dict(zip(MODEL_COLUMNS, own, strict=True))
                made.append(Stream(model, {}, columns, depths(sites(schedule, stream))))
        return made


def _unopened(*_: Any) -> Any:
    raise AssertionError("figures of tables open no representations")


def _stability(reader: _Reader) -> None:
    parts = []
    for tables, rows in reader.first():
        rows = rows.assign(chance=pd.to_numeric(rows["chance"], errors="coerce"))
        plan = Plan((), ())
        reader.drawn(partial(draw_stability, Stability(rows, summarise(rows), plan)))
        parts.append(rows.assign(results=tables.name))
    _add(reader, stability_chart, parts)


def _probes(reader: _Reader) -> None:
    parts, points, streams = [], [], reader.streams()
    for tables, rows in reader.first():
        own = reader.rows(tables, "points")
        own = own if len(own) else pd.DataFrame(columns=["task", "metric", "value", "alignment"])
        none = pd.DataFrame()
        pooled = reader.show(tables, "pooled")
        result = Probes(rows, none, own, none, pooled, streams, {})
        reader.drawn(partial(draw_probes, result))
        parts.append(rows.assign(results=tables.name))
        points += [own.assign(results=tables.name)] if len(own) else []
    _add(reader, probes_chart, parts)
    chart = (
        probe_points_chart(pd.concat(points, ignore_index=True), reader.content) if points else None
    )
    reader.section.charts += [chart] if chart is not None else []


def _dimension(reader: _Reader) -> None:
    parts, streams = [], reader.streams()
    for tables, rows in reader.first():
        spectra = reader.rows(tables, "spectra")
        spectra = spectra if len(spectra) else pd.DataFrame(columns=["task", "stream"])
        collapse = reader.show(tables, "collapse")
        result = Dimensions(rows, spectra, pd.DataFrame(), collapse, streams, {})
        reader.drawn(partial(draw_dimensions, result))
        parts.append(rows.assign(results=tables.name))
    _add(reader, dimension_chart, parts)


def _trajectory(reader: _Reader) -> None:
    parts, streams = [], reader.streams()
    for tables, rows in reader.first():
        placements = reader.table(tables, "placements")
        if placements.empty:
            placements = pd.DataFrame(columns=["task", "placement"])
        within, against = (reader.show(tables, name) for name in ("within", "against"))
        jumps = Jumps(pd.DataFrame(), placements, within, against)
        result = Trajectory(rows, pd.DataFrame(), jumps, streams, {})
        reader.drawn(partial(draw_trajectory, result))
        parts.append(rows.assign(results=tables.name))
    _add(reader, trajectory_chart, parts)


def _search(reader: _Reader) -> None:
    found = []
    for tables in reader.found:
        told = reader.tried(partial(_of_search, tables))
        if told is None:
            continue
        search, trials = told
        objectives = search["objectives"]
        others = {name: reader.table(tables, name) for name in ("correlations", "importances")}
        found.append((f"{tables.name}: {search['study']}", trials, objectives, others))
        figure = history(trials, objectives)
        shown = reader.figures.add(
            "search-history",
            figure,
            trials,
            f"Trials of {search['study']}",
            "Values of all trials.",
        )
        reader.section.shown.append(shown)
        reader.show(tables, "correlations")
    reader.section.charts += search_charts(found, **reader.note())


def _of_search(tables: StoredTables) -> tuple[dict[str, Any], pd.DataFrame]:
    return tables.search, tables.first


def _add(reader: _Reader, chart: Callable[..., Chart | None], parts: list[pd.DataFrame]) -> None:
    if parts:
        made = chart(pd.concat(parts, ignore_index=True), reader.content, **reader.note())
        reader.section.charts += [made] if made is not None else []


_FILL: dict[str, Callable[[_Reader], None]] = {
    "stability": _stability,
    "probes": _probes,
    "dimension": _dimension,
    "trajectory": _trajectory,
    "search": _search,
}
