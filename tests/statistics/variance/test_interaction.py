"""The interaction of placement and task, against scipy and statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.stats import f_oneway
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


def test_with_two_tasks_the_interaction_is_an_analysis_of_their_differences():
    table = _scores(np.random.default_rng(0))
    found = interaction(table, "score", standardise=False, n_permutations=99)
    wide = table.pivot(index=["placement", "seed"], columns="task", values="score")
    d = (wide["t0"] - wide["t1"]).reset_index(name="d")
    f = f_oneway(*(part["d"] for _, part in d.groupby("placement"))).statistic
    assert found.share.f == pytest.approx(f, rel=1e-10)


def test_the_interaction_is_the_split_plot_one_of_statsmodels():
    table = _scores(np.random.default_rng(1), tasks=3)
    found = interaction(table, "score", standardise=False, n_permutations=99)
    fit = smf.ols("score ~ C(task) * C(placement) + C(placement):C(seed)", table).fit()
    squares = anova_lm(fit, typ=2)
    interaction_ms = squares.loc["C(task):C(placement)", "sum_sq"] / 8
    error = squares.loc["Residual", "sum_sq"] / squares.loc["Residual", "df"]
    assert found.share.f == pytest.approx(interaction_ms / error, rel=1e-8)


def test_an_interaction_is_found_and_a_shared_profile_is_not():
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
    found = interaction(table, "score", n_permutations=99)
    assert (found.seeds, found.left_out) == (13, 2)
    one = interaction(table[table["task"] == "t0"], "score")
    assert "at least 2" in one.share.reason
    apart = table[(table["task"] == "t0") == (table["placement"] < "p2")]
    assert "on every task" in interaction(apart, "score").share.reason
    assert "one run" in interaction(table[table["seed"] == 2], "score").share.reason


def test_reversals_count_pairs_in_opposite_order():
    assert reversals(np.array([[1.0, 1], [2, 2], [3, 0]])) == (2, 3)
    assert reversals(np.array([[1.0, 10], [2, 20]])) == (0, 1)
