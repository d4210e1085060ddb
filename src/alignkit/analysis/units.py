"""Name the units of analysis in a table of runs, and report what they average over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.units import UNITS, pooled_placements

if TYPE_CHECKING:
    import pandas as pd


def label_units(table: pd.DataFrame, labels: Mapping[Path, str], unit: str) -> pd.DataFrame:
    """Name the unit of every run in the column ``unit``, and in a column called like the unit.

    Parameters
    ----------
    table : DataFrame
        One row per run, with its path in ``run``.
    labels : mapping of Path to str
        From ``unit_labels``.
    unit : str
        ``placement``, ``variant``, ``run`` or an option.
    """
    names = table["run"].map({str(path): label for path, label in labels.items()})
    columns = {"unit"} if unit in ("placement", "run") else {"unit", unit}
    return table.assign(**dict.fromkeys(columns, names))


def report_pooled_placements(
    runs: Sequence[Run], labels: Mapping[Path, str], unit: str, reporter: Reporter = SILENT
) -> None:
    """Report that the units of an option average over placements, or differ in them.

    Parameters
    ----------
    runs : sequence of Run
    labels : mapping of Path to str
        From ``unit_labels``.
    unit : str
        ``placement``, ``variant``, ``run`` or an option.
    """
    if unit in UNITS:
        return
    placements: dict[str, set[frozenset[str]]] = {}
    for (task, _), pooled in pooled_placements(runs, labels).items():
        placements.setdefault(task, set()).add(frozenset(pooled))
    for task, groups in placements.items():
        shared = sorted(next(iter(groups)))
        if len(groups) > 1:
            reporter.note(
                f"note: {task}: the units differ not only in {unit} but also in their "
                "placements, so the two effects cannot be separated"
            )
        elif len(shared) > 1:
            reporter.note(
                f"note: {task}: every value of {unit} is averaged over the placements "
                f"{', '.join(shared)}"
            )
