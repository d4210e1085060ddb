"""Training curves of any task, run and placement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from alignkit.report.charts.chart import DATA, Chart, Layout, Selector, panels_by
from alignkit.report.charts.choices import EVERY_PLACEMENT, MEAN, in_turn, left_out_note, seed_name
from alignkit.report.charts.theme import INK, coloured
from alignkit.report.content import Content
from alignkit.report.style import named

MOST_ROWS = 30_000
_COLUMNS = ["task", "run", "placement", "panel", "split", "epoch", "value"]
_ABOUT = (
    "Epoch 0 is the untrained model; the weights of the epoch with the best validation score are "
    "kept. Dashed lines are of the training split."
)


def training_chart(content: Content, pictures: Sequence[str] = ()) -> Chart | None:
    """Return the score and the loss of all runs, epoch by epoch."""
    history = content.history
    panels = [
        history[history["split"] == "validation"].assign(
            panel=lambda rows: rows["score"].map(lambda score: f"{named(score)} on validation")
        ),
        history.assign(panel="loss", value=history["loss"]),
    ]
    single = pd.concat(panels, ignore_index=True).dropna(subset=["value"])
    if single.empty:
        return None
    keys = ["task", "placement", "panel", "split", "epoch"]
    means = single.groupby(keys, sort=False)["value"].mean().reset_index().assign(run=MEAN)
    single = single.assign(run=single["seed"].map(seed_name))
    left_out = 0
    if not content.has_seeds:
        single = single.iloc[:0]
    elif len(means) + len(single) > MOST_ROWS:
        left_out, single = len(single), single.iloc[:0]
    rows = in_turn(pd.concat([means, single], ignore_index=True), content)
    by = ["task", "run", "placement", "panel", "split", "epoch"]
    return Chart(
        "training",
        "Score and loss by epoch",
        _ABOUT,
        rows.sort_values(by, kind="stable", ignore_index=True)[_COLUMNS],
        _drawing(list(content.look), list(rows["panel"])),
        (Selector("task"), Selector("run"), EVERY_PLACEMENT),
        Layout(panel=260, widest=560, most=2, beside=52, height=220),
        names=("placement", "epoch"),
        told_by="panel",
        note=left_out_note(left_out, "single runs"),
        pictures=pictures,
    )


def _drawing(names: list[str], panels: Sequence[str]) -> Any:
    told = [
        alt.Tooltip("placement:N"),
        alt.Tooltip("run:N"),
        alt.Tooltip("split:N"),
        alt.Tooltip("epoch:Q"),
        alt.Tooltip("value:Q", format=".3f"),
    ]
    x = alt.X(
        "epoch:Q",
        axis=alt.Axis(grid=False, tickMinStep=1, format="d", tickCount=6),
        scale=alt.Scale(nice=False, padding=6),
    )
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
    colour = alt.Color("placement:N", title=None, scale=alt.Scale(**coloured(names)))
    dash = alt.StrokeDash(
        "split:N",
        title=None,
        scale=alt.Scale(domain=["validation", "train"], range=[[1, 0], [4, 3]]),
        legend=alt.Legend(symbolType="stroke", symbolStrokeColor=INK),
    )
    lines = alt.Chart().mark_line(strokeWidth=1.6).encode(x=x, y=y, color=colour, strokeDash=dash)
    points = alt.Chart().mark_circle(size=26).encode(x=x, y=y, color=colour, tooltip=told)
    layered = alt.layer(lines, points, data=DATA).properties(width=100, height=100)
    return (
        layered.facet(facet=panels_by("panel", panels), columns=2)
        .resolve_axis(x="independent", y="independent")
        .resolve_scale(y="independent")
    )
