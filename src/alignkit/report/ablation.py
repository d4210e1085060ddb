"""The files of an ablation: tables, and figures with the data that they show."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from alignkit.analysis.ablation import Ablation
from alignkit.progress import SILENT, Reporter
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.figures.paired import paired
from alignkit.report.layer_curves import write_layers
from alignkit.report.style import looks, named


def write_ablation(
    result: Ablation,
    *,
    folder: Path | None = None,
    figures: Path | None = None,
    reporter: Reporter = SILENT,
) -> list[Path]:
    """Write an ablation as a folder of CSV tables and as a folder of figures."""
    tables = {
        "pairs": result.pairs,
        "placements": result.placements,
        "differences": result.differences,
        "rankings": result.rankings,
    }
    return write_layers(tables, partial(draw_ablation, result), folder, figures, reporter)


def draw_ablation(result: Ablation, folder: Path) -> int:
    """Draw each value against the reference, by task and outcome; return how many figures."""
    drawn = FigureFolder(folder)
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
    return len(drawn.names)
