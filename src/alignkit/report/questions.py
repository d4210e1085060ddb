"""The figures of hypotheses, agreement and stability, each with the data that it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alignkit.analysis.agreement import MetricAgreement
from alignkit.analysis.questions import Answer
from alignkit.analysis.stability import Stability
from alignkit.report.figures.around_fusions import around_fusions
from alignkit.report.figures.correlation_maps import correlation_maps
from alignkit.report.figures.correlation_table import correlation_table
from alignkit.report.figures.dendrogram import dendrogram
from alignkit.report.figures.differences import differences
from alignkit.report.figures.folder import FigureFolder, Shown
from alignkit.report.figures.poolings import poolings
from alignkit.report.figures.quadratics import quadratics
from alignkit.report.figures.score_profiles import score_profiles
from alignkit.report.figures.stability import stability_curves
from alignkit.report.figures.variance_bars import variance_bars
from alignkit.report.paragraphs import paragraph
from alignkit.report.style import named, page

NAMES = ("metric", "task", "other")  # columns of names that a paper writes in its own way
Drawn = list[tuple[str, Figure, pd.DataFrame]]


def draw_answers(answers: Sequence[Answer], drawn: FigureFolder) -> dict[str, list[Shown]]:
    """Write the figures of every answer that has data, and return them by question."""
    return {
        answer.question: [
            drawn.add(f"{answer.question}-{name}", figure, data, answer.title, paragraph(answer))
            for name, figure, data in _FIGURES[answer.question](answer)
        ]
        for answer in answers
    }


def draw_agreement(agreement: MetricAgreement, drawn: FigureFolder) -> None:
    """Write the correlations between metrics, and the tree of their clustering."""
    correlations = agreement.correlations
    maps = {
        "Spearman, all values": correlations.spearman,
        "Pearson, all values": correlations.pearson,
        "Spearman within runs, mean": correlations.within,
    }
    drawn.add(
        "agreement-correlations",
        correlation_maps(maps, correlations.metrics, correlations.order, correlations.groups),
        agreement.pairs,
        "Agreement between metrics",
        agreement.sentence,
    )
    if len(correlations.links):
        figure = dendrogram(
            correlations.links,
            correlations.metrics,
            correlations.groups,
            agreement.settings["alike"],
        )
        drawn.add(
            "agreement-tree",
            figure,
            agreement.metrics,
            "Groups of metrics that agree",
            agreement.sentence,
        )


def draw_stability(stability: Stability, drawn: FigureFolder) -> None:
    """Write the curves of metrics over samples, and over k where it was varied."""
    table, summary = stability.table, stability.summary
    told = "Rank agreement, reliability, value" + (" and seconds" if "seconds" in summary else "")
    for varied in ("samples", "k"):
        rows = summary[summary["varied"] == varied]
        if rows["value"].notna().any():
            drawn.add(
                f"stability-{varied}",
                stability_curves(rows, varied),
                table[table["varied"] == varied],
                f"Metrics against {varied}",
                f"{told} of each metric by {varied}.",
            )


def _h1(answer: Answer) -> Drawn:
    scores, rows = answer.data["scores"], answer.tables["correlations"]
    drawn: Drawn = []
    if scores["score"].notna().any():
        figure = score_profiles(scores, bool(answer.settings["standardise"]))
        drawn.append(("scores", figure, scores))
    if len(rows) and rows["difference"].notna().any():
        labels = _labels(rows, "metric", "task", "other")
        drawn.append(
            (
                "correlations",
                differences(
                    rows,
                    labels,
                    "difference",
                    "difference in r (first task − second task)",
                    list(rows["metric"]),
                ),
                rows,
            )
        )
    return drawn


def _h2(answer: Answer) -> Drawn:
    rows = answer.tables["against_last"]
    if not rows["difference"].notna().any():
        return []
    labels = _labels(rows, "metric", "rule", "task")
    axis = "difference in r (layer rule − last layer)"
    return [
        ("against-last", differences(rows, labels, "difference", axis, list(rows["metric"])), rows)
    ]


def _h3(answer: Answer) -> Drawn:
    changes, rows = answer.data["changes"], answer.tables["against_none"]
    drawn: Drawn = []
    known = changes.dropna(subset=["before", "after"])
    if len(known):
        drawn.append(("around", around_fusions(known), changes))
    if rows["change"].notna().any():
        labels = _labels(rows, "metric", "task")
        axis = "difference in change (with − without fusion)"
        figure = differences(rows, labels, "change", axis, list(rows["metric"]))
        drawn.append(("against-none", figure, rows))
    return drawn


def _placement(answer: Answer) -> Drawn:
    variance, rows = answer.tables["variance"], answer.tables["descriptors"]
    drawn: Drawn = []
    if variance["eta_squared"].notna().any():
        drawn.append(("variance", variance_bars(variance), variance))
    if rows["pearson"].notna().any():
        rows = rows.assign(what=_labels(rows, "metric", "task"))
        grid = rows.pivot(index="what", columns="descriptor", values="pearson")
        grid = grid.loc[list(dict.fromkeys(rows["what"])), list(dict.fromkeys(rows["descriptor"]))]
        drawn.append(("descriptors", correlation_table(grid), rows))
    return drawn


def _optimum(answer: Answer) -> Drawn:
    rows, units = answer.tables["quadratic"], answer.data["units"]
    known = [bool(n) for n in rows["n"]]
    if not any(known):
        return []
    return [("curves", quadratics(units, rows[np.array(known)]), units)]


def _pooling(answer: Answer) -> Drawn:
    values = answer.data["values"]
    if not len(values.dropna(subset=["value_cls", "value_mean"])):
        return []
    return [("values", poolings(values), values)]


def _labels(rows: pd.DataFrame, *columns: str) -> list[str]:
    """Return what tells rows apart; for a paper, without what is the same in all of them."""
    told = [name for name in columns if not page().type_size or rows[name].nunique() > 1]
    shown = rows[told or [columns[0]]]
    shown = shown.assign(
        **{name: shown[name].map(lambda each: named(each, 200)) for name in shown if name in NAMES}
    )
    return [", ".join(map(str, row)) for row in shown.itertuples(index=False)]


_FIGURES: dict[str, Callable[[Answer], Drawn]] = {
    "h1": _h1,
    "h2": _h2,
    "h3": _h3,
    "placement": _placement,
    "optimum": _optimum,
    "pooling": _pooling,
}
