"""How correlations are printed: the settings, one table per task, a legend and warnings."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alignkit.cleaning import visible
from alignkit.cli.printing import console
from alignkit.cli.printing.tables import Column

if TYPE_CHECKING:
    from alignkit.statistics import Correlations

_WIDTH = 100  # when stdout is not a terminal
_STRONGEST = 10
# What a column shows, by its title; said where the column is printed.
_LEGEND = {
    "r": "Pearson's r over unit means",
    "95 %": "its confidence interval over placements like these, for values as measured (Fisher's "
    "z, wider where tails are heavy)",
    "p": "permutation test",
    "p adj": "{how}",
    "p stud.": "studentised permutation test, which one outlying unit or unequal variances do not "
    "deceive",
    "p absent": "equivalence to 0 within the margin",
    "BF01": "Bayes factor for no association over any, r uniform from -1 to 1",
    "exp": "sign of r if higher alignment goes with better performance",
    "rho": "Spearman's rank correlation",
    "least p": "what p could be at best in any arrangement of the units (corrected)",
    "R2 left out": "R^2 of predicting each unit from the others, against their mean",
    "r raw": "r of the values as measured",
    "r cal.": "r of the calibrated values",
    "r plain": "r of the values that are not within classes",
    "w/o none": "r without the placement 'none'",
    "leave one out": "range of r without one unit",
    "within": "repeated-measures correlation over the seeds of each placement",
    "r w/o noise": "r corrected for the noise of seeds (disattenuated); never clipped, beyond 1 it "
    "is above the ceiling",
}
# The columns that stand together where a table has to be split.
_TESTS = ("exp", "verdict", "r", "95 %", "p", "p adj", "p\nstud.", "p\nabsent", "BF01")
_ADJUSTED = {
    "max-T": "max-T over the primary family",
    "BH": "false discovery rate over the exploratory metrics",
    "max-T over layers": "max-T over the pairs of layers",
}


def show(correlations: "Correlations") -> None:
    """Print one table per task on stdout, and warnings on stderr."""
    from alignkit.report.cautions import caution_lines
    from alignkit.report.pooled import pooled_lines, why_not_pooled
    from alignkit.report.result_tables import correlation_table
    from alignkit.report.summary_lines import summary_lines
    from alignkit.report.within import within_sentence

    rows = console.records(correlations.table)
    titles: set[str] = set()
    for task in console.records(correlations.tasks):
        mine = [row for row in rows if row["task"] == task["task"]]
        if not mine:
            continue
        for line in summary_lines(task, mine, correlations.settings):
            _print(line, "bold" if line.startswith("task ") else "")
        chosen = _chosen(mine)
        console.print_gap()
        if console.settings.tables_as:
            unit = str(correlations.settings.get("unit", "placement"))
            shown = correlation_table(chosen, task, unit)
            console.print_paper_table(shown)
            titles |= {column.name for column in shown.columns}
        else:
            table, further = _table(chosen, task["n"])
            console.print_columns(table, apart=further, otherwise=_WIDTH)
            titles |= {column.name.replace("\n", " ") for column in table}
        console.print_gap()
        reasons = list(_reasons(mine))
        for line in reasons:
            _print(line)
        if reasons:
            console.print_gap()
    for line in pooled_lines(correlations.pooled) or why_not_pooled(correlations):
        _print(line)
    _print(_legend(rows, titles), "dim")
    if correlations.settings.get("within"):
        console.note(f"note: {within_sentence(correlations.settings['within'])}")
    for line in caution_lines(correlations.cautions):
        console.note(f"note: {line}")


def _legend(rows: Sequence[Mapping[str, Any]], titles: set[str]) -> str:
    """Return what the printed columns show."""
    used = dict.fromkeys(row["adjustment"] for row in rows if row["adjustment"])
    how = "; ".join(_ADJUSTED[method] for method in used) or "not corrected"
    said = [f"{title}: {text}" for title, text in _LEGEND.items() if title in titles]
    return ". ".join(said).format(how=how) + "."


def _print(text: str, style: str = "") -> None:
    console.print_text(text, style, _WIDTH)


def _chosen(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return all rows, or the strongest if they are many pairs of layers."""
    if len(rows) <= 3 * _STRONGEST or rows[0]["adjustment"] != "max-T over layers":
        return list(rows)
    return sorted(rows, key=lambda row: -abs(row["pearson"] or 0))[:_STRONGEST]


