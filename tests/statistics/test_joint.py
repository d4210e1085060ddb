"""Joint max-T against a definition in loops, and its relation to raw p-values."""

import numpy as np
import pytest

from alignkit.statistics.joint import JointTest, joint_max_t, joint_p


def _family(rng, groups=("a",), tests=3, df=6, m=40):
    return [
        JointTest(float(rng.normal() + 1), rng.normal(size=m), df, group, True)
        for group in groups
        for _ in range(tests)
    ]


def test_step_down_is_the_definition_of_westfall_and_young():
    family = _family(np.random.default_rng(0), tests=4)
    order = sorted(range(4), key=lambda i: -family[i].evidence)
    expected, floor = {}, 0.0
    for rank, i in enumerate(order):
        weaker = np.max([family[j].null for j in order[rank:]], axis=0)
        floor = max(floor, float(np.mean(weaker >= family[i].evidence)))
        expected[i] = floor
    assert joint_max_t(family) == pytest.approx([expected[i] for i in range(4)])


def test_a_copy_of_a_test_costs_nothing():
    (test,) = _family(np.random.default_rng(1), tests=1)
    assert joint_max_t([test, test, test]) == pytest.approx([joint_p(test)] * 3)


def test_unrelated_groups_are_combined_as_if_independent():
    first, second = _family(np.random.default_rng(2), ("a", "b"), tests=1)
    strongest = max((first, second), key=lambda test: test.evidence)
    shares = [np.mean(test.null >= strongest.evidence) for test in (first, second)]
    corrected = dict(zip(("a", "b"), joint_max_t([first, second]), strict=True))
    assert corrected[strongest.group] == pytest.approx(1 - (1 - shares[0]) * (1 - shares[1]))


def test_statistics_with_other_degrees_of_freedom_are_compared_at_equal_p():
    null = np.linspace(-3, 3, 99)
    few, many = JointTest(2.5, null, 3, "a", True), JointTest(2.5, null, 60, "b", True)
    p = joint_p(many)
    assert joint_max_t([few, many])[1] == pytest.approx(p), "t = 3 is no match with 3 df"
    assert joint_max_t([many, many])[1] == pytest.approx(p)
    alike = [few, JointTest(2.5, null, 3, "b", True)]
    assert joint_max_t(alike)[1] == pytest.approx(1 - (1 - p) ** 2)


def test_a_drawn_null_never_gives_a_p_of_zero():
    test = JointTest(9.0, np.zeros(99), 5, "a", False)
    assert joint_max_t([test, test]) == pytest.approx([0.01, 0.01])
