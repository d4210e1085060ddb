"""How many placements a study needs: power by number of placements."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from alignkit.report.style import FAINT, INK, PALETTE, house_style, panels, plain


def power_curve(
    curve: pd.DataFrame,
    r: float,
    target: float,
    here: int | None = None,
    label: str = "your placements",
) -> Figure:
    """Draw power against placements, one line per correction, and the number that there are now.

    Parameters
    ----------
    curve : DataFrame
        ``placements``, ``seeds``, ``tests``, ``power``; ``simulated`` where it was checked.
    r : float
        True correlation to be detected.
    target : float
        Desired power.
    here : int, optional
        Number of placements to mark, such as that of the runs.
    label : str
        What the mark says.
    """
    with house_style():
        figure, (ax,) = panels(1, 1, 5.6, 3.1, margins=(0.6, 1.5, 0.45, 0.5))
        ax.axhline(target, color=FAINT, lw=0.8, ls=(0, (2, 2)))
        for i, (tests, line) in enumerate(curve.groupby("tests")):
            colour = PALETTE[i % len(PALETTE)]
            ax.plot(line["placements"], line["power"], color=colour, lw=1.8)
            if "simulated" in line:
                ax.plot(line["placements"], line["simulated"], "o", ms=3.5, color=colour)
            name = "one test" if tests == 1 else f"corrected for {tests} tests"
            last = line.iloc[-1]
            ax.annotate(
                name,
                (last["placements"], last["power"]),
                xytext=(5, -9 * i),
                textcoords="offset points",
                color=colour,
                va="center",
                fontsize=8,
                annotation_clip=False,
            )
            if here is not None and (line["placements"] == here).any():
                power = float(line.loc[line["placements"] == here, "power"].iloc[0])
                ax.plot(here, power, "o", ms=7, color=colour, mec="white", zorder=4)
                ax.annotate(
                    f"{power:.2f}",
                    (here, power),
                    xytext=(-6, 5),
                    fontsize=8,
                    textcoords="offset points",
                    color=colour,
                    ha="right",
                )
        if here is not None:
            ax.axvline(here, color=INK, lw=0.8, zorder=0)
            ax.annotate(
                label, (here, 1.02), xycoords=("data", "axes fraction"), ha="center", fontsize=8
            )
        ax.set_ylim(0, 1.02)
        ax.set_xlabel("number of placements")
        ax.set_ylabel(f"power to detect r = {r:g}")
        plain(ax)
    return figure
