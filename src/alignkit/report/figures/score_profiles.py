"""Scores of every placement, by task."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from alignkit.report.figures.fit import fit
from alignkit.report.style import house_style, looks, named, page, panels, plain, short


def score_profiles(scores: pd.DataFrame, standardise: bool) -> Figure:
    """Draw the score of every placement, with one line per task; small dots are runs."""
    scores = scores.dropna(subset=["score"]).copy()
    if standardise:
        spread = scores.groupby("task")["score"].transform("std").replace(0, 1)
        scores["score"] = (scores["score"] - scores.groupby("task")["score"].transform("mean")) / (
            spread.fillna(1)
        )
    means = scores.groupby(["placement", "task"])["score"].mean().unstack()
    order = means.mean(axis=1).sort_values().index
    look = looks(means.columns)
    with house_style():
        figure, (ax,) = panels(
            1, 1, max(3.5, 0.62 * len(order)), 2.9, margins=(0.65, 1.6, 0.2, 1.05)
        )
        for task in means.columns:
            ax.plot(
                range(len(order)),
                means.loc[order, task],
                color=look[task].colour,
                lw=1.4,
                marker=look[task].marker,
                ms=6,
                label=named(task),
            )
            runs = scores[scores["task"] == task]
            places = [list(order).index(name) for name in runs["placement"]]
            ax.plot(places, runs["score"], ".", ms=4, color=look[task].colour, alpha=0.4)
        ax.set_xticks(
            range(len(order)), [short(name, 18) for name in order], rotation=45, ha="right"
        )
        ax.set_ylabel("standardised score (SD of the task's runs)" if standardise else "score")
        plain(ax)
        if page().type_size is None:
            ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        else:
            figure.legend(*ax.get_legend_handles_labels())
        fit(figure, [ax], 1)
    return figure
