"""Alignment against performance, of any task and metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from alignkit.report.charts.chart import DATA, Chart, Layout, Selector
from alignkit.report.charts.choices import in_turn
from alignkit.report.charts.theme import FAINT, INK, LINE, SHAPES, coloured
from alignkit.report.content import Content
from alignkit.report.figures.scatter import fit_and_band
from alignkit.report.style import named

_COLUMNS = [
    "task",
    "metric",
    "kind",
    "unit",
    "seed",
    "alignment",
    "performance",
    "alignment_sd",
    "performance_sd",
    "low",
    "high",
    "anchor",
]
_ABOUT = (
    "Large points are units: means over seeds, with bars for the standard deviation. Small dots "
    "are their runs. The line is a least-squares fit over units, and the band contains 95 % of the "
    "fits to permuted units. Point at anything to have its numbers."
)
# The size of the plot for which names are placed, in pixels, and that of a letter.
_PLOT, _LETTER, _LINE = (600, 340), 6.2, 13


def scatter_chart(
    content: Content, correlations: Any, runs: pd.DataFrame | None, pictures: Sequence[str] = ()
) -> Chart | None:
    """Return alignment against performance; None where no task has two units.

    Parameters
    ----------
    content : Content
    correlations : alignkit.statistics.Correlations
    runs : DataFrame or None
        One row per run with ``task``, ``unit``, the outcome and the metrics, for small dots.
    pictures : sequence of str
    """
    outcome = correlations.settings["outcome"]
    parts = [
        part
        for hypothesis in correlations.hypotheses
        if len(hypothesis.points) > 1
        for part in _parts(hypothesis, runs, outcome)
    ]
    if not parts:
        return None
    rows = in_turn(pd.concat(parts, ignore_index=True), content)
    rows = rows.sort_values(["task", "metric"], kind="stable", ignore_index=True)
    return Chart(
        "against",
        f"{named(outcome, 60)} against alignment{content.drawn}",
        _ABOUT,
        rows.reindex(columns=_COLUMNS),
        _drawing(list(dict.fromkeys([*content.look, *rows["unit"].dropna()])), named(outcome)),
        (Selector("task"), Selector("metric")),
        Layout(panel=300, widest=900, most=1, beside=60, height=360),
        value="performance",
        names=("unit",),
        told=("kind", "unit"),
        pictures=pictures,
    )


def _parts(hypothesis: Any, runs: pd.DataFrame | None, outcome: str) -> Iterator[pd.DataFrame]:
    where = {"task": hypothesis.row["task"], "metric": hypothesis.metric}
    points = hypothesis.points
    x, y = points["x"].to_numpy(float), points["y"].to_numpy(float)
    critical = hypothesis.critical_r() if hypothesis.testable else None
    yield pd.DataFrame(
        {
            "kind": "unit",
            "unit": list(points["unit"]),
            "alignment": x,
            "performance": y,
            "alignment_sd": points["x_sd"].to_numpy(float),
            "performance_sd": points["y_sd"].to_numpy(float),
            "anchor": _anchors(x, y, list(points["unit"])),
        }
    ).assign(**where)
    mine = None if runs is None else runs[runs["task"] == where["task"]]
    if mine is not None and hypothesis.metric in mine and len(mine) > len(points):
        dots = mine.rename(columns={hypothesis.metric: "alignment", outcome: "performance"})
        dots = dots[["unit", "seed", "alignment", "performance"]].dropna()
        yield dots.assign(kind="run", **where)
    if len(x) > 2 and np.ptp(x):
        along = np.array([x.min(), x.mean(), x.max()])
        line, low, high = fit_and_band(x, y, critical, along)
        fit = {"alignment": along, "performance": line, "low": low, "high": high}
        yield pd.DataFrame(fit).assign(kind="fit", **where)


def _anchors(x: np.ndarray, y: np.ndarray, names: Sequence[str]) -> list[str]:
    """Beside which side of its point a name covers least of other names and points."""
    spots = np.column_stack([_along(x, _PLOT[0]), _PLOT[1] - _along(y, _PLOT[1])])
    taken = [(px - 5, py - 5, px + 5, py + 5) for px, py in spots]
    anchors = []
    for (px, py), name in zip(spots, names, strict=True):
        wide = _LETTER * min(len(str(name)), 24)
        boxes = {
            "right": (px + 8, py - _LINE / 2, px + 8 + wide, py + _LINE / 2),
            "left": (px - 8 - wide, py - _LINE / 2, px - 8, py + _LINE / 2),
            "above": (px - wide / 2, py - 8 - _LINE, px + wide / 2, py - 8),
            "below": (px - wide / 2, py + 8, px + wide / 2, py + 8 + _LINE),
        }
        best = min(boxes, key=lambda side: _cost(boxes[side], taken))
        taken.append(boxes[best])
        anchors.append(best)
    return anchors


def _along(values: np.ndarray, size: float) -> np.ndarray:
    span = np.ptp(values) or 1.0
    placed: np.ndarray = (0.08 + 0.84 * (values - values.min()) / span) * size
    return placed


def _cost(box: Sequence[float], taken: Sequence[Sequence[float]]) -> float:
    covered = sum(
        max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
        * max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
        for other in taken
    )
    outside = max(0.0, -box[0]) + max(0.0, box[2] - _PLOT[0])
    return covered + 20 * outside


def _drawing(names: list[str], outcome: str) -> Any:
    x = alt.X(
        "alignment:Q",
        title="alignment",
        scale=alt.Scale(zero=False, padding=20),
        axis=alt.Axis(grid=False, tickCount=6),
    )
    y = alt.Y(
        "performance:Q",
        title=outcome,
        scale=alt.Scale(zero=False, padding=16),
        axis=alt.Axis(grid=False, tickCount=6),
    )
    colour = alt.Color("unit:N", scale=alt.Scale(**coloured(names)), legend=None)
    shape = alt.Shape(
        "unit:N",
        scale=alt.Scale(domain=names, range=[SHAPES[i % len(SHAPES)] for i in range(len(names))]),
        legend=None,
    )
    told = [
        alt.Tooltip("unit:N"),
        alt.Tooltip("seed:Q", format="d"),
        alt.Tooltip("alignment:Q", format=".3f"),
        alt.Tooltip("performance:Q", title=outcome, format=".3f"),
    ]
    of_unit = [
        *told[:1],
        *told[2:],
        alt.Tooltip("alignment_sd:Q", title="sd of alignment", format=".3f"),
        alt.Tooltip("performance_sd:Q", title=f"sd of {outcome}", format=".3f"),
    ]
    fit = alt.Chart().transform_filter("datum.kind == 'fit'")
    band = fit.mark_area(color=LINE, opacity=0.45).encode(x=x, y="low:Q", y2="high:Q")
    line = fit.mark_line(color=FAINT, strokeWidth=1.2).encode(x=x, y=y)
    runs = (
        alt.Chart()
        .transform_filter("datum.kind == 'run'")
        .mark_circle(size=22, opacity=0.5)
        .encode(x=x, y=y, color=colour, tooltip=told)
    )
    units = (
        alt.Chart()
        .transform_filter("datum.kind == 'unit'")
        .transform_calculate(
            left="datum.alignment - datum.alignment_sd",
            right="datum.alignment + datum.alignment_sd",
            bottom="datum.performance - datum.performance_sd",
            top="datum.performance + datum.performance_sd",
        )
    )
    across = units.transform_filter("isValid(datum.alignment_sd)").mark_rule(opacity=0.6)
    up = units.transform_filter("isValid(datum.performance_sd)").mark_rule(opacity=0.6)
    bars = [
        across.encode(x=alt.X("left:Q"), x2="right", y=y, color=colour),
        up.encode(x=x, y=alt.Y("bottom:Q"), y2="top", color=colour),
    ]
    points = units.mark_point(filled=True, size=90, opacity=1).encode(
        x=x, y=y, color=colour, shape=shape, tooltip=of_unit
    )
    labels = [
        units.transform_filter(f"datum.anchor == '{side}'")
        .mark_text(fontSize=11, limit=150, color=INK, **look)
        .encode(x=x, y=y, text="unit:N")
        for side, look in _SIDES.items()
    ]
    return alt.layer(band, line, runs, *bars, points, *labels, data=DATA).properties(
        width=100, height=100
    )


_SIDES: Mapping[str, dict[str, Any]] = {
    "right": {"align": "left", "dx": 9},
    "left": {"align": "right", "dx": -9},
    "above": {"align": "center", "dy": -9, "baseline": "bottom"},
    "below": {"align": "center", "dy": 9, "baseline": "top"},
}
