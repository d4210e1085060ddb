"""Correlations and importances of the parameters of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.report.figures.search_axes import BLUE, RED
from alignkit.report.formatting import p_text
from alignkit.report.style import FAINT, house_style, panels, plain, short

ROW = 0.24  # inches of a bar


def bars(
    rows: Sequence[Mapping[str, Any]], column: str, label: str, names: Sequence[str]
) -> Figure:
    """Draw one panel per objective, a bar per parameter, all in one order and scale."""
    parameters = list(dict.fromkeys(row["parameter"] for row in rows))
    order = sorted(parameters, key=lambda p: -_largest(rows, p, column))
    signed = column == "spearman"
    columns = min(2, len(names))
    height = max(0.9, ROW * len(order))
    with house_style():
        figure, axes = panels(
            len(names),
            columns,
            4.4 if columns == 1 else 2.9,
            height,
            gap=(0.85, 0.8),
            margins=(1.45, 0.9, 0.55, 0.5),
            share=True,
        )
        for ax, name in zip(axes, names, strict=True):
            mine = {row["parameter"]: row for row in rows if row["objective"] == name}
            _bars(ax, [mine[p] for p in order], column, signed)
            counts = sorted({row["n"] for row in mine.values()})
            n = f"n = {'-'.join(map(str, counts))}" if counts else "no parameter"
            ax.set_title(f"{short(name)}\n{n}")
            ax.set_xlabel(label)
        for i, ax in enumerate(axes):
            ax.set_yticks(range(len(order)), [short(p, 20) for p in order])
            ax.tick_params(labelleft=i % columns == 0)
        axes[0].set_ylim(len(order) - 0.4, -0.6)
        axes[0].set_xlim(-1.7 if signed else 0, 1.7 if signed else 1.1)  # room for the numbers
        axes[0].set_xticks([-1, -0.5, 0, 0.5, 1] if signed else [0, 0.25, 0.5, 0.75, 1])
    return figure


def _largest(rows: Sequence[Mapping[str, Any]], parameter: str, column: str) -> float:
    return max((abs(r[column] or 0) for r in rows if r["parameter"] == parameter), default=0)


def _bars(ax: Axes, rows: Sequence[Mapping[str, Any]], column: str, signed: bool) -> None:
    for i, row in enumerate(rows):
        value = row[column]
        if value is None:
            ax.text(0.02, i, short(row["reason"], 44), va="center", fontsize=7, color=FAINT)
            continue
        ax.barh(i, value, height=0.66, color=BLUE if value >= 0 else RED)
        note = f"{value:+.2f}, p {p_text(row['p_adjusted'], True)}" if signed else f"{value:.2f}"
        ax.text(
            value + (0.03 if value >= 0 else -0.03),
            i,
            note,
            va="center",
            fontsize=6.5,
            ha="left" if value >= 0 else "right",
        )
    ax.axvline(0, color=FAINT, lw=0.8)
    plain(ax)
