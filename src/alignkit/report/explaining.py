"""The files of analyses of single tokens and patches: tables, and figures with their data."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from alignkit.analysis.explaining.attention import AttentionEntropy
from alignkit.analysis.explaining.forward import TRAINED
from alignkit.progress import SILENT, Reporter
from alignkit.report.figures.attention_curves import attention_curves
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.layer_curves import write_layers


def write_attention(
    result: AttentionEntropy,
    *,
    folder: Path | None = None,
    figures: Path | None = None,
    reporter: Reporter = SILENT,
) -> list[Path]:
    """Write the entropy of attention as a folder of CSV tables and as a folder of figures."""
    tables = {"heads": result.heads, "layers": result.layers, "fusions": result.fusions}
    return write_layers(tables, partial(draw_attention, result), folder, figures, reporter)


def draw_attention(result: AttentionEntropy, folder: Path) -> int:
    """Draw the entropy by depth, a figure per task; return how many."""
    drawn = FigureFolder(folder)
    trained = result.heads[result.heads["weights"] == TRAINED]
    for task, part in result.layers.groupby("task", sort=False):
        drawn.add(
            f"attention-{task}",
            attention_curves(part, trained[trained["task"] == task]),
            part,
            f"Entropy of attention, {task}",
            "The entropy of attention over the largest that it could be, by layer, a row of panels "
            "per placement and a column per stream; co-attention stands at the fusions.",
        )
    return len(drawn.names)
