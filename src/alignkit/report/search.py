"""Figures of a search: history, front, importances, correlations, parallel coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alignkit.analysis.formatting import p_text
from alignkit.report.figures import FigureFolder
from alignkit.report.labels import label_points
from alignkit.report.style import (
    CONTEXT,
    FAINT,
    INK,
    PALETTE,
    WIDTH,
    house_style,
    panels,
    plain,
    short,
)

BLUE, RED = PALETTE[:2]
ROW = 0.24  # inches of a bar


def write_search_figures(
    folder: Path,
    table: pd.DataFrame,
    parameters: Sequence[str],
    objectives: Sequence[Mapping[str, str]],
    correlations: Sequence[Mapping[str, Any]],
    importances: Sequence[Mapping[str, Any]],
    front: Sequence[int],
) -> list[Path]:
    """Write every figure as SVG and PNG with the CSV of its data beside it.

    Parameters
    ----------
    folder : Path
    table : DataFrame
        One row per trial: ``number``, ``state``, ``duplicate_of``, parameters, objectives.
    parameters : sequence of str
    objectives : sequence of dict
        ``name`` and ``direction``.
    correlations, importances : sequence of dict
        Rows of the analysis; what has no value is drawn as such.
    front : sequence of int
        Numbers of the trials on the Pareto front.

    Returns
    -------
    list of Path
        The PNG files.
    """
    written = FigureFolder(folder)
    names = [o["name"] for o in objectives]
    drawn: list[tuple[str, Figure, pd.DataFrame]] = [
        ("history", history(table, objectives), table),
        (
            "correlations",
            bars(correlations, "spearman", "Spearman's rho; p after Holm", names),
            pd.DataFrame(correlations),
        ),
        (
            "importances",
            bars(importances, "importance", "share of variance explained", names),
            pd.DataFrame(importances),
        ),
        ("parallel", parallel(table, parameters, objectives), table),
    ]
    if len(names) > 1:
        drawn.append(("pareto", pareto(table, objectives, front), table))
    for name, figure, data in drawn:
        written.add(name, figure, data, name, name)
    return [folder / f"{name}.png" for name in written.names]


def history(table: pd.DataFrame, objectives: Sequence[Mapping[str, str]]) -> Figure:
    """Draw every trial's value and the best so far; trials without a value on the axis."""
    count = len(objectives)
    columns = min(2, count)
    with house_style():
        figure, axes = panels(
            count,
            columns,
            6.4 if columns == 1 else 3.9,
            2.5,
            gap=(0.75, 0.75),
            margins=(0.7, 1.2, 0.35, 0.55),
        )
        for ax, objective in zip(axes, objectives, strict=True):
            _history(ax, table, objective)
        axes[columns - 1].legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def _history(ax: Axes, table: pd.DataFrame, objective: Mapping[str, str]) -> None:
    name, up = objective["name"], objective["direction"] == "maximize"
    known = table[table[name].notna()]
    again = known["duplicate_of"].notna()
    own, same = known[~again], known[again]
    ax.plot(own["number"], own[name], "o", ms=4.5, mew=0, color=BLUE, label="complete")
    if len(same):
        ax.plot(same["number"], same[name], "o", ms=4.5, mfc="white", color=BLUE, label="duplicate")
    best = known[name].cummax() if up else known[name].cummin()
    ax.step(known["number"], best, where="post", color=INK, lw=1, label="best so far")
    # Along the axis: there is no value to stand at.
    for state, marker in (("PRUNED", "|"), ("FAIL", "x")):
        there = table.loc[table["state"] == state, "number"]
        if len(there):
            ax.plot(
                there,
                np.full(len(there), 0.03),
                marker,
                ms=6,
                color=RED,
                clip_on=False,
                transform=ax.get_xaxis_transform(),
                label=state.lower(),
            )
    if not len(known):
        _say(ax, "no complete trial")
    ax.set_xlabel("trial")
    ax.set_ylabel(short(name))
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    ax.margins(x=0.03)
    outside = _zoom(ax.set_ylim, known[name])
    ax.set_title(f"{short(name)} ({'higher' if up else 'lower'} is better){_beyond(outside)}")
    plain(ax)


def inner_range(values: pd.Series) -> tuple[float, float]:
    """The range of the values without far outliers, such as a failure stored as 0.

    Far is more than three times the interquartile range beyond the quartiles (Tukey 1977).
    """
    known = values.dropna().to_numpy(float)
    if not len(known):
        return 0.0, 1.0
    low, high = np.quantile(known, [0.25, 0.75])
    near = known[(known >= low - 3 * (high - low)) & (known <= high + 3 * (high - low))]
    return float(near.min()), float(near.max())


