"""Representations: what they refuse, what they share."""

import numpy as np
import pytest
import torch

from alignkit.errors import UndefinedError, UsageError
from alignkit.metrics import Representation


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(4), "1 dimension"),
        (np.zeros((2, 3, 4)), "3 dimension"),
        (np.zeros((0, 3)), "empty"),
        (np.array([["a", "b"]]), "not numbers"),
    ],
)
def test_what_is_no_matrix_is_refused(values, message):
    with pytest.raises(UsageError, match=message):
        Representation(values, name="x")


def test_rows_that_are_not_finite_are_counted_and_named():
    values = np.ones((1200, 2))
    values[[3, 7], 1] = np.nan
    ids = [f"img_{i}" for i in range(1200)]
    with pytest.raises(
        UsageError, match=r"v07: 2 of 1,200 rows are non-finite \(first: id 'img_3'"
    ):
        Representation(values, ids, "v07").centred


def test_ids_must_fit_and_be_unique():
    with pytest.raises(UsageError, match="3 rows but 2 sample ids"):
        Representation(np.zeros((3, 1)), ["a", "b"])
    with pytest.raises(UsageError, match="'a' occurs more than once"):
        Representation(np.zeros((3, 1)), ["a", "b", "a"])


def test_views_are_computed_once():
    x = Representation(np.random.default_rng(0).standard_normal((9, 4)))
    assert x.gram is x.gram
    assert x.neighbours(3) is x.neighbours(3)
    assert x.neighbours(3) is not x.neighbours(2)


def test_the_input_is_never_changed():
    values = np.random.default_rng(0).standard_normal((9, 4))
    before = values.copy()
    x = Representation(values)
    _ = x.centred, x.gram, x.unit_rows, x.singular, x.neighbours(3)
    np.testing.assert_array_equal(values, before)


def test_numpy_reads_it_and_torch_makes_it():
    tensor = torch.arange(6.0).reshape(3, 2)
    x = Representation(tensor)
    np.testing.assert_array_equal(np.asarray(x), tensor.numpy())
    assert x.tensor.dtype == torch.float32
    assert (len(x), x.n, x.width) == (3, 3, 2)


def test_rows_are_drawn_with_their_ids():
    x = Representation(np.arange(8.0).reshape(4, 2), list("abcd"))[np.array([2, 0])]
    assert x.ids == ["c", "a"]
    np.testing.assert_array_equal(x.values, [[4, 5], [0, 1]])


def test_no_sample_is_its_own_neighbour_even_among_duplicates():
    x = Representation(np.array([[1.0, 2, 3]] * 6 + [[3.0, 0, 1]]))
    for i, row in enumerate(x.neighbours(3).tolist()[:6]):
        assert i not in row
        assert row == sorted(row)  # all are ties: the lowest indices, in order


def test_euclidean_neighbours():
    values = np.array([[0.0], [1.0], [3.0], [7.0]])
    assert Representation(values).neighbours(2, "euclidean").tolist() == [
        [1, 2],
        [0, 2],
        [1, 0],
        [2, 1],
    ]


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_size_does_not_decide_what_is_constant(size):
    values = size * np.random.default_rng(0).standard_normal((6, 3))
    assert Representation(values).norm > 0
    with pytest.raises(UndefinedError, match="constant"):
        Representation(np.full((6, 3), size * 0.1)).centred


def test_half_precision_tensors_are_read_and_given_back_as_numbers():
    values = torch.randn(6, 4, dtype=torch.bfloat16)
    x = Representation(values)
    assert x.dtype == torch.float32
    assert np.array_equal(x.values, values.float().numpy())
    assert np.array_equal(x[[2, 0]].values, values[[2, 0]].float().numpy())
    assert x.normalized.isfinite().all()


@pytest.mark.parametrize(
    ("old", "new", "arguments"),
    [
        ("exact_unit", "exact_normalized", (slice(1, 4),)),
        ("unit_block", "normalized_block", (slice(1, 4), torch.float32)),
    ],
)
def test_the_former_names_of_methods_still_work_and_say_so(old, new, arguments):
    x = Representation(np.random.default_rng(0).normal(size=(6, 3)))
    with pytest.warns(DeprecationWarning, match=rf"Representation\.{old} is now \.{new};") as seen:
        values = getattr(x, old)(*arguments)
    assert torch.equal(values, getattr(x, new)(*arguments))
    assert seen[0].filename == __file__


@pytest.mark.parametrize(("old", "new"), [("unit", "normalized"), ("unit_gram", "normalized_gram")])
def test_former_names_of_views_warn_and_still_work(old, new):
    x = Representation(np.random.default_rng(0).standard_normal((9, 4)))
    with pytest.warns(DeprecationWarning, match=rf"Representation\.{old} is now \.{new};") as seen:
        assert getattr(x, old) is getattr(x, new)
    assert seen[0].filename == __file__


def test_the_former_name_of_parallel_map_warns_and_still_works():
    import alignkit

    with pytest.warns(DeprecationWarning, match=r"alignkit\.spread is now alignkit\.parallel_map"):
        assert alignkit.spread is alignkit.parallel_map
