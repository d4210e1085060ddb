"""The interactive figures of a report, each with the file of its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from alignkit.analysis.agreement import MetricAgreement
from alignkit.analysis.questions import Answer
from alignkit.report.charts.agreement import agreement_chart
from alignkit.report.charts.chart import Chart
from alignkit.report.charts.depth import depth_chart
from alignkit.report.charts.forest import forest_chart
from alignkit.report.charts.hypotheses import around_chart, hypotheses_chart
from alignkit.report.charts.layers import layers_chart
from alignkit.report.charts.overview import overview_chart
from alignkit.report.charts.scatter import scatter_chart
from alignkit.report.charts.training import training_chart
from alignkit.report.content import Content
from alignkit.report.figures.folder import FigureFolder, Shown
from alignkit.report.page_figures import with_unit_names

Pictures = Mapping[str, Mapping[str, Sequence[Shown]]]


def page_charts(
    content: Content,
    folder: FigureFolder,
    pictures: Pictures,
    *,
    correlations: Any = None,
    table: pd.DataFrame | None = None,
    answers: Sequence[Answer] = (),
    agreement: MetricAgreement | None = None,
) -> dict[str, Chart]:
    """Return the charts of a page by where they stand, and write the data of each.

    Parameters
    ----------
    content : Content
    folder : FigureFolder
    pictures : mapping
        The figures that were drawn already, by kind and task.
    correlations, table, answers, agreement
        As for ``write_report``.
    """
    runs = None
    if correlations is not None and table is not None:
        runs = with_unit_names(table, correlations.settings["unit"])
    files = {
        kind: [f"figures/{shown.name}.svg" for figures in by_task.values() for shown in figures]
        for kind, by_task in pictures.items()
    }
    rises = next((answer for answer in answers if answer.question == "h3"), None)
    charts: dict[str, Chart | None] = {
        "overview": overview_chart(content, runs, rises),
        "depth": depth_chart(content, files["depth"]),
        "layers": layers_chart(content, files["layers"]),
        "training": training_chart(content, files["training"]),
        "hypotheses": hypotheses_chart(answers, files["hypotheses"]),
        "around": around_chart(answers, content),
    }
    if correlations is not None:
        charts["against"] = scatter_chart(content, correlations, runs, files["against"])
        charts["forest"] = forest_chart(correlations.table)
    if agreement is not None:
        charts["agreement"] = agreement_chart(agreement)
    made = {kind: chart for kind, chart in charts.items() if chart is not None}
    for chart in made.values():
        folder.add_data(chart.name, chart.rows)
    return made
