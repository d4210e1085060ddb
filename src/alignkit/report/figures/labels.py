"""Names beside points, placed so that they cover neither each other nor the points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg

from alignkit.report.style import FAINT, short

# Right first, as one reads; further out only when all near places are taken.
_DEGREES = (0, 180, 45, -45, 135, -135, 90, -90, 20, -20, 160, -160, 70, -70, 110, -110)
_DISTANCES = (6, 11, 18, 26, 36, 48)
_FAR = 12  # from here on a thin line leads to the point
_MARKER = 9  # its width, in points


def label_points(
    axes: Axes,
    x: Sequence[float],
    y: Sequence[float],
    names: Sequence[str],
    colours: Sequence[str],
    size: float = 7.5,
    avoid: np.ndarray | None = None,
) -> None:
    """Write names beside points; the axes must have their final limits.

    Parameters
    ----------
    axes : Axes
    x, y : sequences of float
        In data coordinates.
    names, colours : sequences of str
    size : float
        Of the letters, in points.
    avoid : ndarray (m, 2), optional
        Places that names had better not cover, such as a line's.
    """
    if not len(names):
        return
    spots = _in_points(axes, np.column_stack([x, y]))
    corners = axes.get_window_extent().get_points() * 72 / axes.figure.dpi
    taken = [_boxes(spots, _MARKER, _MARKER)]
    if avoid is not None and len(avoid):
        taken.append(_boxes(_in_points(axes, avoid), 2, 2))
    for i in _crowded_first(spots):
        text = short(names[i])
        width, height = _extent(axes, text, size)
        centre, distance = _best(spots[i], width, height, np.concatenate(taken), corners.ravel())
        taken.append(_boxes(centre[None], width, height))
        leader = {"arrowstyle": "-", "lw": 0.5, "color": FAINT, "shrinkA": 0, "shrinkB": 3}
        axes.annotate(
            text,
            (x[i], y[i]),
            xytext=centre - spots[i],
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=size,
            color=colours[i],
            zorder=5,
            annotation_clip=False,
            arrowprops=leader if distance > _FAR else None,
        )


def _in_points(axes: Axes, places: np.ndarray) -> np.ndarray:
    """Data coordinates as points (1/72 inch) on the figure."""
    return axes.transData.transform(places) * 72 / axes.figure.dpi


def _crowded_first(spots: np.ndarray) -> np.ndarray:
    """Points in a crowd choose first, while there is still room."""
    apart = np.linalg.norm(spots[:, None] - spots, axis=-1)
    return np.argsort(-np.exp(-apart / 40).sum(axis=1), kind="stable")


def _best(
    spot: np.ndarray, width: float, height: float, taken: np.ndarray, inside: np.ndarray
) -> tuple[np.ndarray, float]:
    """The centre of the least covered place for a name, and its distance."""
    distance, angle = (
        grid.ravel() for grid in np.meshgrid(_DISTANCES, np.radians(_DEGREES), indexing="ij")
    )
    # The near edge of the box, not its centre, is so far from the spot.
    centres = spot + np.column_stack(
        [np.cos(angle) * (distance + width / 2), np.sin(angle) * (distance + height / 2)]
    )
    boxes = _boxes(centres, width, height)
    outside = width * height - _overlaps(boxes, inside[None])[:, 0]
    preference = np.tile(np.arange(len(_DEGREES)), len(_DISTANCES))
    cost = _overlaps(boxes, taken).sum(axis=1) + 4 * outside + 0.08 * distance + 0.01 * preference
    best = int(np.argmin(cost))
    return centres[best], float(distance[best])


def _boxes(centres: np.ndarray, width: float, height: float) -> np.ndarray:
    """Boxes as ``(m, 4)``: left, bottom, right, top."""
    half = np.array([width / 2, height / 2])
    return np.hstack([centres - half, centres + half])


def _overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The area that each box shares with each of the others."""
    left, bottom, right, top = (
        best(boxes[:, None, side], others[None, :, side])
        for side, best in enumerate((np.maximum, np.maximum, np.minimum, np.minimum))
    )
    areas: np.ndarray = np.maximum(right - left, 0) * np.maximum(top - bottom, 0)
    return areas


def _extent(axes: Axes, text: str, size: float) -> tuple[float, float]:
    """Width and height of a text in points."""
    canvas = axes.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    drawn = axes.text(0, 0, text, fontsize=size)
    extent = drawn.get_window_extent(canvas.get_renderer())
    drawn.remove()
    per_point = axes.figure.dpi / 72
    return extent.width / per_point + 2, extent.height / per_point
