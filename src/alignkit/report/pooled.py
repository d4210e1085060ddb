"""One answer from several tasks, as lines for a reader."""

from __future__ import annotations

import pandas as pd

from alignkit.report.formatting import p_text


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
        f"{row['verdict']}"
        for _, row in pooled.iterrows()
    ]
