"""The tree of a clustering of metrics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from alignkit.report.figures.fit import fit
from alignkit.report.style import FAINT, INK, PALETTE, house_style, named, panels, plain, type_size


def dendrogram(
    links: np.ndarray, names: Sequence[str], groups: Sequence[int], alike: float
) -> Figure:
    """Draw the tree; metrics that join left of the dashed line form one group."""
    from scipy.cluster.hierarchy import dendrogram as layout

    tree = layout(links, no_plot=True)
    height = 0.24 * len(names) + 0.1
    with house_style():
        figure, (ax,) = panels(1, 1, 5.6, height, margins=(1.9, 0.3, 0.45, 0.6))
        for xs, ys in zip(tree["icoord"], tree["dcoord"], strict=True):
            joined = max(ys) <= 1 - alike + 1e-12
            ax.plot(ys, xs, color=INK if joined else FAINT, lw=1.8 if joined else 0.9)
        ax.axvline(1 - alike, color="#D55E00", lw=1, ls=(0, (4, 2)))
        ax.annotate(
            f"{alike:g}",
            (1 - alike, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=type_size(7),
            color="#A04000",
        )
        places = 5 + 10 * np.arange(len(names))
        ax.set_yticks(places, [named(names[k], 30) for k in tree["leaves"]])
        several = {group for group in groups if list(groups).count(group) > 1}
        for label, leaf in zip(ax.get_yticklabels(), tree["leaves"], strict=True):
            colour = PALETTE[(groups[leaf] - 1) % len(PALETTE)]
            label.set_color(colour if groups[leaf] in several else INK)
        ax.set_ylim(10 * len(names), 0)  # from the top, as in the matrices
        ax.set_xlim(left=-0.01)
        ax.set_xlabel("1 − mean Spearman correlation")
        plain(ax)
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        fit(figure, [ax], 1)
    return figure
