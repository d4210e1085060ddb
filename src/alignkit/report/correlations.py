"""Every figure of correlations, written to a folder with the data of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from alignkit.report.figures.folder import FigureFolder, Shown
from alignkit.report.figures.forest import forest
from alignkit.report.figures.layer_pairs import layer_pairs
from alignkit.report.figures.leave_one_out import leave_one_out
from alignkit.report.figures.null_histograms import null_counts, null_histograms
from alignkit.report.figures.scatter import scatter
from alignkit.report.page_figures import with_unit_names
from alignkit.report.style import looks, named
from alignkit.statistics import Correlations
from alignkit.statistics.correlation.hypothesis import Hypothesis

Draw = Callable[[Correlations, pd.DataFrame, FigureFolder], Iterator[Shown]]


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
    for_pairs = bool(correlations.hypotheses) and correlations.hypotheses[0].question.layer_pairs
    for draw in (maps_of_pairs,) if for_pairs else (forests, strips, scatters, nulls):
        for _ in draw(correlations, runs, figures):
            pass
    return len(figures.shown)


def forests(
    correlations: Correlations, _runs: pd.DataFrame, figures: FigureFolder
) -> Iterator[Shown]:
    """Draw all correlations with their intervals."""
    yield figures.add(
        "forest",
        forest(correlations.table),
        correlations.table,
        "Correlations with confidence intervals",
        "One line per metric and task.",
    )


def strips(
    correlations: Correlations, _runs: pd.DataFrame, figures: FigureFolder
) -> Iterator[Shown]:
    """Draw all correlations without each unit in turn, where there is one."""
    known = _known(correlations)
    if known:
        left_out = pd.concat([h.left_out() for h in known], ignore_index=True)
        yield figures.add(
            "leave-one-out",
            leave_one_out(correlations.table, left_out),
            left_out,
            "Leave-one-out correlations",
            "One line per metric and task.",
        )


def scatters(
    correlations: Correlations, runs: pd.DataFrame, figures: FigureFolder
) -> Iterator[Shown]:
    """Draw the outcome against alignment, a figure per task."""
    look = looks(correlations.units["unit"])
    for task, hypotheses in _by_task(correlations).items():
        question = hypotheses[0].question
        points = pd.concat([h.points for h in hypotheses], ignore_index=True)
        mine = with_unit_names(runs[runs["task"] == task], question.unit)
        rows = pd.DataFrame([h.row for h in hypotheses])
        yield figures.add(
            f"{task}-scatter",
            scatter(points, mine, rows, question.outcome, look, _critical(hypotheses)),
            points,
            f"{named(question.outcome)} against alignment",
            "One panel per metric.",
        )


def nulls(
    correlations: Correlations, _runs: pd.DataFrame, figures: FigureFolder
) -> Iterator[Shown]:
    """Draw what permutations give, a figure per task with correlations that are tested."""
    for task, hypotheses in _by_task(correlations).items():
        tested = [h for h in hypotheses if h.testable]
        if tested:
            counts = null_counts({h.metric: h.null() for h in tested})
            rows = pd.DataFrame([h.row for h in hypotheses])
            yield figures.add(
                f"{task}-null",
                null_histograms(counts, rows, _critical(hypotheses)),
                counts,
                "Correlations of permuted placements",
                "One panel per metric.",
            )


def maps_of_pairs(
    correlations: Correlations, _runs: pd.DataFrame, figures: FigureFolder
) -> Iterator[Shown]:
    """Draw the correlation for every pair of layers, a figure per task."""
    columns = ["task", "metric", "layer", "n", "pearson", "p", "p_adjusted", "spearman", "verdict"]
    for task, rows in correlations.table[columns].groupby("task", sort=False):
        yield figures.add(
            f"{task}-layer-pairs",
            layer_pairs(rows),
            rows,
            "Correlation for every pair of layers",
            "One map per metric.",
        )


def _known(correlations: Correlations) -> list[Hypothesis]:
    return [h for h in correlations.hypotheses if h.row["pearson"] is not None]


def _by_task(correlations: Correlations) -> dict[str, list[Hypothesis]]:
    """Return the correlations that have a value by task, in the order of the table."""
    known = _known(correlations)
    tasks = dict.fromkeys(correlations.table["task"])
    by_task = {task: [h for h in known if h.row["task"] == task] for task in tasks}
    return {task: hypotheses for task, hypotheses in by_task.items() if hypotheses}


def _critical(hypotheses: list[Hypothesis]) -> Mapping[str, float]:
    return {h.metric: h.critical_r() for h in hypotheses if h.testable}
