"""Standard errors of scores against their definitions and against simulation."""

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.metrics import f1_score, roc_auc_score

from alignkit.statistics.scores import accuracy_error, auroc_error, bootstrap_errors


def test_delong_is_its_definition():
    """The variance of the placements of ones among zeros, and of zeros among ones."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60)
    scores = np.round(rng.standard_normal(60) + labels, 1)  # with ties
    ones, zeros = scores[labels == 1], scores[labels == 0]
    better = (ones[:, None] > zeros) + 0.5 * (ones[:, None] == zeros)
    variance = better.mean(1).var(ddof=1) / len(ones) + better.mean(0).var(ddof=1) / len(zeros)
    error = auroc_error(labels, scores)
    assert error.se == pytest.approx(variance**0.5, abs=1e-12)
    area = roc_auc_score(labels, scores)
    assert error.low + error.high == pytest.approx(2 * area)


def test_delong_covers_the_true_area():
    rng = np.random.default_rng(1)
    true, covered = 0.7602, 0  # of two normal distributions one standard deviation apart
    for _ in range(400):
        labels = np.repeat([0, 1], 60)
        error = auroc_error(labels, rng.standard_normal(120) + labels)
        covered += error.low <= true <= error.high
    assert abs(covered - 380) < 3 * (400 * 0.95 * 0.05) ** 0.5


def test_no_standard_error_with_a_single_sample_of_a_label():
    assert auroc_error(np.array([0, 0, 1]), np.arange(3.0)) is None


def test_the_interval_of_an_accuracy_is_exact():
    error = accuracy_error(17, 20)
    assert (error.low, error.high) == pytest.approx(
        (beta.ppf(0.025, 17, 4), beta.ppf(0.975, 18, 3))
    )
    assert error.se == pytest.approx((0.85 * 0.15 / 20) ** 0.5)


def test_the_bootstrap_gives_the_spread_of_a_score_over_samples():
    rng = np.random.default_rng(2)

    def drawn(n=150):
        labels = rng.integers(0, 3, n)
        return labels, np.where(rng.random(n) < 0.7, labels, rng.integers(0, 3, n))

    def f1(labels, predicted):
        return f1_score(labels, predicted, average="macro")

    spread = np.std([f1(*drawn()) for _ in range(300)])
    labels, predicted = drawn()
    error = bootstrap_errors(lambda rows: {"f1": f1(labels[rows], predicted[rows])}, 150)["f1"]
    assert error.se == pytest.approx(spread, rel=0.3)
    assert error.low < f1(labels, predicted) < error.high


def test_draws_without_a_score_are_left_out():
    def scores(rows):
        if rows[0] == 0:
            raise ValueError("undefined")
        return {"first": float(rows[0])}

    error = bootstrap_errors(scores, 2)["first"]
    assert (error.low, error.high, error.se) == (1, 1, 0)
