"""Variance between groups against variance within them: placements against their seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Sums of squares closer than this are ties, so that rounding does not decide a count.
TIE = 1e-9


@dataclass(frozen=True)
class VarianceShare:
    """Share of the variance that lies between groups, and what chance would give.

    Attributes
    ----------
    groups, n : int
        Number of groups (placements) and of observations (runs).
    eta_squared : float or None
        Share of the sum of squares that lies between groups, 0 to 1; None where there is no
        test.
    chance : float or None
        Its mean over all permutations, (groups - 1) / (n - 1).
    f : float or None
        Mean square between over mean square within; None where nothing varies within.
    p : float or None
        (1 + b) / (1 + m) over permutations of observations among the groups.
    reason : str
        Why there is no test; empty where there is one.
    """

    groups: int
    n: int
    eta_squared: float | None = None
    chance: float | None = None
    f: float | None = None
    p: float | None = None
    reason: str = ""


def permutation_anova(
    values: np.ndarray, groups: np.ndarray, n_permutations: int = 9999, seed: int = 0
) -> VarianceShare:
    """Test whether observations differ between groups by more than within them.

    Observations are permuted among groups, which is an exact test where observations are
    exchangeable under the null hypothesis. For vectors, the sums of squares are added over
    their entries.

    Parameters
    ----------
    values : ndarray (n,) or (n, dimensions)
    groups : ndarray (n,)
        Label of each observation's group.
    n_permutations, seed : int
        Number of permutations, and their seed.

    Returns
    -------
    VarianceShare
    """
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    index, counts = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    n, k = len(values), len(counts)
    reason = reason_for_no_test(n, k)
    centred = values - values.mean(axis=0) if n else values
    total = float((centred**2).sum())
    if not reason and total <= TIE**2 * max(1e-300, float((values**2).sum())):
        reason = "the values are constant"
    if reason:
        return VarianceShare(k, n, reason=reason)
    members = np.eye(k)[index]
    observed = float(_between_sum_of_squares(centred[None], members, counts)[0])
    rng = np.random.default_rng(seed)
    permutations = rng.permuted(np.tile(np.arange(n), (n_permutations, 1)), axis=1)
    chunks = np.array_split(permutations, 1 + n_permutations // 2000)  # bounds memory
    null = np.concatenate(
        [_between_sum_of_squares(centred[chunk], members, counts) for chunk in chunks]
    )
    extreme = int((null >= observed - TIE * total).sum())
    within = total - observed
    f = (observed / (k - 1)) / (within / (n - k)) if within > TIE * total else None
    p = (1 + extreme) / (1 + n_permutations)
    return VarianceShare(k, n, observed / total, (k - 1) / (n - 1), f, p)


def intraclass_correlation(
    values: np.ndarray, groups: np.ndarray
) -> tuple[float, float, float] | None:
    """Return the intraclass correlation ICC(1) and its 95 % interval (Shrout and Fleiss 1979).

    The share of variance that placements account for beyond their seeds: 1 where the seeds
    of a placement agree, 0 or below where placements differ no more than seeds do. Groups of
    unequal size enter with their effective size.

    Parameters
    ----------
    values : ndarray (n,)
        One value per run.
    groups : ndarray (n,)
        The placement of each run.

    Returns
    -------
    (icc, low, high) or None
        None where no group has two observations, or nothing varies within groups.
    """
    from scipy.stats import f as f_distribution

    values = np.asarray(values, dtype=float)
    squares = mean_squares(values, groups)
    if squares is None:
        return None
    between, within = squares
    counts = np.unique(groups, return_counts=True)[1]
    n, k = len(values), len(counts)
    if within <= TIE * between or between + within == 0:
        return None
    size = (n - (counts**2).sum() / n) / (k - 1)
    ratio = between / within
    low = ratio / f_distribution.ppf(0.975, k - 1, n - k)
    high = ratio * f_distribution.ppf(0.975, n - k, k - 1)
    return _icc(ratio, size), _icc(low, size), _icc(high, size)


def mean_squares(values: np.ndarray, groups: np.ndarray) -> tuple[float, float] | None:
    """Return the mean squares between and within groups of a one-way analysis of variance.

    Parameters
    ----------
    values : ndarray (n,)
        One value per run.
    groups : ndarray (n,)
        The group of each run.

    Returns
    -------
    (between, within) or None
        None where there is one group, or no group has two values.
    """
    index, counts = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    n, k = len(values), len(counts)
    if k < 2 or n <= k:
        return None
    means = np.bincount(index, values) / counts
    within = float(((values - means[index]) ** 2).sum()) / (n - k)
    between = float((counts * (means - values.mean()) ** 2).sum()) / (k - 1)
    return between, within


def _icc(ratio: float, size: float) -> float:
    return (ratio - 1) / (ratio + size - 1)


def _between_sum_of_squares(
    values: np.ndarray, members: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Return the sum of squares between groups of centred values, ``(m, n, dimensions)``."""
    sums = np.einsum("mnd,nk->mkd", values, members)
    squares: np.ndarray = (sums**2 / counts[None, :, None]).sum(axis=(1, 2))
    return squares


def reason_for_no_test(n: int, k: int) -> str:
    """Return why n observations of k groups cannot be tested; empty where they can."""
    if k < 2:
        return f"{k} placement(s), at least 2 are needed"
    if n <= k:
        return "every placement has one run; seeds to compare with are needed"
    return ""
