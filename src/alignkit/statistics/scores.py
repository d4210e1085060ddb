"""How much a score hangs on the samples of the test set: standard errors and intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

RESAMPLES = 200
LEVEL = 0.95


@dataclass(frozen=True)
class ScoreError:
    """The noise of one score over samples; the model is taken as given.

    Attributes
    ----------
    se : float
        Standard error.
    low, high : float
        95 % interval of the score in the population of samples.
    method : str
        ``DeLong``, ``exact`` or ``bootstrap``.
    """

    se: float
    low: float
    high: float
    method: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def auroc_error(labels: np.ndarray, scores: np.ndarray) -> ScoreError | None:
    """Return the standard error of an AUROC (DeLong et al. 1988; fast form: Sun and Xu 2014).

    Parameters
    ----------
    labels : ndarray (n,)
        Zeros and ones.
    scores : ndarray (n,)
        Higher means more likely a one; ties count half.

    Returns
    -------
    ScoreError or None
        None with fewer than two samples of a label.
    """
    from scipy.stats import rankdata

    ones = labels.astype(bool)
    m, n = int(ones.sum()), int((~ones).sum())
    if min(m, n) < 2:
        return None
    ranks = rankdata(scores)
    over_zeros = (ranks[ones] - rankdata(scores[ones])) / n
    over_ones = 1 - (ranks[~ones] - rankdata(scores[~ones])) / m
    se = math.sqrt(over_zeros.var(ddof=1) / m + over_ones.var(ddof=1) / n)
    return _normal(float(over_zeros.mean()), se, "DeLong")


def accuracy_error(correct: int, n: int) -> ScoreError:
    """Return the standard error of a proportion with its exact interval (Clopper-Pearson 1934).

    Parameters
    ----------
    correct, n : int
        Samples that were classified correctly, and all of them; at least one.
    """
    from scipy.stats import binomtest

    low, high = binomtest(correct, n).proportion_ci(LEVEL)
    share = correct / n
    return ScoreError(math.sqrt(share * (1 - share) / n), float(low), float(high), "exact")


def bootstrap_errors(
    scores_of: Callable[[np.ndarray], Mapping[str, float]], n: int, resamples: int = RESAMPLES
) -> dict[str, ScoreError]:
    """Return standard errors from samples drawn with replacement.

    Parameters
    ----------
    scores_of : callable
        ``scores_of(rows)`` gives every score of some samples by name; it raises ``ValueError``
        where they are undefined, and such draws are left out.
    n : int
        Number of samples.
    resamples : int

    Returns
    -------
    dict of str to ScoreError
        With intervals of percentiles; without scores that are undefined in all draws but one.
    """
    rng = np.random.default_rng(0)
    drawn: dict[str, list[float]] = {}
    for _ in range(resamples):
        try:
            scores = scores_of(rng.integers(0, n, n))
        except ValueError:
            continue
        for name, value in scores.items():
            drawn.setdefault(name, []).append(value)
    errors = {}
    for name, values in drawn.items():
        if len(values) < 2:
            continue
        low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        spread = float(np.std(values, ddof=1))
        errors[name] = ScoreError(spread, float(low), float(high), "bootstrap")
    return errors


def _normal(value: float, se: float, method: str) -> ScoreError:
    from scipy.stats import norm

    half = float(norm.ppf((1 + LEVEL) / 2)) * se
    return ScoreError(se, max(0.0, value - half), min(1.0, value + half), method)
