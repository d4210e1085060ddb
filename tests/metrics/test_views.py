"""Views are kept within a bound, and made again when they are needed again."""

import gc
import os
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from alignkit.errors import UsageError
from alignkit.metrics import Design, Representation, grid, resolve, set_memory
from alignkit.metrics.views import VIEWS, Views, bytes_of, forget_pages


@pytest.fixture
def bound():
    yield set_memory
    set_memory(None)


def _layers(count=6, n=200, width=40, seed=0):
    rng = np.random.default_rng(seed)
    return [Representation(rng.standard_normal((n, width)), name=f"l{i}") for i in range(count)]


def test_the_oldest_view_makes_room():
    views = Views(limit=100 * 8)
    owner = object()
    for key in ("a", "b"):
        views.put(owner, key, torch.zeros(40, dtype=torch.float64), None, shared=True)
    assert views.get(owner, "a") is not None  # now b is the oldest
    views.put(owner, "c", torch.zeros(40, dtype=torch.float64), None, shared=True)
    assert views.get(owner, "b") is None
    assert views.get(owner, "a") is not None
    assert views.size <= views.limit


def test_a_bound_changes_no_value_and_is_kept(bound):
    specs = ("cka", "mknn", "svcca", "procrustes", "rsa", "r2")
    free = {s: [v.value for v in grid(resolve(s), _layers(), _layers(seed=1))] for s in specs}
    bound(2 << 20)
    for spec in specs:
        values = [v.value for v in grid(resolve(spec), _layers(), _layers(seed=1))]
        assert values == free[spec]
        assert VIEWS.size <= 2 << 20


def test_what_one_metric_alone_reads_is_given_up_after_it():
    xs, ys = _layers(2), _layers(2, seed=1)
    grid(resolve("cka_rbf"), xs, ys)
    kept = {key for x in xs for key in VIEWS.of(x)}
    assert "normalized" in kept
    assert not any(isinstance(key, tuple) and key[0] == "gaussian" for key in kept)


def test_views_die_with_their_representation():
    before = VIEWS.size
    layers = _layers(3)
    for layer in layers:
        _ = layer.gram
    assert VIEWS.size >= before + 3 * 200 * 200 * 8
    del layers, layer
    gc.collect()
    assert VIEWS.size <= before


@pytest.mark.parametrize("spec", ["cka", "mknn", "procrustes", "rsa", "r2"])
@pytest.mark.parametrize("labels", ["within", "groups"])
def test_a_layer_that_was_measured_in_classes_or_groups_is_let_go(spec, labels):
    layers = _layers(2)
    gone = [weakref.ref(layer) for layer in layers]
    design = Design.of(**{labels: np.arange(200) // 20})
    grid(resolve(spec), layers[:1], layers[1:], null=3, interval=3, design=design)
    del layers
    gc.collect()
    assert [each() for each in gone] == [None, None]


def test_what_one_owner_gives_up_leaves_the_others_theirs():
    views, owners = Views(limit=1 << 20), [object(), object()]
    for owner in owners:
        for key, shared in (("a", True), ("b", False)):
            views.put(owner, key, torch.zeros(4), None, shared)
    views.release(owners[0])
    assert [set(views.of(owner)) for owner in owners] == [{"a"}, {"a", "b"}]
    views.release(owners[0], shared=True)
    assert [set(views.of(owner)) for owner in owners] == [set(), {"a", "b"}]
    assert views.size == 2 * 16


def test_sizes_are_those_of_what_is_inside():
    assert bytes_of((torch.zeros(3, dtype=torch.float32), np.zeros(2))) == 12 + 16


def test_a_bound_that_is_too_small_is_refused():
    with pytest.raises(UsageError, match="at least 1 MB"):
        set_memory(1000)


def test_pages_of_a_mapped_file_are_given_back_and_read_again(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.ones((4000, 1000)))
    mapped = np.load(path, mmap_mode="r")
    assert mapped.sum() == 4e6
    before = _resident()
    forget_pages(mapped[5:])
    assert before - _resident() > 16 << 20
    assert mapped.sum() == 4e6


def test_changes_to_a_private_map_are_kept(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.ones((4000, 100)))
    mapped = np.load(path, mmap_mode="c")
    mapped[:] = 2
    forget_pages(mapped[5:])
    assert mapped.min() == 2


def _resident():
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
