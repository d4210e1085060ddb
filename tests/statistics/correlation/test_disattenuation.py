"""Correlations without the noise of seeds."""

import numpy as np
import pytest

from alignkit.statistics.correlation.disattenuation import disattenuated, reliability_of_means
from alignkit.statistics.intervals import correlation_interval


def _study(rng, units=12, seeds=3, rho=0.7, noise=1.0):
    latent = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], units)
    runs = latent[:, None] + noise * rng.standard_normal((units, seeds, 2))
    return *runs.reshape(-1, 2).T, np.repeat(np.arange(units), seeds)


def test_the_reliability_of_means_is_spearman_brown_of_the_icc():
    from alignkit.statistics.variance.decomposition import intraclass_correlation

    x, _, units = _study(np.random.default_rng(0))
    icc = intraclass_correlation(x, units)[0]
    assert reliability_of_means(x, units) == pytest.approx(3 * icc / (1 + 2 * icc))


def test_it_is_the_correlation_of_means_over_the_ceiling():
    x, y, units = _study(np.random.default_rng(1))
    means = x.reshape(-1, 3).mean(axis=1), y.reshape(-1, 3).mean(axis=1)
    ceiling = (reliability_of_means(x, units) * reliability_of_means(y, units)) ** 0.5
    result = disattenuated(x, y, units)
    assert result.r == pytest.approx(np.corrcoef(*means)[0, 1] / ceiling)
    assert (result.low, result.high) == pytest.approx(
        tuple(end / ceiling for end in correlation_interval(*means))
    )


def test_it_covers_the_correlation_that_noise_hides():
    rng = np.random.default_rng(2)
    covered, results = 0, []
    for _ in range(300):
        result = disattenuated(*_study(rng, units=30, seeds=4))
        covered += result.low <= 0.7 <= result.high
        results.append(result.r)
    assert np.median(results) == pytest.approx(0.7, abs=0.06)
    assert covered >= 300 * 0.93 - 3 * (300 * 0.93 * 0.07) ** 0.5


def test_it_is_not_clipped_and_may_be_unknown():
    rng = np.random.default_rng(3)
    above = [disattenuated(*_study(rng, units=8, rho=0.95)) for _ in range(40)]
    assert any(result is not None and result.r > 1 for result in above)
    x, y, units = _study(rng)
    assert disattenuated(x[::3], y[::3], units[::3]) is None  # one seed
    alternating = np.tile([1.0, -1.0], 12)  # units do not differ at all
    assert disattenuated(alternating, y[:24], np.repeat(np.arange(12), 2)) is None
