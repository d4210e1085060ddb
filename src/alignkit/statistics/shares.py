"""How much of the variance lies between groups: placements against their seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Sums of squares closer than this are ties; rounding must not decide a count.
TIE = 1e-9


@dataclass(frozen=True)
class Share:
    """The variance between groups, and what chance gives.

    Attributes
    ----------
    groups, n : int
        Groups (placements) and observations (runs).
    eta_squared : float or None
        Share of the sum of squares that lies between groups, 0 to 1. None where there is
        no test; then ``reason`` says why.
    chance : float or None
        Its mean over all permutations, (groups - 1) / (n - 1).
    f : float or None
        Mean square between over mean square within; None where nothing varies within.
    p : float or None
        (1 + b) / (1 + m) over permutations of observations among the groups.
    reason : str
    """

    groups: int
    n: int
    eta_squared: float | None = None
    chance: float | None = None
    f: float | None = None
    p: float | None = None
    reason: str = ""


def between(values: np.ndarray, groups: np.ndarray, drawn: int = 9999, seed: int = 0) -> Share:
    """Test whether observations differ between groups by more than within them.

    Observations are exchanged between groups, which is exact where they are exchangeable
    if groups do not matter. With vectors the sums of squares are added over their entries.

    Parameters
    ----------
    values : ndarray (n,) or (n, dimensions)
    groups : ndarray (n,)
        Labels.
    drawn, seed : int
        Permutations, and their seed.

    Returns
    -------
    Share
    """
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    index, counts = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    n, k = len(values), len(counts)
    reason = _why_not(n, k)
    centred = values - values.mean(axis=0) if n else values
    total = float((centred**2).sum())
    if not reason and total <= TIE**2 * max(1e-300, float((values**2).sum())):
        reason = "the values are constant"
    if reason:
        return Share(k, n, reason=reason)
    members = np.eye(k)[index]
    observed = float(_between(centred[None], members, counts)[0])
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(np.arange(n), (drawn, 1)), axis=1)
    chunks = np.array_split(orders, 1 + drawn // 2000)  # keeps memory small
    null = np.concatenate([_between(centred[chunk], members, counts) for chunk in chunks])
    extreme = int((null >= observed - TIE * total).sum())
    within = total - observed
    f = (observed / (k - 1)) / (within / (n - k)) if within > TIE * total else None
    return Share(k, n, observed / total, (k - 1) / (n - 1), f, (1 + extreme) / (1 + drawn))


def intraclass(values: np.ndarray, groups: np.ndarray) -> tuple[float, float, float] | None:
    """Intraclass correlation ICC(1) with its 95 % interval (Shrout and Fleiss 1979).

    The share of variance that placements account for beyond their seeds: 1 where the seeds
    of a placement agree, 0 or below where placements differ no more than seeds do. Groups of
    unequal size enter with their effective size.

    Returns
    -------
    (icc, low, high) or None
        None where no group has two observations, or nothing varies within.
    """
    from scipy.stats import f as f_distribution

    values = np.asarray(values, dtype=float)
    index, counts = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    n, k = len(values), len(counts)
    if k < 2 or n <= k:
        return None
    means = np.bincount(index, values) / counts
    within = float(((values - means[index]) ** 2).sum()) / (n - k)
    between_ = float((counts * (means - values.mean()) ** 2).sum()) / (k - 1)
    if within <= TIE * between_ or between_ + within == 0:
        return None
    size = (n - (counts**2).sum() / n) / (k - 1)
    ratio = between_ / within
    quantile = f_distribution.ppf(0.975, k - 1, n - k), f_distribution.ppf(0.975, n - k, k - 1)
    low, high = ratio / quantile[0], ratio * quantile[1]
    return tuple((one - 1) / (one + size - 1) for one in (ratio, low, high))  # type: ignore[return-value]


def _between(values: np.ndarray, members: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sum of squares between groups of centred values, ``(m, n, dimensions)``."""
    sums = np.einsum("mnd,nk->mkd", values, members)
    return (sums**2 / counts[None, :, None]).sum(axis=(1, 2))


def _why_not(n: int, k: int) -> str:
    if k < 2:
        return f"{k} placement(s), at least 2 are needed"
    if n <= k:
        return "every placement has one run; seeds to compare with are needed"
    return ""
