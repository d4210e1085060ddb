"""The figures of a comparison: a map per pair of models, the best pairs, the grid of models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from alignkit.alignment.designs import shown_name
from alignkit.analysis.comparison.compare import Compared
from alignkit.metrics import Metric
from alignkit.models.placement import STREAMS
from alignkit.report.comparison.lines import measure, number
from alignkit.report.comparison.rows import (
    Row,
    best_rows,
    designs_of,
    grid_of,
    pairs_of,
    shown_column,
)
from alignkit.report.figures.best_values import best_values
from alignkit.report.figures.depth_curves import depth_curves
from alignkit.report.figures.layer_map import layer_map
from alignkit.report.figures.model_map import model_map
from alignkit.report.style import named

# Of more pairs of models than this, only the most aligned are drawn: in rows, and layer by layer.
MOST_ROWS = 30
MOST_MAPS = 40
DEPTHS = (
    "Every layer of the deeper model is set beside the layer of the other at the nearest share of "
    "its depth."
)
RANDOM = {"random_a": "random weights in a", "random_b": "random weights in b"}


@dataclass(frozen=True)
class Drawn:
    """A figure with what is said of it, and its data."""

    name: str
    figure: Figure
    data: pd.DataFrame
    title: str
    alternative: str


def layer_maps(compared: Compared) -> Iterator[Drawn]:
    """Yield the map of layers of pairs of models under every metric: of many, the most aligned."""
    for metric, rows in _by_metric(compared):
        for row in rows:
            drawn = draw_layers(compared, row, metric)
            if drawn is not None:
                yield drawn


def most_aligned_only(compared: Compared, drawn: str, most: int = MOST_MAPS) -> str:
    """Say of how many pairs of models something is drawn; nothing where it is of all."""
    pairs = len(pairs_of(compared))
    if pairs <= most:
        return ""
    return f"{drawn} are of the {most} most aligned of {pairs:,} pairs of models."


def draw_layers(compared: Compared, row: Row, metric: Metric) -> Drawn | None:
    """Draw the layers of two models; None where there is only one pair, or none has a value."""
    grid = grid_of(compared, metric, row["a"], row["b"], row["within"])
    column = shown_column(grid)
    if len(grid) < 2 or grid[column].isna().all():
        return None
    said = _said(row)
    label = f"{said}, calibrated" if column == "calibrated" else said
    chances = grid["null_mean"].dropna()
    chance = float(chances.mean()) if len(chances) else None
    figure = layer_map(
        grid,
        row["a"],
        row["b"],
        label,
        None if row["value"] is None else (row["x"], row["y"]),
        column,
        0.0 if column == "calibrated" else chance,
        column == "value" and not metric.higher_is_better,
    )
    known = grid[column].dropna()
    return Drawn(
        f"layers-{row['a']}-{row['b']}-{_file(row)}",
        figure,
        grid,
        f"{row['a']} against {row['b']}: {label}",
        f"{row['a']} against {row['b']}: {label}, for every pair of their layers; values from "
        f"{number(known.min())} to {number(known.max())}.",
    )


def depth_figures(compared: Compared) -> Iterator[Drawn]:
    """Yield alignment by depth, a panel per pair of models, one figure per metric."""
    for metric, rows in _by_metric(compared):
        values = pd.concat([at_equal_depth(compared, row, metric) for row in rows])
        if values["depth"].nunique() < 2 or values["value"].isna().all():
            continue
        label, ends = _said(rows[0]), values.dropna(subset="value").groupby("placement").tail(1)
        unfused: dict[str, list[float]] = {stream: [] for stream in STREAMS}
        yield Drawn(
            f"depth-{_file(rows[0])}",
            depth_curves(
                values, dict.fromkeys(values["placement"], unfused), label, kind="pairs of models"
            ),
            values,
            f"{label} by depth",
            f"{label} by depth, of layers that are equally deep; at the last that is known: "
            + "; ".join(f"{end.placement} {number(end.value)}" for end in ends[:9].itertuples()),
        )


def at_equal_depth(compared: Compared, row: Row, metric: Metric) -> pd.DataFrame:
    """Return the values of layers of two models that are equally deep, from the first to the last.

    Every layer of the deeper model has a partner: the layer of the other at the nearest share of
    its depth.
    """
    grid = grid_of(compared, metric, row["a"], row["b"], row["within"])
    sides = [list(dict.fromkeys(grid[side])) for side in ("x", "y")]
    deepest = max(map(len, sides))
    pairs = [
        tuple(side[round(at * (len(side) - 1) / max(deepest - 1, 1))] for side in sides)
        for at in range(deepest)
    ]
    found = grid.set_index(["x", "y"]).reindex(pd.MultiIndex.from_tuples(pairs, names=["x", "y"]))
    found = found.reset_index()
    chance = found["chance"].astype(float).fillna(found["null_mean"].astype(float))
    return pd.DataFrame(
        {
            "placement": f"{row['a']} and {row['b']}",
            "seed": 0,
            "depth": range(deepest),
            "x": found["x"],
            "y": found["y"],
            "n": found["n"],
            "value": found["value"].astype(float),
            "chance": chance,
        }
    )


def best_figures(compared: Compared) -> Iterator[Drawn]:
    """Yield the best pair of every pair of models with its controls, one figure per metric."""
    every = best_rows(compared)
    for metric in compared.metrics:
        for within in designs_of(compared):
            rows = [r for r in every if r["spec"] == metric.spec and r["within"] == within]
            if len(rows) > MOST_ROWS:
                rows = _most_aligned(rows, metric, MOST_ROWS)
            if all(row["value"] is None for row in rows):
                continue
            names = RANDOM | {"models": "the models", "null": "permuted samples (± 2 sd)"}
            if len(rows) == 1:
                names |= {f"random_{side}": f"random weights in {side}" for side in "ab"}
            down = "" if metric.higher_is_better else " (lower is more aligned)"
            label = f"{_said(rows[0])}, best pair of layers{down}"
            yield Drawn(
                f"best-{_file(rows[0])}",
                best_values(rows, label, names),
                flat_rows(rows),
                label,
                f"{label}: "
                + "; ".join(f"{r['a']} and {r['b']} {number(r['value'])}" for r in rows[:9]),
            )


def model_maps(compared: Compared) -> Iterator[Drawn]:
    """Yield models against models, where there are several on a side, per metric."""
    every = best_rows(compared)
    for metric in compared.metrics:
        for within in designs_of(compared):
            rows = [r for r in every if r["spec"] == metric.spec and r["within"] == within]
            if len(rows) < 2 or all(row["value"] is None for row in rows):
                continue
            column = "calibrated" if any(r["calibrated"] is not None for r in rows) else "value"
            label = f"{_said(rows[0])}, {'calibrated, ' if column == 'calibrated' else ''}best"
            maps = [("", _table(rows, column))]
            for key, title in RANDOM.items():
                controls = [r[key] | {"a": r["a"], "b": r["b"]} for r in rows if r[key] is not None]
                if controls:
                    maps.append((title, _table(controls, column).reindex_like(maps[0][1])))
            if len(maps) > 1:
                maps[0] = ("the models", maps[0][1])
            down = column == "value" and not metric.higher_is_better
            shown = maps[0][1].stack()
            yield Drawn(
                f"models-{_file(rows[0])}",
                model_map(maps, label, down),
                flat_rows(rows),
                f"{label} pair of layers of every pair of models",
                f"{label} pair of layers of every pair of models; values from "
                f"{number(shown.min())} to {number(shown.max())}.",
            )


def flat_rows(rows: list[Row]) -> pd.DataFrame:
    """Return rows as a table: what the controls reach stands in columns."""
    flat = []
    for row in rows:
        plain = {key: value for key, value in row.items() if not key.startswith("random_")}
        for key in RANDOM:
            control = row[key]
            plain[key] = None if control is None else control["value"]
        flat.append(plain)
    return pd.DataFrame(flat)


def _by_metric(compared: Compared) -> Iterator[tuple[Metric, list[Row]]]:
    """Yield the pairs of models whose layers are drawn, in their order, for every metric."""
    every = best_rows(compared)
    for metric in compared.metrics:
        for within in designs_of(compared):
            rows = [r for r in every if r["spec"] == metric.spec and r["within"] == within]
            if shown := _most_aligned(rows, metric, MOST_MAPS):
                yield metric, shown


def _most_aligned(rows: list[Row], metric: Metric, most: int) -> list[Row]:
    """Return the most aligned pairs of models, in the order in which they are given."""
    sign = -1 if metric.higher_is_better else 1
    known = [row for row in rows if row["value"] is not None]
    ranked = sorted(known, key=lambda row: sign * float(row["value"]))[:most]
    return [row for row in rows if row in ranked]


def _said(row: Row) -> str:
    """Return the metric and its classes as ``measure`` does, on paper under its proper name."""
    return " within ".join(filter(None, (named(row["spec"], 200), shown_name(row["within"]))))


def _file(row: Row) -> str:
    return measure(row).replace(" ", "-")


def _table(rows: list[Row], column: str) -> pd.DataFrame:
    """Return values by model of a and model of b, in their order."""
    frame = pd.DataFrame(rows)
    names = [list(dict.fromkeys(frame[side])) for side in ("a", "b")]
    table = frame.assign(shown=frame[column].astype(float)).pivot(
        index="a", columns="b", values="shown"
    )
    return table.reindex(index=names[0], columns=names[1])
