"""Training curves: score and loss, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from alignkit.report.style import INK, Look, house_style, looks, panels, plain, short


def training_curves(
    history: pd.DataFrame, score: str, look: Mapping[str, Look] | None = None
) -> Figure:
    """Draw means over seeds per placement: the validation score, and the loss of both splits.

    Parameters
    ----------
    history : DataFrame
        ``placement``, ``seed``, ``epoch``, ``split``, ``loss`` and ``value``, which is the
        score. Epoch 0 is the untrained model.
    score : str
        Of the vertical axis.
    look : mapping, optional
        Placement to its look, where other figures share it.
    """
    names = list(dict.fromkeys(history["placement"]))
    look = look or looks(names)
    validation, train = (history[history["split"] == s] for s in ("validation", "train"))
    with house_style():
        figure, (left, right) = panels(
            2, 2, 3.35, 2.6, gap=(0.65, 0.5), margins=(0.65, 1.75, 0.3, 0.5)
        )
        _curves(left, validation, "value", look)
        _curves(right, validation, "loss", look)
        _curves(right, train, "loss", look, dashed=True)
        left.set_title(f"{short(score)} on validation")
        right.set_title("loss")
        handles = [
            Line2D([], [], color=look[n].colour, marker=look[n].marker, ms=4, label=short(n, 22))
            for n in names
        ]
        handles += [
            Line2D([], [], color=INK, lw=1.3, label="validation"),
            Line2D([], [], color=INK, lw=1, ls="--", label="training (loss)"),
        ]
        width = figure.get_figwidth()
        figure.legend(handles=handles, loc="center left", bbox_to_anchor=(1 - 1.7 / width, 0.52))
    return figure


def _curves(
    ax: Axes, history: pd.DataFrame, column: str, look: Mapping[str, Look], dashed: bool = False
) -> None:
    means = history.groupby(["placement", "epoch"], sort=False)[column].mean()
    for name in dict.fromkeys(history["placement"]):
        mean = means[name].sort_index()
        if dashed:
            ax.plot(mean.index, mean, color=look[name].colour, lw=0.9, ls="--", alpha=0.8)
        else:
            ax.plot(
                mean.index, mean, color=look[name].colour, lw=1.4, ms=4, marker=look[name].marker
            )
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    plain(ax)
