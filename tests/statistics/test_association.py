"""Associations, reliability and agreement, against scipy, pandas and slow counts."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from alignkit.statistics.association import associate, strongest_column


def test_an_association_is_scipys_with_a_permutation_p():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 7))
    found = associate(np.append(x, np.nan), np.append(y, 1.0))
    assert found.n == 7
    assert found.pearson == pytest.approx(pearsonr(x, y).statistic)
    assert found.spearman == pytest.approx(spearmanr(x, y).statistic)
    null = [abs(np.corrcoef(x, y[list(o)])[0, 1]) for o in permutations(range(7))]
    assert found.p == pytest.approx(np.mean(np.array(null) >= abs(found.pearson) - 1e-9))
    assert "at least 6" in associate(x[:4], y[:4]).reason
    assert associate(x[:4], y[:4]).pearson is not None
    assert "constant" in associate(x, np.ones(7)).reason
    assert associate(x[:2], y[:2]).pearson is None


def test_the_best_layer_is_held_against_the_best_of_every_permutation():
    rng = np.random.default_rng(1)
    layers, y = rng.normal(size=(6, 4)), rng.normal(size=6)
    column, r, p = strongest_column(layers, y)
    every = np.array(
        [
            [np.corrcoef(layers[:, c], y[list(o)])[0, 1] for c in range(4)]
            for o in permutations(range(6))
        ]
    )
    assert column == np.argmax(np.abs(every[0]))
    assert r == pytest.approx(every[0, column])
    assert p == pytest.approx(np.mean(np.abs(every).max(axis=1) >= abs(r) - 1e-9))
    assert p >= associate(layers[:, column], y).p
