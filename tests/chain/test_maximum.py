"""The best of many pairs of layers has the null of the best, not that of one pair."""

import json

import numpy as np
import pytest

from alignkit.chain.layers import select_pairs
from alignkit.chain.maximum import maximum, null_of_best
from alignkit.chain.measure import measure_run
from alignkit.metrics import Representation, measure, resolve


@pytest.mark.parametrize("spec", ["cka", "procrustes:form=distance"])
def test_the_maximum_is_the_best_pair_and_its_null_that_of_loops(tiny_run, spec):
    found = maximum(tiny_run, spec, "all", null=5, seed=3)
    values = measure_run(tiny_run, [spec], layers="all")["value"].astype(float)
    metric = resolve(spec)
    best = max if metric.higher_is_better else min
    assert found.value == pytest.approx(best(values))
    rng = np.random.default_rng([3, found.n])
    pairs = select_pairs(tiny_run.schedule(), "all")
    sides = {s: np.asarray(tiny_run.representation(s).values) for pair in pairs for s in pair}
    drawn = []
    for _ in range(5):
        order = rng.permutation(found.n)
        drawn.append(best(measure(sides[x], sides[y][order], spec) for x, y in pairs))
    assert found.null_mean == pytest.approx(np.mean(drawn), rel=1e-5)
    room = metric.best - found.null_mean
    assert found.calibrated == pytest.approx((found.value - found.null_mean) / room)


def test_it_is_written_once(tiny_run):
    first = maximum(tiny_run, "cka", null=3)
    (file,) = (tiny_run.path / "alignment" / "test" / "maximum").iterdir()
    assert json.loads(file.read_text())["permutations"] == 3
    before = file.stat().st_mtime_ns
    assert maximum(tiny_run, "cka", null=3) == first
    assert file.stat().st_mtime_ns == before
    assert maximum(tiny_run, "cka", null=4).permutations == 4


def test_unrelated_layers_are_calibrated_to_nothing():
    """The largest of 16 values of noise is far above the chance of one, and at that of the best."""
    rng = np.random.default_rng(0)
    sides = {f"{s}{i}": Representation(rng.standard_normal((24, 6)), name=f"{s}{i}")
             for s in "tv" for i in range(4)}  # fmt: skip
    pairs = [(f"t{i}", f"v{j}") for i in range(4) for j in range(4)]
    metric = resolve("cka")
    best = max(measure(sides[x].values, sides[y].values, "cka") for x, y in pairs)
    drawn = null_of_best(metric, pairs, sides.__getitem__, 60, 0)
    one = null_of_best(metric, pairs[:1], sides.__getitem__, 60, 0)
    assert drawn.mean() > one.mean() + 2 * one.std() / np.sqrt(60)
    assert abs(best - drawn.mean()) < 3 * drawn.std()
