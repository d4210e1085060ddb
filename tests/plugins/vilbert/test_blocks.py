"""Blocks, heads and presets against independent computations in float64."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import alignkit
from alignkit import Placement, StreamState
from alignkit.models.walk import count_parameters, walk
from alignkit_vilbert.architecture import Vilbert
from alignkit_vilbert.coattention import CoAttention, StudyCoAttention
from alignkit_vilbert.head import Head
from alignkit_vilbert.options import VilbertOptions
from alignkit_vilbert.sizes import BlockSizes


def _state(length, width, seed, padded=0):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(2, length, width, generator=generator, dtype=torch.float64)
    mask = torch.ones(2, length, dtype=torch.bool)
    mask[:, length - padded :] = False
    return StreamState(tokens, mask, mask)


def _random(module):
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return module.double().eval()


def _attention(weights, prefix, asking, answering, mask, heads):
    """Textbook attention, one sample and one head at a time."""
    query, key, value = (
        F.linear(x, weights[f"{prefix}.{n}.weight"], weights[f"{prefix}.{n}.bias"])
        for x, n in ((asking, "query"), (answering, "key"), (answering, "value"))
    )
    size = query.shape[-1] // heads
    mixed = torch.zeros_like(query)
    for b in range(len(query)):
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            scores = query[b, :, part] @ key[b, mask[b]][:, part].T / size**0.5
            mixed[b, :, part] = torch.softmax(scores, 1) @ value[b, mask[b]][:, part]
    return F.linear(mixed, weights[f"{prefix}.out.weight"], weights[f"{prefix}.out.bias"])


def _norm(weights, name, x):
    return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"])


def _feedforward(weights, name, x):
    inner = F.gelu(F.linear(x, weights[f"{name}.0.weight"], weights[f"{name}.0.bias"]))
    return F.linear(inner, weights[f"{name}.2.weight"], weights[f"{name}.2.bias"])


def test_the_studys_block_equals_its_definition():
    block = _random(StudyCoAttention(8, 6, BlockSizes(4, 2, 10)))
    states = {"text": _state(5, 8, 1, padded=2), "vision": _state(4, 6, 2)}
    w = block.state_dict()
    with torch.no_grad():
        *results, carry = block(states["text"], states["vision"], "kept")
        before = {s: _norm(w, f"{s}.norm_before", x.tokens) for s, x in states.items()}
        for stream, other, new in (("text", "vision", results[0]), ("vision", "text", results[1])):
            attended = _attention(
                w, f"{stream}.attention", before[stream], before[other], states[other].mask, 2
            )
            a = _norm(w, f"{stream}.norm_attention", attended + states[stream].tokens)
            expected = a + _feedforward(
                w, f"{stream}.feedforward", _norm(w, f"{stream}.norm_feedforward", a)
            )
            torch.testing.assert_close(new.tokens, expected, atol=1e-12, rtol=0)
    assert carry == "kept"


def test_parameters_of_the_published_sizes():
    """The study's block has 15.8 million, ViLBERT's 14.2 (vision 1024, feed-forward 1024)."""
    with torch.device("meta"):
        study = StudyCoAttention(768, 768, BlockSizes(1024, 8))
        text = CoAttention(768, 1024, BlockSizes(1024, 8, 3072)).text
        vision = CoAttention(768, 1024, BlockSizes(1024, 8, 1024)).vision
    attention = 3 * (768 * 1024 + 1024) + 1024 * 768 + 768
    feedforward = 768 * 3072 + 3072 + 3072 * 768 + 768
    assert count_parameters(study) == 2 * (attention + feedforward + 3 * 2 * 768) == 15_753_216
    assert count_parameters(text) + count_parameters(vision) == 14_176_768


@pytest.mark.parametrize("widths", [(6, 6), (6, 4)])
@pytest.mark.parametrize("join", ["concat", "sum", "hadamard", "text", "vision"])
@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_heads(join, widths, activation):
    options = VilbertOptions(head=join, head_width=5, activation=activation)
    head = _random(Head(options, *widths, 3))
    text, vision = (_state(1, w, i).tokens[:, 0] for i, w in enumerate(widths))
    w = head.state_dict()
    even = widths[0] == widths[1]
    assert ("to_text.weight" in w) == (not even and join in ("sum", "hadamard"))
    brought = vision
    if "to_text.weight" in w:
        brought = vision @ w["to_text.weight"].T + w["to_text.bias"]
    joined = {
        "concat": lambda: torch.cat([text, vision], 1),
        "sum": lambda: text + brought,
        "hadamard": lambda: text * brought,
        "text": lambda: text,
        "vision": lambda: vision,
    }[join]()
    inner = getattr(F, activation)(joined @ w["layers.0.weight"].T + w["layers.0.bias"])
    expected = inner @ w["layers.3.weight"].T + w["layers.3.bias"]
    torch.testing.assert_close(head(text, vision), expected)


def test_the_study_preset():
    study = VilbertOptions(preset="study")
    assert (study.block, study.final, study.head_width, study.activation, study.pad) == (
        "study",
        "raw",
        512,
        "relu",
        True,
    )
    # What is given wins over the preset.
    assert VilbertOptions(preset="study", final="norm", head_width=7).final == "norm"
    named = VilbertOptions(
        preset="study",
        text_model="bert-base-uncased",
        from_scratch=True,
        vision_model="vit_base_patch16_224",
    )
    assert (named.fusion_width, named.fusion_heads, named.fusion_feedforward) == (1024, 8, None)
    with torch.device("meta"):
        head = Head(named, 768, 768, 23)
    assert [tuple(p.shape) for p in head.parameters() if p.ndim == 2] == [(512, 1536), (23, 512)]


def test_a_block_by_name_is_the_one_that_runs():
    placement = Placement([1], [1])
    kinds = {}
    for block in ("vilbert", "study"):
        options = Vilbert(depth=2, width=8, heads=2, fusion_width=8, block=block)
        inputs = options.inputs(["a b"])
        model = options.build(placement, 2, inputs)
        kinds[block] = type(model.fusions[0])
        batch = inputs.batch([inputs.tokens("a")], np.zeros((1, 3, 32, 32), np.uint8))
        logits = walk(model, options.schedule(placement), batch)
        assert logits.isfinite().all()
    assert kinds == {"vilbert": CoAttention, "study": StudyCoAttention}


def test_small_streams_of_other_widths_and_depths():
    options = Vilbert(
        heads=2, text_width=8, vision_width=12, text_depth=2, vision_depth=3, fusion_width=8
    )
    placement = Placement([2], [1])
    model = options.build(placement, 2, options.inputs(["a b"]))
    assert options.depths() == {"text": 2, "vision": 3}
    assert model.streams["text"].positions.shape[1] == 8
    assert model.streams["vision"].positions.shape[1] == 12
    with pytest.raises(alignkit.UsageError, match="text index 3"):
        options.schedule(Placement([3], [3]))


def test_small_streams_end_in_a_norm_unless_raw():
    for final, normed in (("norm", True), ("raw", False)):
        options = Vilbert(depth=2, width=8, heads=2, final=final)
        inputs = options.inputs(["a b"])
        model = options.build(Placement([], []), 2, inputs).eval()
        batch = inputs.batch([inputs.tokens("a b")], np.ones((1, 3, 32, 32), np.uint8))
        seen = {}
        walk(
            model,
            options.schedule(Placement([], [])),
            batch,
            lambda site, state, seen=seen: seen.update({site: state.tokens}),
        )
        for site in ("t01", "v01"):
            assert (seen[site].mean(-1).abs().max() < 1e-5) == normed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "thesis"}, "preset=thesis must be one of standard, study"),
        ({"block": "late"}, "block=late must be one of vilbert, study"),
        ({"final": "none"}, "final=none must be one of norm, raw, pooler"),
        ({"final": "pooler"}, "a small text stream has no pooler"),
        ({"fusion_width": 10}, "fusion_width=10 must be a multiple of fusion_heads=4"),
        ({"text_width": 10}, "text_width=10 must be a multiple of heads=4"),
        ({"fit": "pad"}, "fit=pad must be one of own, crop, squash"),
        ({"text_model": "x", "text_width": 8}, "text_width=8 must be left out"),
        ({"from_scratch": True}, "from_scratch=True must be left out"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(alignkit.UsageError, match=message):
        Vilbert(**options)
