"""The figures of an ablation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from alignkit.analysis.ablation import Ablation
from alignkit.report.figures.differences import differences
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.figures.paired import paired
from alignkit.report.formatting import r_text
from alignkit.report.style import looks, named


def draw_ablation(result: Ablation, drawn: FigureFolder) -> None:
    """Draw each value against the reference, and the mean differences, by task and outcome."""
    option, reference = result.settings["option"], result.settings["reference"]
    look = looks(result.placements["placement"])
    for (task, outcome), part in result.placements.groupby(["task", "outcome"], sort=False):
        title = f"{named(outcome)} of {named(task)} by {option}"
        drawn.add(
            f"ablation-{option}-{task}-{outcome}",
            paired(part, str(outcome), option, reference, look),
            part,
            title,
            f"{title}: a point per placement, with {reference} on the horizontal axis and the "
            "other value on the vertical one. Above the line, it is higher. "
            + " ".join(_ranking(row) for row in _of(result.rankings, task, outcome)),
        )
    for (task, outcome), part in result.differences.groupby(["task", "outcome"], sort=False):
        title = f"Differences in {named(outcome)} of {named(task)} from {option} = {reference}"
        drawn.add(
            f"ablation-{option}-{task}-{outcome}-differences",
            differences(
                part,
                [f"{option} = {value}" for value in part["value"]],
                "difference",
                f"difference in {named(outcome)} (mean over placements, 95 %)",
            ),
            part,
            title,
            f"{title}, with 95 % intervals over placements; each placement is paired by seed.",
        )


def _of(rows: pd.DataFrame, task: object, outcome: object) -> list[dict[str, Any]]:
    own = rows[(rows["task"] == task) & (rows["outcome"] == outcome)]
    return [{str(k): v for k, v in row.items()} for row in own.to_dict(orient="records")]


def _ranking(row: Mapping[str, Any]) -> str:
    """Say how far two values rank placements alike."""
    found = row["spearman"]
    if found is None or found != found:
        return ""
    return f"{row['value']}: its ranking of placements correlates by {r_text(found)} (Spearman)."
