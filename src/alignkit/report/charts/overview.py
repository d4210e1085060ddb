"""The picture at the head of a report: scores, alignment and its change, placement by placement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt
import pandas as pd

from alignkit.analysis.questions import Answer
from alignkit.report.charts.chart import DATA, Chart, Layout, Selector, panels_by
from alignkit.report.charts.choices import MEAN, in_turn, seed_name
from alignkit.report.charts.theme import FAINT, MARK
from alignkit.report.content import Content
from alignkit.report.style import named

_COLUMNS = ["task", "metric", "panel", "placement", "run", "value", "low", "high"]
_ABOUT = (
    "Placements in the order of their scores, the best first: means over seeds, with bars for the "
    "standard deviation and small dots for single seeds. Where alignment goes with performance, "
    "both columns slope the same way."
)


def overview_chart(
    content: Content, runs: pd.DataFrame | None, rises: Answer | None
) -> Chart | None:
    """Return scores, alignment and its change across fusions, in columns of one order.

    Parameters
    ----------
    content : Content
    runs : DataFrame or None
        One row per run with ``task``, ``unit``, ``seed`` and the metrics.
    rises : Answer or None
        To whether alignment rises across fusions.
    """
    tables = [part for task in content.tasks for part in _of_task(content, task, runs, rises)]
    tables = [_with_means(table) for table in tables if table["value"].notna().any()]
    if not tables:
        return None
    rows = pd.concat(tables, ignore_index=True)
    order = _best_first(content, rows)
    rows = in_turn(rows, content)
    rank = [order.get(key, len(order)) for key in zip(rows["task"], rows["placement"], strict=True)]
    rows = rows.assign(rank=rank).sort_values(["task", "rank"], kind="stable", ignore_index=True)
    return Chart(
        "overview",
        "Placements at a glance",
        _ABOUT,
        rows.reindex(columns=_COLUMNS),
        _drawing(list(rows["panel"])),
        (Selector("task"), Selector("metric")),
        Layout(panel=130, widest=420, most=3, beside=40, height=-24),
        names=("placement",),
        told=("run", MEAN),
        told_by="panel",
    )


def _of_task(
    content: Content, task: str, runs: pd.DataFrame | None, rises: Answer | None
) -> Iterator[pd.DataFrame]:
    scores = content.scores[content.scores["task"] == task]
    better = " (lower is better)" if content.lower_is_better(task) else ""
    panel = f"{named(scores['score'].iloc[0], 40)} on {content.split}{better}"
    yield scores[["task", "placement", "seed", "value"]].assign(panel=panel)
    mine = None if runs is None else runs[runs["task"] == task]
    for metric in content.metrics:
        if mine is not None and metric in mine:
            values = mine[["task", "unit", "seed", metric]]
            values = values.set_axis(["task", "placement", "seed", "value"], axis=1)
            yield values.assign(metric=metric, panel=f"{named(metric, 40)}")
    changes = pd.DataFrame() if rises is None else rises.data["changes"]
    if len(changes):
        changes = changes[changes["task"] == task]
        value = changes["after"] - changes["before"]
        of_runs = changes.assign(value=value).groupby(["task", "metric", "placement", "seed"])
        yield of_runs["value"].mean().reset_index().assign(panel="change across fusions")


def _with_means(table: pd.DataFrame) -> pd.DataFrame:
    """Add the mean and the standard deviation over the seeds of every placement."""
    keys = [name for name in ("task", "metric", "panel", "placement") if name in table]
    grouped = table.groupby(keys, sort=False)["value"].agg(["mean", "std", "count"]).reset_index()
    means = grouped.rename(columns={"mean": "value"}).assign(
        run=MEAN, low=grouped["mean"] - grouped["std"], high=grouped["mean"] + grouped["std"]
    )
    single = table.assign(run=table["seed"].map(seed_name))
    return pd.concat([means, single] if grouped["count"].max() > 1 else [means])


def _best_first(content: Content, rows: pd.DataFrame) -> dict[tuple[str, str], int]:
    order: dict[tuple[str, str], int] = {}
    for task in content.tasks:
        means = rows[(rows["task"] == task) & (rows["run"] == MEAN)]
        scores = means[means["metric"].isna()] if "metric" in means else means
        lower = content.lower_is_better(task)
        for place, name in enumerate(scores.sort_values("value", ascending=lower)["placement"]):
            order[task, name] = place
    return order


def _drawing(panels: Sequence[str]) -> Any:
    told = [
        alt.Tooltip("placement:N"),
        alt.Tooltip("run:N"),
        alt.Tooltip("panel:N", title="what"),
        alt.Tooltip("value:Q", format=".3f"),
    ]
    axis = alt.Axis(tickCount=4, grid=True)
    x = alt.X("value:Q", title=None, scale=alt.Scale(zero=False, padding=8), axis=axis)
    y = alt.Y("placement:N", title=None, sort=None, axis=alt.Axis(domain=False, ticks=False))
    of_mean = f"datum.run == '{MEAN}'"
    bars = alt.Chart().mark_rule(color=MARK, strokeWidth=1.6).encode(x="low:Q", x2="high", y=y)
    points = (
        alt.Chart()
        .mark_circle(opacity=0.9)
        .encode(
            x=x,
            y=y,
            color=alt.condition(of_mean, alt.value(MARK), alt.value(FAINT)),
            size=alt.condition(of_mean, alt.value(90), alt.value(18)),
            tooltip=told,
        )
    )
    layered = alt.layer(bars, points, data=DATA).properties(width=100, height=alt.Step(24))
    return (
        layered.facet(facet=panels_by("panel", panels), columns=3)
        .resolve_scale(x="independent")
        .resolve_axis(x="independent")
    )
