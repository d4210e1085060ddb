"""A mean on either side of fusions, such as alignment just before and just after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from alignkit.report.figures.fit import fit
from alignkit.report.style import (
    Look,
    columns_for,
    full_width,
    house_style,
    looks,
    named,
    panels,
    plain,
    room_for,
    short,
)


def around_fusions(
    changes: pd.DataFrame,
    ends: tuple[str, str] = ("before", "after"),
    by: Sequence[str] = ("metric", "task"),
    look: Mapping[str, Look] | None = None,
    label: str = "",
) -> Figure:
    """Draw two means of every placement as a line, such as before and after fusions.

    Parameters
    ----------
    changes : DataFrame
        ``placement`` and the columns that are named; drawn are means over its rows.
    ends : (str, str)
        The columns with the two values.
    by : sequence of str
        The columns that tell panels apart.
    look : mapping, optional
        Placement to its look, where other figures share it.
    label : str
        Of the vertical axis, which then begins at 0.
    """
    groups = list(changes.dropna(subset=list(ends)).groupby(list(by), sort=False))
    names = sorted(changes["placement"].unique())
    if look is None or not set(names) <= set(look):
        look = looks(names)
    columns = columns_for(len(groups), 1.45, margins=0.8, gap=0.45)
    width = min(3.4, (full_width() - 0.8 - 0.45 * (columns - 1)) / columns)
    with house_style():
        figure, axes = panels(
            len(groups), columns, width, 2.2, gap=(0.45, 0.6), margins=(0.65, 1.7, 0.35, 0.4)
        )
        drawn = {}
        for ax, (key, part) in zip(axes, groups, strict=True):
            for name, row in part.groupby("placement")[list(ends)].mean().iterrows():
                (drawn[str(name)],) = ax.plot(
                    [0, 1],
                    row,
                    color=look[str(name)].colour,
                    marker=look[str(name)].marker,
                    ms=5,
                    lw=1.1,
                    label=short(name, 20),
                )
            ax.set_xticks([0, 1], [end.replace("_", " ") for end in ends])
            ax.set_xlim(-0.25, 1.25)
            said = ", ".join(
                short(each, 24) if column == "stream" else named(each, 24)
                for column, each in zip(by, key, strict=True)
            )
            ax.set_title(short(said, room_for(60, width)), y=1)
            plain(ax)
            if label:
                ax.set_ylim(bottom=0)
        if label:
            axes[0].set_ylabel(label)
        handles = [drawn[name] for name in sorted(drawn)]
        figure.legend(handles=handles, loc="center right", borderaxespad=0.3)
        fit(figure, axes, columns)
    return figure
