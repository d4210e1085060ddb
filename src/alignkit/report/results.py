"""The files of an analysis: one function each, for the command line and for studies alike.

Each writes the files that it is given a place for, and returns their paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from alignkit.analysis.agreement import MetricAgreement, agree
from alignkit.analysis.correlate import correlate_runs
from alignkit.analysis.options import TableOptions
from alignkit.analysis.questions import Answer, Evidence, ask, write_tables
from alignkit.analysis.questions.fusions import layers_around_fusions
from alignkit.analysis.scores import scores_by_unit
from alignkit.analysis.stability import Stability
from alignkit.errors import AlignkitError
from alignkit.progress import SILENT, Reporter
from alignkit.report.correlations import write_figures
from alignkit.report.figures.folder import FigureFolder, check_formats
from alignkit.report.page import write_report
from alignkit.report.paper_tables import check_table_format
from alignkit.report.paragraphs import paragraph
from alignkit.report.questions import draw_agreement, draw_answers, draw_stability
from alignkit.report.result_tables import write_result_tables
from alignkit.report.sections import choose_sections
from alignkit.report.stored_tables import find_tables
from alignkit.runs import Run
from alignkit.runs.files import write_json, write_results, write_text
from alignkit.runs.units import unit_labels
from alignkit.statistics.equivalence import MARGIN

# Metrics times runs of which a report draws all picture files by layer, half a second each.
MOST_PICTURED = 600

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics import Correlations


def report_runs(
    runs: Sequence[Run],
    folder: Path,
    options: TableOptions,
    *,
    unit: str = "placement",
    control: Sequence[str] = (),
    margin: float = MARGIN,
    permutations: int = 9999,
    measure: bool = False,
    results: Sequence[Path] = (),
    sections: Sequence[str] = (),
    figure_formats: Sequence[str] = (),
    table_formats: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Path:
    """Correlate runs and write their report; everything in it follows the same options.

    Parameters
    ----------
    runs : sequence of Run
    folder : Path
    options : TableOptions
        Its seed is also that of the permutations.
    unit : str
        The unit of analysis, see ``alignkit.runs.units``.
    control : sequence of str
        Variables to control for, see ``alignkit.analysis.controls``.
    margin : float
        Absolute value of r below which an association counts as absent.
    permutations : int
        Number of permutations to draw where there are too many to enumerate.
    measure : bool
        Measure all pairs of layers first; without it, maps and curves show what is stored, and
        the head says whether alignment rises across fusions only where it is stored.
    results : sequence of Path
        Folders with what other commands wrote, to be shown too; see ``stored_tables.KINDS``.
    sections : sequence of str
        Sections of plugins to add, as ``name:key=value``.
    figure_formats : sequence of str
        What to write figures as beside SVG: ``png``, ``pdf``.
    table_formats : sequence of str
        What to write scores and correlations as, in ``tables/``: ``csv``, ``markdown``, ``latex``.

    Returns
    -------
    Path
        Of ``report.html``.
    """
    from alignkit.analysis.layer_values import measure_layers

    choose_sections(sections)
    check_formats(figure_formats)
    for name in table_formats:
        check_table_format(name)
    found = find_tables(results)
    unit_labels(runs, unit)  # refuses to average variants before anything is measured
    if measure:
        runs = measure_layers(runs, options, lambda _: ["all"], reporter)
    correlations, joined = correlate_runs(
        runs,
        options,
        unit=unit,
        control=control,
        margin=margin,
        permutations=permutations,
        seed=options.seed,
        reporter=reporter,
    )
    lacks = _Lacks(reporter)
    answers = _answers(runs, options, unit, permutations, measure, lacks)
    agreement = _agreement(runs, options, unit, measure, lacks)
    pictured = _pictured(runs, options, lacks)
    if table_formats:
        scored = [run for run in runs if run.scores(options.split)]
        means = scores_by_unit(scored, [run.scores(options.split) for run in scored], "variant")
        tables = folder / "tables"
        write_result_tables(means, options.split, correlations, tables, table_formats)
    return write_report(
        runs,
        folder,
        correlations=correlations,
        table=joined,
        options=options,
        answers=answers,
        agreement=agreement,
        lacks=lacks.sections,
        pictured=pictured,
        results=found,
        added=sections,
        figure_formats=figure_formats,
        reporter=reporter,
    )


class _Lacks:
    """What a report lacks, by section: it is noted, and said on the page."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.sections: dict[str, list[str]] = {}

    def add(self, section: str, what: str) -> None:
        """Note that the report leaves out something."""
        self.sections.setdefault(section, []).append(f"This report leaves out {what}.")
        self.reporter.note(f"note: the report leaves out {what}")


