"""What other commands found layer by layer: dimensions, changes from layer to layer, probes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from alignkit.analysis.dimension import QUANTITIES
from alignkit.analysis.trajectory import ACROSS, LAST, NEXT
from alignkit.report.charts.chart import DATA, Chart, Layout, Selector
from alignkit.report.charts.choices import EVERY_PLACEMENT, MEAN, in_turn, seed_name
from alignkit.report.charts.curves import RESULTS, curves_chart
from alignkit.report.charts.theme import INK, SHAPES, coloured
from alignkit.report.content import Content

_STREAM = Selector("stream")
_QUANTITIES = {
    "components_90": "components for 90 % of variance",
    "components_95": "components for 95 % of variance",
    "components_99": "components for 99 % of variance",
    "participation_ratio": "participation ratio",
    "twonn": "TwoNN dimension",
}
_RELATIONS = {
    NEXT: "with the next layer",
    LAST: "with the last layer",
    ACROSS: "of text with vision",
}


def dimension_chart(
    layers: pd.DataFrame, content: Content, pictures: Sequence[str] = ()
) -> Chart | None:
    """Return the dimensions by layer; None where none is defined.

    Parameters
    ----------
    layers : DataFrame
        ``results``, and the columns of ``Dimensions.layers``.
    content : Content
    pictures : sequence of str
    """
    keys = ["results", "task", "placement", "seed", "stream", "pool", "depth"]
    long = layers.melt(keys, list(QUANTITIES), var_name="quantity", value_name="value")
    values = long.rename(columns={"pool": "pooling"})
    values = values.assign(
        quantity=values["quantity"].map(_QUANTITIES),
        value=pd.to_numeric(values["value"], errors="coerce"),
    )
    return curves_chart(
        "dimension",
        "Dimensions by layer",
        "How many dimensions the representations of each layer have: the components that hold so "
        "much of their variance, the participation ratio, and the TwoNN estimate.",
        values,
        content,
        (Selector("quantity"), _STREAM, Selector("pooling")),
        pictures=pictures,
    )


def trajectory_chart(
    values: pd.DataFrame, content: Content, pictures: Sequence[str] = ()
) -> Chart | None:
    """Return the similarity of layers with others of their stream; None where none is defined.

    Parameters
    ----------
    values : DataFrame
        ``results``, and the columns of ``Trajectory.values``.
    content, pictures
        As for ``dimension_chart``.
    """
    keys = ["results", "task", "placement", "seed", "stream", "metric", "relation", "depth"]
    values = values[[*keys, "value"]]
    return curves_chart(
        "trajectory",
        "Change from layer to layer",
        "Each layer with the next one of its stream, which stands between the two, or with the "
        "last; and the two streams with each other at equal depth.",
        values.assign(relation=values["relation"].map(_RELATIONS).fillna(values["relation"])),
        content,
        (Selector("metric"), _STREAM, Selector("relation", "each layer")),
        pictures=pictures,
    )


def probes_chart(
    layers: pd.DataFrame, content: Content, pictures: Sequence[str] = ()
) -> Chart | None:
    """Return the scores of probes by layer; None where there are none.

    Parameters
    ----------
    layers : DataFrame
        ``results``, and the columns of ``Probes.layers``; draws of a run are averaged.
    content, pictures
        As for ``dimension_chart``.
    """
    keys = ["results", "task", "placement", "seed", "stream", "score", "depth"]
    of_runs = layers.groupby(keys, sort=False)[["value", "chance"]].mean().reset_index()
    return curves_chart(
        "probes",
        "Scores of probes by layer",
        "The score on test of a linear model that is fitted to the frozen representations of each "
        "layer; both has the two streams side by side. The dotted line is the best that a constant "
        "prediction reaches.",
        of_runs,
        content,
        (Selector("score"), _STREAM),
        pictures=pictures,
    )


def probe_points_chart(points: pd.DataFrame, content: Content) -> Chart | None:
    """Return the scores of probes against alignment; None where no pair is known.

    Parameters
    ----------
    points : DataFrame
        ``results``, and the columns of ``Probes.points``.
    content : Content
    """
    if points.empty:
        return None
    keys = ["results", "task", "metric", "stream", "placement", "depth"]
    known = points.dropna(subset=["value", "alignment"])
    means = known.groupby(keys, sort=False)[["value", "alignment"]].mean().reset_index()
    single = known.assign(run=known["seed"].map(seed_name)) if content.has_seeds else known[:0]
    rows = pd.concat([means.assign(run=MEAN), single], ignore_index=True)
    if rows.empty:
        return None
    streams = list(dict.fromkeys(rows["stream"]))
    rows = in_turn(rows[[*keys[:-1], "run", "depth", "alignment", "value"]], content)
    rows["stream"] = pd.Categorical(rows["stream"], streams, ordered=True)
    by = ["task", "metric", "stream", "run", "placement", "depth"]
    return Chart(
        "probe_points",
        "Probes against alignment",
        "A point per layer and placement. Both axes have the sign by which more is better and more "
        "aligned.",
        rows.sort_values(by, kind="stable", ignore_index=True),
        _points(list(content.look)),
        (RESULTS, Selector("task"), Selector("metric"), _STREAM, Selector("run"), EVERY_PLACEMENT),
        Layout(panel=300, widest=640, most=1, beside=60, height=320),
        names=("placement", "depth"),
    )


def _points(names: list[str]) -> Any:
    x = alt.X("alignment:Q", scale=alt.Scale(zero=False, padding=14), axis=alt.Axis(grid=False))
    y = alt.Y(
        "value:Q",
        title="score of the probe",
        scale=alt.Scale(zero=False, padding=14),
        axis=alt.Axis(grid=False),
    )
    shapes = [SHAPES[i % len(SHAPES)] for i in range(len(names))]
    look = {
        "color": alt.Color("placement:N", title=None, scale=alt.Scale(**coloured(names))),
        "shape": alt.Shape("placement:N", title=None, scale=alt.Scale(domain=names, range=shapes)),
    }
    told = [
        alt.Tooltip("placement:N"),
        alt.Tooltip("run:N"),
        alt.Tooltip("depth:Q", title="layer"),
        alt.Tooltip("alignment:Q", format=".3f"),
        alt.Tooltip("value:Q", title="score", format=".3f"),
    ]
    points = alt.Chart().mark_point(filled=True, size=46, opacity=0.85)
    layers = (
        alt.Chart()
        .mark_text(align="left", dx=6, fontSize=9, color=INK, opacity=0.7)
        .encode(x=x, y=y, text=alt.Text("depth:Q", format="d"))
    )
    drawn = points.encode(x=x, y=y, tooltip=told, **look)
    return alt.layer(drawn, layers, data=DATA).properties(width=100, height=100)
