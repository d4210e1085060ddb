"""Alignment values in the terminal: grids as heat maps, the others as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]

COLUMNS = (
    "run", "other", "split", "metric", "layers", "streams", "pairs", "x", "y", "n", "value",
    "chance", "null_mean", "null_std", "p", "calibrated", "low", "high", "self_score", "reason",
)  # fmt: skip


def show(rows: Sequence[Row]) -> None:
    """Print rows of ``measure``: a heat map for every grid, one table of the rest.

    Parameters
    ----------
    rows : sequence of dict
        With the columns of a table of alignment; runs and splits are named where they differ.
    """
    from alignkit.cli import console
    from alignkit.cli.heatmap import print_heatmap
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
            title = [group[0].get(name) for name in ("run", "other", "split")]
            print_heatmap(" ".join([*filter(None, title), metric.spec]), group,
                          metric.higher_is_better)  # fmt: skip
        else:
            listed += [row | {"metric": metric.spec} for row in group]
    if listed:
        console.print_table(listed, _columns(listed))


def _group(row: Row) -> tuple[str, ...]:
    """What one heat map shows: a metric on a run, a split and a pair of streams."""
    streams = (row["x"][0], row["y"][0]) if "run" in row else ()
    names = ("run", "other", "split", "metric", "parameters")
    return (*(str(row.get(name) or "") for name in names), *streams)


def _is_grid(group: Sequence[Row]) -> bool:
    """Several by several, most of which are there."""
    xs, ys = ({row[side] for row in group} for side in ("x", "y"))
    return min(len(xs), len(ys)) > 1 and 2 * len(group) > len(xs) * len(ys)


def _columns(rows: Sequence[Row]) -> list[str]:
    """Columns in which there is something to see."""
    some = {name for name in COLUMNS if any(row.get(name) not in (None, "") for row in rows)}
    for name in ("run", "split"):  # said once where all are the same
        if len({row.get(name) for row in rows}) == 1 and "other" not in some:
            some.discard(name)
    return [name for name in COLUMNS if name in some | {"metric", "n", "value"}]