def _answers(
    runs: Sequence[Run],
    options: TableOptions,
    unit: str,
    permutations: int,
    measure: bool,
    lacks: _Lacks,
) -> list[Answer]:
    """Return the answers to H1, H2 and H3 under all metrics; none where they are not asked.

    They compare placements, so they need two of them and no other unit. Unless it may measure,
    they also need values that are stored: metrics without are left out.
    """
    if unit != "placement" or len({run.placement for run in runs}) < 2 or not options.metrics:
        return []

    def evidence_of(metrics: Sequence[str]) -> Evidence:
        chosen = replace(options, metrics=tuple(metrics), layer="last")
        return Evidence(runs, chosen, permutations, reporter=lacks.reporter)

    around = layers_around_fusions(evidence_of(options.metrics))
    kept = [m for m in options.metrics if measure or evidence_of([m]).is_stored(around)]
    if len(kept) < len(options.metrics):
        missing = [metric for metric in options.metrics if metric not in kept]
        lacks.add(
            "hypotheses",
            f"the hypotheses under {', '.join(missing)}, as values around fusions are not "
            "measured; measure all layers to have them answered",
        )
    if not kept:
        return []
    evidence, answers = evidence_of(kept), []
    for question in ("h1", "h2", "h3"):
        try:
            answers += ask([question], evidence)
        except AlignkitError as error:  # the report says what the others give
            lacks.add("hypotheses", f"{question}: {error}")
    return answers


def _agreement(
    runs: Sequence[Run], options: TableOptions, unit: str, measure: bool, lacks: _Lacks
) -> MetricAgreement | None:
    """Return how far metrics agree, where there are two and nothing has to be measured for it."""
    if len(options.metrics) < 2:
        return None
    try:
        if measure or Evidence(runs, options, unit=unit).is_stored(lambda _: ["same"]):
            return agree(runs, options, reporter=lacks.reporter)
    except AlignkitError as error:
        lacks.add("agreement", f"the agreement of metrics: {error}")
    return None


def _pictured(runs: Sequence[Run], options: TableOptions, lacks: _Lacks) -> Sequence[str]:
    """Return the metrics whose values by layer are also drawn as pictures."""
    others = options.metrics[1:]
    if not others or len(runs) * len(options.metrics) <= MOST_PICTURED:
        return options.metrics
    lacks.add(
        "pictures",
        f"the picture files by layer of {', '.join(others)}, which take long over {len(runs)} "
        "runs; alignkit plot depth and alignkit plot layers draw them",
    )
    return options.metrics[:1]


def write_correlations(
    correlations: Correlations,
    joined: pd.DataFrame,
    *,
    table: Path | None = None,
    settings: Path | None = None,
    runs: Path | None = None,
    figures: Path | None = None,
    pooled: Path | None = None,
    reporter: Reporter = SILENT,
) -> list[Path]:
    """Write correlations as a CSV table, with their settings, the joined runs and figures.

    Parameters
    ----------
    correlations : Correlations
    joined : DataFrame
        One row per run.
    table, settings, runs : Path, optional
        Of the correlations, of everything needed to repeat them, and of the joined runs.
    figures : Path, optional
        A folder.
    pooled : Path, optional
        Of what was pooled over tasks; not written where nothing was.
    """
    written = []
    if runs is not None:
        write_results(runs, joined)
        written.append(runs)
    if table is not None:
        write_results(table, correlations.table)
        written.append(table)
    if settings is not None:
        write_json(settings, correlations.settings)
        written.append(settings)
    if pooled is not None and len(correlations.pooled):
        write_results(pooled, correlations.pooled)
        written.append(pooled)
    if figures is not None:
        count = write_figures(correlations, joined, figures)
        reporter.note(f"figures: {count} in {figures}")
        written.append(figures)
    return written


def write_answers(
    answers: Sequence[Answer],
    *,
    tables: Path | None = None,
    figures: Path | None = None,
    page: Path | None = None,
) -> list[Path]:
    """Write answers to questions: a folder of tables, one of figures, a page of paragraphs."""
    if tables is not None:
        write_tables(answers, tables)
    if figures is not None:
        draw_answers(answers, FigureFolder(figures))
    if page is not None:
        paragraphs = (f"## {answer.title}\n\n{paragraph(answer)}\n" for answer in answers)
        write_text(page, "\n".join(paragraphs))
    return [path for path in (tables, figures, page) if path is not None]


def write_agreement(
    agreement: MetricAgreement,
    *,
    pairs: Path | None = None,
    metrics: Path | None = None,
    figures: Path | None = None,
) -> list[Path]:
    """Write the agreement of metrics: a CSV of pairs, one of metrics and groups, figures."""
    if pairs is not None:
        write_results(pairs, agreement.pairs)
    if metrics is not None:
        write_results(metrics, agreement.metrics)
    if figures is not None:
        draw_agreement(agreement, FigureFolder(figures))
    return [path for path in (pairs, metrics, figures) if path is not None]


def write_stability(
    stability: Stability,
    *,
    table: Path | None = None,
    summary: Path | None = None,
    figures: Path | None = None,
) -> list[Path]:
    """Write the stability of metrics: a CSV per model and setting, one of means, figures."""
    if summary is not None:
        write_results(summary, stability.summary)
    if table is not None:
        write_results(table, stability.table)
    if figures is not None:
        draw_stability(stability, FigureFolder(figures))
    return [path for path in (summary, table, figures) if path is not None]
