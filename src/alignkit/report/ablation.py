"""The figures of an ablation."""

from __future__ import annotations

from alignkit.analysis.ablation import Ablation
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.figures.paired import paired
from alignkit.report.style import looks, named


def draw_ablation(result: Ablation, drawn: FigureFolder) -> None:
    """Draw each value against the reference, by task and outcome."""
    option, reference = result.settings["option"], result.settings["reference"]
    look = looks(result.placements["placement"])
    for (task, outcome), part in result.placements.groupby(["task", "outcome"], sort=False):
        title = f"{named(outcome)} of {task} by {option}"
        drawn.add(
            f"ablation-{option}-{task}-{outcome}",
            paired(part, str(outcome), option, reference, look),
            part,
            title,
            f"{title}: a point per placement, with {reference} on the horizontal axis and the "
            "other value on the vertical one. Above the line, it is higher.",
        )
