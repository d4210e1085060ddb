"""A small version of the simulations of samples that tie, share classes, or come in groups."""

import pytest

from simulations import groups, ties, within


def _most(studies, level=0.05):
    """Three standard errors above the level, in studies."""
    return studies * (level + 3 * (level * (1 - level) / studies) ** 0.5)


@pytest.mark.parametrize(
    ("metric", "studies"), [("mknn", 400), ("jaccard", 144), ("rank_similarity", 64)]
)
def test_one_hot_answers_to_unrelated_questions_are_rejected_one_time_in_twenty(metric, studies):
    rejected, made = ties.rejected(metric, "4 one-hot answers, n = 40", studies)
    assert made >= studies
    assert rejected < _most(made)


@pytest.mark.parametrize("spec", within.SPECS)
def test_a_class_alone_rejects_only_the_null_over_all_rows(spec):
    plain, inside = (within.rejected(spec, 400, design) for design in within.DESIGNS)
    assert plain[0] > 0.8 * plain[1]
    assert inside[0] < _most(inside[1])


def test_class_strength_makes_plain_alignment_follow_accuracy_and_not_that_within_classes():
    r, p = within.correlations(60)
    assert r[:, 0].mean() > 0.6
    assert abs(r[:, 1].mean()) < 3 * 0.045  # r of 10 placements has a standard deviation of 1/3
    rejected = (p < 0.05).sum(axis=0)
    assert rejected[0] > 30
    assert rejected[1] < _most(60)


@pytest.mark.parametrize("spec", ["unbiased_cka", "mknn:k=5"])
def test_groups_are_exchanged_as_wholes(spec):
    plain, grouped = (
        groups.rejected(spec, 400, design) for design in (groups.PLAIN, groups.GROUPED)
    )
    assert plain[0] > 0.8 * plain[1]
    assert grouped[0] < _most(grouped[1])


def test_intervals_from_halves_of_the_groups_cover():
    plain, grouped = (
        groups.covered("unbiased_cka", 40, design, draws=200)
        for design in (groups.PLAIN, groups.GROUPED)
    )
    assert 40 - grouped < _most(40)
    assert 40 - plain > _most(40)
