"""The figures of a comparison: a map per pair of models, the best pairs, the grid of models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from alignkit.analysis.comparison.compare import Measured
from alignkit.metrics import Metric
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
from alignkit.report.figures.layer_map import layer_map
from alignkit.report.figures.model_map import model_map

# More pairs of models than this are not drawn in rows; the map of models shows them.
MOST_ROWS = 30
# And of more than this, layers are drawn for the most aligned pairs only.
MOST_MAPS = 40
RANDOM = {"random_a": "random weights in a", "random_b": "random weights in b"}


@dataclass(frozen=True)
class Drawn:
    """A figure with what is said of it, and its data."""

    name: str
    figure: Figure
    data: pd.DataFrame
    title: str
    alternative: str


def layer_maps(measured: Measured) -> Iterator[Drawn]:
    """Yield the map of layers of pairs of models under every metric: of many, the most aligned."""
    for row, metric in _rows(measured):
        drawn = draw_layers(measured, row, metric)
        if drawn is not None:
            yield drawn


def maps_left_out(measured: Measured) -> str:
    """Say of how many pairs of models the maps of layers are; nothing where they are of all."""
    pairs = len(pairs_of(measured))
    if pairs <= MOST_MAPS:
        return ""
    return f"Maps are of the {MOST_MAPS} most aligned of {pairs:,} pairs of models."


def draw_layers(measured: Measured, row: Row, metric: Metric) -> Drawn | None:
    """Draw the layers of two models; None where there is only one pair, or none has a value."""
    grid = grid_of(measured, metric, row["a"], row["b"], row["within"])
    column = shown_column(grid)
    if len(grid) < 2 or grid[column].isna().all():
        return None
    label = f"{measure(row)}, calibrated" if column == "calibrated" else measure(row)
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
        f"{label} for every pair of layers of {row['a']} and {row['b']}; values from "
        f"{number(known.min())} to {number(known.max())}.",
    )


def best_figures(measured: Measured) -> Iterator[Drawn]:
    """Yield the best pair of every pair of models with its controls, one figure per metric."""
    every = best_rows(measured)
    for metric in measured.metrics:
        for within in designs_of(measured):
            rows = [r for r in every if r["spec"] == metric.spec and r["within"] == within]
            if len(rows) > MOST_ROWS or all(row["value"] is None for row in rows):
                continue
            names = RANDOM | {"models": "the models", "null": "permuted samples (± 2 sd)"}
            if len(rows) == 1:
                names |= {f"random_{side}": f"random weights in {side}" for side in "ab"}
            down = "" if metric.higher_is_better else " (lower is more aligned)"
            label = f"{measure(rows[0])}, best pair of layers{down}"
            yield Drawn(
                f"best-{_file(rows[0])}",
                best_values(rows, label, names),
                flat_rows(rows),
                label,
                f"{label}: "
                + "; ".join(f"{r['a']} and {r['b']} {number(r['value'])}" for r in rows[:9]),
            )


def model_maps(measured: Measured) -> Iterator[Drawn]:
    """Yield models against models, where there are several on a side, per metric."""
    every = best_rows(measured)
    for metric in measured.metrics:
        for within in designs_of(measured):
            rows = [r for r in every if r["spec"] == metric.spec and r["within"] == within]
            if len(rows) < 2 or all(row["value"] is None for row in rows):
                continue
            column = "calibrated" if any(r["calibrated"] is not None for r in rows) else "value"
            label = f"{measure(rows[0])}, {'calibrated, ' if column == 'calibrated' else ''}best"
            maps = [("", _table(rows, column))]
            for key, title in RANDOM.items():
                controls = [r[key] | {"a": r["a"], "b": r["b"]} for r in rows if r[key] is not None]
                if controls:
                    maps.append((title, _table(controls, column).reindex_like(maps[0][1])))
            if len(maps) > 1:
                maps[0] = ("the models", maps[0][1])
            down = column == "value" and not metric.higher_is_better
            yield Drawn(
                f"models-{_file(rows[0])}",
                model_map(maps, label, down),
                flat_rows(rows),
                f"{label} pair of layers of every pair of models",
                f"{label} pair of layers of {len(rows)} pairs of models.",
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


def _rows(measured: Measured) -> Iterator[tuple[Row, Metric]]:
    """Yield the pairs of models whose layers are drawn, in their order."""
    every = best_rows(measured)
    for metric in measured.metrics:
        for within in designs_of(measured):
            rows = [r for r in every if r["spec"] == metric.spec and r["within"] == within]
            sign = -1 if metric.higher_is_better else 1
            known = [row for row in rows if row["value"] is not None]
            ranked = sorted(known, key=lambda row: sign * float(row["value"]))[:MOST_MAPS]
            yield from ((row, metric) for row in rows if row in ranked)


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
