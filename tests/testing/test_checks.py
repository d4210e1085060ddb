"""The helpers for plugin authors: what holds passes, and every broken property is named."""

import json

import numpy as np
import pytest
import torch

import alignkit
from alignkit.testing import check_architecture, check_metric, check_placement, check_task
from tiny import TINY_MODEL, TINY_TASK
from tiny import alignkit as run

SIMILARITY = {"range": (0, 1), "best": 1, "symmetric": True}


def cka(x, y):
    """A metric as an author would write it."""
    return float((x.centred.T @ y.centred).square().sum()) / (x.gram_norm * y.gram_norm)


def test_a_sound_metric_passes_with_its_values():
    found = check_metric(cka, **SIMILARITY, invariances=("rotation", "scale", "shift"))
    x = np.random.default_rng(0).standard_normal((20, 3))
    assert cka(alignkit.Representation(x), alignkit.Representation(x)) == pytest.approx(1)
    assert found.values["identical"] == pytest.approx(1)
    assert found.values["random"] < found.values["noisy"] < 1
    assert {check.name for check in found.checks} == {
        "range",
        "identity",
        "direction",
        "repeatable",
        "symmetry",
        "rotation",
        "scale",
        "shift",
    }


@pytest.mark.parametrize("spec", ["cka", "mknn:k=5", "procrustes:form=angular", "cycle_knn"])
def test_registered_metrics_pass(spec):
    found = check_metric(spec, samples=64, width=12, seed=3)
    assert found.metric == spec
    assert (found.self_score is None) == (spec != "cycle_knn")


def test_sizes_and_seed_are_used():
    values = [
        check_metric("cka", **options).values["random"]
        for options in ({}, {"samples": 64}, {"width": 16}, {"seed": 1})
    ]
    assert len(set(values)) == 4


def _angle(x, y):
    return float(torch.arccos(torch.clamp(torch.tensor(cka(x, y)), max=1.0)))


def _asymmetric(x, y):
    return cka(x, y) * float(x.norm / (x.norm + 1e-3 * y.norm))


def _raw(x, y):
    return float((x.tensor.T @ y.tensor).square().sum())


def _random(x, y):
    return cka(x, y) * float(np.random.default_rng().uniform(0.99, 1))


def _writes(x, y):
    value = cka(x, y)
    x.values[:] = 0
    return value


@pytest.mark.parametrize(
    ("function", "declared", "property_"),
    [
        (lambda x, y: 2 * cka(x, y), SIMILARITY, "range"),
        (lambda x, y: 0.9 * cka(x, y), SIMILARITY, "identity"),
        (_angle, {"range": (0, 2), "best": 2}, "direction"),
        (_asymmetric, SIMILARITY | {"best": 1 / 1.001}, "symmetry"),
        (_random, {"range": (0, 1), "best": 1}, "repeatable"),
        (_writes, {"range": (0, 1), "best": 1}, "repeatable"),
        (cka, SIMILARITY | {"invariances": ("linear",)}, "linear"),
        (_raw, {"invariances": ("scale",)}, "scale"),
        (_raw, {"invariances": ("shift",)}, "shift"),
        (
            lambda x, y: float((x.tensor * y.tensor).sum()),
            {"invariances": ("rotation",)},
            "rotation",
        ),
        (cka, SIMILARITY | {"chance": lambda x, y: 0.5}, "chance"),
        (lambda x, y: float("nan"), {}, "value"),
        (lambda x, y: 1 / 0, {}, "ZeroDivisionError"),
    ],
)
def test_a_broken_property_is_named(function, declared, property_):
    with pytest.raises(AssertionError, match=property_):
        check_metric(function, **declared)


def test_faulty_calls_are_usage_errors():
    with pytest.raises(alignkit.UsageError, match="k=500"):
        check_metric("mknn:k=500")
    with pytest.raises(alignkit.UsageError, match="leave them out"):
        check_metric("cka", best=1)
    with pytest.raises(alignkit.PluginError, match="declares colour"):
        check_metric(cka, colour="red")
    with pytest.raises(alignkit.UsageError, match="at least 8"):
        check_metric("cka", samples=4)


