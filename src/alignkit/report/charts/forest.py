"""Correlations with their intervals, of any task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from alignkit.report.charts.chart import DATA, Chart, Layout, Selector, panels_by
from alignkit.report.charts.theme import BACK, FAINT, FUSION, INK, MARK
from alignkit.report.formatting import p_text

_COLUMNS = [
    "task",
    "metric",
    "family",
    "n",
    "pearson",
    "low",
    "high",
    "spearman",
    "p",
    "p_adjusted",
    "verdict",
]
_ABOUT = (
    "Pearson's r over units with its 95 % interval, filled for the primary metrics; the bar is "
    "Spearman's ρ. Beside it stand p, corrected p and the verdict."
)


def forest_chart(table: pd.DataFrame) -> Chart | None:
    """Return the correlations of all tasks; None where there are none."""
    rows = table.reindex(columns=_COLUMNS)
    if rows.empty or not rows["pearson"].notna().any():
        return None
    rows = rows.assign(said=[_said(row) for _, row in rows.iterrows()])
    return Chart(
        "forest",
        "Correlations by metric",
        _ABOUT,
        rows,
        _drawing(list(rows["task"])),
        (Selector("task", every="all tasks" if rows["task"].nunique() > 1 else ""),),
        Layout(panel=260, widest=640, most=1, beside=330, height=-26),
        value="pearson",
        names=("metric", "task"),
    )


def _said(row: Any) -> str:
    """What stands beside an interval."""
    if pd.isna(row["p"]):
        return str(row["verdict"])
    corrected = f", {p_text(row['p_adjusted'])}" if pd.notna(row["p_adjusted"]) else ""
    return f"{p_text(row['p'])}{corrected}, {row['verdict']}"


def _drawing(tasks: Sequence[str]) -> Any:
    x = alt.X(
        "pearson:Q",
        title="Pearson's r",
        scale=alt.Scale(domain=[-1, 1]),
        axis=alt.Axis(values=[-1, -0.5, 0, 0.5, 1]),
    )
    y = alt.Y("metric:N", title=None, sort=None, axis=alt.Axis(domain=False, ticks=False))
    told = [
        alt.Tooltip("task:N"),
        alt.Tooltip("metric:N"),
        alt.Tooltip("pearson:Q", title="r", format="+.2f"),
        alt.Tooltip("low:Q", format="+.2f"),
        alt.Tooltip("high:Q", format="+.2f"),
        alt.Tooltip("spearman:Q", title="ρ", format="+.2f"),
        alt.Tooltip("n:Q", title="units"),
        alt.Tooltip("said:N", title="p, corrected p, verdict"),
    ]
    zero = alt.Chart().mark_rule(color=FAINT).encode(x=alt.datum(0))
    interval = alt.Chart().mark_rule(color=INK, strokeWidth=1.6).encode(x="low:Q", x2="high", y=y)
    rank = alt.Chart().mark_tick(color=FUSION, thickness=2, size=14).encode(x="spearman:Q", y=y)
    estimate = (
        alt.Chart()
        .mark_square(size=70, opacity=1, stroke=INK, strokeWidth=1.2)
        .encode(
            x=x,
            y=y,
            fill=alt.condition("datum.family == 'primary'", alt.value(MARK), alt.value(BACK)),
            tooltip=told,
        )
    )
    beside = (
        alt.Chart(name="beside")
        .mark_text(align="left", dx=16, limit=220)
        .encode(x=alt.datum(1), y=y, text="said:N")
    )
    layered = alt.layer(zero, interval, rank, estimate, beside, data=DATA)
    return (
        layered.properties(width=100, height=alt.Step(26))
        .facet(facet=panels_by("task", tasks), columns=1)
        .resolve_scale(y="independent")
        .resolve_axis(x="independent", y="independent")
    )
