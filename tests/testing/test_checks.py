"""The helpers for plugin authors: what holds passes, and every broken property is named."""

import json
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

import alignkit
from alignkit.testing import (
    check_architecture,
    check_encoder,
    check_loss,
    check_metric,
    check_placement,
    check_target,
    check_task,
)
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
            "facts": {},
        }
        return alignkit.Split(**whole | {k: v for k, v in self.changes.items() if k in whole})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": ["a"] * 6}, "gave the id 'a' to 6 samples"),
        ({"ids": [f"a{i}" for i in range(6)]}, "sample id 'a0', which is in train"),
        ({"texts": ["a"]}, "split 'train', gave 6 ids but 1 texts"),
        ({"texts": [None] * 6}, "gave None at 0 of `texts`; expected text"),
        (
            {"image": lambda i: np.zeros((8, 8))},
            r"shape \(8, 8\) and type float64; expected an RGB picture",
        ),
        ({"targets": None}, "no targets"),
        ({"targets": np.arange(5)}, r"6 ids but targets of shape \(5,\)"),
        ({"targets": [0, 1] * 3}, "a list of 6 as `targets`; expected a numpy array"),
        ({"targets": np.arange(6)}, r"gave the label 2 to sample 'train2' \(4 of 6\)"),
        ({"targets": np.arange(6) / 6}, "expected one whole number per sample"),
        ({"facts": {"scene": ["a"]}}, "6 ids but 1 texts as the fact 'scene'"),
        ({"fingerprint": 3}, "asked for its fingerprint, gave 3; expected text"),
    ],
)
def test_a_broken_task_is_named(changes, message):
    assert check_task(_Task()) == {"train": 6, "validation": 6, "test": 6}
    with pytest.raises(AssertionError, match=message):
        check_task(_Task(**changes))


@pytest.mark.parametrize("what", ["ids", "texts", "targets", "fingerprint"])
def test_a_task_that_does_not_repeat_is_named(what):
    class Changing(_Task):
        asked = 0

        def split(self, name):
            whole, self.asked = super().split(name), self.asked + 1
            values = list(getattr(whole, what, ()))
            turned = values[self.asked % 6 :] + values[: self.asked % 6]
            given = np.array(turned) if what == "targets" else turned
            changes = {} if what == "fingerprint" else {what: given}
            if what == "texts":
                changes = {"texts": [f"text {self.asked}"] * 6}
            return replace(whole, **changes)

        def fingerprint(self):
            self.asked += 1
            return f"{self.asked}" if what == "fingerprint" else "x"

    with pytest.raises(AssertionError, match=f"{what}.* when asked again"):
        check_task(Changing())


@pytest.mark.parametrize("spec", ["lxmert", "mbt", "one_way:direction=text_to_vision"])
def test_architectures_with_placements_and_schedules_of_their_own_pass(spec):
    small = "depth=3,width=16,heads=2,feedforward=32"
    found = check_architecture(f"{spec}{',' if ':' in spec else ':'}{small}", TINY_TASK)
    assert all(count > 0 for count in found.values())
    assert list(found) == {"lxmert": ["top"]}.get(spec, ["none", "early_early"])


@pytest.mark.parametrize("head", ["text", "vision", "sum", "hadamard"])
def test_a_head_that_reads_one_stream_and_frozen_streams_are_no_faults(head):
    assert check_architecture(f"{TINY_MODEL},head={head},freeze=text", TINY_TASK)


@pytest.mark.parametrize("spec", ["contrastive", "contrastive:temperature=1", "cosine"])
def test_registered_losses_pass(spec):
    found = check_loss(spec, samples=16, width=4, seed=1)
    improved = found["trained"] > found["random"]
    assert improved == (spec == "cosine")


def _distance(text, vision):
    return (text - vision).square().mean()


