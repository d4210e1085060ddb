"""Heat maps of all pairs of layers: of any task, metric, run, split and pooling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from alignkit.report.charts.chart import DATA, Chart, Layout, panels_by
from alignkit.report.charts.choices import (
    MEAN,
    SELECTORS,
    in_turn,
    left_out_note,
    seed_name,
    with_choices,
)
from alignkit.report.charts.theme import FUSION, UNDEFINED
from alignkit.report.content import Content, grid_means, is_distance
from alignkit.report.sites import depth_of, depth_on_axis

# Rows of maps that a page holds: about 12 bytes each.
MOST_ROWS = 160_000
_COLUMNS = [
    "task",
    "metric",
    "placement",
    "run",
    "split",
    "pooling",
    "x",
    "y",
    "x_depth",
    "y_depth",
    "value",
    "n",
    "chance",
    "reason",
]
_ABOUT = (
    "Alignment of every text layer (upwards) with every vision layer (to the right). Each metric "
    "has one colour scale, whatever is chosen besides. Narrow rows and columns are the states "
    "directly after a fusion, between the layers where it stands in each stream: triangles mark "
    "them."
)


def layers_chart(content: Content, pictures: Sequence[str] = ()) -> Chart | None:
    """Return the maps of all runs; None where no grid was measured."""
    parts, left_out = _within(MOST_ROWS, _parts(content))
    parts = [part for part in parts if part["x"].nunique() > 1 and part["y"].nunique() > 1]
    if not parts:
        return None
    rows = _ordered(pd.concat(parts, ignore_index=True), content)
    return Chart(
        "layers",
        f"Alignment for all pairs of layers{content.drawn}",
        _ABOUT,
        rows[_COLUMNS],
        _drawing(list(content.look)),
        SELECTORS,
        Layout(panel=120, widest=280, most=4, beside=46),
        names=("placement", "x", "y"),
        scaled_by="metric",
        parameters={metric: {"turned": is_distance(metric)} for metric in content.metrics},
        note=left_out,
        pictures=pictures,
    )


@dataclass(frozen=True)
class _Part:
    """Values that are shown or left out together."""

    what: str
    size: int
    make: Any


def _parts(content: Content) -> Iterator[_Part]:
    """Yield what could be shown, the most important first: means, other splits, single runs."""
    for task in content.tasks:
        for metric in content.metrics:
            means = content.grid(task, metric)
            yield _Part("means over seeds", len(means), _Means(content, task, metric, means))
    kinds = ["task", "label", "split", "pool"]
    others = [] if content.elsewhere.empty else content.elsewhere.groupby(kinds, sort=False)
    for (task, metric, split, pool), values in others:
        size = len(values) // max(1, values["seed"].nunique())
        make = _Means(content, task, metric, values, (split, pool))
        yield _Part("other splits and poolings", size, make)
    if not content.has_seeds:
        return
    for metric in content.metrics:
        for task in content.tasks:
            values = content.values(task, metric)
            yield _Part("single runs", len(values), _Runs(content, task, metric, values))
    for (task, metric, split, pool), values in others:
        runs = _Runs(content, task, metric, values, (split, pool))
        yield _Part("single runs", len(values), runs)


@dataclass(frozen=True)
class _Runs:
    """The values of single runs, with what chooses them."""

    content: Content
    task: str
    metric: str
    values: pd.DataFrame
    where: tuple[str, str] | None = None

    def __call__(self) -> pd.DataFrame:
        """Return the rows of the chart."""
        values = self.values
        return self._chosen(values.assign(run=values["seed"].map(seed_name)))

    def _chosen(self, values: pd.DataFrame) -> pd.DataFrame:
        split, pool = self.where or (self.content.split, self.content.pool)
        values = with_choices(values, self.task, self.metric, split, pool)
        return _with_depths(values, self.content.placements[self.task])


class _Means(_Runs):
    """The means over the seeds of every placement, with what chooses them."""

    def __call__(self) -> pd.DataFrame:
        """Return the rows of the chart."""
        means = grid_means(self.values) if self.where else self.values
        return self._chosen(means.assign(run=MEAN))


def _within(most: int, parts: Iterator[_Part]) -> tuple[list[pd.DataFrame], str]:
    """Return the first parts that fit, and what is left out in words."""
    kept: list[pd.DataFrame] = []
    room, left = most, dict[str, int]()
    for part in parts:
        if left or part.size > room:
            left[part.what] = left.get(part.what, 0) + part.size
        else:
            room -= part.size
            kept.append(part.make())
    what = ", ".join(left)
    return kept, left_out_note(sum(left.values()), what)


def _with_depths(values: pd.DataFrame, placements: Any) -> pd.DataFrame:
    parts = []
    for placement, part in values.groupby("placement", sort=False):
        depths = {
            side: _depths(list(part[side].unique()), placements[placement][stream])
            for side, stream in (("x", "text"), ("y", "vision"))
        }
        known = {f"{side}_depth": part[side].map(depths[side]).astype(float) for side in depths}
        parts.append(part.assign(**known))
    return pd.concat(parts)


def _depths(sites: list[str], fusions: Sequence[int]) -> dict[str, float]:
    layers = 1 + max([depth for site in sites if (depth := depth_of(site)) is not None], default=-1)
    return {site: depth_on_axis(site, fusions, layers) for site in sites}


def _ordered(rows: pd.DataFrame, content: Content) -> pd.DataFrame:
    """Order by what is chosen, then by site: the page stores what repeats only once."""
    rows = in_turn(rows, content)
    by = ["task", "metric", "split", "pooling", "run", "placement", "x_depth", "y_depth"]
    rows = rows.sort_values(by, kind="stable", ignore_index=True)
    return rows.assign(reason=rows["reason"].astype(object).fillna("").astype("category"))


def _drawing(names: Sequence[str]) -> Any:
    half = "(indexof(datum.{0}, '.f') > 0 ? 0.15 : 0.5)"
    edges = {
        "left": f"datum.y_depth - {half.format('y')}",
        "right": f"datum.y_depth + {half.format('y')}",
        "bottom": f"datum.x_depth - {half.format('x')}",
        "top": f"datum.x_depth + {half.format('x')}",
        "fused": "indexof(datum.x, '.f') > 0 || indexof(datum.y, '.f') > 0",
        "shown": "isValid(datum.value) ? format(datum.value, '.3f') : 'undefined'",
        "why": "datum.reason || ''",
    }
    axis = alt.Axis(grid=False, tickMinStep=1, format="d", labelOverlap=True, tickCount=7)
    low, high, turned = alt.param("low", 0), alt.param("high", 1), alt.param("turned", value=False)
    scale = alt.Scale(
        scheme="viridis",
        domainMin=alt.expr("low"),
        domainMax=alt.expr("high"),
        reverse=alt.expr("turned"),
        nice=False,
        zero=False,
    )
    bar = alt.Legend(title=None, orient="top", gradientLength=220, gradientThickness=10)
    cells = (
        alt.Chart()
        .transform_calculate(**edges)
        .mark_rect()
        .encode(
            x=alt.X("left:Q", title="vision layer", axis=axis, scale=_fitting()),
            x2="right",
            y=alt.Y("bottom:Q", title="text layer", axis=axis, scale=_fitting()),
            y2="top",
            color=alt.condition(
                "isValid(datum.value)",
                alt.Color("value:Q", scale=scale, legend=bar),
                alt.value(UNDEFINED),
            ),
            tooltip=[
                alt.Tooltip("placement:N"),
                alt.Tooltip("run:N"),
                alt.Tooltip("x:N", title="text"),
                alt.Tooltip("y:N", title="vision"),
                alt.Tooltip("shown:N", title="value"),
                alt.Tooltip("chance:Q", format=".3f"),
                alt.Tooltip("n:Q", title="samples"),
                alt.Tooltip("why:N", title="reason"),
            ],
            order=alt.Order("fused:Q"),
        )
    )
    marks = [
        alt.Chart()
        .transform_filter(f"indexof(datum.{side}, '.f') > 0 && datum.{other}_depth == 0")
        .mark_point(shape=shape, filled=True, color=FUSION, size=26, opacity=1)
        .encode(**places, tooltip=alt.Tooltip(f"{side}:N", title="fusion"))
        for side, other, shape, places in (
            ("y", "x", "triangle-down", {"x": "y_depth:Q", "y": alt.value(0)}),
            ("x", "y", "triangle-left", {"y": "x_depth:Q", "x": alt.value("width")}),
        )
    ]
    layered = alt.layer(cells, *marks, data=DATA).properties(width=100, height=100)
    drawing = layered.facet(facet=panels_by("placement", names), columns=4)
    return drawing.resolve_axis(x="independent", y="independent").add_params(low, high, turned)


def _fitting() -> alt.Scale:
    return alt.Scale(zero=False, nice=False)
