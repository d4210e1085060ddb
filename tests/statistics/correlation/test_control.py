"""Controlled variables: partial correlations, permuted residuals, and what is refused."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from alignkit.errors import UsageError
from alignkit.statistics import correlate
from alignkit.statistics.power import power
from simulations import control


def _study(n=8, seeds=2, seed=0, strength=1.0):
    """Alignment and accuracy that share nothing but the size of the model."""
    rng = np.random.default_rng(seed)
    size, x, y = rng.standard_normal((3, n))
    kind = np.array(["adam", "sgd"])[np.arange(n) % 2]
    return pd.DataFrame(
        {
            "task": "t",
            "placement": [f"p{i:02}" for i in range(n) for _ in range(seeds)],
            "seed": list(range(seeds)) * n,
            "size": np.repeat(size, seeds),
            "kind": np.repeat(kind, seeds),
            "accuracy": np.repeat(strength * size + y, seeds),
            "mknn": np.repeat(strength * size + x, seeds),
        }
    )


def _row(table, control=("size",), **options):
    return correlate(table, "accuracy", ["mknn"], control=control, **options).table.iloc[0]


def _residuals(values, *controls):
    design = np.column_stack([np.ones(len(values)), *controls])
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


def test_r_is_the_correlation_of_residuals():
    table = _study()
    means = table.groupby("placement")[["mknn", "accuracy", "size"]].mean()
    row = _row(table)
    x, y = (_residuals(means[c].to_numpy(), means["size"]) for c in ("mknn", "accuracy"))
    r = np.corrcoef(x, y)[0, 1]
    assert row["pearson"] == pytest.approx(r)
    t = r * np.sqrt((8 - 3) / (1 - r * r))
    assert row["p_parametric"] == pytest.approx(2 * scipy.stats.t.sf(abs(t), 8 - 3))
    plain = np.corrcoef(means["mknn"], means["accuracy"])[0, 1]
    assert row["pearson_uncontrolled"] == pytest.approx(plain)
    assert row["control"] == "size"


def test_p_is_that_of_freedman_and_lane():
    """Residuals are permuted, added to what the control explains, and everything is refitted."""
    table = _study(n=7, seeds=1, seed=3)
    x, y, size = (table[c].to_numpy() for c in ("mknn", "accuracy", "size"))
    left = _residuals(y, size)
    explained = y - left

    def partial(score):
        return np.corrcoef(_residuals(x, size), _residuals(score, size))[0, 1]

    observed = partial(y)
    null = [partial(explained + left[list(order)]) for order in itertools.permutations(range(7))]
    expected = (np.abs(null) >= abs(observed) - 1e-9).mean()
    assert _row(table)["p"] == pytest.approx(expected, abs=1e-12)


def test_leaving_a_unit_out_fits_the_control_anew():
    table = _study(seeds=1)
    row = _row(table)
    left_out = [
        _row(table[table["placement"] != p])["pearson"] for p in table["placement"].unique()
    ]
    assert row["leave_one_out_low"] == pytest.approx(min(left_out))
    assert row["leave_one_out_high"] == pytest.approx(max(left_out))


def test_text_is_controlled_for_by_its_values():
    table = _study()
    coded = table.assign(kind=(table["kind"] == "sgd").astype(float))
    assert _row(table, ["kind"])["pearson"] == pytest.approx(_row(coded, ["kind"])["pearson"])
    assert _row(table, ["kind", "size"])["n"] == 8


def test_each_control_costs_a_unit():
    row = _row(_study(n=7), ["size", "kind"])
    assert row["verdict"] == "not testable"
    assert row["reason"] == "7 unit(s), at least 8 are needed with 2 controlled"
    found = correlate(_study(n=9), "accuracy", ["mknn"], control=["size"])
    assert found.tasks["power"].iloc[0] == pytest.approx(power(8, 0.7))
    assert found.settings["control"] == ["size"]


def test_what_a_control_explains_entirely_is_not_testable():
    row = _row(_study().assign(mknn=lambda t: 2 * t["size"] + 1))
    assert row["verdict"] == "not testable"
    assert row["reason"] == "mknn is explained entirely by size"


def test_without_a_control_nothing_changes():
    table = _study()
    found = correlate(table, "accuracy", ["mknn"]).table
    assert "control" not in found
    means = table.groupby("placement")[["mknn", "accuracy"]].mean()
    oracle = scipy.stats.pearsonr(means["mknn"], means["accuracy"])
    assert found["p_parametric"].iloc[0] == pytest.approx(oracle.pvalue)


@pytest.mark.parametrize(
    ("change", "control", "message"),
    [
        (lambda t: t.assign(size=1.0), ["size"], "constant over the units of t"),
        (
            lambda t: t.assign(size=t["size"].where(t["placement"] != "p03")),
            ["size"],
            "missing in 2 of 16 runs (first: placement p03)",
        ),
        (lambda t: t.assign(twice=2 * t["size"]), ["size", "twice"], "determine each other"),
        (
            lambda t: t.assign(kind=["adam", "sgd"] * 8),
            ["kind"],
            "text and differs between the runs of p00",
        ),
        (lambda t: t, ["sise"], "no column 'sise'; did you mean 'size'?"),
        (lambda t: t, ["accuracy"], "`control` is accuracy, which is correlated"),
    ],
)
def test_controls_that_cannot_be_used_are_refused(change, control, message):
    with pytest.raises(UsageError) as raised:
        _row(change(_study()), control)
    assert message in str(raised.value)


@pytest.mark.parametrize("n", [10, 30])
def test_a_confounder_is_no_association(n):
    now, before = control.rejected(n, 500)
    assert 0.05 - 3 * 0.0098 < now / 500 < 0.05 + 3 * 0.0098
    assert before > 2 * now
    family, _ = control.rejected(n, 500, metrics=4)
    assert family / 500 < 0.05 + 3 * 0.0098
