"""The figures of analyses of single tokens and patches."""

from __future__ import annotations

import pandas as pd

from alignkit.analysis.explaining.attention import AttentionEntropy
from alignkit.analysis.explaining.forward import TRAINED
from alignkit.analysis.explaining.grad_cam import GradCam, Picture
from alignkit.analysis.explaining.tokens import TO_PATCHES, TokenSimilarities
from alignkit.report.figures.attention_curves import attention_curves
from alignkit.report.figures.depth_curves import depth_curves
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.figures.overlays import layers_to_draw, overlays


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


def draw_grad_cam(result: GradCam, drawn: FigureFolder) -> None:
    """Draw the maps over pictures, a figure per unit."""
    units: dict[tuple[str, str], list[Picture]] = {}
    for picture in result.pictures:
        key = (str(picture.columns["task"]), str(picture.columns["unit"]))
        units.setdefault(key, []).append(picture)
    for (task, unit), pictures in units.items():
        own = result.layers[(result.layers["task"] == task) & (result.layers["unit"] == unit)]
        layers = layers_to_draw(pictures, list(own.sort_values("depth")["layer"]))
        if not layers:
            continue
        drawn.add(
            f"grad-cam-{task}-{unit}",
            overlays(pictures, layers),
            _patches(pictures, layers),
            f"Grad-CAM, {task}, {unit}",
            f"Pictures with the label that is predicted, and Grad-CAM of the layers "
            f"{', '.join(layers)} over them, of the trained and of the untrained model; the "
            "brightest patch of each map is its largest value.",
        )


def draw_tokens(result: TokenSimilarities, drawn: FigureFolder) -> None:
    """Draw the similarities by depth, a figure per task and direction."""
    trained = result.pairs[result.pairs["weights"] == TRAINED]
    layers = trained[~trained["x"].str.contains(".f", regex=False)]
    for (task, direction), part in layers.groupby(["task", "direction"], sort=False):
        values = part.drop(columns="placement").rename(
            columns={"unit": "placement", "mismatched": "chance"}
        )
        placements = {
            unit: result.placements[str(task), unit] for unit in dict.fromkeys(part["unit"])
        }
        sides = ("token", "patch") if direction == TO_PATCHES else ("patch", "token")
        label = f"{sides[0]} to closest {sides[1]}"
        drawn.add(
            f"{direction}-{task}",
            depth_curves(values, placements, label, dotted="mismatched pairs"),
            values,
            f"Cosine of each {label}, {task}",
            f"The mean cosine of each {sides[0]} with the closest {sides[1]}, by layer, one panel "
            "per placement; dotted: texts with pictures of other samples.",
        )


def _patches(pictures: list[Picture], layers: list[str]) -> pd.DataFrame:
    """Return the drawn maps, a row per patch."""
    rows = [
        {**picture.columns, "layer": layer, "row": i, "column": j, "value": float(value)}
        for picture in pictures
        for layer in layers
        if layer in picture.maps
        for i, line in enumerate(picture.maps[layer])
        for j, value in enumerate(line)
    ]
    return pd.DataFrame(rows)
