"""One answer from several tasks, as lines for a reader."""

from __future__ import annotations

import pandas as pd

from alignkit.report.formatting import p_text
from alignkit.statistics import Correlations
from alignkit.statistics.correlation.tasks import LIKELY_R


def pooled_lines(pooled: pd.DataFrame) -> list[str]:
    """Return a line per metric that was pooled over tasks, without a final period.

    Parameters
    ----------
    pooled : DataFrame
        As in ``Correlations.pooled``; it may be empty.
    """
    return [
        f"all tasks ({row['tasks']}), {row['metric']}: pooled r {row['r']:+.2f} (positive: more "
        f"alignment, better performance; single tasks {row['r_low']:+.2f} to {row['r_high']:+.2f}, "
        f"I² {row['i_squared']:.0%}), p {p_text(row['p'], sign=True)}, corrected p "
        f"{p_text(row['p_adjusted'], sign=True)} over {row['units']} units permuted jointly: "
        f"{row['verdict']}{_power(row)}"
        for _, row in pooled.iterrows()
    ]


def _power(row: pd.Series) -> str:
    if row["verdict"] not in ("inconclusive", "not testable"):
        return ""
    least = f"least p {p_text(row['least_p_adjusted'])}; " * (row["verdict"] == "not testable")
    return f" ({least}power to detect r = {LIKELY_R} in a single test {row['power']:.2f})"


def why_not_pooled(correlations: Correlations) -> list[str]:
    """Return a line that says why several tasks have no common answer; none for one task.

    Parameters
    ----------
    correlations : Correlations
        Without pooled rows.
    """
    if len(correlations.tasks) < 2:
        return []
    settings = correlations.settings
    if settings["unit"] == "run":
        why = "runs of a placement are not independent"
    elif settings["layer"] == "all":
        why = "every pair of layers is a row of its own"
    else:
        why = "no metric can be tested in two tasks"
    return [f"all tasks: nothing is pooled, as {why}"]