@pytest.mark.parametrize(
    ("function", "declared", "message"),
    [
        (lambda x, y: float(_distance(x, y)), {}, r"gave \d.*; expected a tensor that holds one"),
        (lambda x, y: (x - y).square().mean(1), {}, r"of shape \(32,\)"),
        (lambda x, y: _distance(x, y).detach(), {}, "without a gradient"),
        (lambda x, y: (x > y).sum(), {}, "int64; expected a tensor that holds one"),
        (lambda x, y: _distance(x, y) / 0, {}, "gave inf; expected a finite number"),
        (lambda x, y: _distance(x.zero_(), y), {}, "writes to its input"),
        (lambda x, y: _distance(x, y) * torch.rand(()), {}, "for the same representations"),
        (lambda x, y: (x[0] - y[0]).square().mean(), {}, "samples in another order"),
        (lambda x, y: -_distance(x, y) * x.mean().sign().detach() ** 2, {"maximise": True}, None),
        (_distance, {"maximise": True}, "a similarity to maximise is at most 1"),
        (lambda x, y: (x.detach() - y.detach()).mean() + 0 * x.sum(), {}, "should lower it"),
        (lambda x: x.sum(), {}, "cannot be called: .*takes 1 positional argument"),
        (lambda x, y: x @ y, {}, "raised RuntimeError"),
    ],
)
def test_a_broken_loss_is_named(function, declared, message):
    assert check_loss(_distance)["identical"] == 0
    if message is None:
        assert check_loss(function, **declared)["trained"] > -1
        return
    with pytest.raises(AssertionError, match=message):
        check_loss(function, **declared)


def test_calls_that_a_loss_cannot_have_are_usage_errors():
    with pytest.raises(alignkit.UsageError, match="at least 8"):
        check_loss("cosine", samples=7)
    with pytest.raises(alignkit.UsageError, match="leave out `maximise`"):
        check_loss("cosine", maximise=True)
    with pytest.raises(alignkit.UsageError, match="no option 'colour'"):
        check_loss("cosine:colour=1")


LABELS = ("a", "b", "c")


@pytest.mark.parametrize(
    "target", [alignkit.Binary(), alignkit.SingleLabel(LABELS), alignkit.MultiLabel(LABELS)]
)
def test_the_targets_of_alignkit_pass(target):
    assert check_target(target)[target.primary] > 0.9


@dataclass(frozen=True)
class Forecast(alignkit.Binary):
    """A target whose score is better the lower it is."""

    primary: str = "surprise"
    higher_is_better = False

    def declared_scores(self):
        return (alignkit.Score("surprise", self.higher_is_better, 0, 100),)

    def scores(self, targets, logits):
        return {"surprise": float(np.abs(targets - (logits[:, 0] > 0)).mean())}


def test_a_score_that_is_better_the_lower_it_is():
    assert check_target(Forecast())["surprise"] < 0.1
    wrong = type("Wrong", (Forecast,), {"higher_is_better": True})
    with pytest.raises(AssertionError, match="though higher is better"):
        check_target(wrong())


def _summed(self, logits, targets, weights=None):
    return alignkit.Binary().loss(logits, targets, weights) * len(logits)


def _mean_over_weights(self, logits, targets, weights=None):
    """As torch takes it: the mean over weights, so that batches weigh differently."""
    weights = torch.ones(2) if weights is None else weights
    each = weights.to(logits)[targets]
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    return loss(logits[:, 0], targets.to(logits), each, reduction="sum") / each.sum()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": _summed}, "expected the mean over samples"),
        (
            {"loss": _mean_over_weights, "class_weights": lambda self, _: torch.tensor([1.0, 9])},
            "loss with `class_weights` of its target, gave .* expected the mean over samples",
        ),
        ({"class_weights": lambda self, _: [1.0, 9]}, "gave a list of 2; expected a tensor of fin"),
        (
            {"class_weights": lambda self, _: torch.ones(0)},
            "loss of its target, raised RuntimeError: The size of tensor",
        ),
        ({"loss": lambda self, logits, targets: logits.mean().detach()}, "without a gradient"),
        ({"loss": lambda self, logits, targets: 0.5}, "gave 0.5; expected a tensor"),
        ({"loss": lambda self, logits, targets: logits.sum() * np.nan}, "gave nan for random"),
        ({"scores": lambda self, targets, logits: {}}, "gave none, without 'surprise', its `prim"),
        ({"scores": lambda self, targets, logits: [1]}, "gave a list of 1; expected numbers by"),
        ({"scores": lambda self, targets, logits: {"surprise": "a"}}, "gave 'a' as 'surprise'"),
        ({"scores": lambda self, targets, logits: {"surprise": 101}}, r"outside \[0, 100\], its"),
        (
            {"scores": lambda self, targets, logits: {"surprise": 1, "rmse": 2.0}},
            r"gave 2 as 'rmse', outside \[0, 1\], which is assumed of a score that",
        ),
        ({"scores": lambda self, targets, logits: {"surprise": np.nan}}, "gave nan as 'surprise'"),
        (
            {
                "scores": lambda self, targets, logits: {
                    "surprise": np.random.default_rng().random()
                }
            },
            "for the same logits",
        ),
        ({"declared_scores": lambda self: ["surprise"]}, "gave 'surprise' among them"),
    ],
)
def test_a_broken_target_is_named(changes, message):
    broken = type("Broken", (Forecast,), changes)()
    with pytest.raises(AssertionError, match=message):
        check_target(broken, np.arange(40) % 2)


