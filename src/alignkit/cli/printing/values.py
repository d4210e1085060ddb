"""How alignment values are printed: grids as heat maps or a line each, all others as a table."""

import os
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from alignkit.cli.printing import console
from alignkit.cli.printing.heatmap import print_heatmap

if TYPE_CHECKING:
    from alignkit.metrics import Metric

Row = dict[str, Any]

# Grids of which each is printed as a heat map; of more, one line each, which can be compared.
MOST_HEATMAPS = 12
COLUMNS = (
    "run",
    "x_encoder",
    "y_encoder",
    "split",
    "metric",
    "layers",
    "streams",
    "pairs",
    "within",
    "groups",
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
_STREAMS = {"t": "text", "v": "vision"}
GRID_COLUMNS = (
    "run",
    "split",
    "metric",
    "within",
    "groups",
    "streams",
    "n",
    "pairs",
    "undefined",
    "lowest",
    "mean",
    "highest",
    "most aligned",
    "chance",
    "p <= 0.05",
)
DESIGN = ("within", "groups")
# What x and y are sites of: two runs, or two encoders.
SIDES = ("run", "other", "x_encoder", "y_encoder")
# What is read of the tables of a run, and what tells its heat maps apart beside x and y.
SHOWN = ("parameters", "null_mean", "null_std", "low", "high", *(n for n in COLUMNS if n != "95 %"))
_TOLD = (*SIDES, "split", "metric", "parameters", "layers", *DESIGN)


def show(parts: Iterable[Sequence[Row]], briefly: bool = False) -> None:
    """Print rows of ``alignkit measure``: one heat map per grid, and a table of all others.

    Parameters
    ----------
    parts : iterable of sequence of dict
        With the columns of an alignment table, optionally with ``run`` and ``other``. Those of
        one grid are in one part.
    briefly : bool
        Whether to print one line per grid instead of its heat map.
    """
    grids: list[Row] = []
    listed = [row for rows in parts if rows for row in _show_grids(rows, grids, briefly)]
    if grids:
        shown = [name for name in GRID_COLUMNS if any(row[name] not in (None, "") for row in grids)]
        console.print_table(*_tabulated(grids, shown))
        console.note(
            f"{len(grids)} grids, one line each; heat maps are printed of up to {MOST_HEATMAPS}: "
            "name fewer runs or metrics to see them. Every value is in the alignment.csv of its "
            "run, and printed with --json"
        )
    if listed:
        names = [
            name
            for name in COLUMNS
            if name in ALWAYS or any(row.get(name) not in (None, "") for row in listed)
        ]
        console.print_table(*_tabulated(listed, names))


def _show_grids(rows: Sequence[Row], grids: list[Row], briefly: bool) -> list[Row]:
    """Print the heat maps of rows, or add a line each to grids; return the rows of no grid."""
    from alignkit.alignment.designs import shown_name
    from alignkit.metrics import resolve

    listed: list[Row] = []
    for group in _grouped(rows):
        first = group[0]
        metric = resolve(":".join(part for part in (first["metric"], first["parameters"]) if part))
        models = _of_models(group)
        if models:
            title = [str(first["split"]), metric.spec, *_design(first), f"({first['layers']})"]
            print_heatmap(" ".join(title), models, metric.higher_is_better)
        if briefly and _is_grid(group):
            design = {name: shown_name(first[name]) for name in DESIGN}
            grids.append(_in_a_line(group, metric) | design)
        elif _is_grid(group):
            title = [*_where(first), metric.spec, *_design(first)]
            print_heatmap(" ".join(title), group, metric.higher_is_better)
        else:
            shown = {name: shown_name(first[name]) for name in DESIGN}
            listed += [_compact(row) | {"metric": metric.spec} | shown for row in group]
    return listed


def _grouped(rows: Sequence[Row]) -> list[list[Row]]:
    """Return rows by what ``_group`` says of them; rows that are alike are asked once."""
    told = itemgetter(*(name for name in _TOLD if name in rows[0]))
    of_run = "run" in rows[0]
    groups: dict[tuple[str, ...], list[Row]] = {}
    of: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = (told(row), row["x"][0], row["y"][0]) if of_run else (told(row),)
        if key not in of:
            of[key] = groups.setdefault(_group(row), [])
        of[key].append(row)
    return list(groups.values())


def _where(row: Row) -> list[str]:
    """Return the run or runs of a row, and its split."""
    runs = [row[name] for name in SIDES if row.get(name)]
    return [part for part in (" against ".join(runs), row.get("split")) if part]


def _of_models(group: Sequence[Row]) -> list[Row]:
    """Return the best values of pairs of encoders as cells of a grid of encoders, if it is one."""
    if "layers" not in group[0] or "x_encoder" not in group[0]:
        return []
    cells = [row | {"x": row["x_encoder"], "y": row["y_encoder"]} for row in group]
    return cells if _is_grid(cells) else []


def _design(row: Row) -> list[str]:
    """Return the classes and groups of a row, for a title."""
    from alignkit.alignment.designs import shown_name

    return [f"{name} {shown_name(row[name])}" for name in DESIGN if row[name]]


def _group(row: Row) -> tuple[str, ...]:
    """Return what a heat map shows: one metric, run, split and pair of streams."""
    streams = (row["x"][0], row["y"][0]) if "run" in row else ()
    if "layers" in row and "x_encoder" in row:  # the best value of each pair of encoders
        return (row["split"], row["metric"], row["parameters"], *_design(row), row["layers"])
    return (*_where(row), row["metric"], row["parameters"], *_design(row), *streams)


def _is_grid(group: Sequence[Row]) -> bool:
    """Return whether the pairs form a grid, most of whose cells have a value."""
    xs, ys = ({row[side] for row in group} for side in ("x", "y"))
    return min(len(xs), len(ys)) > 1 and 2 * len(group) > len(xs) * len(ys)


def _in_a_line(group: Sequence[Row], metric: "Metric") -> Row:
    """Return what a grid comes to: its range, its mean, and its most aligned pair."""
    first = group[0]
    known = [row for row in group if row["value"] is not None]
    values = [row["value"] for row in known]
    chances = [row["chance"] for row in known if row["chance"] is not None]
    tests = [row["p"] for row in group if row["p"] is not None]
    line: Row = dict.fromkeys(GRID_COLUMNS) | {
        "run": first["run"],
        "split": first["split"],
        "metric": metric.spec,
        "streams": " and ".join(_STREAMS[str(first[side])[0]] for side in "xy"),
        "n": first["n"],
        "pairs": len(group),
        "undefined": len(group) - len(known) or None,
    }
    if known:
        best = (max if metric.higher_is_better else min)(known, key=itemgetter("value"))
        line |= {
            "lowest": min(values),
            "mean": sum(values) / len(values),
            "highest": max(values),
            "most aligned": f"{best['x']} {best['y']}",
        }
    if chances:
        line["chance"] = sum(chances) / len(chances)
    if tests:
        line["p <= 0.05"] = f"{sum(p <= 0.05 for p in tests)} of {len(tests)}"
    return line


def _compact(row: Row) -> Row:
    """Return a row with its interval and its null distribution in one column each."""
    row = row | {"95 %": None, "null": None}
    if row["low"] is not None:
        row["95 %"] = f"{row['low']:.4f} to {row['high']:.4f}"
    if row["null_std"] is not None:
        row["null"] = f"{row['null_mean']:.4f} +- {row['null_std']:.4f}"
    return row


def _tabulated(rows: Sequence[Row], names: list[str]) -> tuple[Sequence[Row], list[str], str]:
    """Return the rows, the columns whose values differ, and a title with what all rows share."""
    title: list[str] = []
    for name in ("run", "x_encoder", "y_encoder", "split", "layers", "streams"):
        values = {_text(row, name) for row in rows} - {""}
        if len(values) == 1:  # goes into the title
            title += values
            names = [other for other in names if other != name]
    if "run" in names:
        common = os.path.commonpath([row["run"] for row in rows])
        title.insert(0, common)
        rows = [row | {"run": os.path.relpath(row["run"], common)} for row in rows]
    return rows, names, " ".join(title)


def _text(row: Row, name: str) -> str:
    if name == "run":
        return " against ".join(row[side] for side in ("run", "other") if row.get(side))
    return str(row.get(name) or "")
