"""The best pairs of layers as a table in LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alignkit.cleaning import visible
from alignkit.report.comparison.lines import interval, layer, measure, number
from alignkit.report.comparison.rows import Row
from alignkit.report.formatting import p_text

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}


def latex_table(rows: Sequence[Row], caption: str) -> str:
    """Return a ``tabular`` with one row per pair of models and metric.

    Parameters
    ----------
    rows : sequence of Row
        As from ``best_rows``.
    caption : str
    """
    has = {key: any(row[key] is not None for row in rows) for key in ("low", "p", "chance")}
    random = [side for side in ("a", "b") if any(row[f"random_{side}"] is not None for row in rows)]
    metrics = len({(row["spec"], row["within"]) for row in rows}) > 1
    heads = (["metric"] if metrics else []) + ["A", "B", "layer of A", "layer of B", "value"]
    heads += ["95\\,\\%"] if has["low"] else []
    heads += ["chance"] if has["chance"] else []
    heads += ["$p$"] if has["p"] else []
    heads += [f"random {side.upper()}" for side in random]
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "  \\centering",
        f"  \\caption{{{latex(caption)}}}",
        f"  \\begin{{tabular}}{{{'l' * (5 if metrics else 4)}{'r' * (len(heads) - 4 - metrics)}}}",
        "    \\toprule",
        f"    {' & '.join(heads)} \\\\",
        "    \\midrule",
    ]
    for row in rows:
        cells = [latex(measure(row))] if metrics else []
        cells += [latex(str(row[side])) for side in ("a", "b")]
        cells += [latex(layer(row, side)) for side in ("a", "b")]
        cells += [_number(row["value"])]
        cells += [interval(row).replace("-", "$-$")] if has["low"] else []
        cells += [_number(row["chance"])] if has["chance"] else []
        cells += [_p(row["p"])] if has["p"] else []
        for side in random:
            control = row[f"random_{side}"]
            cells.append("" if control is None else _number(control["value"]))
        lines.append(f"    {' & '.join(cells)} \\\\")
    lines += ["    \\bottomrule", "  \\end{tabular}", "\\end{table}", ""]
    return "\n".join(lines)


def latex(text: str) -> str:
    """Return a text in which nothing is special to LaTeX."""
    return re.sub(r"[\\~^&%$#_{}]", lambda match: _SPECIAL[match[0]], visible(text)).replace(
        "…", "\\ldots{}"
    )


def _number(value: float | None) -> str:
    return "" if value is None else number(value).replace("-", "$-$")


def _p(p: float | None) -> str:
    return "" if p is None else p_text(p).replace("<", "$<$")