def test_a_target_of_its_own_needs_targets():
    own = type("Own", (Forecast,), {"loss": _summed})()
    with pytest.raises(alignkit.UsageError, match="give `targets` that it reads"):
        check_target(own)


class Letters:
    """An encoder that counts letters, as an author would write it."""

    stream, label = "text", "letters"
    width = 26

    def sites(self):
        return [alignkit.EncoderSite("counts", (None, self.width), ("mean", "max"))]

    def identity(self):
        return {"model": "letters"}

    def notes(self):
        return []

    def load(self, device):
        pass

    def prepare(self, samples):
        longest = max(map(len, samples)) or 1
        codes = [[ord(c) % 26 for c in text] + [-1] * (longest - len(text)) for text in samples]
        return {"codes": torch.tensor(codes)}

    def encode(self, inputs, sites, record):
        codes = inputs["codes"]
        tokens = torch.nn.functional.one_hot(codes.clamp(min=0), 26).float()
        record("counts", alignkit.SiteState(tokens, codes >= 0, codes >= 0))


def _with_state(change):
    def encode(self, inputs, sites, record):
        Letters.encode(self, inputs, sites, lambda site, state: record(*change(site, state)))

    return {"encode": encode}


def _mixed(site, state):
    return site, replace(state, tokens=state.tokens + state.tokens.sum())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stream": "audio"}, "asked for its `stream`, gave 'audio'; expected 'text' or"),
        ({"label": ""}, "asked for its `label`, gave ''"),
        ({"identity": lambda self: {"at": object()}}, "gave what JSON cannot hold"),
        ({"identity": lambda self: {"at": time.perf_counter()}}, "gave another one"),
        ({"notes": lambda self: "a note"}, "gave 'a note'; expected a list of texts"),
        ({"sites": lambda self: []}, "gave a list of 0; expected a list of alignkit.EncoderSite"),
        ({"sites": lambda self: Letters.sites(self) * 2}, "gave two of the name 'counts'"),
        ({"width": 25}, "gave 26 columns at 'counts'; its site says 25"),
        ({"prepare": lambda self, samples: [samples]}, "gave a list of 1; expected tensors by"),
        ({"prepare": lambda self, samples: {"codes": [1]}}, "gave a list of 1 as 'codes'"),
        ({"encode": lambda self, inputs, sites, record: None}, "recorded none at counts"),
        ({"encode": lambda self, inputs: None}, "cannot be called"),
        (_with_state(lambda site, state: ("other", state)), "recorded 'other', which was not"),
        (_with_state(lambda site, state: (site, state.tokens)), "expected an alignkit.SiteState"),
        (
            _with_state(lambda site, state: (site, replace(state, tokens=state.tokens[1:]))),
            "gave 3 samples at 'counts'; it was given 4",
        ),
        (
            _with_state(lambda site, state: (site, replace(state, mask=state.mask.float()))),
            "as `mask` at 'counts'",
        ),
        (
            _with_state(lambda site, state: (site, replace(state, tokens=state.tokens * np.nan))),
            "gave NaN or infinite values at 'counts'",
        ),
        (
            _with_state(
                lambda site, state: (site, replace(state, tokens=torch.rand_like(state.tokens)))
            ),
            "when asked again",
        ),
        (_with_state(_mixed), "than for each of its samples alone"),
    ],
)
def test_a_broken_encoder_is_named(changes, message):
    assert check_encoder(Letters()) == {"counts": 26}
    with pytest.raises(AssertionError, match=message):
        check_encoder(type("Broken", (Letters,), changes)())


def test_an_encoder_without_a_method_is_named():
    lacking = type("Lacking", (), {k: v for k, v in vars(Letters).items() if k != "notes"})
    with pytest.raises(AssertionError, match="without `notes`"):
        check_encoder(lacking())


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
