"""Heat maps of all pairs of layers: of any task, metric, epoch, run, split and pooling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from alignkit.report.charts.chart import DATA, Chart, Layout, Selector, panels_by
from alignkit.report.charts.choices import (
    MEAN,
    SELECTORS,
    in_turn,
    left_out_note,
    seed_name,
    with_choices,
)
from alignkit.report.charts.theme import FUSION, UNDEFINED
from alignkit.report.content import Content, grid_means, is_distance, tracked_grids
from alignkit.report.sites import depth_of, depth_on_axis

# Rows of maps that a page holds: about 12 bytes each.
MOST_ROWS = 160_000
_COLUMNS = [
    "task",
    "metric",
    "epoch",
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


# What the epoch of values is called that were not measured during training.
KEPT = "kept weights"
_BY_EPOCH = (
    " By epoch, values are those of training, on a fixed sample of the validation split: epoch 0 "
    "is the untrained model, and the kept weights are those of the epoch with the best score."
)


def layers_chart(content: Content, pictures: Sequence[str] = ()) -> Chart | None:
    """Return the maps of all runs; None where no grid was measured."""
    tracked, _ = tracked_grids(content)
    parts, left_out = _within(MOST_ROWS, _parts(content, tracked))
    parts = [part for part in parts if part["x"].nunique() > 1 and part["y"].nunique() > 1]
    if not parts:
        return None
    rows = _ordered(pd.concat(parts, ignore_index=True), content)
    has_epochs = rows["epoch"].nunique() > 1
    task, metric, *others = SELECTORS
    metrics = rows["metric"].cat.categories
    return Chart(
        "layers",
        f"Alignment for all pairs of layers{content.drawn}",
        _ABOUT + (_BY_EPOCH if has_epochs else ""),
        rows[[column for column in _COLUMNS if column != "epoch" or has_epochs]],
        _drawing(list(content.look), has_epochs),
        (task, metric, Selector("epoch"), *others) if has_epochs else SELECTORS,
        Layout(panel=120, widest=280, most=4, beside=46),
        names=("placement", "x", "y"),
        scaled_by="metric",
        parameters={name: {"turned": is_distance(name)} for name in metrics},
        note=left_out,
        pictures=pictures,
    )


@dataclass(frozen=True)
class _Part:
    """Values that are shown or left out together."""

    what: str
    size: int
    make: Any


def _parts(content: Content, tracked: pd.DataFrame) -> Iterator[_Part]:
    """Yield what could be shown: means, epochs, other splits, single runs, and their epochs."""
    for task in content.tasks:
        for metric in content.metrics:
            means = content.grid(task, metric)
            yield _Part("means over seeds", len(means), _Means(content, task, metric, means))
    epochs = list(tracked.groupby(["task", "label", "split", "pool", "when"], sort=False))
    for (task, metric, split, pool, when), values in epochs:
        means = _Means(content, task, metric, values, (split, pool), when)
        yield _Part("epochs", len(values) // max(1, values["seed"].nunique()), means)
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
    for (task, metric, split, pool, when), values in epochs:
        runs = _Runs(content, task, metric, values, (split, pool), when)
        yield _Part("epochs of single runs", len(values), runs)


@dataclass(frozen=True)
class _Runs:
    """The values of single runs, with what chooses them."""

    content: Content
    task: str
    metric: str
    values: pd.DataFrame
    where: tuple[str, str] | None = None
    epoch: str = KEPT

    def __call__(self) -> pd.DataFrame:
        """Return the rows of the chart."""
        values = self.values
        return self._chosen(values.assign(run=values["seed"].map(seed_name)))

    def _chosen(self, values: pd.DataFrame) -> pd.DataFrame:
        split, pool = self.where or (self.content.split, self.content.pool)
        values = with_choices(values, self.task, self.metric, split, pool).assign(epoch=self.epoch)
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
    epochs = sorted(rows["epoch"].unique(), key=_moment)
    rows = in_turn(rows, content).assign(epoch=pd.Categorical(rows["epoch"], epochs, ordered=True))
    by = ["task", "metric", "epoch", "split", "pooling", "run", "placement", "x_depth", "y_depth"]
    rows = rows.sort_values(by, kind="stable", ignore_index=True)
    return rows.assign(reason=rows["reason"].astype(object).fillna("").astype("category"))


def _moment(epoch: str) -> tuple[str, int]:
    """Sort the kept weights first, then epochs and steps by number."""
    unit, _, number = epoch.partition(" ")
    return ("", 0) if epoch == KEPT else (unit, int(number))


def _drawing(names: Sequence[str], has_epochs: bool) -> Any:
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
                *([alt.Tooltip("epoch:N")] if has_epochs else []),
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