def _zoom(set_limits: Any, values: pd.Series) -> int:
    """Set an axis to the inner range; give how many values are left outside."""
    low, high = inner_range(values)
    room = 0.12 * (high - low) or 0.05 * abs(high) or 0.5
    set_limits(low - room, high + room)
    return int(((values < low) | (values > high)).sum())


def _beyond(count: int) -> str:
    return f", {count} far outside" if count else ""


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
    outside = max(_zoom(ax.set_xlim, known[x["name"]]), _zoom(ax.set_ylim, known[y["name"]]))
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
        _say(ax, "no complete trial")
    for axis, objective in ((ax.set_xlabel, x), (ax.set_ylabel, y)):
        axis(
            f"{short(objective['name'])} "
            f"({'higher' if objective['direction'] == 'maximize' else 'lower'} is better)"
        )
    ax.set_title(f"Pareto front: {len(best)} of {len(known)} trials{_beyond(outside)}")
    plain(ax)


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


def parallel(
    table: pd.DataFrame, parameters: Sequence[str], objectives: Sequence[Mapping[str, str]]
) -> Figure:
    """Draw a line per trial over all parameters, coloured by an objective; a panel for each."""
    with house_style():
        figure, axes = panels(
            len(objectives), 1, WIDTH - 1.6, 2.5, gap=(0.5, 1.05), margins=(0.7, 0.9, 0.4, 0.75)
        )
        for ax, objective in zip(axes, objectives, strict=True):
            _parallel(ax, table, parameters, objective)
    return figure


def _parallel(
    ax: Axes, table: pd.DataFrame, parameters: Sequence[str], objective: Mapping[str, str]
) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    name, up = objective["name"], objective["direction"] == "maximize"
    known = table[table[name].notna()].sort_values(name, ascending=up)  # the best on top
    columns = [*parameters, name]
    norm = Normalize(*inner_range(known[name]), clip=True)
    shown = known.assign(**{name: known[name].clip(norm.vmin, norm.vmax)})
    scaled = pd.DataFrame({c: _scaled(ax, i, shown[c]) for i, c in enumerate(columns)})
    colours = colormaps["viridis" if up else "viridis_r"]
    for i in range(len(columns)):
        ax.axvline(i, color=CONTEXT, lw=0.8, zorder=0)
    for row, value in zip(scaled.to_numpy(float), known[name], strict=True):
        ax.plot(range(len(columns)), row, color=colours(norm(value)), lw=0.9, alpha=0.75)
    slanted: dict[str, Any] = {"rotation": 30, "ha": "right"} if len(columns) > 8 else {}
    ax.set_xticks(range(len(columns)), [short(c, 14) for c in columns], **slanted)
    ax.tick_params(axis="x", pad=12, length=0)
    ax.set_yticks([])
    ax.set_ylim(-0.03, 1.03)
    ax.spines[:].set_visible(False)
    ax.set_title(f"{short(name)}, {len(known)} trials", pad=14)
    if not len(known):
        _say(ax, "no complete trial")
        return
    beside = ax.inset_axes((1.02, 0, 0.015, 1))
    bar = ax.figure.colorbar(ScalarMappable(norm, colours), cax=beside)
    bar.outline.set_visible(False)  # type: ignore[operator]


def _scaled(ax: Axes, position: int, column: pd.Series) -> np.ndarray:
    """Values as heights from 0 to 1, with what the heights mean written beside them."""
    known = column.dropna()
    if all(isinstance(value, (bool, int, float, np.number)) for value in known):
        numbers = column.map(lambda v: np.nan if v is None else float(v)).to_numpy(float)
        low, high = (np.nanmin(numbers), np.nanmax(numbers)) if len(known) else (0.0, 0.0)
        for height, end, side in ((-0.04, low, "top"), (1.04, high, "bottom")):
            text = f"{end:.3g}" if len(known) else ""
            ax.text(position, height, text, ha="center", va=side, fontsize=6.5, color=FAINT)
        return (numbers - low) / (high - low) if high > low else numbers * 0 + 0.5
    names = sorted(map(str, known.unique()))
    heights = dict(zip(names, np.linspace(0, 1, len(names)), strict=True))
    for name, height in heights.items():
        first = position == 0  # there is room before it, and no line
        ax.text(
            position - 0.02 * first,
            height,
            short(name, 16),
            va="center",
            fontsize=6.5,
            ha="right" if first else "left",
            zorder=5,
        )
    return np.array([heights[str(v)] if pd.notna(v) else np.nan for v in column])


def _say(ax: Axes, text: str) -> None:
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", color=FAINT)
