"""The interaction of placement and task, against scipy and statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from alignkit.statistics.variance.interaction import interaction, reversals


def _scores(rng, tasks=2, placements=5, seeds=3, crossed=0.0, noise=1.0):
    common = rng.normal(size=placements)
    own = rng.normal(size=(tasks, placements)) * crossed
    return pd.DataFrame(
        [
            {
                "task": f"t{t}",
                "placement": f"p{p}",
                "seed": s,
                "score": common[p] + own[t, p] + noise * rng.normal(),
            }
            for t in range(tasks)
            for p in range(placements)
            for s in range(seeds)
        ]
    )


def test_with_two_tasks_the_interaction_is_a_blocked_analysis_of_their_differences():
    table = _scores(np.random.default_rng(0))
    result = interaction(table, "score", standardise=False, n_permutations=99)
    wide = table.pivot(index=["placement", "seed"], columns="task", values="score")
    d = (wide["t0"] - wide["t1"]).reset_index(name="d")
    squares = anova_lm(smf.ols("d ~ C(seed) + C(placement)", d).fit(), typ=2)
    assert result.share.f == pytest.approx(squares.loc["C(placement)", "F"], rel=1e-8)


def test_the_interaction_is_the_split_plot_one_of_statsmodels():
    table = _scores(np.random.default_rng(1), tasks=3)
    result = interaction(table, "score", standardise=False, n_permutations=99)
    fit = smf.ols(
        "score ~ C(task) * C(placement) + C(placement):C(seed) + C(task):C(seed)", table
    ).fit()
    squares = anova_lm(fit, typ=2)
    interaction_ms = squares.loc["C(task):C(placement)", "sum_sq"] / 8
    error = squares.loc["Residual", "sum_sq"] / squares.loc["Residual", "df"]
    assert result.share.f == pytest.approx(interaction_ms / error, rel=1e-8)


def test_an_interaction_is_result_and_a_shared_profile_is_not():
    rng = np.random.default_rng(2)
    assert interaction(_scores(rng, crossed=3.0), "score").share.p < 0.01
    shared = _scores(rng, placements=8, noise=0.3)
    assert interaction(shared, "score", standardise=False).share.p > 0.05


def test_the_interaction_holds_its_level_although_one_task_is_noisier():
    rng = np.random.default_rng(5)
    rejected = 0
    for i in range(200):
        table = _scores(rng, placements=6)
        table.loc[table["task"] == "t1", "score"] += rng.normal(size=18) * 3
        share = interaction(table, "score", standardise=False, n_permutations=99, seed=i).share
        rejected += share.p <= 0.05
    assert rejected <= 20  # 10 are expected; more than 20 has a chance of 0.1 %


def test_runs_without_a_partner_are_counted_and_left_out():
    table = _scores(np.random.default_rng(0)).drop(index=[0, 1])
    result = interaction(table, "score", n_permutations=99)
    assert (result.seeds, result.left_out) == (13, 2)
    one = interaction(table[table["task"] == "t0"], "score")
    assert "at least 2" in one.share.reason
    apart = table[(table["task"] == "t0") == (table["placement"] < "p2")]
    assert "on every task" in interaction(apart, "score").share.reason
    assert "one run" in interaction(table[table["seed"] == 2], "score").share.reason


def test_reversals_count_pairs_in_opposite_order():
    assert reversals(np.array([[1.0, 1], [2, 2], [3, 0]])) == (2, 3)
    assert reversals(np.array([[1.0, 10], [2, 20]])) == (0, 1)


def test_an_effect_of_seeds_that_placements_share_changes_nothing():
    table = _scores(np.random.default_rng(6), crossed=1.0)
    shifted = table.copy()
    of_seed = np.array([10.0, -20, 5])[shifted["seed"]]
    shifted["score"] += np.where(shifted["task"] == "t1", of_seed, 0)
    first, second = (
        interaction(part, "score", standardise=False, n_permutations=199)
        for part in (table, shifted)
    )
    assert second.share.p == first.share.p
    assert second.share.f == pytest.approx(first.share.f)
    assert second.p_reversal == first.p_reversal


def test_a_task_without_preference_does_not_prefer_another_placement():
    rng = np.random.default_rng(7)
    claimed = interactions = 0
    for i in range(60):
        table = _scores(rng, placements=6)
        only = table["task"] == "t0"
        preference = table["placement"].str[1:].astype(int) * 2.0
        table["score"] = rng.normal(size=len(table)) + preference.where(only, 0)
        result = interaction(table, "score", standardise=False, n_permutations=199, seed=i)
        interactions += result.share.p < 0.05
        claimed += result.p_reversal < 0.05
    assert interactions > 50
    assert claimed <= 9


def test_a_true_reversal_is_significant():
    table = _scores(np.random.default_rng(8), placements=6, noise=0.3)
    rank = table["placement"].str[1:].astype(int)
    table["score"] += np.where(table["task"] == "t0", 2.0, -2.0) * rank
    result = interaction(table, "score", n_permutations=199)
    assert result.reversed_pairs > 5
    assert result.p_reversal == pytest.approx(1 / 200)


def test_one_placement_of_three_seeds_that_differs_is_noticed():
    rng = np.random.default_rng(10)
    noticed = 0
    for i in range(40):
        table = _scores(rng, placements=8)
        last = table["placement"] == "p7"
        table.loc[last, "score"] += np.where(table.loc[last, "task"] == "t0", 3.0, -3.0)
        result = interaction(table, "score", standardise=False, n_permutations=199, seed=i)
        noticed += result.share.p < 0.05 and result.p_reversal < 0.05
    assert noticed > 20


def test_placements_without_common_seeds_are_compared_without_blocks():
    table = _scores(np.random.default_rng(9))
    apart = table.assign(seed=table["seed"] + 10 * table["placement"].str[1:].astype(int))
    result = interaction(apart, "score", n_permutations=99)
    assert result.share.chance == pytest.approx(4 / 14)
    assert interaction(table, "score", n_permutations=99).share.chance == pytest.approx(4 / 12)
