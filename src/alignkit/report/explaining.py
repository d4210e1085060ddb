"""The figures of analyses of single tokens and patches."""

from __future__ import annotations

from alignkit.analysis.explaining.attention import AttentionEntropy
from alignkit.analysis.explaining.forward import TRAINED
from alignkit.report.figures.attention_curves import attention_curves
from alignkit.report.figures.folder import FigureFolder


def draw_attention(result: AttentionEntropy, drawn: FigureFolder) -> None:
    """Draw the entropy by depth, a figure per task."""
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
