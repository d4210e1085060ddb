"""Placements beside each other: scores by task, alignment around fusions, curves, poolings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.analysis.formatting import p_text
from alignkit.report.labels import label_points
from alignkit.report.style import (
    FAINT,
    INK,
    WIDTH,
    columns_for,
    house_style,
    looks,
    panels,
    plain,
    short,
)

_MARGINS = (0.65, 0.15, 0.35, 0.55)


def score_profiles(scores: pd.DataFrame, standardise: bool) -> Figure:
    """Draw the score of every placement, a line per task; small dots are runs."""
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
                label=short(task),
            )
            runs = scores[scores["task"] == task]
            places = [list(order).index(name) for name in runs["placement"]]
            ax.plot(places, runs["score"], ".", ms=4, color=look[task].colour, alpha=0.4)
        ax.set_xticks(
            range(len(order)), [short(name, 18) for name in order], rotation=45, ha="right"
        )
        ax.set_ylabel("score, in SD of the task's runs" if standardise else "score")
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        plain(ax)
    return figure


def around_fusions(changes: pd.DataFrame) -> Figure:
    """Draw alignment just before and just after fusions, a line per placement."""
    keys = list(changes.groupby(["task", "metric"], sort=False).groups)
    look = looks(sorted(changes["placement"].unique()))
    columns = columns_for(len(keys))
    width = min(3.4, (WIDTH - 0.8 - 0.45 * (columns - 1)) / columns)
    with house_style():
        figure, axes = panels(
            len(keys), columns, width, 2.2, gap=(0.45, 0.6), margins=(0.65, 1.7, 0.35, 0.4)
        )
        for ax, (task, metric) in zip(axes, keys, strict=True):
            part = changes[(changes["task"] == task) & (changes["metric"] == metric)]
            means = part.dropna(subset=["before", "after"]).groupby("placement")
            for name, row in means[["before", "after"]].mean().iterrows():
                ax.plot(
                    [0, 1],
                    row,
                    color=look[name].colour,
                    marker=look[name].marker,
                    ms=5,
                    lw=1.1,
                    label=short(name, 20),
                )
            ax.set_xticks([0, 1], ["before", "after"])
            ax.set_xlim(-0.25, 1.25)
            ax.set_title(f"{short(metric, 24)}, {short(task, 20)}", y=1)
            plain(ax)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="center right", borderaxespad=0.3)
    return figure


def variance_bars(rows: pd.DataFrame) -> Figure:
    """Draw the share of variance between placements, with the level of chance."""
    rows = rows.dropna(subset=["eta_squared"])
    labels = [f"{m}, {t}" for m, t in zip(rows["metric"], rows["task"], strict=True)]
    with house_style():
        figure, (ax,) = panels(1, 1, 4.6, 0.26 * len(rows) + 0.1, margins=(2.6, 1.2, 0.35, 0.6))
        for y, (_, row) in enumerate(rows.iterrows()):
            ax.barh(y, row["eta_squared"], 0.62, color="#0072B2")
            ax.plot([row["chance"]] * 2, [y - 0.4, y + 0.4], color=INK, lw=1.4)
            p = p_text(row["p"], sign=True)
            ax.annotate(
                f"p {p}",
                (1, y),
                xycoords=("axes fraction", "data"),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
            )
        ax.plot([], [], color=INK, lw=1.4, label="chance")
        ax.set_yticks(range(len(rows)), [short(label, 40) for label in labels])
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_xlim(0, 1)
        ax.set_xlabel("share of variance between placements")
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), handlelength=0.8, borderaxespad=0)
        plain(ax)
    return figure


def quadratics(units: pd.DataFrame, rows: pd.DataFrame) -> Figure:
    """Draw score against alignment with the quadratic curve and where it turns."""
    columns = min(3, columns_for(len(rows)))  # names beside points need room
    width = min(3.6, (WIDTH - 0.8 - 0.5 * (columns - 1)) / columns)
    with house_style():
        figure, axes = panels(len(rows), columns, width, 2.4, gap=(0.6, 0.95), margins=_MARGINS)
        for ax, (_, row) in zip(axes, rows.iterrows(), strict=True):
            part = units[units["task"] == row["task"]].dropna(subset=[row["metric"], "score"])
            _quadratic(ax, part, row)
    return figure


def _quadratic(ax: Axes, part: pd.DataFrame, row: Any) -> None:
    x, y = part[row["metric"]].to_numpy(float), part["score"].to_numpy(float)
    ax.plot(x, y, "o", ms=5, color="#0072B2")
    ax.margins(0.12)
    avoid = np.empty((0, 2))
    if pd.notna(row["b2"]):
        along = np.linspace(x.min(), x.max(), 80)
        curve = row["b0"] + row["b1"] * along + row["b2"] * along**2
        ax.plot(along, curve, color=FAINT, lw=1.2, zorder=1)
        avoid = np.column_stack([along, curve])
        if row["within"]:
            ax.axvline(row["at"], color="#D55E00", lw=1, ls=(0, (4, 2)), zorder=0)
    ax.autoscale_view()
    label_points(ax, list(x), list(y), list(part["unit"]), [INK] * len(part), 6.5, avoid)
    p = "not testable" if pd.isna(row["p"]) else f"quadratic term p {p_text(row['p'], sign=True)}"
    ax.set_title(f"{short(row['metric'], 24)}, {short(row['task'], 20)}\n{p}", y=1)
    ax.set_xlabel(short(row["metric"]))
    ax.set_ylabel("score")
    plain(ax)


def poolings(values: pd.DataFrame) -> Figure:
    """Draw alignment under ``mean`` against that under ``cls``, a dot per run and layer."""
    metrics = list(dict.fromkeys(values["metric"]))
    columns = columns_for(len(metrics))
    width = min(3.2, (WIDTH - 0.8 - 0.5 * (columns - 1)) / columns)
    look = looks(values["task"])
    with house_style():
        figure, axes = panels(
            len(metrics), columns, width, width, gap=(0.55, 0.8), margins=(0.65, 1.6, 0.35, 0.55)
        )
        for ax, metric in zip(axes, metrics, strict=True):
            for task, part in values[values["metric"] == metric].groupby("task", sort=False):
                one = look[str(task)]
                ax.plot(
                    part["value_cls"],
                    part["value_mean"],
                    one.marker,
                    ms=3.2,
                    mew=0,
                    alpha=0.55,
                    color=one.colour,
                    label=short(task),
                )
            low, high = ax.get_xlim()
            ax.plot([low, high], [low, high], color=FAINT, lw=0.8, ls=(0, (3, 2)), zorder=0)
            ax.set_title(short(metric, 30), y=1)
            ax.set_xlabel("under cls")
            ax.set_ylabel("under mean")
            plain(ax)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="center right", borderaxespad=0.3)
    return figure
