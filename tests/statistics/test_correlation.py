"""Correlations: against independent computations, and what is claimed from them."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from alignkit.errors import UsageError
from alignkit.statistics import correlate
from alignkit.statistics.adjust import benjamini_hochberg, holm
from alignkit.statistics.permutation import max_t, null_correlations, orders, p_value
from alignkit.statistics.within import repeated_measures


def study(units=8, seeds=3, effect=0.0, tasks=("t",), seed=0, metrics=("cka", "mknn", "own")):
    """Runs whose metrics go with the score by ``effect``; seeds of a placement are alike."""
    rng = np.random.default_rng(seed)
    rows = []
    for task, unit in itertools.product(tasks, range(units)):
        level = rng.standard_normal()
        means = {
            m: effect * level + (1 - effect**2) ** 0.5 * rng.standard_normal() for m in metrics
        }
        rows += [
            {"task": task, "placement": f"p{unit}", "seed": s,
             "accuracy": level + 0.05 * rng.standard_normal()}
            | {m: value + 0.05 * rng.standard_normal() for m, value in means.items()}
            for s in range(seeds)
        ]  # fmt: skip
    return pd.DataFrame(rows)


def _row(table, metric="cka", **options):
    found = correlate(table, "accuracy", [metric], **options)
    return found.table.iloc[0]


def test_estimates_are_those_of_unit_means():
    table = study(effect=0.6)
    row = _row(table)
    means = table.groupby("placement")[["cka", "accuracy"]].mean()
    assert row["n"] == 8
    assert row["runs"] == 24
    oracle = scipy.stats.pearsonr(means["cka"], means["accuracy"])
    assert row["pearson"] == pytest.approx(oracle.statistic, abs=1e-12)
    assert row["p_parametric"] == pytest.approx(oracle.pvalue, abs=1e-12)
    assert row["spearman"] == pytest.approx(
        scipy.stats.spearmanr(means["cka"], means["accuracy"]).statistic
    )
    assert row["low"] < row["pearson"] < row["high"]


def test_exact_p_equals_scipys():
    table = study(units=7, effect=0.5, seed=3)
    means = table.groupby("placement")[["cka", "accuracy"]].mean().to_numpy()
    oracle = scipy.stats.permutation_test(
        (means[:, 0],), lambda x: scipy.stats.pearsonr(x, means[:, 1]).statistic,
        permutation_type="pairings", n_resamples=np.inf,
    )  # fmt: skip
    # scipy doubles the smaller tail; ours counts both sides by |r|.
    null = oracle.null_distribution
    two_sided = (np.abs(null) >= abs(oracle.statistic) - 1e-12).mean()
    row = _row(table)
    assert row["p"] == pytest.approx(two_sided, abs=1e-12)
    numerator, denominator = map(int, row["p_fraction"].split("/"))
    assert denominator == 5040
    assert numerator / denominator == pytest.approx(row["p"])


def test_drawn_p_beyond_nine_units_counts_the_observed():
    row = _row(study(units=12, effect=0.95, seed=1), permutations=199)
    assert row["p"] == pytest.approx(1 / 200)
    assert row["p_fraction"] is None


def test_ties_are_counted_in_spite_of_rounding():
    x = np.array([0.1, 0.2, 0.3, 0.1, 0.2, 0.3])
    order, exact = orders(6, 0, np.random.default_rng(0))
    null = null_correlations(x[:, None], x * 3 + 0.1, order)
    _, extreme = p_value(float(np.corrcoef(x, x * 3 + 0.1)[0, 1]), null[:, 0], exact)
    assert extreme == 2 * 8  # equal values may swap (2^3 ways); and r = -1 exists too


def test_max_t_against_loops():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 3)), rng.standard_normal(5)
    order, exact = orders(5, 0, rng)
    observed = np.array([np.corrcoef(x[:, j], y)[0, 1] for j in range(3)])
    adjusted = max_t(observed, [null_correlations(x, y, order)], exact)
    largest = [
        max(abs(np.corrcoef(x[:, j], y[list(o)])[0, 1]) for j in range(3))
        for o in itertools.permutations(range(5))
    ]
    expected = [np.mean(np.array(largest) >= abs(r) - 1e-9) for r in observed]
    assert adjusted == pytest.approx(expected)


def test_installing_a_metric_changes_nobodys_corrected_p():
    table = study(effect=0.7)
    alone = correlate(table, "accuracy", ["cka", "mknn"]).table.set_index("metric")
    beside = correlate(table, "accuracy", ["cka", "mknn", "own"]).table.set_index("metric")
    for metric in ("cka", "mknn"):
        assert alone.loc[metric, "p_adjusted"] == beside.loc[metric, "p_adjusted"]
    assert beside.loc["own", "family"] == "exploratory"


def test_family_is_corrected_over_all_tasks():
    one = correlate(study(effect=0.5, tasks=("a",)), "accuracy", ["cka"]).table
    two = correlate(study(effect=0.5, tasks=("a", "b")), "accuracy", ["cka"]).table
    assert one["p_adjusted"].iloc[0] == one["p"].iloc[0]
    assert (two["p_adjusted"] > two["p"]).all()


def test_holm_and_benjamini_hochberg_on_a_worked_example():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    with_gap = np.array([0.01, np.nan, 0.03])
    assert holm(with_gap)[[0, 2]] == pytest.approx([0.02, 0.03])
    assert np.isnan(holm(with_gap)[1])


def test_repeated_measures_is_the_slope_within_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), 4)
    x = rng.standard_normal(24) + 10 * groups
    y = 0.8 * (x - 10 * groups) + 0.4 * rng.standard_normal(24) - 20 * groups
    r, p = repeated_measures(x, y, groups)
    # The partial correlation given the groups, as an analysis of covariance has it.
    design = np.eye(6)[groups]
    rx, ry = (v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (x, y))
    expected = rx @ ry / np.linalg.norm(rx) / np.linalg.norm(ry)
    assert r == pytest.approx(expected, abs=1e-12)
    freedom = 24 - 6 - 1
    t = expected * np.sqrt(freedom / (1 - expected**2))
    assert p == pytest.approx(2 * scipy.stats.t.sf(abs(t), freedom))
    assert np.corrcoef(x, y)[0, 1] < 0 < r  # between the groups it is the other way


def test_one_run_per_placement_has_nothing_within():
    assert repeated_measures(np.arange(5.0), np.arange(5.0), np.arange(5)) is None


def test_a_strong_association_is_supported():
    row = _row(study(units=9, effect=0.98, seed=2))
    assert row["verdict"] == "supported"
    assert row["p_adjusted"] < 0.05


def test_a_distance_that_falls_with_the_score_is_supported_too():
    table = study(units=9, effect=0.98, seed=2)
    table["procrustes:form=distance"] = -table["cka"]
    found = correlate(table, "accuracy", ["procrustes:form=distance"],
                      lower_is_better=["procrustes:form=distance"])  # fmt: skip
    row = found.table.iloc[0]
    assert row["verdict"] == "supported"
    assert row["pearson"] < 0
    assert row["direction"] == "lower is more aligned"


def test_the_wrong_sign_is_contradicted():
    table = study(units=9, effect=0.98, seed=2).assign(cka=lambda t: -t["cka"])
    assert _row(table)["verdict"] == "contradicted"


def test_seeds_as_units_are_stamped_exploratory():
    found = correlate(study(), "accuracy", ["cka"], unit="run")
    assert found.table["n"].iloc[0] == 24
    assert any("EXPLORATORY" in line for line in found.warnings)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t[t["placement"] < "p3"], "3 unit(s), at least 6 are needed"),
        (lambda t: t[t["placement"] == "p0"], "1 unit(s), at least 6 are needed"),
        (lambda t: t.head(2), "1 unit(s)"),
        (lambda t: t.assign(cka=0.25), "cka is constant"),
        (lambda t: t.assign(accuracy=0.5), "accuracy is constant"),
        (lambda t: t.assign(cka=np.nan), "0 unit(s)"),
    ],
)
def test_degenerate_tables_are_not_testable(change, reason):
    row = _row(change(study()))
    assert row["verdict"] == "not testable"
    assert reason in row["reason"]
    assert pd.isna(row["p"])


def test_missing_values_and_duplicates_are_counted():
    table = study()
    table.loc[0, "cka"] = np.nan
    table = pd.concat([table, table.iloc[[5]]])
    found = correlate(table, "accuracy", ["cka"])
    assert found.table["runs"].iloc[0] == 23
    assert any("1 row(s) repeat a run" in line for line in found.warnings)
    assert any("cka is missing in 1 of 24 runs" in line for line in found.warnings)


def test_leverage_of_no_co_attention_is_named():
    table = study(units=8, seed=1)
    none = table["placement"] == "p0"
    table.loc[none, "placement"] = "none"
    table.loc[none, ["cka", "accuracy"]] = 20.0
    found = correlate(table, "accuracy", ["cka"])
    assert found.table["pearson"].iloc[0] > 0.9
    assert found.table["without_none"].iloc[0] < 0.6
    assert any("without the placement 'none'" in line for line in found.warnings)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"outcome": "acuracy"}, "no column 'acuracy'; did you mean 'accuracy'?"),
        ({"metrics": ["ckaa"]}, "no column 'ckaa'; did you mean 'cka'?"),
        ({"metrics": ["placement"]}, "'placement' of the table is not numeric"),
        ({"metrics": []}, "no metric to correlate"),
        ({"unit": "seed"}, "unknown unit 'seed'; known: placement, run"),
        ({"permutations": 0}, "--permutations is 0"),
    ],
)
def test_faulty_arguments(words, message):
    arguments = {"outcome": "accuracy", "metrics": ["cka"]} | words
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        correlate(study(), **arguments)


def test_no_association_is_rejected_one_time_in_twenty():
    """Size of the primary test, 2,000 studies of 7 placements x 3 seeds with alike seeds."""
    rng = np.random.default_rng(7)
    order, exact = orders(7, 0, rng)
    rejected = naive = 0
    for _ in range(2000):
        x, y = rng.standard_normal((2, 7))
        runs = [np.repeat(v, 3) + 0.2 * rng.standard_normal(21) for v in (x, y)]
        means = [v.reshape(7, 3).mean(axis=1) for v in runs]
        null = null_correlations(means[0][:, None], means[1], order[:, :])
        r = float(np.corrcoef(*means)[0, 1])
        rejected += p_value(r, null[:, 0], exact)[0] < 0.05
        naive += scipy.stats.pearsonr(*runs).pvalue < 0.05
    assert 0.037 < rejected / 2000 < 0.063
    assert naive / 2000 > 0.2  # what treating seeds as independent does
