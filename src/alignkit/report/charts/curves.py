"""Curves by depth with the fusions marked: what every chart of layers shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from alignkit.models.placement import STREAMS
from alignkit.report.charts.chart import DATA, Chart, Layout, Selector, panels_by
from alignkit.report.charts.choices import EVERY_PLACEMENT, MEAN, in_turn, seed_name
from alignkit.report.charts.theme import FAINT, FUSION, MARK
from alignkit.report.content import Content

MOST_ROWS = 30_000
WITHOUT_RUNS = "Single runs are left out, so that this page stays small."
RESULTS = Selector("results", "tables of")
# Values of a column ``stream`` that are about both.
_OF_BOTH = ("both", "text-vision")


def fusions_of(content: Content, task: str, streams: Sequence[str] = ()) -> pd.DataFrame:
    """Return where the fusions of a task's placements stand, whatever else is chosen.

    Parameters
    ----------
    content : Content
    task : str
    streams : sequence of str
        What a column ``stream`` chooses among, with the fusions of each; no such column if empty.
    """
    return pd.DataFrame(
        [
            {"task": task, "placement": placement, "fusion": own, "depth": index - 0.5}
            | ({"stream": shown} if shown else {})
            for placement, indices in content.placements[task].items()
            for shown in streams or ("",)
            for own in STREAMS
            if shown in ("", own, *_OF_BOTH)
            for index in indices[own]
        ]
    )


def curves_chart(
    name: str,
    title: str,
    about: str,
    values: pd.DataFrame,
    content: Content,
    choices: Sequence[Selector],
    pictures: Sequence[str] = (),
) -> Chart | None:
    """Return the curves of runs and their means over seeds; None where there are none.

    Parameters
    ----------
    name, title, about, pictures
        As for ``Chart``.
    values : DataFrame
        One row per run and depth: ``task``, ``placement``, ``seed``, ``depth``, ``value``,
        perhaps ``chance``, and the columns of the choices.
    content : Content
    choices : sequence of Selector
        What is chosen besides task, run, placement and ``results``, what the values are from.
    """
    columns = [*(choice.column for choice in choices), RESULTS.column]
    keys = ["task", *columns, "placement", "depth"]
    values = values.dropna(subset=["value"])
    if values.empty:
        return None
    if "chance" not in values:
        values = values.assign(chance=float("nan"))
    grouped = values.groupby(keys, sort=False)
    means = grouped.agg(value=("value", "mean"), chance=("chance", "mean")).reset_index()
    single = values.assign(run=values["seed"].map(seed_name), chance=float("nan"))
    note = ""
    if not content.has_seeds:
        single = single.iloc[:0]
    elif len(means) + len(single) > MOST_ROWS:
        note = WITHOUT_RUNS
        single = single.iloc[:0]
    order = {column: list(dict.fromkeys(values[column])) for column in columns}
    drawn = set(values["task"])
    fusions = [
        fusions_of(content, task, order.get("stream", ()))
        for task in content.tasks
        if task in drawn
    ]
    rows = pd.concat([means.assign(run=MEAN), single, *fusions], ignore_index=True)
    rows = rows.reindex(columns=[*keys[:-1], "run", "depth", "value", "chance", "fusion"])
    rows = in_turn(rows, content)
    for column, given in order.items():
        if not isinstance(rows[column].dtype, pd.CategoricalDtype):
            rows[column] = pd.Categorical(rows[column], given, ordered=True)
    by = ["task", *columns, "placement", "run", "depth"]
    return Chart(
        name,
        title,
        f"{about} {SEEDS_AND_FUSIONS}",
        rows.sort_values(by, kind="stable", ignore_index=True),
        curves(list(content.look)),
        (
            Selector("task"),
            *choices,
            Selector("run", every="means and single runs"),
            EVERY_PLACEMENT,
            RESULTS,
        ),
        PANELS,
        names=("placement", "run", "depth"),
        note=note,
        pictures=pictures,
    )


SEEDS_AND_FUSIONS = (
    "Thick lines are means over seeds, thin ones single seeds. Triangles mark the fusions, of the "
    "text stream along the bottom and of the vision stream along the top; a fusion at index k runs "
    "before layer k and stands between k − 1 and k."
)
PANELS = Layout(panel=200, widest=420, most=4, beside=40, height=150)


def curves(names: Sequence[str]) -> Any:
    """Return the drawing: a panel per placement, with the mean, single runs, chance and fusions.

    Its rows have ``placement``, ``run``, ``depth``, ``value``, ``chance``, and ``fusion``: the
    stream of one where the row is a fusion.
    """
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
    drawn = alt.Chart().transform_filter("datum.fusion == null")
    of_mean, of_runs = f"datum.run == '{MEAN}'", f"datum.run != '{MEAN}'"
    single = (
        drawn.transform_filter(of_runs)
        .mark_line(color=MARK, strokeWidth=0.9, opacity=0.5)
        .encode(x=x, y=y, detail="run:N")
    )
    mean = drawn.transform_filter(of_mean).mark_line(color=MARK, strokeWidth=2).encode(x=x, y=y)
    chance = (
        drawn.transform_filter("isValid(datum.chance)")
        .mark_line(color=FAINT, strokeDash=[2, 2], strokeWidth=1.2)
        .encode(x=x, y="chance:Q", detail="run:N")
    )
    points = [
        drawn.transform_filter(which).mark_circle(color=MARK, size=size).encode(x, y, tooltip=told)
        for which, size in ((of_runs, 9), (of_mean, 30))
    ]
    fusions = [
        alt.Chart()
        .transform_filter(f"datum.fusion == '{stream}'")
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
            tooltip=[alt.Tooltip("fusion:N", title="fusion in"), alt.Tooltip("depth:Q")],
        )
        for stream in STREAMS
    ]
    layered = alt.layer(chance, single, mean, *points, *fusions, data=DATA).properties(
        width=100, height=100
    )
    return layered.facet(facet=panels_by("placement", names), columns=3).resolve_axis(
        x="independent", y="independent"
    )
