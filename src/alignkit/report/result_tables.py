"""The tables of results that go into papers: scores, and correlations with alignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.report.formatting import p_text, r_text, range_text, spread_text
from alignkit.report.paper_tables import ENDINGS, WRITERS, PaperColumn, PaperTable
from alignkit.report.proper_names import proper_name
from alignkit.runs.files import write_results, write_text
from alignkit.runs.units import UNITS

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics import Correlations

Row = Mapping[str, Any]
LAYERWISE = "max-T over layers"


def score_table(means: pd.DataFrame, unit: str, split: str) -> PaperTable:
    """Return one row per task and unit: every score as mean and standard deviation over runs.

    Parameters
    ----------
    means : DataFrame
        As from ``scores_by_unit``.
    unit, split : str
    """
    rows = means[["task", "unit"]].drop_duplicates().itertuples(index=False)
    known = {(row.task, row.unit, row.score): row for row in means.itertuples()}
    keys = [tuple(row) for row in rows]
    scores = list(dict.fromkeys(means["score"]))
    of_unit = [[known[(*key, s)] for s in scores if (*key, s) in known] for key in keys]
    heading = unit if unit in ("placement", "variant") else "unit"
    columns = [
        PaperColumn("task", [str(task) for task, _ in keys]),
        PaperColumn(heading, [str(name) for _, name in keys]),
        PaperColumn("runs", [str(max((r.runs for r in own), default=0)) for own in of_unit], True),
        PaperColumn("n", [_whole(own[0].n) if own else "" for own in of_unit], True),
    ]
    for score in scores:
        found = [known.get((*key, score)) for key in keys]
        cells = ["" if row is None else spread_text(row.mean, row.sd) for row in found]
        columns.append(PaperColumn(score, cells, True))
    return PaperTable(columns, f"mean ± standard deviation over runs, on {split}")


def _whole(n: Any) -> str:
    return "" if n is None or n != n else str(int(n))


def correlation_table(rows: Sequence[Row], task: Row, unit: str) -> PaperTable:
    """Return one row per metric, or pair of layers, of one task.

    Parameters
    ----------
    rows : sequence of mapping
        Of the table of correlations; None is what is missing.
    task : mapping
        Of the table of tasks: its name and its number of units.
    unit : str
    """
    columns = [PaperColumn("metric", [str(row["metric"]) for row in rows])]
    if rows and rows[0]["adjustment"] == LAYERWISE:
        columns.append(PaperColumn("layers", [str(row["layer"]) for row in rows]))
    if any(row["n"] != task["n"] for row in rows):
        columns.append(PaperColumn("n", [str(row["n"]) for row in rows], True))
    cells = {
        "r": [r_text(row["pearson"]) for row in rows],
        "95 %": [range_text(row["low"], row["high"]) for row in rows],
        "p": [_p(row, "p") for row in rows],
        "p adj": [_p(row, "p_adjusted") for row in rows],
        "rho": [r_text(row["spearman"]) for row in rows],
    }
    columns += [PaperColumn(name, text, True) for name, text in cells.items()]
    columns.append(PaperColumn("verdict", [str(row["verdict"]) for row in rows]))
    units = f"{unit}s" if unit in UNITS else "units"
    return PaperTable(
        columns,
        f"{proper_name(str(task['task']))}: alignment and performance over {task['n']} {units} "
        "(Pearson's r with its 95 % interval, and permutation p).",
    )


def _p(row: Row, name: str) -> str:
    if row[name] is None:
        return "-"
    return p_text(row[name], fraction=row["p_fraction"] if name == "p" else None)


def write_result_tables(
    scores: pd.DataFrame,
    split: str,
    correlations: Correlations | None,
    folder: Path,
    formats: Sequence[str],
) -> None:
    """Write scores and correlations in each format; CSV has every column and digit.

    Parameters
    ----------
    scores : DataFrame
        As from ``scores_by_unit``, by variant.
    split : str
        Of the scores.
    correlations : Correlations, optional
    folder : Path
    formats : sequence of str
        Any of ``ENDINGS``.
    """
    frames = {"scores": scores}
    tables = {"scores": [score_table(scores, "placement", split)]}
    if correlations is not None:
        frames["correlations"] = correlations.table
        tables["correlations"] = _by_task(correlations)
    for chosen in dict.fromkeys(formats):
        for name, frame in frames.items():
            path = folder / f"{name}.{ENDINGS[chosen]}"
            if chosen == "csv":
                write_results(path, frame)
            else:
                write_text(path, "\n".join(map(WRITERS[chosen], tables[name])))


def _by_task(correlations: Correlations) -> list[PaperTable]:
    table = correlations.table.astype(object)
    rows = table.where(table.notna(), None).to_dict(orient="records")
    unit = str(correlations.settings.get("unit", "placement"))
    return [
        correlation_table([row for row in rows if row["task"] == task["task"]], task, unit)
        for task in correlations.tasks.to_dict(orient="records")
    ]
