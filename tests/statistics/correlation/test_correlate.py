"""Correlations: against independent computations, and what is claimed from them."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from alignkit.errors import UsageError
from alignkit.report.cautions import caution_lines
from alignkit.statistics import correlate


def study(
    units=8, seeds=3, effect=0.0, tasks=("t",), seed=0, metrics=("unbiased_cka", "mknn", "own")
):
    """Runs whose metrics go with the score by ``effect``; seeds of a placement are alike."""
    rng = np.random.default_rng(seed)
    rows = []
    for task, unit in itertools.product(tasks, range(units)):
        level = rng.standard_normal()
        means = {
            m: effect * level + (1 - effect**2) ** 0.5 * rng.standard_normal() for m in metrics
        }
        rows += [
            {
                "task": task,
                "placement": f"p{unit}",
                "seed": s,
                "accuracy": level + 0.05 * rng.standard_normal(),
            }
            | {m: value + 0.05 * rng.standard_normal() for m, value in means.items()}
            for s in range(seeds)
        ]
    return pd.DataFrame(rows)


def _row(table, metric="unbiased_cka", **options):
    found = correlate(table, "accuracy", [metric], **options)
    return found.table.iloc[0]


def _cautions(correlations):
    return caution_lines(correlations.cautions)


def test_estimates_are_those_of_unit_means():
    table = study(effect=0.6)
    row = _row(table)
    means = table.groupby("placement")[["unbiased_cka", "accuracy"]].mean()
    assert row["n"] == 8
    assert row["runs"] == 24
    oracle = scipy.stats.pearsonr(means["unbiased_cka"], means["accuracy"])
    assert row["pearson"] == pytest.approx(oracle.statistic, abs=1e-12)
    assert row["p_parametric"] == pytest.approx(oracle.pvalue, abs=1e-12)
    assert row["spearman"] == pytest.approx(
        scipy.stats.spearmanr(means["unbiased_cka"], means["accuracy"]).statistic
    )
    assert row["low"] < row["pearson"] < row["high"]


def test_exact_p_equals_scipys():
    table = study(units=7, effect=0.5, seed=3)
    means = table.groupby("placement")[["unbiased_cka", "accuracy"]].mean().to_numpy()
    oracle = scipy.stats.permutation_test(
        (means[:, 0],),
        lambda x: scipy.stats.pearsonr(x, means[:, 1]).statistic,
        permutation_type="pairings",
        n_resamples=np.inf,
    )
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


def test_installing_a_metric_changes_nobodys_corrected_p():
    table = study(effect=0.7)
    alone = correlate(table, "accuracy", ["unbiased_cka", "mknn"]).table.set_index("metric")
    beside = correlate(table, "accuracy", ["unbiased_cka", "mknn", "own"]).table.set_index("metric")
    for metric in ("unbiased_cka", "mknn"):
        assert alone.loc[metric, "p_adjusted"] == beside.loc[metric, "p_adjusted"]
    assert beside.loc["own", "family"] == "exploratory"


def test_family_is_corrected_over_all_tasks():
    one = correlate(study(effect=0.5, tasks=("a",)), "accuracy", ["unbiased_cka"]).table
    two = correlate(study(effect=0.5, tasks=("a", "b")), "accuracy", ["unbiased_cka"]).table
    assert one["p_adjusted"].iloc[0] == one["p"].iloc[0]
    assert (two["p_adjusted"] >= two["p"]).all()
    smallest = two.loc[two["p"].idxmin()]
    assert smallest["p_adjusted"] > smallest["p"]


def test_a_strong_association_is_supported():
    row = _row(study(units=9, effect=0.98, seed=2))
    assert row["verdict"] == "supported"
    assert row["p_adjusted"] < 0.05


def test_a_distance_that_falls_with_the_score_is_supported_too():
    table = study(units=9, effect=0.98, seed=2)
    table["procrustes:form=distance"] = -table["unbiased_cka"]
    found = correlate(
        table,
        "accuracy",
        ["procrustes:form=distance"],
        lower_is_better=["procrustes:form=distance"],
    )
    row = found.table.iloc[0]
    assert row["verdict"] == "supported"
    assert row["pearson"] < 0
    assert row["direction"] == "lower is more aligned"


def test_the_wrong_sign_is_contradicted():
    table = study(units=9, effect=0.98, seed=2).assign(unbiased_cka=lambda t: -t["unbiased_cka"])
    assert _row(table)["verdict"] == "contradicted"


def test_seeds_as_units_are_stamped_exploratory():
    found = correlate(study(), "accuracy", ["unbiased_cka"], unit="run")
    assert found.table["n"].iloc[0] == 24
    assert any("EXPLORATORY" in line for line in _cautions(found))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t[t["placement"] < "p3"], "3 unit(s), at least 6 are needed"),
        (lambda t: t[t["placement"] == "p0"], "1 unit(s), at least 6 are needed"),
        (lambda t: t.head(2), "1 unit(s)"),
        (lambda t: t.assign(unbiased_cka=0.25), "unbiased_cka is constant"),
        (lambda t: t.assign(accuracy=0.5), "accuracy is constant"),
        (lambda t: t.assign(unbiased_cka=np.nan), "t has no unbiased_cka"),
        (lambda t: t.assign(accuracy=np.nan), "t has no accuracy"),
    ],
)
def test_degenerate_tables_are_not_testable(change, reason):
    row = _row(change(study()))
    assert row["verdict"] == "not testable"
    assert reason in row["reason"]
    assert pd.isna(row["p"])


def test_missing_values_and_duplicates_are_counted():
    table = study()
    table.loc[0, "unbiased_cka"] = np.nan
    table = pd.concat([table, table.iloc[[5]]])
    found = correlate(table, "accuracy", ["unbiased_cka"])
    assert found.table["runs"].iloc[0] == 23
    assert any("1 row(s) repeat a run" in line for line in _cautions(found))
    assert any("unbiased_cka is missing in 1 of 24 runs" in line for line in _cautions(found))


def test_leverage_of_no_co_attention_is_named():
    table = study(units=8, seed=1)
    none = table["placement"] == "p0"
    table.loc[none, "placement"] = "none"
    table.loc[none, ["unbiased_cka", "accuracy"]] = 20.0
    found = correlate(table, "accuracy", ["unbiased_cka"])
    assert found.table["pearson"].iloc[0] > 0.9
    assert found.table["without_none"].iloc[0] < 0.6
    assert any("without the placement 'none'" in line for line in _cautions(found))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"outcome": "acuracy"}, "no column 'acuracy'; did you mean 'accuracy'?"),
        ({"metrics": ["unbiased_ckaa"]}, "no column 'unbiased_ckaa'; did you mean 'unbiased_cka'?"),
        ({"metrics": ["placement"]}, "'placement' of the table is not numeric"),
        ({"metrics": []}, "no metric to correlate"),
        ({"unit": "seed"}, "unknown unit 'seed'; known: placement, run"),
        ({"permutations": 0}, "`permutations` is 0"),
    ],
)
def test_faulty_arguments(words, message):
    arguments = {"outcome": "accuracy", "metrics": ["unbiased_cka"]} | words
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        correlate(study(), **arguments)


def test_an_association_is_found_in_one_task_and_not_claimed_in_another():
    """Twenty studies of 10 placements x 3 seeds: r = 0.95 in one task, nothing in the other."""
    found = claimed = 0
    for seed in range(20):
        here = study(units=10, effect=0.95, tasks=("redundant",), seed=seed)
        there = study(units=10, effect=0.0, tasks=("unique",), seed=1000 + seed)
        rows = correlate(
            pd.concat([here, there]), "accuracy", ["unbiased_cka", "mknn"], permutations=999
        ).table.set_index("task")["verdict"]
        found += (rows["redundant"] == "supported").any()
        claimed += rows["unique"].isin(["supported", "contradicted"]).any()
    assert found >= 18
    assert claimed <= 2


def test_means_are_over_runs_that_have_both_values():
    table = study(effect=0.6)
    table.loc[0, ["unbiased_cka", "accuracy"]] = [np.nan, 50.0]
    point = correlate(table, "accuracy", ["unbiased_cka"]).hypotheses[0].points.iloc[0]
    assert point["runs"] == 2
    assert point["y"] == pytest.approx(table["accuracy"].iloc[1:3].mean())


def test_infinite_numbers_and_rows_without_a_placement_are_missing():
    table = study()
    table.loc[3, "unbiased_cka"] = np.inf
    table.loc[7, "placement"] = None
    found = correlate(table, "accuracy", ["unbiased_cka"])
    assert found.table["runs"].iloc[0] == 22
    assert any(
        "1 row(s) name no task or placement" in line for line in caution_lines(found.cautions)
    )


def test_a_run_listed_under_two_seeds_is_reported():
    table = study()
    table.loc[1, ["unbiased_cka", "accuracy"]] = table.loc[0, ["unbiased_cka", "accuracy"]]
    found = correlate(table, "accuracy", ["unbiased_cka"])
    assert found.table["runs"].iloc[0] == 24
    assert any("seed 1 has exactly the numbers of" in line for line in _cautions(found))


def test_missing_values_can_make_correlations_impossible_and_that_is_said():
    x = np.arange(16, dtype=float)
    rows = pd.DataFrame(
        {
            "task": "t",
            "placement": [f"p{i:02d}" for i in range(16)],
            "seed": 0,
            "accuracy": np.where(x < 10, x, -10 * x),
            "unbiased_cka": x,
            "mknn": x,
        }
    )
    complete = correlate(rows, "accuracy", ["unbiased_cka", "mknn"], permutations=99)
    assert not any("no data have" in line for line in _cautions(complete))
    rows.loc[10:, "unbiased_cka"] = np.nan
    rows.loc[:5, "mknn"] = np.nan
    found = correlate(rows, "accuracy", ["unbiased_cka", "mknn"], permutations=99)
    assert any(
        "t: no data have r = +1.00 for unbiased_cka" in line
        for line in caution_lines(found.cautions)
    )


def test_tasks_say_what_they_can_find():
    table = pd.concat([study(units=8), study(units=5, tasks=("small",))])
    tasks = correlate(table, "accuracy", ["unbiased_cka"]).tasks.set_index("task")
    assert tasks.loc["t", "power"] == pytest.approx(0.545, abs=1e-3)
    assert np.isnan(tasks.loc["small", "power"])
    assert tasks.loc["t", "icc"] > 0.9
    assert 8 < tasks.loc["t", "effective_n"] < 9
    assert tasks.loc["t", ["n", "runs", "seeds_low", "seeds_high"]].tolist() == [8, 24, 3, 3]
