"""Every metric on numbers of few bits: its value is that of float64 on what is stored."""

from functools import cache

import exact
import numpy as np
import pytest
import torch
from stored import CASES, COLLAPSED, HUGE, SHAPES, TYPES, Maker
from test_values import METRICS

import alignkit
from alignkit.metrics import Representation, grid, resolve

SPECS = (
    *METRICS,
    "cknna:k=5,biased=true",
    "cosine:aligned=true,centred=true",
    "cosine:centred=true",
    "mknn:k=5,distance=euclidean",
    "r2:direction=yx",
    "rsa:compare=kendall",
    "rsa:rdm=euclidean,compare=kendall",
    "rsa:rdm=euclidean,compare=pearson",
    "svcca:standardised=true",
    "unbiased_cka:normed=true",
)
# What compares differences between distances has no value where all are equal, but for rounding.
OF_DIFFERENCES = (
    "cknna:k=5",
    "distance_correlation:unbiased=true",
    "rsa:rdm=cosine",
    "rsa:rdm=euclidean",
    "rsa:rdm=euclidean,compare=kendall",
    "rsa:rdm=euclidean,compare=pearson",
    "second_order_cosine:k=5",
    "unbiased_cka",
    "unbiased_cka:normed=true",
)
# The directions of rows that are all the same are defined, if they are not centred.
OF_A_COLLAPSED = ("cosine", "cosine:aligned=true")
# Metrics whose values move little with the data.
SMOOTH = (
    "cka",
    "unbiased_cka",
    "cka_rbf",
    "rv2",
    "distance_correlation",
    "procrustes",
    "rsa:rdm=euclidean,compare=pearson",
)


@cache
def data(case, kind, seed=0):
    shape = SHAPES[(CASES.index(case) + list(TYPES).index(kind)) % len(SHAPES)]
    return Maker(TYPES[kind], shape, seed).made(case)


def measured(spec, x, y):
    (value,) = grid(resolve(spec), [Representation(x, name="x")], [Representation(y, name="y")])
    return value


def defined(spec, x, y):
    """Return the value by definition and its error; None where there is none."""
    metric = resolve(spec)
    try:
        return exact.value(metric.name, x, y, dict(metric.parameters))
    except exact.Undefined:
        return None, 0.0


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("case", CASES)
def test_values_are_those_of_the_definitions_on_what_is_stored(case, kind):
    x, y = data(case, kind)[1]
    wrong = {}
    for spec in SPECS:
        value = measured(spec, x, y)
        expected, slack = expectation(case, spec, x, y)
        if expected is None:
            if value.value is not None or not value.reason:
                wrong[spec] = (value.value, "undefined")
        elif value.value is None:
            wrong[spec] = (value.reason, expected)
        elif abs(value.value - expected) > slack:
            wrong[spec] = (value.value, expected)
    assert not wrong


def expectation(case, spec, x, y):
    """Return the value by definition, None where there is none, and how far off one may be."""
    if case == "equal_distances" and spec in OF_DIFFERENCES:
        return None, 0
    if case in COLLAPSED and spec not in OF_A_COLLAPSED:
        return None, 0
    expected, error = defined(spec, x, y)
    if expected is None:
        return None, 0
    slack = 1e-5 * max(1, abs(expected)) + (5 * error + 0.003 if error else 0)
    if case == "two_rows_but_for_rounding" and spec.startswith("rsa"):
        slack = 0.05  # equal rows differ by rounding, whose ranks are as good as any
    return expected, np.inf if np.isnan(expected) else slack


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
@pytest.mark.parametrize("case", ["plain", "huge_constant_column", "huge_column_of_rounding"])
def test_the_value_is_nearly_that_of_the_data_before_they_were_rounded(case, kind):
    (x, y), stored = data(case, kind)
    before = [torch.from_numpy(side) for side in _without_wobble(case, x, y)]
    near = 0.001 if kind == "float16" else 0.01
    for spec in SMOOTH:
        expected, _ = defined(spec, *before)
        assert measured(spec, *stored).value == pytest.approx(expected, abs=near), spec


def _without_wobble(case, x, y):
    if case == "huge_column_of_rounding":
        x, y = x.copy(), y.copy()
        x[:, 4], y[:, 2] = x[:, 4].mean(), y[:, 2].mean()
    return x, y


@pytest.mark.parametrize("kind", TYPES)
def test_a_grid_of_layers_gives_what_each_pair_gives(kind):
    cases = (HUGE[1], "collapsed_but_for_rounding", "two_distinct_rows")
    made = [Maker(TYPES[kind], SHAPES[0]).made(case)[1] for case in cases]
    xs, ys = ([Representation(pair[side], name="z") for pair in made] for side in (0, 1))
    for spec in SPECS:
        values = grid(resolve(spec), xs, ys, null=2)
        for (i, j), value in zip(np.ndindex(3, 3), values, strict=True):
            alone = measured(spec, made[i][0], made[j][1])
            assert (value.value is None) == (alone.value is None), spec
            if value.value is not None:
                assert value.value == pytest.approx(alone.value, abs=1e-12), spec
                assert value.null_std is None or np.isfinite(value.null_std), spec


@pytest.mark.parametrize("kind", [kind for kind in TYPES if "64" not in kind])
def test_a_huge_column_within_classes_is_what_the_classes_leave_of_it(kind):
    maker = Maker(TYPES[kind], SHAPES[2])
    (x, y), _ = maker.made("plain")
    classes = np.arange(maker.n) % 3
    plain, huge = x.copy(), x.copy()
    plain[:, 4] = 0
    huge[:, 4] = maker.wobble(maker.huge * np.array([-1.0, 0.5, 1.0])[classes])
    plain, huge, y = (torch.from_numpy(z).to(TYPES[kind]) for z in (plain, huge, y))
    for spec in ("cka", "rsa:rdm=euclidean", "svcca:standardised=true"):
        expected = alignkit.measure(plain, y, spec, within=classes)
        value = alignkit.measure(huge, y, spec, within=classes)
        assert value == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", TYPES)
def test_a_column_is_judged_by_its_own_values(kind):
    for case in HUGE[:3]:
        (_, stored) = Maker(TYPES[kind], SHAPES[0]).made(case)
        x = Representation(stored[0])
        assert x.columns.constant.nonzero().flatten().tolist() == [4] * (case != HUGE[2])
        assert bool(x.centred[:, 4].any()) == (case == HUGE[2])
        np.testing.assert_array_equal(x.values, stored[0].double().numpy())
        again = x.permuted(torch.arange(x.n).flip(0))[np.arange(5, x.n)]
        assert again.precision == x.precision
