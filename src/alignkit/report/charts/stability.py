"""How metrics depend on the number of samples and of neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from alignkit.report.charts.chart import DATA, Chart, Layout, Selector, panels_by
from alignkit.report.charts.choices import in_turn, seed_name
from alignkit.report.charts.curves import RESULTS
from alignkit.report.charts.theme import FAINT, coloured
from alignkit.report.content import Content

_MEAN = "mean over runs"
_PANELS = {
    "agreement": "agreement with the largest",
    "reliability": "split-half reliability",
    "of_layers": "mean value over layers",
}
_ABOUT = (
    "Agreement is Spearman's correlation over layers with the largest setting, and 1 there by "
    "construction; reliability is that of the profile over layers, from random halves of the "
    "samples, after the Spearman-Brown correction. The dotted line is the chance level."
)


def stability_chart(
    table: pd.DataFrame, content: Content, pictures: Sequence[str] = ()
) -> Chart | None:
    """Return agreement, reliability and value by setting; None where nothing is defined.

    Parameters
    ----------
    table : DataFrame
        ``results``, and the columns of ``measure_settings``.
    content : Content
    pictures : sequence of str
    """
    if table.empty:
        return None
    setting = table["k"].where(table["varied"] == "k", table["samples"])
    runs = table["placement"] + ", " + table["seed"].map(seed_name)
    keys = ["results", "task", "varied", "run", "metric", "setting"]
    drawn = table.assign(setting=setting, run=runs).rename(columns={"value": "of_layers"})
    drawn = drawn.melt([*keys, "chance"], list(_PANELS), var_name="panel")
    long = drawn.assign(
        chance=drawn["chance"].where(drawn["panel"] == "of_layers"),
        panel=drawn["panel"].map(_PANELS),
    ).dropna(subset=["value"])
    if long.empty:
        return None
    over = [*(key for key in keys if key != "run"), "panel"]
    means = long.groupby(over, sort=False)[["value", "chance"]].mean().reset_index()
    rows = pd.concat([means.assign(run=_MEAN), long], ignore_index=True)
    order = list(dict.fromkeys(rows["run"]))
    rows = in_turn(rows.drop(columns="run"), content).assign(
        run=pd.Categorical(rows["run"], order, ordered=True),
        varied=pd.Categorical(rows["varied"], ["samples", "k"], ordered=True),
    )
    by = ["task", "varied", "run", "metric", "panel", "setting"]
    rows = rows.sort_values(by, kind="stable", ignore_index=True)
    return Chart(
        "stability",
        "Metrics by number of samples and of neighbours",
        _ABOUT,
        rows[[*keys, "panel", "value", "chance"]],
        _drawing(list(dict.fromkeys(rows["metric"].astype(str)))),
        (
            Selector("task"),
            Selector("varied"),
            Selector("run"),
            Selector("metric", every="all metrics"),
            RESULTS,
        ),
        Layout(panel=220, widest=380, most=3, beside=44, height=200),
        names=("metric", "setting"),
        told_by="panel",
        pictures=pictures,
    )


def _drawing(metrics: list[str]) -> Any:
    x = alt.X(
        "setting:Q",
        title="samples, or neighbours",
        scale=alt.Scale(type="log", base=2, nice=False, padding=10),
        axis=alt.Axis(grid=False, format="d"),
    )
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
    colour = alt.Color("metric:N", title=None, scale=alt.Scale(**coloured(metrics)))
    told = [
        alt.Tooltip("metric:N"),
        alt.Tooltip("run:N"),
        alt.Tooltip("setting:Q", format="d"),
        alt.Tooltip("panel:N", title="what"),
        alt.Tooltip("value:Q", format=".3f"),
        alt.Tooltip("chance:Q", format=".3f"),
    ]
    chance = (
        alt.Chart()
        .transform_filter("isValid(datum.chance)")
        .mark_line(color=FAINT, strokeDash=[2, 2], strokeWidth=1.2)
        .encode(x=x, y="chance:Q", detail="metric:N")
    )
    lines = alt.Chart().mark_line(strokeWidth=1.6).encode(x=x, y=y, color=colour)
    points = alt.Chart().mark_circle(size=40).encode(x=x, y=y, color=colour, tooltip=told)
    layered = alt.layer(chance, lines, points, data=DATA).properties(width=100, height=100)
    return (
        layered.facet(facet=panels_by("panel", list(_PANELS.values())), columns=3)
        .resolve_axis(x="independent", y="independent")
        .resolve_scale(x="independent", y="independent")
    )
