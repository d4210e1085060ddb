"""What chance alone gives: r of every permutation of the placements, and the observed r."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.report.formatting import p_text
from alignkit.report.style import (
    CONTEXT,
    FAINT,
    PALETTE,
    columns_for,
    full_width,
    house_style,
    named,
    panels,
    plain,
    room_for,
)

BINS = 50


def null_counts(nulls: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The histograms as a table: ``metric``, ``low`` and ``high`` of a bin, ``share``."""
    edges = np.linspace(-1, 1, BINS + 1)
    tables = [
        pd.DataFrame(
            {
                "metric": metric,
                "low": edges[:-1],
                "high": edges[1:],
                "share": np.histogram(np.clip(null, -1, 1), edges)[0] / len(null),
            }
        )
        for metric, null in nulls.items()
    ]
    return pd.concat(tables, ignore_index=True)


def null_histograms(
    counts: pd.DataFrame, rows: pd.DataFrame, critical: Mapping[str, float]
) -> Figure:
    """Draw one panel per metric of one task.

    Parameters
    ----------
    counts : DataFrame
        Of ``null_counts``.
    rows : DataFrame
        The table of correlations: ``metric``, ``pearson``, ``p``, ``p_fraction``.
    critical : mapping
        Metric to the |r| that 95 % of permutations stay below.
    """
    names = list(dict.fromkeys(counts["metric"]))
    columns, of_two = (columns_for(n, 1.25, margins=0.85, gap=0.45) for n in (len(names), 2))
    across = max(of_two, columns)
    width = (full_width() - 0.85 - 0.45 * (across - 1)) / across
    with house_style():
        figure, axes = panels(
            len(names),
            columns,
            width,
            1.5,
            gap=(0.45, 0.85),
            margins=(0.6, 0.15, 0.5, 0.5),
            share=True,
        )
        for name, ax in zip(names, axes, strict=True):
            row = rows[rows["metric"] == name].iloc[0]
            _one(ax, counts[counts["metric"] == name], row, critical[name], width)
        for ax in axes[::columns]:
            ax.set_ylabel("proportion of permutations")
    return figure


def _one(ax: Axes, counts: pd.DataFrame, row: Any, critical: float, width: float) -> None:
    beyond = (counts["low"].abs().combine(counts["high"].abs(), min) >= critical).to_numpy()
    ax.bar(
        counts["low"],
        counts["share"],
        counts["high"] - counts["low"],
        align="edge",
        lw=0,
        color=np.where(beyond, FAINT, CONTEXT),
    )
    for end in (-critical, critical):
        ax.axvline(end, color=FAINT, lw=0.8, ls=(0, (2, 2)))
    ax.axvline(row["pearson"], color=PALETTE[1], lw=1.8)
    fraction = row["p_fraction"] if isinstance(row["p_fraction"], str) else None
    p = p_text(row["p"], sign=True, fraction=fraction)
    ax.set_title(
        f"{named(row['metric'], room_for(30, width))}\nr = {row['pearson']:+.2f}, p {p}", y=1
    )
    ax.set_xlabel("r")
    ax.set_xlim(-1, 1)
    ax.set_xticks(np.arange(-1, 1.01, 0.5))
    plain(ax)
