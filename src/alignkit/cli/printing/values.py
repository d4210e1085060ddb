"""Alignment values in the terminal: grids as heat maps, the others as a table."""

import os
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]

COLUMNS = (
    "run",
    "split",
    "metric",
    "layers",
    "streams",
    "pairs",
    "x",
    "y",
    "n",
    "value",
    "95 %",
    "chance",
    "null",
    "p",
    "calibrated",
    "self_score",
    "reason",
)
ALWAYS = ("metric", "n", "value")


def show(rows: Sequence[Row]) -> None:
    """Print rows of ``measure``: a heat map for every grid, one table of the rest.

    Parameters
    ----------
    rows : sequence of dict
        With the columns of a table of alignment, and perhaps ``run`` and ``other``.
    """
    from alignkit.cli.printing import console
    from alignkit.cli.printing.heatmap import print_heatmap
    from alignkit.metrics import resolve

    metrics = {
        key: resolve(":".join(part for part in key if part))
        for key in {(row["metric"], row["parameters"]) for row in rows}
    }
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(_group(row), []).append(row)
    listed: list[Row] = []
    for group in groups.values():
        metric = metrics[group[0]["metric"], group[0]["parameters"]]
        if _is_grid(group):
            title = [*_where(group[0]), metric.spec]
            print_heatmap(" ".join(title), group, metric.higher_is_better)
        else:
            listed += [_compact(row) | {"metric": metric.spec} for row in group]
    if listed:
        console.print_table(*_tabulated(listed))


def _where(row: Row) -> list[str]:
    """Run or runs, and split, of a row."""
    runs = [row[name] for name in ("run", "other") if row.get(name)]
    return [part for part in (" against ".join(runs), row.get("split")) if part]


def _group(row: Row) -> tuple[str, ...]:
    """What one heat map shows: a metric on a run, a split and a pair of streams."""
    streams = (row["x"][0], row["y"][0]) if "run" in row else ()
    return (*_where(row), row["metric"], row["parameters"], *streams)


def _is_grid(group: Sequence[Row]) -> bool:
    """Several by several, most of which are there."""
    xs, ys = ({row[side] for row in group} for side in ("x", "y"))
    return min(len(xs), len(ys)) > 1 and 2 * len(group) > len(xs) * len(ys)


def _compact(row: Row) -> Row:
    """A row with its interval and its null in one column each."""
    row = row | {"95 %": None, "null": None}
    if row["low"] is not None:
        row["95 %"] = f"{row['low']:.4f} to {row['high']:.4f}"
    if row["null_std"] is not None:
        row["null"] = f"{row['null_mean']:.4f} +- {row['null_std']:.4f}"
    return row


def _tabulated(rows: Sequence[Row]) -> tuple[Sequence[Row], list[str], str]:
    """Rows, the columns in which there is something to see, and a title for all of them."""
    names = [
        name
        for name in COLUMNS
        if name in ALWAYS or any(row.get(name) not in (None, "") for row in rows)
    ]
    title: list[str] = []
    for name in ("run", "split", "layers", "streams"):
        found = {_said(row, name) for row in rows} - {""}
        if len(found) == 1:  # said once
            title += found
            names = [other for other in names if other != name]
    if "run" in names:
        common = os.path.commonpath([row["run"] for row in rows])
        title.insert(0, common)
        rows = [row | {"run": os.path.relpath(row["run"], common)} for row in rows]
    return rows, names, " ".join(title)


def _said(row: Row, name: str) -> str:
    if name == "run":
        return " against ".join(row[side] for side in ("run", "other") if row.get(side))
    return str(row.get(name) or "")
