"""Training curves: score and loss, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from alignkit.report.style import (
    INK,
    Look,
    full_width,
    house_style,
    looks,
    named,
    page,
    panels,
    plain,
    short,
)

_BESIDE = (1.75, 0.3, 0.5)  # margins right, above and below where the legend stands beside


def training_curves(
    history: pd.DataFrame, score: str, look: Mapping[str, Look] | None = None
) -> Figure:
    """Draw means over seeds per placement: the validation score, and the losses of both splits.

    Parameters
    ----------
    history : DataFrame
        ``placement``, ``seed``, ``epoch``, ``split``, ``loss`` and ``value``, which is the
        score; of several objectives also the loss of each, such as ``mlm_loss``, which gets a
        panel of its own. Epoch 0 is the untrained model.
    score : str
        Of the vertical axis.
    look : mapping, optional
        Placement to its look, where other figures share it.
    """
    names = list(dict.fromkeys(history["placement"]))
    look = look or looks(names)
    validation, train = (history[history["split"] == s] for s in ("validation", "train"))
    objectives = objective_losses(history)
    with house_style():
        columns = 1 if page().is_narrow else 2
        figure, (left, right, *others) = panels(
            2 + len(objectives),
            columns,
            min(3.35, (full_width() - (0.8 if columns == 1 else 3.05)) / columns),
            2.6 if page().type_size is None else 1.9,
            gap=(0.65, 0.75),
            margins=(0.65, *((0.15, 0.3, 0.95 + 0.085 * len(names)) if columns == 1 else _BESIDE)),
        )
        _curves(left, validation, "value", look)
        _curves(right, validation, "loss", look)
        _curves(right, train, "loss", look, dashed=True)
        left.set_title(f"{named(score)} on validation")
        right.set_title("loss" if not objectives else "loss, all objectives")
        for ax, column in zip(others, objectives, strict=True):
            _curves(ax, validation, column, look)
            _curves(ax, train, column, look, dashed=True)
            ax.set_title(f"loss of {named(column.removesuffix('_loss'))}")
        handles = [
            Line2D([], [], color=look[n].colour, marker=look[n].marker, ms=4, label=short(n, 22))
            for n in names
        ]
        handles += [
            Line2D([], [], color=INK, lw=1.3, label="validation"),
            Line2D([], [], color=INK, lw=1, ls="--", label="training (loss)"),
        ]
        if columns == 1:
            figure.legend(handles=handles, loc="lower center", ncols=2)
        else:
            place = (1 - 1.7 / figure.get_figwidth(), 0.52)
            figure.legend(handles=handles, loc="center left", bbox_to_anchor=place)
    return figure


def objective_losses(history: pd.DataFrame) -> list[str]:
    """Return the columns of the losses of single objectives, where there are several."""
    known = [c for c in history if str(c).endswith("_loss") and history[c].notna().any()]
    return known if len(known) > 1 else []  # one alone is the loss


def _curves(
    ax: Axes, history: pd.DataFrame, column: str, look: Mapping[str, Look], dashed: bool = False
) -> None:
    means = history.groupby(["placement", "epoch"], sort=False)[column].mean()
    for name in dict.fromkeys(history["placement"]):
        mean = means[name].dropna().sort_index()
        if dashed:
            ax.plot(mean.index, mean, color=look[name].colour, lw=0.9, ls="--", alpha=0.8)
        else:
            ax.plot(
                mean.index, mean, color=look[name].colour, lw=1.4, ms=4, marker=look[name].marker
            )
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(
        MaxNLocator(8 if page().type_size is None else 5, integer=True, min_n_ticks=1)
    )
    plain(ax)
