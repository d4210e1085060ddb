"""Pooling over tasks: against definitions, joint permutations, and dependence between tasks."""

import itertools

import numpy as np
import pandas as pd
import pytest

from alignkit.report.pooled import pooled_lines, why_not_pooled
from alignkit.statistics import correlate
from alignkit.statistics.correlation.pooling import (
    JointPermutations,
    heterogeneity,
    pooled_statistics,
)
from simulations import pooling


def _table(n=6, effect=0.0, seed=0, tasks=("a", "b"), metric="mknn"):
    rng = np.random.default_rng(seed)
    rows = []
    for task in tasks:
        x, noise = rng.standard_normal((2, n))
        columns = {"placement": [f"p{i}" for i in range(n)], "seed": 0, "task": task}
        rows.append(pd.DataFrame(columns | {metric: x, "accuracy": effect * x + noise}))
    return pd.concat(rows, ignore_index=True)


def test_p_permutes_placements_in_all_tasks_at_once():
    table = _table(effect=0.8)
    row = correlate(table, "accuracy", ["mknn"]).pooled.iloc[0]
    pairs = [part[["mknn", "accuracy"]].to_numpy().T for _, part in table.groupby("task")]

    def pooled(order):
        return np.mean([np.arctanh(np.corrcoef(x, y[order])[0, 1]) for x, y in pairs])

    observed = pooled(np.arange(6))
    null = [pooled(list(order)) for order in itertools.permutations(range(6))]
    assert row["r"] == pytest.approx(np.tanh(observed))
    assert row["p"] == pytest.approx(np.mean(np.abs(null) >= abs(observed) - 1e-9))
    assert row["p_adjusted"] == row["p"]
    assert row["exact"]
    assert row["tasks"] == "a, b"


def test_with_one_task_pooling_is_the_task():
    x, y = np.random.default_rng(1).standard_normal((2, 7))
    joint = JointPermutations(["abcdefg"], 1, 0)
    z, _ = pooled_statistics([(x, y)], [1], joint)
    assert np.tanh(z[0]) == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert len(z) == 1 + 5040


def test_a_copy_of_a_task_adds_nothing():
    table = _table(7, 0.8, tasks=("a",))
    twice = pd.concat([table, table.assign(task="b")])
    found = correlate(twice, "accuracy", ["mknn"])
    assert found.pooled["p"].iloc[0] == pytest.approx(found.table["p"].iloc[0])
    assert found.pooled["i_squared"].iloc[0] == 0


def test_placements_are_exchanged_with_those_of_the_same_tasks():
    joint = JointPermutations(["abcdef", "abcd"], 50, 0)
    assert not joint.exact
    for order in joint.indices:
        assert set(order[:4]) == {0, 1, 2, 3}
        assert set(order[4:]) == {4, 5}
    assert sorted(joint.of_task(1)[7]) == [0, 1, 2, 3]


def test_losses_are_turned_round():
    table = _table(8, 0.9)
    flipped = table.assign(loss=-table["accuracy"])
    up = correlate(table, "accuracy", ["mknn"]).pooled.iloc[0]
    down = correlate(flipped, "loss", ["mknn"], lower_is_better=["loss"]).pooled.iloc[0]
    assert down["r"] == pytest.approx(up["r"])
    assert down["verdict"] == up["verdict"]


def test_heterogeneity_is_that_of_cochran():
    z = np.arctanh([0.5, -0.2, 0.1])
    weights = np.array([7, 9, 5])
    mean = weights @ z / weights.sum()
    q, i_squared = heterogeneity([0.5, -0.2, 0.1], [10, 12, 8])
    assert q == pytest.approx(sum(w * (v - mean) ** 2 for w, v in zip(weights, z, strict=True)))
    assert i_squared == pytest.approx(max(0, (q - 2) / q))


def test_nothing_is_pooled_for_runs_and_a_line_says_so():
    correlations = correlate(_table(10), "accuracy", ["mknn"], unit="run")
    assert correlations.pooled.empty
    assert why_not_pooled(correlations) == [
        "all tasks: nothing is pooled, as runs of a placement are not independent"
    ]


def test_with_a_control_residuals_are_permuted_in_all_tasks_at_once():
    table = _table(7, effect=0.8)
    table["size"] = np.random.default_rng(3).standard_normal(14)
    row = correlate(table, "accuracy", ["mknn"], control=["size"]).pooled.iloc[0]
    tasks = []
    for _, part in table.groupby("task"):
        design = np.column_stack([np.ones(7), part["size"]])
        left = np.eye(7) - design @ np.linalg.pinv(design)
        tasks.append((left, left @ part["mknn"], left @ part["accuracy"]))

    def pooled(order):
        z = [np.arctanh(np.corrcoef(x, left @ y[order])[0, 1]) for left, x, y in tasks]
        return np.mean(z)

    observed = pooled(np.arange(7))
    null = [pooled(list(order)) for order in itertools.permutations(range(7))]
    assert row["r"] == pytest.approx(np.tanh(observed))
    assert row["p"] == pytest.approx(np.mean(np.abs(null) >= abs(observed) - 1e-9))


def test_a_line_says_what_was_pooled():
    found = correlate(_table(9, 3.0), "accuracy", ["mknn"])
    (line,) = pooled_lines(found.pooled)
    assert line.startswith("all tasks (a, b), mknn: pooled r +0.9")
    assert line.endswith("over 9 units permuted jointly: supported")
    assert pooled_lines(correlate(_table(tasks=("a",)), "accuracy", ["mknn"]).pooled) == []


def test_tasks_that_correlate_do_not_count_as_independent():
    verdicts, small, independent = pooling.judged(12, 300)
    error = 3 * 0.0126
    assert small / 300 < 0.05 + error
    assert verdicts <= small
    assert independent > small
