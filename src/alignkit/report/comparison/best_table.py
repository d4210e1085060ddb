"""The table of the best pairs of layers: on the page, in the terminal and in papers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alignkit.alignment.designs import shown_name
from alignkit.report.comparison import lines
from alignkit.report.comparison.rows import Row
from alignkit.report.formatting import p_text
from alignkit.report.paper_tables import PaperColumn, PaperTable

# What a paper says elsewhere, or not at all.
_NOT_IN_PAPERS = ("null of maxima", "calibrated", "identical")


def best_table(rows: Sequence[Row], title: str) -> PaperTable:
    """Return one row per pair of models and metric, for a paper.

    Parameters
    ----------
    rows : sequence of Row
        As from ``best_rows``.
    title : str
        What was compared.
    """
    columns = [
        PaperColumn(head["name"], [head["cell"](row) for row in rows], head["number"])
        for head in heads_of(rows)
        if head["name"] not in _NOT_IN_PAPERS
    ]
    return PaperTable(columns, f"{title}: best pair of layers.")


def heads_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the columns of the table of best pairs: ``name``, ``number``, and ``cell(row)``.

    Columns that would be empty are left out.
    """
    columns: list[tuple[str, bool, Any]] = [
        ("a", False, lambda row: str(row["a"])),
        ("b", False, lambda row: str(row["b"])),
        ("metric", False, lambda row: row["spec"]),
        ("within", False, lambda row: shown_name(row["within"])),
        ("layer of a", False, lambda row: lines.layer(row, "a")),
        ("layer of b", False, lambda row: lines.layer(row, "b")),
        ("n", True, lambda row: f"{row['n']:,}"),
        ("value", True, lambda row: lines.number(row["value"])),
        ("95 %", True, lines.interval),
        ("chance", True, lambda row: _number(row["chance"])),
        ("null of maxima", True, _null),
        ("p", True, lambda row: "" if row["p"] is None else p_text(row["p"])),
        ("calibrated", True, lambda row: _number(row["calibrated"])),
        ("identical", True, lambda row: _number(row["identical"])),
        ("random a", True, lambda row: _control(row["random_a"])),
        ("random b", True, lambda row: _control(row["random_b"])),
        ("undefined", False, lambda row: row["reason"] or ""),
    ]
    return [
        {"name": name, "number": number, "cell": cell}
        for name, number, cell in columns
        if any(cell(row) for row in rows)
    ]


def _number(value: float | None) -> str:
    return "" if value is None else lines.number(value)


def _null(row: Row) -> str:
    if row["null_std"] is None:
        return ""
    return f"{lines.number(row['null_mean'])} ± {lines.number(row['null_std'])}"


def _control(row: Row | None) -> str:
    return "" if row is None else lines.number(row["value"])
