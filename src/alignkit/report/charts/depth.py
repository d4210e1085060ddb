"""Alignment by depth, of any task, metric, run, split and pooling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt
import pandas as pd

from alignkit.models.placement import STREAMS
from alignkit.report.charts.chart import DATA, Chart, Layout, Selector, panels_by
from alignkit.report.charts.choices import (
    EVERY_PLACEMENT,
    MEAN,
    in_turn,
    left_out_note,
    seed_name,
    with_choices,
)
from alignkit.report.charts.theme import FAINT, FUSION, MARK
from alignkit.report.content import Content, equal_depth

MOST_ROWS = 30_000
_COLUMNS = [
    "task",
    "metric",
    "split",
    "pooling",
    "run",
    "placement",
    "depth",
    "value",
    "chance",
    "n",
    "stream",
]
_ABOUT = (
    "Alignment of text layer i with vision layer i: the mean over seeds, with thin lines for "
    "single seeds. Triangles mark the fusions, of the text stream along the bottom and of the "
    "vision stream along the top; a fusion at index k runs before layer k and stands between k − 1 "
    "and k. The dotted line is the chance level."
)


def depth_chart(content: Content, pictures: Sequence[str] = ()) -> Chart | None:
    """Return the curves of all runs; None where there are fewer than two depths."""
    parts, room, left_out = [], MOST_ROWS, 0
    for part in _parts(content):
        if part["depth"].nunique() < 2:
            continue
        if len(part) > room:
            left_out += len(part)
            continue
        room -= len(part)
        parts.append(part)
    if not parts:
        return None
    curves = pd.concat(parts, ignore_index=True)
    drawn = set(curves["task"])
    tasks = [task for task in content.tasks if task in drawn]
    fusions = [_fusions(content, task) for task in tasks]
    rows = in_turn(pd.concat([curves, *fusions], ignore_index=True), content)
    rows = rows.sort_values(
        ["task", "metric", "split", "pooling", "placement", "run", "depth"],
        kind="stable",
        ignore_index=True,
    )
    return Chart(
        "depth",
        f"Alignment by depth{content.drawn}",
        _ABOUT,
        rows.reindex(columns=_COLUMNS),
        _drawing(list(content.look)),
        (
            Selector("task"),
            Selector("metric"),
            Selector("split"),
            Selector("pooling"),
            Selector("run", every="means and single runs"),
            EVERY_PLACEMENT,
        ),
        Layout(panel=200, widest=420, most=4, beside=40, height=150),
        names=("placement", "run", "depth"),
        note=left_out_note(left_out, "single runs"),
        pictures=pictures,
    )


def _parts(content: Content) -> Iterator[pd.DataFrame]:
    """Yield curves, the most important first: means, other splits, single runs."""
    kinds = [
        (task, metric, content.split, content.pool, content.values(task, metric))
        for metric in content.metrics
        for task in content.tasks
    ]
    if not content.elsewhere.empty:
        grouped = content.elsewhere.groupby(["task", "label", "split", "pool"], sort=False)
        kinds += [(*map(str, kind), values) for kind, values in grouped]
    curves = [(equal_depth(values), *kind) for *kind, values in kinds]
    for values, task, metric, split, pool in curves:
        grouped = values.groupby(["placement", "depth"], sort=False)
        means = grouped.agg(value=("value", "mean"), chance=("chance", "mean"), n=("n", "min"))
        yield with_choices(means.reset_index().assign(run=MEAN), task, metric, split, pool)
    if not content.has_seeds:
        return
    for values, task, metric, split, pool in curves:
        single = values.assign(run=values["seed"].map(seed_name), chance=float("nan"))
        yield with_choices(single, task, metric, split, pool)


def _fusions(content: Content, task: str) -> pd.DataFrame:
    """Where the fusions stand: whichever metric, run, split or pooling is chosen."""
    return pd.DataFrame(
        [
            {"task": task, "placement": placement, "stream": stream, "depth": index - 0.5}
            for placement, indices in content.placements[task].items()
            for stream in STREAMS
            for index in indices[stream]
        ]
    )


def _drawing(names: Sequence[str]) -> Any:
    x = alt.X(
        "depth:Q",
        title="layer",
        axis=alt.Axis(grid=False, tickMinStep=1, format="d", tickCount=7),
        scale=alt.Scale(zero=False, nice=False, padding=6),
    )
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
    told = [
        alt.Tooltip("placement:N"),
        alt.Tooltip("run:N"),
        alt.Tooltip("depth:Q", title="layer"),
        alt.Tooltip("value:Q", format=".3f"),
        alt.Tooltip("n:Q", title="samples"),
    ]
    curves = alt.Chart().transform_filter("datum.stream == null")
    of_mean, of_runs = f"datum.run == '{MEAN}'", f"datum.run != '{MEAN}'"
    single = (
        curves.transform_filter(of_runs)
        .mark_line(color=MARK, strokeWidth=0.9, opacity=0.5)
        .encode(x=x, y=y, detail="run:N")
    )
    mean = curves.transform_filter(of_mean).mark_line(color=MARK, strokeWidth=2).encode(x=x, y=y)
    chance = (
        curves.transform_filter("isValid(datum.chance)")
        .mark_line(color=FAINT, strokeDash=[2, 2], strokeWidth=1.2)
        .encode(x=x, y="chance:Q", detail="run:N")
    )
    points = [
        curves.transform_filter(which).mark_circle(color=MARK, size=size).encode(x, y, tooltip=told)
        for which, size in ((of_runs, 9), (of_mean, 30))
    ]
    fusions = [
        alt.Chart()
        .transform_filter(f"datum.stream == '{stream}'")
        .mark_point(
            shape="triangle-up" if stream == "text" else "triangle-down",
            filled=stream == "text",
            color=FUSION,
            size=45,
            opacity=1,
        )
        .encode(
            x=x,
            y=alt.value("height") if stream == "text" else alt.value(0),
            tooltip=[alt.Tooltip("stream:N", title="fusion in"), alt.Tooltip("depth:Q")],
        )
        for stream in STREAMS
    ]
    layered = alt.layer(chance, single, mean, *points, *fusions, data=DATA).properties(
        width=100, height=100
    )
    return layered.facet(facet=panels_by("placement", names), columns=3).resolve_axis(
        x="independent", y="independent"
    )
