"""The figures of a report, by kind and task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from alignkit.analysis.layer_values import SIDES
from alignkit.errors import UsageError
from alignkit.report.content import Content, equal_depth, is_distance, tracked_grids, tracked_values
from alignkit.report.figures.depth_curves import depth_curves
from alignkit.report.figures.folder import FigureFolder, Shown
from alignkit.report.figures.heatmaps import heatmaps
from alignkit.report.figures.scatter import scatter
from alignkit.report.figures.tracked import tracked
from alignkit.report.figures.training_curves import training_curves
from alignkit.report.style import Look, looks, named
from alignkit.runs import Run
from alignkit.statistics.correlation.units import with_units

# How to read each kind of figure; shown once per kind.
EXPLAINED = {
    "against": (
        "Large points are units: means over seeds, with bars for the standard deviation. Small "
        "dots are their runs. The line is a least-squares fit over units, and the grey band "
        "contains 95 % of the fits to permuted units. p is the permutation p-value over units, "
        "without correction for multiple testing."
    ),
    "depth": (
        "Alignment of text layer i with vision layer i: the mean over seeds, with thin lines for "
        "single seeds. A fusion at index k runs before layer k and is therefore marked between "
        "k − 1 and k: with a filled triangle below the curve in the text stream, and an open one "
        "above it in the vision stream."
    ),
    "layers": (
        "Alignment of every text layer with every vision layer, averaged over seeds unless runs "
        "are shown one by one. Each metric has one colour scale for all tasks. Narrow rows and "
        "columns are the states directly after a fusion (f0, f1, ...), at its position in each "
        "stream. Hatched cells are undefined; the data give the reason."
    ),
    "tracked": (
        "Alignment on a fixed sample of the validation split, at epochs from left to right, of "
        "layers from bottom to top; means over seeds. Epoch 0 is the untrained model. A fusion "
        "at index k runs before layer k, and is marked there on the right."
    ),
    "training": (
        "Means over seeds. Epoch 0 is the untrained model; the weights of the epoch with the "
        "best validation score are kept."
    ),
}


def scatters(
    content: Content, folder: FigureFolder, correlations: Any, table: pd.DataFrame | None
) -> Iterator[tuple[str, Shown]]:
    """Yield alignment against performance, one figure per task with at least two units."""
    outcome = correlations.settings["outcome"]
    for task in content.tasks:
        rows = correlations.table[correlations.table["task"] == task]
        mine = [h for h in correlations.hypotheses if h.row["task"] == task and len(h.points) > 1]
        rows = rows[rows["metric"].isin([h.metric for h in mine])]
        if rows.empty:
            continue
        points = _in_order(pd.concat([h.points for h in mine], ignore_index=True), content)
        look = content.look if set(points["unit"]) <= set(content.look) else looks(points["unit"])
        critical = {h.metric: h.critical_r() for h in mine if h.testable}
        runs = (
            None
            if table is None
            else with_unit_names(table[table["task"] == task], correlations.settings["unit"])
        )
        yield (
            task,
            folder.add(
                f"{task}-scatter",
                scatter(points, runs, rows, outcome, look, critical),
                points,
                f"{outcome} against alignment{content.drawn}",
                f"{outcome} against alignment over {points['unit'].nunique()} units, one panel per "
                "metric. " + " ".join(_row_in_words(row) for _, row in rows.iterrows()),
            ),
        )


def _in_order(units: pd.DataFrame, content: Content) -> pd.DataFrame:
    order = {name: i for i, name in enumerate(content.look)}
    rank = units["unit"].map(order).fillna(len(order))
    return units.assign(_rank=rank).sort_values("_rank", kind="stable").drop(columns="_rank")


def with_unit_names(table: pd.DataFrame, unit: str = "placement") -> pd.DataFrame:
    """Name the unit of every run as the correlations do; with runs as units, the placement."""
    named = with_units(table, "placement" if unit == "run" else unit)
    return named.assign(unit=named["_unit"]).drop(columns="_unit")


def _row_in_words(row: Any) -> str:
    r = "not computed" if pd.isna(row["pearson"]) else f"{row['pearson']:+.2f}"
    return f"{row['metric']}: r {r}, {row['verdict']}."


def depths(
    content: Content, folder: FigureFolder, metrics: Sequence[str] = ()
) -> Iterator[tuple[str, Shown]]:
    """Yield alignment by depth, one figure per task and metric with two depths or more.

    Parameters
    ----------
    content : Content
    folder : FigureFolder
    metrics : sequence of str
        All of the content if empty.
    """
    for task in content.tasks:
        for metric in metrics or content.metrics:
            values = equal_depth(content.values(task, metric))
            if values["depth"].nunique() < 2:
                continue
            placements = content.placements[task]
            yield (
                task,
                folder.add(
                    f"{task}-{metric}-depth",
                    depth_curves(
                        values, placements, named(metric, 200), _look(content, placements)
                    ),
                    values,
                    f"{named(metric, 200)} by depth{content.drawn}",
                    _ends_in_words(values, metric),
                ),
            )


def _ends_in_words(values: pd.DataFrame, metric: str) -> str:
    last = values[values["depth"] == values["depth"].max()]
    means = last.groupby("placement", sort=False)["value"].mean().dropna()
    if means.empty:
        return f"{named(metric, 200)} by depth, one panel per placement."
    return (
        f"{named(metric, 200)} by depth, one panel per placement. At the last layer it is "
        + ", ".join(f"{value:.2f} for {placement}" for placement, value in means.items())
    )


def grids(
    content: Content, folder: FigureFolder, streams: str = "cross", metrics: Sequence[str] = ()
) -> Iterator[tuple[str, Shown]]:
    """Yield the grids of layers, one figure per task and metric, one colour scale per metric.

    Parameters
    ----------
    content : Content
    folder : FigureFolder
    streams : str
    metrics : sequence of str
        All of the content if empty.
    """
    sides = SIDES[streams]
    within = "" if streams == "cross" else f"-{streams}"
    for metric in metrics or content.metrics:
        means = {task: content.grid(task, metric) for task in content.tasks}
        limits = _limits(pd.concat([grid["value"] for grid in means.values()]))
        down = is_distance(metric)
        for task, grid in means.items():
            if grid["x"].nunique() < 2 or grid["y"].nunique() < 2:
                continue
            low, high = grid["value"].min(), grid["value"].max()
            placements, chance = content.placements[task], _chance(grid)
            figure = heatmaps(grid, placements, metric, limits, chance, down, sides)
            yield (
                task,
                folder.add(
                    f"{task}-{metric}{within}-layers",
                    figure,
                    grid,
                    f"{named(metric, 200)} for all pairs of layers{content.drawn}",
                    f"{named(metric, 200)} for every pair of {_pair(sides)} layers, one map per "
                    f"{content.unit}; values from {low:.2f} to {high:.2f}.",
                ),
            )


def grids_by_epoch(
    content: Content, folder: FigureFolder, epochs: Sequence[int | str], streams: str = "cross"
) -> list[Run]:
    """Draw the grids that runs tracked in training, one figure per task and metric.

    Maps of the epochs of a placement stand side by side; each metric has one colour scale.

    Parameters
    ----------
    content : Content
    folder : FigureFolder
    epochs : sequence of int or str
        Those that are shown; ``all`` for all.
    streams : str

    Returns
    -------
    list of Run
        Those that tracked no grid.

    Raises
    ------
    UsageError
        For an epoch that no run tracked.
    """
    values, without = tracked_grids(content, streams)
    values = _of_epochs(values, epochs)
    keys = ["task", "label", "placement", "epoch", "step", "when", "x", "y"]
    means = values.groupby(keys, sort=False).agg(
        value=("value", "mean"),
        seeds=("value", "count"),
        n=("n", "min"),
        chance=("chance", "mean"),
        reason=("reason", "first"),
    )
    sides = SIDES[streams]
    within = "" if streams == "cross" else f"-{streams}"
    for metric, of_metric in means.reset_index().groupby("label", sort=False):
        limits, down = _limits(of_metric["value"]), is_distance(str(metric))
        for task, part in of_metric.groupby("task", sort=False):
            panels = part.assign(placement=part["placement"] + ", " + part["when"])
            placements = {
                f"{placement}, {when}": content.placements[str(task)][placement]
                for placement, of_placement in part.groupby("placement", sort=False)
                for when in of_placement["when"].unique()
            }
            shown = list(part["when"].unique())
            low, high = part["value"].min(), part["value"].max()
            folder.add(
                f"{task}-{metric}{within}-layers-by-epoch",
                heatmaps(
                    panels,
                    placements,
                    str(metric),
                    limits,
                    _chance(part),
                    down,
                    sides,
                    in_row=len(shown),
                ),
                part.drop(columns="when"),
                f"{named(metric, 200)} for all pairs of layers during training",
                f"{named(metric, 200)} for every pair of {_pair(sides)} layers during training, "
                f"on a fixed sample of the validation split, one map per {content.unit} at "
                f"{', '.join(shown)}; values from {low:.2f} to {high:.2f}. Epoch 0 is the "
                "untrained model.",
            )
    return without


def _of_epochs(values: pd.DataFrame, epochs: Sequence[int | str]) -> pd.DataFrame:
    if "all" in epochs:
        return values
    held = sorted(set(values["epoch"]))
    for epoch in epochs:
        if held and str(epoch) not in map(str, held):
            raise UsageError(
                f"`epoch={epoch}` was not tracked; these runs hold {', '.join(map(str, held))}"
            )
    return values[values["epoch"].astype(str).isin(map(str, epochs))]


def _limits(values: pd.Series) -> tuple[float, float]:
    known = values.dropna()
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)


def _chance(grid: pd.DataFrame) -> float | None:
    return float(grid["chance"].mean()) if grid["chance"].notna().any() else None


def _pair(sides: tuple[str, str]) -> str:
    return sides[0] if sides[0] == sides[1] else " and ".join(sides)


def tracks(content: Content, folder: FigureFolder) -> None:
    """Draw alignment that was tracked in training, one figure per task and metric."""
    values = tracked_values(content)
    for (task, metric), part in values.groupby(["task", "label"], sort=False):
        low, high = part["value"].min(), part["value"].max()
        folder.add(
            f"{task}-{metric}-tracked",
            tracked(part, content.placements[task], metric, is_distance(metric)),
            part,
            f"{named(metric, 200)} by epoch and layer",
            f"{named(metric, 200)} of text and vision layers of equal depth during training, one "
            f"map per {content.unit}; values from {low:.2f} to {high:.2f}.",
        )


def trainings(content: Content, folder: FigureFolder) -> Iterator[tuple[str, Shown]]:
    """Yield training curves, one figure per task."""
    for task in content.tasks:
        history = content.history[content.history["task"] == task]
        if history.empty:
            continue
        score = str(history["score"].iloc[0])
        look = _look(content, content.placements[task])
        yield (
            task,
            folder.add(
                f"{task}-training",
                training_curves(history, score, look),
                history,
                f"{named(score)} and loss against epochs",
                f"Validation {named(score)} and loss by epoch, one line per placement.",
            ),
        )


def _look(content: Content, names: Any) -> dict[str, Look]:
    return {name: content.look[name] for name in names}
