"""What the runs of each task can show: units, seeds, intraclass correlation and power."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from alignkit.statistics.correlation.hypothesis import Hypothesis, Question
from alignkit.statistics.power import power
from alignkit.statistics.requirements import LEVEL, MIN_UNITS
from alignkit.statistics.variance.decomposition import intraclass_correlation

LIKELY_R = 0.7  # the true correlation for which power is computed


def describe_tasks(
    runs: pd.DataFrame, hypotheses: Sequence[Hypothesis], question: Question
) -> pd.DataFrame:
    """Describe the units of each task and their power.

    Parameters
    ----------
    runs : DataFrame
        One row per run, with its unit.
    hypotheses : sequence of Hypothesis
    question : Question

    Returns
    -------
    DataFrame
        One row per task: ``task``, ``n`` (units), ``runs``, ``seeds_low`` and ``seeds_high``
        (per placement), ``missing`` (runs without outcome), ``icc`` of the outcome with its
        interval, ``effective_n`` (the number of independent runs that its runs are worth),
        ``tests`` (of the primary family over all tasks) and the ``power`` to find r = 0.7,
        alone and after a Bonferroni correction for these tests.
    """
    tests = max(1, sum(h.primary and h.testable for h in hypotheses))
    rows = []
    for task in sorted(runs["task"].unique()):
        task_runs = runs[runs["task"] == task]
        known = task_runs.dropna(subset=[question.outcome])
        groups = known["placement" if question.unit == "run" else "_unit"]
        n = known["_unit"].nunique()
        seeds = groups.value_counts()
        controls = max((h.basis.shape[1] for h in hypotheses if h.row["task"] == task), default=0)
        enough = n - controls >= MIN_UNITS
        icc = intraclass_correlation(known[question.outcome].to_numpy(float), groups.to_numpy())
        rows.append(
            {
                "task": task,
                "n": n,
                "runs": len(known),
                "seeds_low": int(seeds.min()) if n else 0,
                "seeds_high": int(seeds.max()) if n else 0,
                "missing": len(task_runs) - len(known),
                "tests": tests,
                "icc": icc[0] if icc else None,
                "icc_low": icc[1] if icc else None,
                "icc_high": icc[2] if icc else None,
                "effective_n": effective_n(seeds.to_numpy(), icc[0]) if icc else None,
                "power": power(n - controls, LIKELY_R, LEVEL) if enough else None,
                "power_corrected": power(n - controls, LIKELY_R, LEVEL / tests) if enough else None,
            }
        )
    return pd.DataFrame(rows)


def effective_n(sizes: np.ndarray, icc: float) -> float:
    """Return the number of independent runs that clustered runs are worth (Kish 1965).

    n / (1 + (m - 1) icc), where m is the mean size of a placement over its runs: the sum of
    squared sizes over their sum.

    Parameters
    ----------
    sizes : ndarray (groups,)
        Number of runs of each placement.
    icc : float
        Intraclass correlation; below 0 it counts as 0.
    """
    n = float(sizes.sum())
    size = float((sizes**2).sum()) / n
    return n / (1 + (size - 1) * max(0.0, icc))