def _table(rows: Sequence[Mapping[str, Any]], units: int) -> tuple[list[Column], list[str]]:
    """Return the columns that are not empty, and those that may stand apart from the tests."""
    # A dash is what is missing, but in the column of signs it is a sign.
    columns = {
        name: cells
        for name, cells in _columns(rows, units).items()
        if name == "exp" or any(cell != "-" for cell in cells)
    }
    names = list(columns)
    left = ("metric", "verdict", "layers")
    further = [name for name in names[names.index("exp") :] if name not in _TESTS]
    return [Column(name, columns[name], right=name not in left) for name in names], further


def _columns(rows: Sequence[Mapping[str, Any]], units: int) -> dict[str, list[str]]:
    """Return the cells by column, from left to right."""
    from alignkit.report.formatting import factor_text, p_text, r_text, range_text

    def p(row: Mapping[str, Any], name: str) -> str:
        if row[name] is None:
            return "-"
        return p_text(row[name], fraction=row["p_fraction"] if name == "p" else None)

    columns: dict[str, list[str]] = {"metric": [visible(row["metric"]) for row in rows]}
    if rows and rows[0]["adjustment"] == "max-T over layers":
        columns["layers"] = [row["layer"] for row in rows]
    if any(row["n"] != units for row in rows):
        columns["n"] = [str(row["n"]) for row in rows]
    columns |= {
        "exp": [row["expected_sign"] for row in rows],
        "verdict": [row["verdict"] for row in rows],
        "r": [r_text(row["pearson"]) for row in rows],
        "95 %": [range_text(row["low"], row["high"]) for row in rows],
        "p": [p(row, "p") for row in rows],
        "p adj": [p(row, "p_adjusted") for row in rows],
        "p\nstud.": [p(row, "p_studentised") for row in rows],
        "p\nabsent": [
            "-" if row["absence"] in (None, "not testable") else p(row, "p_equivalence")
            for row in rows
        ],
        "BF01": [factor_text(row["bayes_factor"]) for row in rows],
        "rho": [r_text(row["spearman"]) for row in rows],
        "w/o\nnone": [r_text(row["without_none"]) for row in rows],
        "leave\none out": [
            range_text(row["leave_one_out_low"], row["leave_one_out_high"]) for row in rows
        ],
        "within": [r_text(row["within"]) for row in rows],
        "r w/o\nnoise": [r_text(row["disattenuated"]) for row in rows],
    }
    columns["least\np"] = [_least(row) for row in rows]
    columns["R2\nleft out"] = [r_text(row["r2_left_out"]) for row in rows]
    for kind, title in (("raw", "raw"), ("calibrated", "cal."), ("plain", "plain")):
        if rows and f"pearson_{kind}" in rows[0]:
            columns[f"r\n{title}"] = [r_text(row[f"pearson_{kind}"]) for row in rows]
    return columns


def _least(row: Mapping[str, Any]) -> str:
    """Return the least p that could be attained, with the corrected one where it is larger."""
    from alignkit.report.formatting import p_text

    if row["least_p"] is None:
        return "-"
    least, corrected = p_text(row["least_p"]), p_text(row["least_p_adjusted"])
    return least if corrected == least else f"{least} ({corrected})"


def _reasons(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the reasons that limit the verdicts; metrics with the same reason share a line."""
    from alignkit.report.formatting import beyond_controls
    from alignkit.statistics.requirements import LEVEL

    grouped: dict[str, list[str]] = {}
    for row in _chosen(rows):
        striking = row["verdict"] != "inconclusive" or row["p_adjusted"] < LEVEL
        if row["reason"] and striking:
            said = f"{row['verdict']} ({row['reason']})"
            layer = f" {row['layer']}" if row["adjustment"] == "max-T over layers" else ""
            grouped.setdefault(said, []).append(visible(row["metric"]) + layer)
    for said, metrics in grouped.items():
        yield f"{', '.join(dict.fromkeys(metrics))}: {said}"
    predicting = [visible(row["metric"]) for row in rows if row["predicts"]]
    if predicting:
        beyond = beyond_controls(rows[0].get("control"))
        yield f"{', '.join(predicting)}: predicts the score of a unit from the other units{beyond}"
    if len(_chosen(rows)) < len(rows):
        yield f"the {_STRONGEST} strongest of {len(rows)} pairs; --json or --output give all"
