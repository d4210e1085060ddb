"""Write the report: figures first, then HTML and Markdown around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from alignkit.analysis.agreement import MetricAgreement
from alignkit.analysis.options import TableOptions
from alignkit.analysis.questions import Answer
from alignkit.progress import SILENT, Reporter
from alignkit.report import sentences, tables
from alignkit.report.cautions import caution_lines
from alignkit.report.charts.script import script
from alignkit.report.content import Content, gather, shown_paths
from alignkit.report.figures.folder import FigureFolder, Shown
from alignkit.report.page_analyses import analysis_sections
from alignkit.report.page_charts import page_charts
from alignkit.report.page_figures import EXPLAINED, depths, grids, scatters, trainings
from alignkit.report.paragraphs import paragraph
from alignkit.report.pooled import pooled_lines, why_not_pooled
from alignkit.report.questions import draw_answers
from alignkit.report.rendering import render
from alignkit.report.rise import rise_sentences
from alignkit.report.sections import added_sections, choose_sections, folded
from alignkit.report.stored_tables import KINDS, StoredTables
from alignkit.runs import Run
from alignkit.runs.files import write_json, write_text


def write_report(
    runs: Sequence[Run],
    folder: str | Path,
    *,
    correlations: Any = None,
    table: pd.DataFrame | None = None,
    options: TableOptions | None = None,
    title: str = "Alignment and performance",
    answers: Sequence[Answer] = (),
    agreement: MetricAgreement | None = None,
    lacks: Mapping[str, Sequence[str]] | None = None,
    pictured: Sequence[str] = (),
    results: Sequence[StoredTables] = (),
    added: Sequence[str] = (),
    figure_formats: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Path:
    """Write ``report.html``, ``report.md`` and ``figures/`` from measured runs.

    The same input gives the same bytes.

    Parameters
    ----------
    runs : sequence of Run
        Measured and scored.
    folder : path
    correlations : alignkit.statistics.Correlations, optional
    table : DataFrame, optional
        The rows of runs that were correlated, for the small dots.
    options : TableOptions, optional
        What all figures and tables show: metrics (everything that was measured where none is
        named), outcome, split, pool, and the draw of samples.
    title : str
    answers : sequence of Answer
        To H1, H2 and H3; that to h3, whether alignment rises across fusions, is said first too.
    agreement : MetricAgreement, optional
        Of the metrics over layers.
    lacks : mapping of str to sequence of str
        What the sections ``hypotheses``, ``agreement`` and ``pictures`` leave out, and why, in
        sentences.
    pictured : sequence of str
        The metrics whose values by layer are written as pictures too; all if empty.
    results : sequence of StoredTables
        What other commands wrote, to be shown too.
    added : sequence of str
        Sections of plugins, as ``name:key=value``. One that fails is named, on the page too, and
        left out.
    figure_formats : sequence of str
        What to write figures as beside SVG: ``png``, ``pdf``.
    reporter : Reporter

    Returns
    -------
    Path
        Path of ``report.html``, which needs no other file.

    Raises
    ------
    DataError
        When a run is not measured yet.
    """
    folder, chosen = Path(folder), choose_sections(added)
    content = gather(runs, options or TableOptions(()), everywhere=True)
    figures = FigureFolder(folder / "figures", ("svg", *figure_formats))
    sections = _sections(content, figures, correlations, table, pictured)
    sections["hypotheses"] = draw_answers(answers, figures)
    rises = next((answer for answer in answers if answer.question == "h3"), None)
    facts = _facts(content, correlations, rises) | {
        "title": title,
        "explained": EXPLAINED,
        "sections": sections,
        "charts": page_charts(
            content,
            figures,
            sections,
            correlations=correlations,
            table=table,
            answers=answers,
            agreement=agreement,
        ),
        "hypotheses": [_hypothesis(answer, figures) for answer in answers],
        "lacks": {"hypotheses": [], "agreement": [], "pictures": []} | dict(lacks or {}),
    }
    facts["analyses"] = analysis_sections(results, content, figures)
    for section in facts["analyses"]:
        facts["charts"] |= {chart.name: chart for chart in section.charts}
    there = {section.kind for section in facts["analyses"]}
    facts["others"] = [kind for name, kind in KINDS.items() if name not in there]
    facts["added"], failures = added_sections(chosen, content, figures)
    facts["warnings"] = [*facts["warnings"], *failures]
    for line in failures:
        reporter.complain(line)
    if added:
        facts["settings"] |= {"sections": list(added)}
    if results:
        facts["settings"] |= {"results": [tables.name for tables in results]}
    write_text(folder / "report.md", render("report.md.j2", facts))
    write_json(folder / "settings.json", facts["settings"])
    page = folder / "report.html"
    write_text(page, render("report.html.j2", facts, script()))
    return page


def _facts(content: Content, correlations: Any, rises: Answer | None) -> dict[str, Any]:
    """Everything that the page says in words and tables."""
    rows = None if correlations is None else correlations.table
    settings = tables.settings(content, correlations)
    return {
        "content": content,
        "question": sentences.question(content, settings.get("outcome")),
        "findings": _findings(content, correlations, rises),
        "strength": [] if rows is None else _strength(correlations),
        "warnings": sentences.warnings(
            content, caution_lines(correlations.cautions) if correlations else []
        ),
        "score_heads": tables.score_heads(content),
        "scores": tables.score_rows(content),
        "correlations": [] if rows is None else tables.correlation_rows(rows, content),
        "heads": [] if rows is None else tables.heads(correlations),
        "why_none": sentences.why_no_correlation(content) if rows is None else "",
        "metrics": tables.metric_rows(content),
        "runs": tables.run_rows(content, shown_paths(content.runs)),
        "settings": settings,
        "flat_settings": list(tables.flat(settings)),
    }


def _findings(
    content: Content, correlations: Any, rises: Answer | None
) -> list[tuple[str, list[str]]]:
    """Return the questions at the head of the page, each with its answers."""
    if correlations is None:
        goes = [sentences.why_no_correlation(content)]
    else:
        goes = sentences.answers(correlations.table, correlations.settings)
    rise = sentences.why_no_rise(content) if rises is None else rise_sentences(rises)
    findings = [
        ("Which placement did best?", sentences.score_sentences(content)),
        ("Does alignment go with performance?", goes),
        ("Does alignment rise across co-attention?", rise),
    ]
    return [(question, lines) for question, lines in findings if lines]


def _hypothesis(answer: Answer, folder: FigureFolder) -> dict[str, Any]:
    """Return what the page says of a question: a paragraph, and its tables as text."""
    shown = [
        folded(answer.table_title(name), folder.add_data(f"{answer.question}-{name}", table), table)
        for name, table in answer.tables.items()
        if len(table)
    ]
    return {
        "question": answer.question,
        "title": answer.title,
        "said": paragraph(answer),
        "tables": shown,
    }


def _strength(correlations: Any) -> list[str]:
    """Return what all tasks say together, and what so few units can show."""
    pooled = pooled_lines(correlations.pooled) or why_not_pooled(correlations)
    return [f"{line}." for line in pooled] + sentences.power_sentences(correlations.tasks)


def _sections(
    content: Content,
    folder: FigureFolder,
    correlations: Any,
    table: pd.DataFrame | None,
    pictured: Sequence[str],
) -> dict[str, dict[str, list[Shown]]]:
    """Return the figures by kind and task, in the order of the page."""
    against = scatters(content, folder, correlations, table) if correlations is not None else ()
    return {
        "against": _by_task(against),
        "depth": _by_task(depths(content, folder, pictured)),
        "layers": _by_task(grids(content, folder, metrics=pictured)),
        "training": _by_task(trainings(content, folder)),
    }


def _by_task(figures: Iterable[tuple[str, Shown]]) -> dict[str, list[Shown]]:
    grouped: dict[str, list[Shown]] = {}
    for task, shown in figures:
        grouped.setdefault(task, []).append(shown)
    return grouped
