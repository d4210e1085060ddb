"""Results that are several tables: their CSV files, and figures with the data that they show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alignkit.analysis.ablation import Ablation
from alignkit.analysis.dimension import Dimensions
from alignkit.analysis.explaining.attention import AttentionEntropy
from alignkit.analysis.explaining.grad_cam import GradCam
from alignkit.analysis.explaining.tokens import TokenSimilarities
from alignkit.analysis.probing.probe import Probes
from alignkit.analysis.tabled import Tabled
from alignkit.analysis.trajectory import Trajectory
from alignkit.progress import SILENT, Reporter
from alignkit.report.ablation import draw_ablation
from alignkit.report.dimension import draw_dimensions
from alignkit.report.explaining import draw_attention, draw_grad_cam, draw_tokens
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.probe import draw_probes
from alignkit.report.trajectory import draw_trajectory
from alignkit.runs.files import write_results

_DRAW: dict[type, Callable[[Any, FigureFolder], None]] = {
    Dimensions: draw_dimensions,
    Trajectory: draw_trajectory,
    Probes: draw_probes,
    Ablation: draw_ablation,
    AttentionEntropy: draw_attention,
    GradCam: draw_grad_cam,
    TokenSimilarities: draw_tokens,
}


def draw_tabled(result: Tabled, figures: FigureFolder) -> None:
    """Draw the figures of a result."""
    _DRAW[type(result)](result, figures)


def write_tabled(
    result: Tabled,
    *,
    folder: Path | None = None,
    figures: Path | None = None,
    reporter: Reporter = SILENT,
) -> list[Path]:
    """Write the tables that have rows as a folder of CSV files, and figures, where asked for.

    Returns
    -------
    list of Path
        The folders.
    """
    if folder is not None:
        for name, table in result.tables.items():
            if len(table):
                write_results(folder / f"{name}.csv", table)
    if figures is not None:
        drawn = FigureFolder(figures)
        draw_tabled(result, drawn)
        reporter.note(f"figures: {len(drawn.shown)} in {figures}")
    return [place for place in (folder, figures) if place is not None]
