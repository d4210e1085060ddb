"""Spectra of layers that another command stored: the variance that the first components hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from alignkit.analysis.dimension import CUTS
from alignkit.report.charts.chart import DATA, Chart, Layout, Selector, panels_by
from alignkit.report.charts.choices import EVERY_PLACEMENT, MEAN, in_turn, seed_name
from alignkit.report.charts.curves import MOST_ROWS, RESULTS, WITHOUT_RUNS
from alignkit.report.charts.theme import DEPTHS, FAINT
from alignkit.report.content import Content
from alignkit.report.figures.spectra import mean_curves
from alignkit.report.paragraphs.phrases import listed

_ABOUT = (
    "The share of the variance that the first components of each layer hold, a line per layer. "
    "Dotted lines are the shares for which components are counted: "
    f"{listed(f'{100 * cut:g}' for cut in CUTS.values())} %."
)
# Points of a spectrum: one for every component where there are few, and on a log axis as many
# as one can see.
_MOST_POINTS, _FEWEST_POINTS = 32, 8
_KEYS = ["results", "task", "stream", "placement", "depth"]


def spectra_chart(
    shares: pd.DataFrame, content: Content, pictures: Sequence[str] = ()
) -> Chart | None:
    """Return the spectra of all layers; None where none is known.

    Parameters
    ----------
    shares : DataFrame
        ``results``, and the columns of ``Dimensions.spectra``.
    content : Content
    pictures : sequence of str
    """
    if shares.empty:
        return None
    means = mean_curves(shares, _KEYS).assign(run=MEAN)
    single = shares.assign(run=shares["seed"].map(seed_name)) if content.has_seeds else shares[:0]
    few = _components(int(shares["component"].max()), _FEWEST_POINTS)
    note = ""
    if sum(part["component"].isin(few).sum() for part in (means, single)) > MOST_ROWS:
        note, single = WITHOUT_RUNS, shares[:0]
    rows = pd.concat([means, single], ignore_index=True).rename(columns={"cumulative": "value"})
    rows = rows[[*_KEYS, "run", "component", "value"]]
    rows, drawn = _thinned(rows)
    note = " ".join(filter(None, (drawn, note)))
    streams = list(dict.fromkeys(rows["stream"]))
    rows["stream"] = pd.Categorical(rows["stream"], streams, ordered=True)
    rows = in_turn(rows, content)
    by = ["task", "stream", "results", "placement", "run", "depth", "component"]
    return Chart(
        "spectra",
        "Spectra by layer",
        _ABOUT,
        rows.sort_values(by, kind="stable", ignore_index=True),
        _drawing(list(content.look)),
        (Selector("task"), Selector("stream"), Selector("run"), EVERY_PLACEMENT, RESULTS),
        Layout(panel=200, widest=420, most=4, beside=40, height=180),
        names=("placement", "depth", "component"),
        note=note,
        pictures=pictures,
    )


def _thinned(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return as many components as one can see and a page can hold, and say so if not all."""
    last = int(rows["component"].max())
    curves = (rows["component"] == 1).sum()
    places = _components(last, min(_MOST_POINTS, max(_FEWEST_POINTS, MOST_ROWS // curves)))
    if len(places) == last:
        return rows, ""
    ends = rows.groupby([*_KEYS, "run"], sort=False)["component"].transform("max")
    drawn = rows[rows["component"].isin(places) | (rows["component"] == ends)]
    return drawn, f"Drawn are {len(places)} of up to {last:,} components of a layer."


def _components(last: int, most: int) -> np.ndarray:
    """Return the components to draw: all, or the first, the last and others even on a log axis."""
    if last <= most:
        return np.arange(1, last + 1)
    return np.unique(np.round(np.geomspace(1, last, most)).astype(int))


def _drawing(names: Sequence[str]) -> Any:
    x = alt.X(
        "component:Q",
        title="components",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(grid=False, format="d", tickCount=4),
    )
    y = alt.Y("value:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(grid=False))
    colour = alt.Color(
        "depth:Q",
        title="layer",
        scale=alt.Scale(range=DEPTHS),
        legend=alt.Legend(gradientLength=120, format="d", tickCount=5),
    )
    told = [
        alt.Tooltip("placement:N"),
        alt.Tooltip("run:N"),
        alt.Tooltip("depth:Q", title="layer"),
        alt.Tooltip("component:Q", title="components"),
        alt.Tooltip("value:Q", title="share of variance", format=".3f"),
    ]
    cuts = [
        alt.Chart()
        .transform_aggregate(rows="count()", groupby=["placement"])
        .mark_rule(color=FAINT, strokeDash=[2, 2], strokeWidth=1)
        .encode(y=alt.datum(cut))
        for cut in CUTS.values()
    ]
    lines = alt.Chart().mark_line(strokeWidth=1.3).encode(x=x, y=y, color=colour, detail="depth:Q")
    points = alt.Chart().mark_circle(size=14).encode(x=x, y=y, color=colour, tooltip=told)
    layered = alt.layer(*cuts, lines, points, data=DATA).properties(width=100, height=100)
    return layered.facet(facet=panels_by("placement", names), columns=3).resolve_axis(
        x="independent", y="independent"
    )
