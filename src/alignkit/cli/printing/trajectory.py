"""How trajectories are printed: a row per curve, and the changes at fusions."""

import math
from typing import TYPE_CHECKING

from alignkit.cli.printing import console

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.analysis.trajectory import Trajectory

_TESTS = (
    "task",
    "stream",
    "metric",
    "placements",
    "at_fusions",
    "elsewhere",
    "with_fusion",
    "without",
    "change",
    "low",
    "high",
    "p",
    "p_adjusted",
    "least_p",
    "verdict",
    "reason",
)
_TITLES = {
    "within": "change at fusions against other layers, at whatever depth",
    "against": "change at fusions against the same layers without one",
}


def show(result: "Trajectory") -> None:
    """Print means over seeds along the layers, and the tests of jumps."""
    rows = [_row(key, part) for key, part in _curves(result.means)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    console.print_named(rows, columns, title="layer to layer")
    for name, title in _TITLES.items():
        table = console.records(getattr(result.jumps, name))
        if table:
            console.print_gap()
            console.print_named(table, _TESTS, title=title)


def _curves(means: "pd.DataFrame") -> "list[tuple[tuple[str, ...], pd.DataFrame]]":
    keys = ["task", "unit", "metric", "stream", "relation"]
    return list(means.groupby(keys, sort=False))


def _row(key: tuple[str, ...], part: "pd.DataFrame") -> dict[str, object]:
    """Return a curve as one row: what it is, and its value at every layer."""
    names = ("task", "unit", "metric", "stream", "relation")
    row: dict[str, object] = dict(zip(names, key, strict=True))
    row["runs"] = int(part["runs"].max())
    for step in part.itertuples():
        mark = "*" if step.fusion else ""
        # The step from a layer to the next stands in the column of the first.
        place = f"{math.floor(step.depth)}"
        value = round(step.value, 2) + 0.0  # no minus before a zero
        row[place] = "-" if math.isnan(value) else f"{value:.2f}{mark}"
    return row
