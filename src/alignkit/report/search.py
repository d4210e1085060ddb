"""The figures of a search, each with the data that it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from alignkit.report.figures.folder import FigureFolder
from alignkit.report.figures.search_bars import bars
from alignkit.report.figures.search_history import history
from alignkit.report.figures.search_parallel import parallel
from alignkit.report.figures.search_pareto import pareto
from alignkit.report.stored_tables import SEARCH
from alignkit.runs.files import write_json


def write_search_figures(
    folder: Path,
    table: pd.DataFrame,
    parameters: Sequence[str],
    objectives: Sequence[Mapping[str, str]],
    correlations: Sequence[Mapping[str, Any]],
    importances: Sequence[Mapping[str, Any]],
    front: Sequence[int],
    largest: float,
    study: str,
) -> list[Path]:
    """Write every figure as SVG and PNG with the CSV of its data beside it, for a report too.

    Parameters
    ----------
    folder : Path
    table : DataFrame
        One row per trial: ``number``, ``state``, ``duplicate_of``, parameters, objectives.
    parameters : sequence of str
    objectives : sequence of dict
        ``name`` and ``direction``.
    correlations, importances : sequence of dict
        Rows of the analysis; what has no value is drawn as such.
    front : sequence of int
        Numbers of the trials on the Pareto front.
    largest : float
        Objectives of this size or more are written but not drawn.
    study : str
        Its name.

    Returns
    -------
    list of Path
        The PNG files.
    """
    written = FigureFolder(folder)
    names = [o["name"] for o in objectives]
    shown = table.copy()
    shown[names] = table[names].where(table[names].abs() < largest)
    drawn: list[tuple[str, Figure, pd.DataFrame]] = [
        ("history", history(shown, objectives), table),
        (
            "correlations",
            bars(correlations, "spearman", "Spearman's ρ (p: Holm-corrected)", names),
            pd.DataFrame(correlations),
        ),
        (
            "importances",
            bars(importances, "importance", "proportion of variance explained", names),
            pd.DataFrame(importances),
        ),
        ("parallel", parallel(shown, parameters, objectives), table),
    ]
    if len(names) > 1:
        drawn.append(("pareto", pareto(shown, objectives, front), table))
    for name, figure, data in drawn:
        written.add(name, figure, data, name, name)
    write_json(folder / SEARCH, {"study": study, "objectives": list(objectives)})
    return [folder / f"{shown.name}.png" for shown in written.shown]
