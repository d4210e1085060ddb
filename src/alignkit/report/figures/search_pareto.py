"""Pareto fronts of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.report.figures.labels import label_points
from alignkit.report.figures.search_axes import BLUE, beyond, say, zoom
from alignkit.report.style import FAINT, WIDTH, house_style, panels, plain, short


def pareto(
    table: pd.DataFrame, objectives: Sequence[Mapping[str, str]], front: Sequence[int]
) -> Figure:
    """Draw each pair of objectives, with the trials on the front joined and numbered."""
    pairs = list(combinations(objectives, 2))
    columns = min(2, len(pairs))
    width = (WIDTH - 0.85 - 0.7 * (columns - 1)) / columns if columns > 1 else 5.2
    with house_style():
        figure, axes = panels(
            len(pairs), columns, width, 3.4, gap=(0.7, 0.85), margins=(0.75, 0.15, 0.35, 0.55)
        )
        for ax, (x, y) in zip(axes, pairs, strict=True):
            _pareto(ax, table, x, y, front, len(objectives) == 2)
    return figure


def _pareto(
    ax: Axes,
    table: pd.DataFrame,
    x: Mapping[str, str],
    y: Mapping[str, str],
    front: Sequence[int],
    joined: bool,
) -> None:
    known = table.dropna(subset=[x["name"], y["name"]])
    best = known[known["number"].isin(front)].sort_values(x["name"])
    others = known[~known["number"].isin(front)]
    ax.plot(others[x["name"]], others[y["name"]], "o", ms=4, mew=0, color=FAINT, alpha=0.6)
    if joined and len(best) > 1:  # with a third objective, a line would mean nothing
        ax.step(
            best[x["name"]],
            best[y["name"]],
            color=BLUE,
            lw=0.9,
            where="pre" if x["direction"] == "maximize" else "post",
        )
    ax.plot(best[x["name"]], best[y["name"]], "D", ms=6, mec="white", mew=0.6, color=BLUE)
    outside = max(zoom(ax.set_xlim, known[x["name"]]), zoom(ax.set_ylim, known[y["name"]]))
    label_points(
        ax,
        list(best[x["name"]]),
        list(best[y["name"]]),
        [f"trial {n}" for n in best["number"]],
        [BLUE] * len(best),
        7.5,
        others[[x["name"], y["name"]]].to_numpy(float),
    )
    if not len(known):
        say(ax, "no complete trials")
    for axis, objective in ((ax.set_xlabel, x), (ax.set_ylabel, y)):
        axis(
            f"{short(objective['name'])} "
            f"({'higher' if objective['direction'] == 'maximize' else 'lower'} is better)"
        )
    ax.set_title(f"Pareto front: {len(best)} of {len(known)} trials{beyond(outside)}")
    plain(ax)
