"""Grad-CAM over pictures: a row per sample, the trained model beside the untrained one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.analysis.explaining.forward import TRAINED, UNTRAINED
from alignkit.analysis.explaining.grad_cam import Picture
from alignkit.report.style import full_width, house_style, page, panels, short, type_size

_MOST_LAYERS = 3
_COLOURS = "magma"


def overlays(pictures: Sequence[Picture], layers: Sequence[str]) -> Figure:
    """Draw the maps of some layers over the pictures of one unit.

    Parameters
    ----------
    pictures : sequence of Picture
        Of trained and untrained models.
    layers : sequence of str
        Sites, in order; see ``layers_to_draw``.
    """
    samples = list(dict.fromkeys(picture.columns["sample"] for picture in pictures))
    weights = [w for w in (TRAINED, UNTRAINED) if any(p.columns["weights"] == w for p in pictures)]
    found = {(p.columns["sample"], p.columns["weights"]): p for p in pictures}
    shown = [(layer, which) for layer in layers for which in weights]
    columns = 1 + len(shown)
    width = min(1.3, (full_width() - 0.2 - 0.08 * (columns - 1)) / columns)
    with house_style():
        figure, axes = panels(
            columns * len(samples),
            columns,
            width,
            width,
            gap=(0.08, 0.26),
            margins=(0.1, 0.1, 0.42, 0.1),
        )
        for row, sample in enumerate(samples):
            own = axes[row * columns : (row + 1) * columns]
            picture = found[sample, TRAINED]
            _picture(own[0], picture.pixels)
            own[0].set_title(
                short(picture.columns["predicted"], 16), y=1, pad=3, fontsize=type_size(7.5)
            )
            for ax, (layer, which) in zip(own[1:], shown, strict=True):
                _picture(ax, picture.pixels)
                _map(ax, found[sample, which].maps.get(layer), picture.pixels)
                if row == 0:
                    ax.set_title(f"{layer}\n{which}", y=1, pad=3, fontsize=type_size(7.5))
    return figure


def layers_to_draw(pictures: Sequence[Picture], order: Sequence[str]) -> list[str]:
    """Return up to three layers of which trained models have maps, evenly spaced, with the last.

    On a narrow page, the last alone.

    Parameters
    ----------
    pictures : sequence of Picture
    order : sequence of str
        The layers, in the order of the forward pass.
    """
    known = [p.maps for p in pictures if p.columns["weights"] == TRAINED]
    layers = [layer for layer in order if any(layer in maps for maps in known)]
    most = 1 if page().is_narrow else _MOST_LAYERS
    if len(layers) <= most:
        return layers
    places = np.linspace(len(layers) - 1, 0, most).round().astype(int)[::-1]
    return [layers[i] for i in places]


def _picture(ax: Axes, pixels: np.ndarray) -> None:
    ax.imshow(pixels, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def _map(ax: Axes, cam: np.ndarray | None, pixels: np.ndarray) -> None:
    """Lay a map over a picture; where there is none, say so."""
    height, width = pixels.shape[:2]
    if cam is None:
        ax.text(
            0.5, 0.5, "no map", transform=ax.transAxes, ha="center", va="center",
            fontsize=type_size(7.5), bbox={"fc": "white", "ec": "none", "alpha": 0.8},
        )  # fmt: skip
        return
    ax.imshow(
        cam / cam.max(),
        cmap=_COLOURS,
        vmin=0,
        vmax=1,
        alpha=0.6,
        interpolation="bilinear",
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
    )