def test_placements_are_laid_out():
    schedule = check_placement("1,2/0,3", TINY_MODEL)
    assert [str(step) for step in schedule if "fuse" in str(step)] == ["fuse    0", "fuse    1"]
    assert check_placement("late")
    with pytest.raises(alignkit.UsageError, match="beyond the depth"):
        check_placement([9], TINY_MODEL)


def test_an_architecture_walks_on_every_placement_that_fits():
    found = check_architecture(TINY_MODEL, TINY_TASK)
    assert set(found) == {"none", "early_early"}
    assert found["early_early"] > found["none"] > 0


def test_a_task_is_read():
    assert check_task(TINY_TASK) == {"train": 64, "validation": 32, "test": 48}


class _Task:
    target = alignkit.Binary()

    def __init__(self, **changes):
        self.changes = changes

    def fingerprint(self):
        return self.changes.get("fingerprint", "x")

    def split(self, name):
        n = 6
        whole = {
            "ids": [f"{name}{i}" for i in range(n)],
            "texts": ["a"] * n,
            "image": lambda i: np.zeros((8, 8, 3), np.uint8),
            "targets": np.arange(n) % 2,
        }
        return alignkit.Split(**whole | {k: v for k, v in self.changes.items() if k in whole})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": ["a"] * 6}, "'a' is in both train"),
        ({"texts": ["a"]}, "6 ids but 1 texts"),
        ({"texts": [None] * 6}, "not text"),
        ({"image": lambda i: np.zeros((8, 8))}, "not RGB"),
        ({"targets": None}, "no targets"),
        ({"targets": np.arange(5)}, "5 targets"),
        ({"fingerprint": 3}, "not text"),
    ],
)
def test_a_broken_task_is_named(changes, message):
    assert check_task(_Task()) == {"train": 6, "validation": 6, "test": 6}
    with pytest.raises(AssertionError, match=message):
        check_task(_Task(**changes))


PLUGIN = """
import alignkit
def wrong(x, y): return 0.9
@alignkit.hookimpl
def register_metrics(register):
    register("wrong", wrong, range=(0, 1), best=1, symmetric=True)
"""


def test_sanity_on_the_command_line(tmp_path):
    done = run(
        "sanity",
        "--metric",
        "cka",
        "--metric",
        "cycle_knn:k=5",
        "--samples",
        "64",
        "--width",
        "12",
        "--json",
        "--output",
        "t.csv",
        cwd=tmp_path,
    )
    rows = {row["metric"]: row for row in json.loads(done.stdout)}
    assert rows["cka"]["identical"] == pytest.approx(1)
    assert rows["cka"]["best"] == 1
    assert rows["cka"]["self_score"] is None
    assert rows["cycle_knn:k=5"]["self_score"] == rows["cycle_knn:k=5"]["identical"]
    assert rows["cka"]["chance"] == pytest.approx(rows["cka"]["random"], abs=0.1)
    assert rows["cka"]["fails"] == []
    assert (rows["cka"]["samples"], rows["cka"]["width"], rows["cka"]["seed"]) == (64, 12, 0)
    assert "shift" in (tmp_path / "t.csv").read_text()
    other = run(
        "sanity",
        "-m",
        "cka",
        "--samples",
        "64",
        "--width",
        "12",
        "--seed",
        "1",
        "--json",
        cwd=tmp_path,
    )
    assert json.loads(other.stdout)[0]["noisy"] != rows["cka"]["noisy"]


def test_sanity_finds_a_third_party_that_breaks_its_word(tmp_path):
    (tmp_path / "wrong.py").write_text(PLUGIN)
    done = run("--plugin", "wrong.py", "sanity", "--metric", "wrong", cwd=tmp_path, code=1)
    assert "wrong fails identity: identical 0.9, best 1" in done.stderr
    assert "0 of 1 metrics behave as declared\nthese do not: wrong" in done.stdout
    assert "Traceback" not in done.stderr
