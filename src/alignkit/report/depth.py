"""Alignment by depth: equal-depth pairs along the layers, with the fusions marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.report.style import FAINT, colours, new_figure, plain, settings

Placements = Mapping[str, Mapping[str, Sequence[int]]]


def depth_curves(values: pd.DataFrame, placements: Placements, label: str) -> Figure:
    """Draw one panel per placement: its curve in colour, the others in grey.

    Parameters
    ----------
    values : DataFrame
        ``placement``, ``seed``, ``depth``, ``value``, ``chance``.
    placements : mapping
        Name to ``{"text": [...], "vision": [...]}``.
    label : str
        Of the vertical axis.
    """
    names = [name for name in placements if name in set(values["placement"])]
    columns = min(3, len(names))
    rows = math.ceil(len(names) / columns)
    means = values.groupby(["placement", "depth"])[["value", "chance"]].mean().reset_index()
    colour = colours(names)
    with matplotlib.rc_context(settings()):
        figure = new_figure(3.1 * columns + 0.3, 2.1 * rows + 0.5)
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for ax in axes.flat[len(names) :]:
            ax.set_visible(False)
        for name, ax in zip(names, axes.flat, strict=False):
            for other in names:
                curve = means[means["placement"] == other]
                ax.plot(curve["depth"], curve["value"], color="#d5d5d5", lw=0.9, zorder=1)
            _one(ax, values[values["placement"] == name], means[means["placement"] == name],
                 placements[name], colour[name])  # fmt: skip
            ax.set_title(name)
        figure.supxlabel("layer (fusions marked: triangle up text, down vision)", fontsize=8.5)
        figure.supylabel(label, fontsize=8.5)
    return figure


def _one(
    ax: Axes, seeds: pd.DataFrame, mean: pd.DataFrame, placement: Mapping[str, Sequence[int]],
    colour: str,
) -> None:  # fmt: skip
    for _, one in seeds.groupby("seed"):
        ax.plot(one["depth"], one["value"], color=colour, lw=0.7, alpha=0.45, zorder=2)
    ax.plot(mean["depth"], mean["value"], color=colour, lw=1.8, marker="o", ms=3, zorder=3)
    if mean["chance"].notna().any():
        ax.plot(mean["depth"], mean["chance"], color=FAINT, lw=0.9, ls=":", zorder=2)
    # Fusion at index k stands before layer k, so between the points of k - 1 and k.
    foot = ax.get_xaxis_transform()
    for text, vision in zip(placement["text"], placement["vision"], strict=True):
        ax.plot(text - 0.5, 0.09, marker="^", ms=5, color=colour, transform=foot, ls="",
                clip_on=False)  # fmt: skip
        ax.plot(vision - 0.5, 0.03, marker="v", ms=5, color=colour, transform=foot, ls="",
                mfc="white", clip_on=False)  # fmt: skip
        for index in {text, vision}:
            ax.axvline(index - 0.5, color=colour, lw=0.6, alpha=0.25, zorder=0)
    plain(ax)
    depths = sorted(mean["depth"])
    ax.set_xticks(depths[:: max(1, len(depths) // 6)])
