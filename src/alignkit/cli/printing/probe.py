"""How probes are printed: a row per curve, and their correlations with alignment."""

import math
from typing import TYPE_CHECKING

from alignkit.cli.printing import console

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.analysis.probing.probe import Probes

_POOLED = (
    "task",
    "stream",
    "metric",
    "placements",
    "layers",
    "r",
    "low",
    "high",
    "r_within",
    "r_given_depth",
    "p",
    "p_adjusted",
    "least_p",
    "verdict",
    "reason",
)
_TITLES = {
    "within": "probe against alignment over the layers of a placement",
    "pooled": "pooled over placements",
}


def show(result: "Probes") -> None:
    """Print means over seeds along the layers, and how probes go with alignment."""
    rows = [_row(key, part) for key, part in _curves(result.means)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    places = sorted((c for c in columns if isinstance(c, float)), key=float)
    named = [str(c) for c in columns if not isinstance(c, float)]
    shown = [name for name in named if any(row.get(name) not in (None, "") for row in rows)]
    headings = {place: f"{place:g}" for place in places}
    table = [
        {name: row.get(name) for name in shown} | {headings[p]: row.get(p) for p in places}
        for row in rows
    ]
    title = f"{result.settings['kind']} probes by depth, on test"
    console.print_table(table, [*shown, *headings.values()], title=title)
    for name, title in _TITLES.items():
        records = console.records(getattr(result, name))
        if not records:
            continue
        wanted = _POOLED if name == "pooled" else [c for c in records[0] if c != "placement"]
        console.print_gap()
        console.print_named(records, wanted, title=title)


def _curves(means: "pd.DataFrame") -> "list[tuple[tuple[str, ...], pd.DataFrame]]":
    return list(means.groupby(["task", "unit", "stream", "score"], sort=False))


def _row(key: tuple[str, ...], part: "pd.DataFrame") -> dict[object, object]:
    """Return a curve as one row: what it is, and its score at every depth."""
    row: dict[object, object] = dict(zip(("task", "unit", "stream", "score"), key, strict=True))
    row["fits"] = int(part["fits"].max())
    chance = float(part["chance"].iloc[0])
    row["chance"] = "" if math.isnan(chance) else f"{chance:.2f}"
    for layer in part.itertuples():
        row[float(layer.depth)] = f"{layer.value:.2f}"
    return row
