"""Every figure of correlations, written to a folder with the data of each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from alignkit.report.figures.folder import FigureFolder
from alignkit.report.figures.forest import forest
from alignkit.report.figures.layer_pairs import layer_pairs
from alignkit.report.figures.leave_one_out import leave_one_out
from alignkit.report.figures.null_histograms import null_counts, null_histograms
from alignkit.report.figures.scatter import scatter
from alignkit.report.page_figures import with_unit_names
from alignkit.report.style import Look, looks
from alignkit.statistics import Correlations
from alignkit.statistics.correlation.hypothesis import Hypothesis


def write_figures(correlations: Correlations, runs: pd.DataFrame, folder: Path) -> int:
    """Draw the figures of correlations.

    A forest and a leave-one-out strip over all tasks; per task a scatter and the nulls; or,
    where every pair of layers is a row of its own, maps of r.

    Parameters
    ----------
    correlations : Correlations
    runs : DataFrame
        The rows that were correlated, for the small dots.
    folder : path

    Returns
    -------
    int
        How many figures were written.
    """
    figures = FigureFolder(Path(folder))
    if correlations.hypotheses and correlations.hypotheses[0].question.layer_pairs:
        _maps(correlations, figures)
        return len(figures.names)
    rows = correlations.table
    figures.add(
        "forest",
        forest(rows),
        rows,
        "Correlations with confidence intervals",
        "One line per metric and task.",
    )
    known = [h for h in correlations.hypotheses if h.row["pearson"] is not None]
    if known:
        left_out = pd.concat([h.left_out() for h in known], ignore_index=True)
        figures.add(
            "leave-one-out",
            leave_one_out(rows, left_out),
            left_out,
            "Leave-one-out correlations",
            "One line per metric and task.",
        )
    look = looks(correlations.units["unit"])
    for task in dict.fromkeys(rows["task"]):
        _of_task(task, [h for h in known if h.row["task"] == task], runs, figures, look)
    return len(figures.names)


def _of_task(
    task: str,
    hypotheses: list[Hypothesis],
    runs: pd.DataFrame,
    figures: FigureFolder,
    look: Mapping[str, Look],
) -> None:
    if not hypotheses:
        return
    rows = pd.DataFrame([h.row for h in hypotheses])
    points = pd.concat([h.points for h in hypotheses], ignore_index=True)
    tested = [h for h in hypotheses if h.testable]
    critical = {h.metric: h.critical_r() for h in tested}
    outcome = hypotheses[0].question.outcome
    mine = with_unit_names(runs[runs["task"] == task], hypotheses[0].question.unit)
    figures.add(
        f"{task}-scatter",
        scatter(points, mine, rows, outcome, look, critical),
        points,
        f"{outcome} against alignment",
        "One panel per metric.",
    )
    if tested:
        counts = null_counts({h.metric: h.null() for h in tested})
        figures.add(
            f"{task}-null",
            null_histograms(counts, rows, critical),
            counts,
            "Correlations of permuted placements",
            "One panel per metric.",
        )


def _maps(correlations: Correlations, figures: FigureFolder) -> None:
    columns = ["task", "metric", "layer", "n", "pearson", "p", "p_adjusted", "spearman", "verdict"]
    for task, rows in correlations.table[columns].groupby("task", sort=False):
        figures.add(
            f"{task}-layer-pairs",
            layer_pairs(rows),
            rows,
            "Correlation for every pair of layers",
            "One map per metric.",
        )
