"""The least attainable p-values agree with what the tests themselves return."""

from __future__ import annotations

import numpy as np
import pytest

from alignkit.statistics.attainable import (
    least_corrected_p,
    least_flip_p,
    least_partition_p,
    least_permutation_p,
    least_units_to_flip,
    least_units_to_permute,
)
from alignkit.statistics.fusions import mean_change, sign_flips
from alignkit.statistics.multiple_testing import holm
from alignkit.statistics.permutation import UnitPermutations, p_value
from alignkit.statistics.variance.decomposition import permutation_anova


@pytest.mark.parametrize("n", [3, 5, 6, 9])
def test_the_least_p_of_permutations_is_that_of_a_perfect_correlation(n):
    x = np.arange(float(n))
    permutations = UnitPermutations(list(map(str, x)), 99, 0)
    p, _ = p_value(1.0, permutations.null(x, x), permutations.exact)
    assert p == pytest.approx(least_permutation_p(n))


@pytest.mark.parametrize(("n", "sampled"), [(2, 99), (5, 99), (6, 99), (13, 99), (40, 199)])
def test_the_least_p_of_flips_is_that_of_changes_of_one_sign(n, sampled):
    assert mean_change(np.ones(n), *sign_flips(n, sampled)).p == pytest.approx(
        least_flip_p(n, sampled)
    )


@pytest.mark.parametrize("sizes", [(2, 2), (2, 2, 2), (3, 1, 2)])
def test_the_least_p_of_groups_is_that_of_the_clearest_division(sizes):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    p = permutation_anova(groups**3 + 1e-3 * np.arange(len(groups)), groups, 19999).p
    assert p == pytest.approx(least_partition_p(sizes, 19999), rel=0.1)


def test_correction_multiplies_by_the_family_unless_it_is_joint():
    least = least_flip_p(6)
    corrected = holm(np.array([least, 0.9, 0.8, 0.7]))[0]
    assert least_corrected_p(least, 4) == pytest.approx(corrected)
    assert least_corrected_p(least, 4, joint=True) == least
    assert least_corrected_p(0.5, 8) == 1


def test_how_many_units_are_needed():
    assert least_units_to_flip() == 6
    assert least_units_to_flip(8, joint=True) == 6
    assert least_units_to_flip(8) == 9
    assert least_units_to_permute() == 5
    assert least_units_to_permute(4) == 6
    assert least_units_to_permute(4, joint=True) == 5
    assert least_corrected_p(least_permutation_p(5), 4) > 0.05 > 4 * least_permutation_p(6)
