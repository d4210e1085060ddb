"""Neighbours: the same in every precision, in any number of blocks, with ties."""

import definitions
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alignkit.errors import UsageError
from alignkit.metrics import Representation, neighbours, set_memory


def _hard(kind, n=260, d=24):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((n, 6)) @ rng.standard_normal((6, d)) + rng.standard_normal((n, d))
    match kind:
        case "large mean":
            x = x + 1e3
        case "rogue dimension":
            x = x * np.where(np.arange(d) == 3, 1e4, 1)
        case "near-duplicates":
            x = np.concatenate(
                [x[: n // 2], x[: n // 2] * (1 + 1e-6 * rng.standard_normal((n // 2, d)))]
            )
        case "equal rows":
            x = np.concatenate([x[:20]] * (n // 20))
        case "lattice":
            x = rng.integers(-1, 2, (n, 5)) + np.array([3, 0, 0, 0, 0])
        case "tiny":
            x = x * 1e-6
    return x.astype(np.float32)


KINDS = (
    "plain",
    "large mean",
    "rogue dimension",
    "near-duplicates",
    "equal rows",
    "lattice",
    "tiny",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_float32_finds_what_float64_finds(kind, distance):
    x = _hard(kind)
    found = [
        Representation(x, dtype=dtype).neighbours(10, distance)
        for dtype in (torch.float32, torch.float64)
    ]
    assert torch.equal(*found)


@pytest.mark.parametrize("kind", ["plain", "large mean", "rogue dimension", "near-duplicates"])
def test_they_are_those_of_the_definition(kind):
    x = _hard(kind, n=120)
    found = Representation(x).neighbours(7).tolist()
    assert found == [list(row) for row in definitions.neighbours(x.astype(np.float64), 7)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [300, 10_000])  # groups smaller than k, and larger
def test_groups_of_samples_change_nothing(kind, size, monkeypatch):
    x = _hard(kind)
    whole = Representation(x)
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", size)
    grouped = Representation(x)
    assert torch.equal(grouped.neighbours(10), whole.neighbours(10))
    distances = (one.neighbour_distances(10) for one in (grouped, whole))
    assert torch.allclose(*distances, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["cosine", "euclidean"]))
def test_distances_belong_to_the_neighbours(seed, distance):
    x = np.random.default_rng(seed).standard_normal((30, 4))
    one = Representation(x)
    points = one.unit_rows if distance == "cosine" else one.normalized
    expected = (points[:, None] - points[one.neighbours(3, distance)]).square().sum(2)
    assert torch.allclose(one.neighbour_distances(3, distance), expected, atol=1e-12)


def test_ranks_of_another_sample_count_what_is_nearer():
    x = _hard("lattice", n=60).astype(np.float64)
    others = torch.from_numpy((np.arange(60) + 7) % 60)
    squared = np.square(x[:, None] - x).sum(axis=2).round(9)
    np.fill_diagonal(squared, np.inf)
    wanted = squared[np.arange(60), others][:, None]
    expected = (squared < wanted).sum(axis=1) + ((squared == wanted).sum(axis=1) + 1) / 2
    assert Representation(x).ranks_of(others).tolist() == expected.tolist()


def test_ranks_of_many_others_are_those_of_one_at_a_time():
    x = Representation(_hard("lattice", n=60).astype(np.float64))
    rows, others = torch.from_numpy(np.argwhere(~np.eye(60, dtype=bool))).T
    at_once = x.ranks_of(others, rows)
    for shift in (1, 7, 30):
        wanted = (torch.arange(60) + shift) % 60
        assert torch.equal(
            at_once[rows * 60 + others == rows * 60 + wanted[rows]], x.ranks_of(wanted)
        )


def test_a_small_memory_bound_gives_the_same(monkeypatch):
    x = _hard("plain")
    whole = Representation(x).neighbours(10)
    set_memory(1 << 20)
    try:
        assert torch.equal(Representation(x).neighbours(10), whole)
    finally:
        set_memory(None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_of_one_group_are_not_neighbours(kind, dtype):
    x = _hard(kind, n=60)
    groups = np.random.default_rng(1).integers(0, 9, 60)
    largest = int(np.bincount(groups).max())
    k = 60 - largest  # as many as every sample has
    lists = Representation(x, dtype=dtype).grouped(groups).neighbours(k).numpy()
    everything = Representation(x, dtype=dtype).neighbours(59).numpy()
    for sample, (mine, others) in enumerate(zip(lists, everything, strict=True)):
        assert list(mine) == [j for j in others if groups[j] != groups[sample]][:k]


def test_ranks_leave_out_the_own_group():
    x = Representation(np.array([[0.0], [1.0], [2.0], [3.0], [5.0]])).grouped([0, 0, 1, 1, 2])
    assert x.ranks_of(torch.tensor([3, 2, 0, 0, 1])).tolist() == [2, 1, 2, 3, 3]


def test_groups_follow_the_samples():
    x = Representation(_hard("plain", n=40)).grouped(np.arange(40) // 4)
    order = torch.from_numpy(np.random.default_rng(0).permutation(40))
    permuted, picked = x.permuted(order), x[order.numpy()]
    assert torch.equal(permuted.neighbours(5), picked.neighbours(5))
    assert not (permuted.groups[permuted.neighbours(5)] == permuted.groups[:, None]).any()


def test_too_many_neighbours_for_the_largest_group_are_refused():
    x = Representation(_hard("plain", n=20)).grouped(np.arange(20) // 10)
    with pytest.raises(UsageError, match="10 are in one group"):
        x.neighbours(11)
