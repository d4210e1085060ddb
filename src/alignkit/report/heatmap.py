"""Layer-by-layer heat maps: one small map per placement, one colour scale per metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from alignkit.report.sites import depth_of, in_order
from alignkit.report.style import new_figure, settings

Placements = Mapping[str, Mapping[str, Sequence[int]]]


def heatmaps(values: pd.DataFrame, placements: Placements, label: str) -> Figure:
    """Draw the grid of text sites x vision sites for every placement.

    Parameters
    ----------
    values : DataFrame
        ``placement``, ``x``, ``y`` and ``value``: the mean over seeds.
    placements : mapping
        Name to ``{"text": [...], "vision": [...]}``; draws one map each, in this order.
    label : str
        Of the colour bar.
    """
    names = [name for name in placements if name in set(values["placement"])]
    columns = min(3, len(names))
    rows = math.ceil(len(names) / columns)
    scale = _scale(values["value"])
    with matplotlib.rc_context(settings()):
        figure = new_figure(3.1 * columns + 0.9, 2.9 * rows + 0.3)
        axes = figure.subplots(rows, columns, squeeze=False)
        for ax in axes.flat[len(names) :]:
            ax.set_visible(False)
        image = None
        for name, ax in zip(names, axes.flat, strict=False):
            part = values[values["placement"] == name]
            image = _one(ax, part, placements[name], name, scale)
        if image is not None:
            figure.colorbar(image, ax=axes, shrink=0.75, aspect=28, pad=0.02, label=label)
    return figure


def _one(
    ax: Axes, values: pd.DataFrame, placement: Mapping[str, Sequence[int]], name: str, scale: Any
) -> Any:
    xs = in_order(values["x"], placement["text"])
    ys = in_order(values["y"], placement["vision"])
    grid = values.pivot_table(index="x", columns="y", values="value", dropna=False)
    grid = grid.reindex(index=xs, columns=ys)
    cells = np.ma.masked_invalid(grid.to_numpy(float))
    ax.set_facecolor("#d0d0d0")  # undefined cells
    image = ax.imshow(cells, cmap="viridis", norm=scale, origin="lower", aspect="equal")
    ax.set_title(name)
    ax.set_xticks(*_ticks(ys))
    ax.set_yticks(*_ticks(xs))
    ax.set_xlabel("vision", labelpad=2)
    ax.set_ylabel("text", labelpad=2)
    ax.tick_params(length=2, labelsize=6.5)
    for spine in ax.spines.values():
        spine.set_visible(False)
    for i, site in enumerate(xs):
        if depth_of(site) is None:
            ax.axhline(i, color="white", lw=0.7, ls=":", alpha=0.9)
    for i, site in enumerate(ys):
        if depth_of(site) is None:
            ax.axvline(i, color="white", lw=0.7, ls=":", alpha=0.9)
    return image


def _ticks(sites: Sequence[str]) -> tuple[list[int], list[str]]:
    """Label fusions always, layers where there is room."""
    labels = []
    for site in sites:
        depth = depth_of(site)
        if depth is None:
            labels.append(site.partition(".")[2])
        else:
            labels.append(str(depth) if len(sites) <= 15 or depth % 3 == 2 else "")
    return list(range(len(sites))), labels


def _scale(values: pd.Series) -> Normalize:
    known = values.dropna()
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    return Normalize(low, high if high > low else low + 1e-9)
