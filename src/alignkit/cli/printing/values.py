"""How alignment values are printed: grids as heat maps or a line each, all others as a table."""

import os
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from operator import itemgetter
from statistics import fmean
from typing import TYPE_CHECKING, Any

from alignkit.cli.printing import console
from alignkit.cli.printing.heatmap import print_heatmap

if TYPE_CHECKING:
    from alignkit.alignment.rows import Key
    from alignkit.alignment.table import AlignmentTable

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
_IN_A_LINE = ("split", *DESIGN, "x", "y", "n", "value", "chance", "p")
_TOLD = (*SIDES, "split", "metric", "parameters", "layers", *DESIGN)


def show(parts: Iterable[Sequence[Row]]) -> None:
    """Print rows of ``alignkit measure``: one heat map per grid, and a table of all others.

    Parameters
    ----------
    parts : iterable of sequence of dict
        With the columns of an alignment table, optionally with ``run`` and ``other``. Those of
        one grid are in one part.
    """
    _print_listed([row for rows in parts if rows for row in _show_grids(rows)])


def show_briefly(parts: Iterable[tuple[str, "AlignmentTable", Sequence["Key"]]]) -> None:
    """Print what was measured of many runs: one line per grid, and a table of all others.

    Parameters
    ----------
    parts : iterable of (str, AlignmentTable, list of key)
        The path of a run, and a table with the rows to show.
    """
    grids, listed = [], []
    for run, table, keys in parts:
        lines = _grids_in_lines(table.columns(keys, _IN_A_LINE), table.metric.higher_is_better)
        if lines is None:
            rows = table.columns(keys, SHOWN)
            listed += [
                _compact(row) | {"run": run, "metric": table.metric.spec} | _shown_design(row)
                for row in plain_rows(rows)
            ]
        else:
            grids += [{"run": run, "metric": table.metric.spec} | line for line in lines]
    if grids:
        names = [name for name in GRID_COLUMNS if any(r.get(name) not in (None, "") for r in grids)]
        console.print_table(*_tabulated(grids, names))
        console.note(
            f"{len(grids)} grids, one line each; heat maps are printed of up to {MOST_HEATMAPS}: "
            "name fewer runs or metrics to see them. Every value is in the alignment.csv of its "
            "run, and printed with --json"
        )
    _print_listed(listed)


def plain_rows(columns: Mapping[str, list[Any]]) -> list[Row]:
    """Return the rows of an alignment table as ``console.records`` does: None for no number."""
    from alignkit.alignment.table import NUMBERS

    known = [
        values
        if name not in NUMBERS or all(map(isfinite, values))
        else [value if isfinite(value) else None for value in values]
        for name, values in columns.items()
    ]
    return [dict(zip(columns, row, strict=True)) for row in zip(*known, strict=True)]


def _print_listed(rows: Sequence[Row]) -> None:
    if not rows:
        return
    names = [
        name
        for name in COLUMNS
        if name in ALWAYS or any(row.get(name) not in (None, "") for row in rows)
    ]
    console.print_table(*_tabulated(rows, names))


def _show_grids(rows: Sequence[Row]) -> list[Row]:
    """Print the heat maps of rows, and return what is to stand in a table."""
    from alignkit.metrics import resolve

    listed: list[Row] = []
    for group in _grouped(rows):
        first = group[0]
        metric = resolve(":".join(part for part in (first["metric"], first["parameters"]) if part))
        models = _of_models(group)
        if models:
            title = [str(first["split"]), metric.spec, *_design(first), f"({first['layers']})"]
            print_heatmap(" ".join(title), models, metric.higher_is_better)
        if _is_grid(group):
            title = [*_where(first), metric.spec, *_design(first)]
            print_heatmap(" ".join(title), group, metric.higher_is_better)
        else:
            shown = _shown_design(first)
            listed += [_compact(row) | {"metric": metric.spec} | shown for row in group]
    return listed


def _shown_design(row: Row) -> Row:
    from alignkit.alignment.designs import shown_name

    return {name: shown_name(row[name]) for name in DESIGN}


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
    return _are_grid(*([row[side] for row in group] for side in "xy"))


def _are_grid(xs: Sequence[str], ys: Sequence[str]) -> bool:
    across, down = len(set(xs)), len(set(ys))
    return min(across, down) > 1 and 2 * len(xs) > across * down


def _grids_in_lines(columns: Mapping[str, list[Any]], higher: bool) -> list[Row] | None:
    """Return what each grid of a table comes to, by streams; None where any is no grid."""
    lines = []
    for chosen in _by_streams(columns):
        if not _are_grid(chosen["x"], chosen["y"]):
            return None
        lines.append(_in_a_line(chosen, higher))
    return lines


def _by_streams(columns: Mapping[str, list[Any]]) -> list[Mapping[str, list[Any]]]:
    """Return the rows of each pair of streams, in the order of the first of each."""
    if all(len({site[0] for site in set(columns[side])}) == 1 for side in "xy"):
        return [columns]  # nearly always, and there may be millions of rows
    streams: dict[tuple[str, str], list[int]] = {}
    for i, (x, y) in enumerate(zip(columns["x"], columns["y"], strict=True)):
        streams.setdefault((x[0], y[0]), []).append(i)
    return [
        {name: [values[i] for i in places] for name, values in columns.items()}
        for places in streams.values()
    ]


def _in_a_line(columns: Mapping[str, list[Any]], higher: bool) -> Row:
    """Return what a grid comes to: its range, its mean, and its most aligned pair."""
    first = {name: values[0] for name, values in columns.items()}
    values = [value for value in columns["value"] if value == value]  # NaN is undefined
    chances = [chance for chance in columns["chance"] if chance == chance]
    tests = [p for p in columns["p"] if p == p]
    line: Row = _shown_design(first) | {
        "split": first["split"],
        "streams": " and ".join(_STREAMS[first[side][0]] for side in "xy"),
        "n": first["n"],
        "pairs": len(columns["value"]),
        "undefined": len(columns["value"]) - len(values) or None,
    }
    if values:
        best = columns["value"].index(max(values) if higher else min(values))
        line |= {
            "lowest": min(values),
            "mean": fmean(values),
            "highest": max(values),
            "most aligned": f"{columns['x'][best]} {columns['y'][best]}",
        }
    if chances:
        line["chance"] = fmean(chances)
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
