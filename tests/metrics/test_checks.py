"""Metrics at first use: checked once and in brief, without a false alarm."""

import numpy as np
import pytest

from alignkit.errors import PluginError, UndefinedError, UsageError
from alignkit.metrics import Representation, grid, resolve
from alignkit.metrics.checks import BRIEF, check_at_first_use
from alignkit.metrics.metric import Metric
from alignkit.plugins import names

UNIT = {"range": (0, 1), "best": 1}


def _metric(function, **declared):
    return Metric("mine", {}, "mine", function, declared)


def _similarity(x, y):
    return 1 / (1 + float((x.tensor - y.tensor).abs().mean()))


@pytest.mark.parametrize("name", names("metrics"))
def test_no_registered_metric_raises_a_false_alarm(name):
    check_at_first_use(resolve(name))


@pytest.mark.parametrize(
    "spec",
    [
        *("mknn:k=1", "mknn:k=23", "mknn:k=60", "jaccard:distance=euclidean", "cka:normed=false"),
        *("cka_rbf:bandwidth=0.5", "svcca:dims=1", "svcca:dims=20", "r2:folds=2", "pwcca:side=max"),
        *("procrustes:form=distance", "rsa:compare=spearman", "cosine:centred=true"),
    ],
)
def test_nor_does_one_with_parameters(spec):
    try:
        metric = resolve(spec)
    except UsageError:
        pytest.fail(f"{spec} is no metric")
    check_at_first_use(metric)


def test_a_metric_is_checked_once_with_few_samples():
    seen = []

    def counted(x, y):
        seen.append(x.n)
        return _similarity(x, y)

    metric = _metric(counted, **UNIT, symmetric=True)
    check_at_first_use(metric)
    assert set(seen) == {BRIEF[0][0]}
    assert len(seen) < 10
    del seen[:]
    layers = [Representation(np.random.default_rng(0).standard_normal((50, 3)))]
    grid(metric, layers, layers)
    assert seen == [50]


def test_what_is_wrong_is_said_every_time():
    metric = _metric(lambda x, y: 0.5, **UNIT)
    for _ in range(2):
        with pytest.raises(PluginError, match=r"identity: identical 0\.5, best 1"):
            check_at_first_use(metric)


def test_the_same_function_with_other_declarations_is_another_metric():
    def constant(x, y):
        return 0.5

    with pytest.raises(PluginError):
        check_at_first_use(_metric(constant, **UNIT))
    check_at_first_use(_metric(constant, range=(0, 1), best=0.5))


def test_a_metric_without_a_best_value_may_give_more_on_others():
    check_at_first_use(_metric(lambda x, y: float((x.tensor.sum() * y.tensor.sum()).abs())))


def test_a_metric_that_is_not_made_for_such_data_is_left_to_the_users():
    def picky(x, y):
        raise UndefinedError("needs classes")

    check_at_first_use(_metric(picky, **UNIT))


def test_parameters_that_need_more_samples_get_them():
    seen = []

    def needing(x, y):
        seen.append(x.n)
        if x.n < 100:
            raise UsageError("k needs 100 samples")
        return 0.5

    with pytest.raises(PluginError, match="identity"):
        check_at_first_use(_metric(needing, **UNIT))
    assert sorted(set(seen)) == [samples for samples, _ in BRIEF]


def test_a_null_that_mixes_up_layers_is_found():
    def null(xs, ys, orders):
        rows = [[[_similarity(x, y.permuted(o)) for y in ys] for x in xs] for o in orders]
        return np.array(rows)[:, ::-1]

    with pytest.raises(PluginError, match="null: its own null"):
        check_at_first_use(_metric(_similarity, **UNIT, null=null))
    check_at_first_use(_metric(_similarity, **UNIT, null=lambda *given: null(*given)[:, ::-1]))


def test_numbers_of_other_libraries_are_numbers():
    import torch

    for number in (np.float32(0.25), np.int64(1), torch.tensor(0.5), np.array(0.75), 1):
        x = Representation(np.eye(3))
        assert _metric(lambda x, y, number=number: number).compare(x, x) == float(number)


@pytest.mark.parametrize("value", [np.True_, np.array([0.5]), np.complex64(1), [0.5], b"1"])
def test_what_looks_like_a_number_and_is_none_is_refused(value):
    x = Representation(np.eye(3))
    with pytest.raises(PluginError, match="expected a number"):
        _metric(lambda x, y: value).compare(x, x)
