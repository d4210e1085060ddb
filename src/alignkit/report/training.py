"""Training curves: the primary score on validation, epoch by epoch."""

from __future__ import annotations

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alignkit.report.style import colours, markers, new_figure, plain, settings


def training_curves(history: pd.DataFrame, score: str) -> Figure:
    """Draw the mean over seeds per placement; epoch 0 is the untrained model.

    Parameters
    ----------
    history : DataFrame
        ``placement``, ``seed``, ``epoch`` and ``value``.
    score : str
        Of the vertical axis.
    """
    names = list(dict.fromkeys(history["placement"]))
    colour, marker = colours(names), markers(names)
    with matplotlib.rc_context(settings()):
        figure = new_figure(6.4, 3.2)
        ax = figure.subplots()
        for name in names:
            mean = history[history["placement"] == name].groupby("epoch")["value"].mean()
            ax.plot(mean.index, mean, color=colour[name], marker=marker[name], ms=4, lw=1.4,
                    label=name)  # fmt: skip
        ax.set_xlabel("epoch")
        ax.set_ylabel(f"{score} (validation)")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        plain(ax)
        figure.legend(loc="outside right center")
    return figure
