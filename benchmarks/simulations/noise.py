"""Noise of scores over test samples, of seeds, and of placements with heavy tails.

Intervals at the 95 % level must cover what they are of: a score in the population of samples, the
correlation of placements where tails are heavy, and the correlation that noise of seeds hides.
Before: Fisher's interval, which for the last is that of the uncorrected correlation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import norm

from alignkit.statistics.correlation.disattenuation import disattenuated
from alignkit.statistics.intervals import correlation_interval, fisher_interval
from alignkit.statistics.scores import accuracy_error, auroc_error, bootstrap_errors
from simulations.rows import SEED, Row

LIMIT = "at least 0.93"
R = 0.6
TAILS = ("normal", "Student's t, 3 df", "Student's t, 5 df")
F1_CLASSES, F1_RIGHT = 4, 0.7


def auroc_covers(rng: np.random.Generator, n: int) -> bool:
    """Return whether DeLong's interval covers the area of two shifted normal distributions."""
    labels = np.repeat([0, 1], n // 2)
    error = auroc_error(labels, rng.standard_normal(n) + labels)
    assert error is not None
    return error.low <= norm.cdf(1 / np.sqrt(2)) <= error.high


def accuracy_covers(rng: np.random.Generator, n: int) -> bool:
    """Return whether the exact interval covers an accuracy of 0.8."""
    error = accuracy_error(int(rng.binomial(n, 0.8)), n)
    return error.low <= 0.8 <= error.high


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean F1 of the classes."""
    table = np.bincount(F1_CLASSES * labels + predicted, minlength=F1_CLASSES**2)
    table = table.reshape(F1_CLASSES, F1_CLASSES)
    total = table.sum(axis=0) + table.sum(axis=1)
    return float((2 * np.diag(table) / np.maximum(total, 1)).mean())


def f1_covers(rng: np.random.Generator, n: int) -> bool:
    """Return whether the bootstrap covers the macro F1 of predictions that are 0.7 right."""
    labels = rng.integers(0, F1_CLASSES, n)
    other = (labels + rng.integers(1, F1_CLASSES, n)) % F1_CLASSES
    predicted = np.where(rng.random(n) < F1_RIGHT, labels, other)
    errors = bootstrap_errors(lambda rows: {"f1": macro_f1(labels[rows], predicted[rows])}, n)
    return errors["f1"].low <= F1_RIGHT <= errors["f1"].high


def tails_cover(rng: np.random.Generator, n: int, tails: str) -> tuple[bool, bool]:
    """Return whether Fisher's interval and that with the jackknife cover r, in this order."""
    x, y = rng.multivariate_normal([0, 0], [[1, R], [R, 1]], n).T
    if tails != "normal":
        df = int(tails.split()[-2])
        scale = np.sqrt(df / rng.chisquare(df, n))
        x, y = x * scale, y * scale
    before = fisher_interval(float(np.corrcoef(x, y)[0, 1]), n)
    low, high = correlation_interval(x, y)
    return before[0] <= R <= before[1], low <= R <= high


def latent_covered(
    rng: np.random.Generator, n: int, seeds: int, icc: float
) -> tuple[bool, bool] | None:
    """Return whether the plain and the corrected interval cover the latent r of 0.8.

    None where the reliability of the means is not above 0, so that nothing can be corrected.
    """
    latent = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], n)
    noise = np.sqrt((1 - icc) / icc)
    runs = latent[:, None] + noise * rng.standard_normal((n, seeds, 2))
    means = runs.mean(axis=1).T
    low, high = fisher_interval(float(np.corrcoef(*means)[0, 1]), n)
    x, y = runs.reshape(-1, 2).T
    result = disattenuated(x, y, np.repeat(np.arange(n), seeds))
    if result is None:
        return None
    return low <= 0.8 <= high, result.low <= 0.8 <= result.high


def rows(studies: int) -> Iterator[Row]:
    """Yield the coverage of every interval."""
    scores: dict[str, Callable[[np.random.Generator, int], bool]] = {
        "AUROC by DeLong": auroc_covers,
        "accuracy, exact": accuracy_covers,
        "macro F1 by bootstrap": f1_covers,
    }
    for name, covers in scores.items():
        for n in (100, 400):
            rng = np.random.default_rng(SEED)
            times = sum(covers(rng, n) for _ in range(studies))
            yield Row(f"{name}, {n} samples", "interval covers", times, studies, LIMIT)
    for tails in TAILS:
        for n in (8, 12, 30):
            rng = np.random.default_rng(SEED)
            hits = np.array([tails_cover(rng, n, tails) for _ in range(studies)])
            case = f"r = {R}, {tails}, {n} placements"
            before, times = hits.sum(axis=0).tolist()
            yield Row(case, "interval covers", times, studies, LIMIT, before / studies)
    for n, seeds, icc in ((8, 2, 0.5), (8, 3, 0.8), (12, 2, 0.5), (12, 3, 0.8), (30, 2, 0.5)):
        rng = np.random.default_rng(SEED)
        results = [latent_covered(rng, n, seeds, icc) for _ in range(studies)]
        known = np.array([result for result in results if result is not None])
        case = f"latent r = 0.8, {n} placements x {seeds} seeds, ICC {icc}"
        before, times = known.sum(axis=0).tolist()
        yield Row(case, "interval covers", times, len(known), LIMIT, before / len(known))
