"""What the figures of a search share: colours, and axes without far outliers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from alignkit.report.style import FAINT, PALETTE

BLUE, RED = PALETTE[:2]


def inner_range(values: pd.Series) -> tuple[float, float]:
    """The range of the values without far outliers, such as a failure stored as 0.

    Far is more than three times the interquartile range beyond the quartiles (Tukey 1977).
    """
    known = values.dropna().to_numpy(float)
    if not len(known):
        return 0.0, 1.0
    low, high = np.quantile(known, [0.25, 0.75])
    near = known[(known >= low - 3 * (high - low)) & (known <= high + 3 * (high - low))]
    return float(near.min()), float(near.max())


def zoom(set_limits: Any, values: pd.Series) -> int:
    """Set an axis to the inner range; give how many values are left outside."""
    low, high = inner_range(values)
    room = 0.12 * (high - low) or 0.05 * abs(high) or 0.5
    set_limits(low - room, high + room)
    return int(((values < low) | (values > high)).sum())


def beyond(count: int) -> str:
    """Return the addition to a title that says how many outliers are not drawn."""
    return f", {count} outliers outside" if count else ""


def say(ax: Axes, text: str) -> None:
    """Write a text into axes that have nothing to show."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", color=FAINT)
