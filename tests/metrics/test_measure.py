"""Measuring in Python: by name, by function, and several at once."""

import functools

import numpy as np
import pytest
import torch

import alignkit
from alignkit.errors import UndefinedError, UsageError

rng = np.random.default_rng(0)
X = rng.standard_normal((30, 6))
Y = X[:, :4] + rng.standard_normal((30, 4))


def first_columns(x, y, column: int = 0, power: float = 1.0):
    """The correlation of one column of both, as a tensor."""
    a, b = (torch.as_tensor(r.values)[:, column] for r in (x, y))
    return torch.corrcoef(torch.stack([a, b]))[0, 1] ** power


class Prepared:
    def __init__(self, column: int = 0) -> None:
        self.column = column

    def prepare(self, x):
        return x.values[:, self.column]

    def compare(self, a, b):
        return np.corrcoef(a, b)[0, 1]


def _correlation(column, power=1.0):
    return np.corrcoef(X[:, column], Y[:, column])[0, 1] ** power


def test_a_function_is_a_metric():
    assert alignkit.measure(X, Y, first_columns) == pytest.approx(_correlation(0))
    assert alignkit.measure(X, Y, metric=first_columns, column=2, power=2) == pytest.approx(
        _correlation(2, 2)
    )
    assert alignkit.measure(X, Y, functools.partial(first_columns, column=1)) == pytest.approx(
        _correlation(1)
    )
    assert alignkit.measure(X, Y, lambda x, y: 0.5) == 0.5
    assert alignkit.measure(X, Y, Prepared, column=3) == pytest.approx(_correlation(3))


def test_several_metrics_have_their_values_by_name():
    given = ["mknn:k=5", first_columns, "cka", Prepared]
    values = alignkit.measure(X, Y, given)
    assert list(values) == ["mknn:k=5", "first_columns", "cka", "Prepared"]
    for metric in given:
        name = metric if isinstance(metric, str) else metric.__name__
        assert values[name] == pytest.approx(alignkit.measure(X, Y, metric), abs=1e-12)
    assert alignkit.measure(X, Y, ("cka",)) == {"cka": alignkit.measure(X, Y, "cka")}


def test_classes_and_groups_go_to_every_metric():
    classes = np.arange(30) % 3
    values = alignkit.measure(X, Y, ["cka", first_columns], within=classes)
    assert values["cka"] == alignkit.measure(X, Y, "cka", within=classes)
    assert values["first_columns"] != pytest.approx(_correlation(0))


@pytest.mark.parametrize(
    ("metric", "parameters", "message"),
    [
        (5, {}, "`metric` is 5; expected a name, a function of two representations"),
        ([], {}, "`metric` is an empty list"),
        (["cka", "svcca"], {"dims": 3}, "`dims` would go to each of several metrics"),
        (["cka", "cka"], {}, "two that are called 'cka'"),
        ([lambda x, y: 0.1, lambda x, y: 0.2], {}, "two that are called '<lambda>'"),
        (first_columns, {"colum": 1}, "metric 'first_columns' has no option 'colum'; did you mean"),
        (first_columns, {"column": "b"}, "'column=b' is not a whole number"),
        (["cka", "kca"], {}, "unknown metric 'kca'"),
    ],
)
def test_what_is_no_metric_is_refused(metric, parameters, message):
    with pytest.raises(UsageError) as caught:
        alignkit.measure(X, Y, metric, **parameters)
    assert message in str(caught.value)


def test_of_several_the_one_without_a_value_is_named():
    with pytest.raises(UndefinedError, match=r"^cka: .*constant"):
        alignkit.measure(X, np.ones((30, 2)), ["cka", first_columns])


@pytest.mark.parametrize("make", [np.asarray, torch.as_tensor, np.asfortranarray])
@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "int64"])
def test_the_values_that_a_metric_reads_are_an_array_in_every_order(make, kind):
    given = make((10 * X).astype(kind))
    x = alignkit.Representation(given)
    order = torch.from_numpy(rng.permutation(30))
    again = torch.from_numpy(rng.permutation(30))
    expected = np.asarray(given)
    moved = {
        "itself": (x, expected),
        "permuted": (x.permuted(order), expected[order]),
        "twice": (x.permuted(order).permuted(again), expected[order][again]),
        "some": (x.permuted(order)[3:9], expected[order][3:9]),
        "grouped": (x.grouped(np.arange(30) // 2), expected),
    }
    for name, (one, values) in moved.items():
        assert isinstance(one.values, np.ndarray), name
        assert np.array_equal(one.values, values), name
        assert one.values.mean(axis=0).shape == (6,), name
