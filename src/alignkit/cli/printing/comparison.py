"""How a comparison of models is printed: a map of layers, or of models, and what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alignkit.cli.printing import console
from alignkit.cli.printing.heatmap import print_heatmap
from alignkit.cli.printing.tables import Column
from alignkit.report.layer_names import short_layers, squeezed

if TYPE_CHECKING:
    from alignkit.report.comparison.result import Comparison

Row = dict[str, Any]

# Where stdout is no terminal.
WIDTH = 80
# The length at which names of models are cut, in their middle.
NAME = 30
SHOWN_ELSEWHERE = ("metric", "within", "n", "calibrated", "identical", "null of maxima")


def show(comparison: Comparison) -> None:
    """Print the samples, one map per metric, and the best pairs of layers with their controls."""
    from alignkit.report.comparison import lines
    from alignkit.report.comparison.rows import best_rows, pairs_of

    measured = comparison.measured
    console.print_text(lines.title(measured), "bold", WIDTH)
    for line in lines.sample_lines(measured):
        console.print_text(line, otherwise=WIDTH)
    rows = best_rows(measured)
    if console.settings.tables_as:
        _show_for_paper(rows, lines.title(measured))
        return
    if len(pairs_of(measured)) == 1:
        for row in rows:
            console.print_gap()
            _show_layers(comparison, row)
            for line in [lines.best_sentence(row), *lines.control_sentences(row)]:
                console.print_text(line, otherwise=WIDTH)
        return
    for spec, within in dict.fromkeys((row["spec"], row["within"]) for row in rows):
        some = [row for row in rows if (row["spec"], row["within"]) == (spec, within)]
        console.print_gap()
        _show_models(some)
        console.print_gap()
        _show_best(some)
    console.print_gap()
    for line in lines.result_lines(measured):
        console.print_text(line, otherwise=WIDTH)


def _show_for_paper(rows: list[Row], title: str) -> None:
    from alignkit.report.comparison.best_table import best_table

    console.print_paper_table(best_table(rows, title))


def _show_layers(comparison: Comparison, best: Row) -> None:
    from alignkit.report.comparison.rows import grid_of, shown_column

    measured = comparison.measured
    metric = next(each for each in measured.metrics if each.spec == best["spec"])
    grid = grid_of(measured, metric, best["a"], best["b"], best["within"])
    if len(grid) < 2:
        return
    column = shown_column(grid)
    xs, ys = (short_layers(list(grid[side]), 9) for side in ("x", "y"))
    cells = [
        {
            "x": xs[row["x"]],
            "y": ys[row["y"]],
            "n": row["n"],
            "value": row[column],
            "reason": row["reason"],
            "chance": row["chance"] if column == "value" else None,
        }
        for row in console.records(grid)
    ]
    up = column == "calibrated" or metric.higher_is_better
    print_heatmap(_title(best, column), cells, up, WIDTH, least=4)
    console.print_gap()


def _show_models(rows: list[Row]) -> None:
    column = "calibrated" if any(row["calibrated"] is not None for row in rows) else "value"
    numbers = {b: at for at, b in enumerate(dict.fromkeys(row["b"] for row in rows), start=1)}
    cells = [
        {
            "x": squeezed(row["a"], NAME),
            "y": numbers[row["b"]],
            "n": row["n"],
            "value": row[column],
            "reason": row["reason"],
            "p": row["p"],
        }
        for row in rows
    ]
    title = f"{_title(rows[0], column)}: best pair of layers"
    print_heatmap(title, cells, column == "calibrated" or _is_up(rows[0]), WIDTH)
    for b, number in numbers.items():
        console.print_text(f"{number:>3} {b}", otherwise=WIDTH)


def _show_best(rows: list[Row]) -> None:
    from alignkit.report.comparison.best_table import heads_of

    heads = [head for head in heads_of(rows) if head["name"] not in SHOWN_ELSEWHERE]
    table = [
        Column(
            head["name"], [squeezed(head["cell"](row), NAME) for row in rows], right=head["number"]
        )
        for head in heads
    ]
    console.print_columns(table, otherwise=WIDTH)


def _title(row: Row, column: str) -> str:
    from alignkit.report.comparison.lines import measure

    parts = [measure(row)]
    parts += ["calibrated (0 chance, 1 identical)"] if column == "calibrated" else []
    return ", ".join(parts)


def _is_up(row: Row) -> bool:
    from alignkit.metrics import resolve

    return resolve(row["spec"]).higher_is_better
