"""The two-stream model against an independent computation in float64."""

import numpy as np
import pytest
import torch

import alignkit
from alignkit import Placement, StreamState
from alignkit.models.walk import count_parameters, walk
from alignkit_vilbert.architecture import Vilbert
from alignkit_vilbert.coattention import CoAttention
from alignkit_vilbert.inputs import CLS, SEP, UNKNOWN, Inputs
from alignkit_vilbert.options import VilbertOptions
from alignkit_vilbert.sizes import BlockSizes

OPTIONS = Vilbert(
    depth=3, width=8, heads=2, feedforward=12, fusion_width=6, image_size=8, patch_size=4
)


def _state(batch, length, width, seed, padded=0):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(batch, length, width, generator=generator, dtype=torch.float64)
    mask = torch.ones(batch, length, dtype=torch.bool)
    mask[:, length - padded :] = False
    return StreamState(tokens, mask, mask)


def _norm(x, layer):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + layer.eps) * layer.weight.numpy() + layer.bias.numpy()


def _linear(x, layer):
    return x @ layer.weight.numpy().T + layer.bias.numpy()


def _gelu(x):
    return x * 0.5 * (1 + np.vectorize(__import__("math").erf)(x / np.sqrt(2)))


def _direction(block, asking, answering, mask):
    """ViLBERT's block, one direction, one head at a time."""
    query, key, value = (
        _linear(source, layer)
        for source, layer in (
            (asking, block.attention.query),
            (answering, block.attention.key),
            (answering, block.attention.value),
        )
    )
    heads, size = block.attention.heads, query.shape[-1] // block.attention.heads
    mixed = np.zeros_like(query)
    for b in range(len(asking)):
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            scores = query[b][:, part] @ key[b][:, part].T / np.sqrt(size)
            scores[:, ~mask[b]] = -np.inf
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            mixed[b][:, part] = weights / weights.sum(-1, keepdims=True) @ value[b][:, part]
    tokens = _norm(asking + _linear(mixed, block.attention.out), block.norm_attention)
    inner = _gelu(_linear(tokens, block.feedforward[0]))
    return _norm(tokens + _linear(inner, block.feedforward[2]), block.norm_feedforward)


def test_co_attention_equals_its_definition():
    torch.manual_seed(0)
    block = CoAttention(8, 8, BlockSizes(6, 2, 12)).double().eval()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    text, vision = _state(2, 5, 8, 1, padded=2), _state(2, 4, 8, 2)
    with torch.no_grad():
        new_text, new_vision, carry = block(text, vision, "kept")
        # Both directions read the states before the block.
        expected_text = _direction(
            block.text, text.tokens.numpy(), vision.tokens.numpy(), vision.mask.numpy()
        )
        expected_vision = _direction(
            block.vision, vision.tokens.numpy(), text.tokens.numpy(), text.mask.numpy()
        )
    np.testing.assert_allclose(new_text.tokens, expected_text, atol=1e-12)
    np.testing.assert_allclose(new_vision.tokens, expected_vision, atol=1e-12)
    assert carry == "kept"


def test_directions_have_their_own_weights():
    block = CoAttention(8, 8, BlockSizes(6, 2, 12))
    names = {name.split(".", 1)[1] for name, _ in block.named_parameters()}
    assert len(list(block.parameters())) == 2 * len(names)


BOTH = Placement([1, 2], [0, 3])


def _model(placement=BOTH, options=OPTIONS, outputs=3):
    torch.manual_seed(0)
    inputs = options.inputs(["a red circle", "a blue square on the left"])
    return (
        options.build(placement, outputs, inputs).double().eval(),
        options.schedule(placement),
        inputs,
    )


def _batch(inputs, texts, seed=0):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (len(texts), 3, 8, 8), dtype=np.uint8)
    batch = inputs.batch([inputs.tokens(text) for text in texts], pixels)
    batch["vision"]["pixels"] = batch["vision"]["pixels"].double()
    return batch


def test_the_walk_records_every_site_once_in_order():
    model, schedule, inputs = _model()
    seen = []
    logits = walk(model, schedule, _batch(inputs, ["a red circle"]), lambda s, _: seen.append(s))
    assert seen == [
        "t.in",
        "v.in",
        "t00",
        "t.f0",
        "v.f0",
        "t01",
        "v00",
        "v01",
        "v02",
        "t.f1",
        "v.f1",
        "t02",
    ]
    assert logits.shape == (1, 3)


def test_a_longer_neighbour_in_the_batch_changes_no_logit():
    model, schedule, inputs = _model()
    batch = _batch(inputs, ["a red circle", "a blue square on the left"])
    short = {
        "text": {"tokens": batch["text"]["tokens"][:1, :5]},
        "vision": {"pixels": batch["vision"]["pixels"][:1]},
    }
    with torch.no_grad():
        both, alone = walk(model, schedule, batch), walk(model, schedule, short)
    torch.testing.assert_close(both[:1], alone, atol=1e-12, rtol=0)


def test_without_fusions_the_streams_do_not_meet_before_the_head():
    model, schedule, inputs = _model(Placement([], []))
    states = [{}, {}]
    for seed, kept in enumerate(states):
        walk(
            model,
            schedule,
            _batch(inputs, ["a red circle"], seed),
            lambda s, x, kept=kept: kept.update({s: x.tokens}),
        )
    assert torch.equal(states[0]["t02"], states[1]["t02"])
    assert not torch.equal(states[0]["v02"], states[1]["v02"])


def test_a_fusion_carries_the_picture_into_the_text():
    model, schedule, inputs = _model(Placement([2], [1]))
    states = [{}, {}]
    for seed, kept in enumerate(states):
        walk(
            model,
            schedule,
            _batch(inputs, ["a red circle"], seed),
            lambda s, x, kept=kept: kept.update({s: x.tokens}),
        )
    assert torch.equal(states[0]["t01"], states[1]["t01"])
    assert not torch.equal(states[0]["t.f0"], states[1]["t.f0"])


def test_mean_leaves_out_padding_and_special_tokens():
    _, _, inputs = _model()
    model, schedule, _ = _model()
    states = {}
    walk(
        model,
        schedule,
        _batch(inputs, ["a red", "a blue square on the left"]),
        lambda s, x: states.update({s: x}),
    )
    state = states["t.in"]
    assert state.content[0].tolist() == [False, True, True, False, False, False, False, False]
    torch.testing.assert_close(state.pooled("mean")[0], state.tokens[0, 1:3].mean(0))
    assert states["v.in"].content[0].tolist() == [False, True, True, True, True]


def test_parameter_counts():
    none, _, _ = _model(Placement([], []))
    two, _, _ = _model(Placement([1, 2], [1, 2]))
    width, inner, hidden = 8, 6, 12
    direction = (
        3 * (width * inner + inner)
        + inner * width
        + width
        + 2 * 2 * width
        + width * hidden
        + hidden
        + hidden * width
        + width
    )
    assert count_parameters(two) - count_parameters(none) == 2 * 2 * direction


def test_a_head_may_read_one_stream_alone():
    options = Vilbert(**(vars(OPTIONS.options) | {"head": "text"}))
    model, schedule, inputs = _model(Placement([], []), options)
    logits = [walk(model, schedule, _batch(inputs, ["a red circle"], s)) for s in (0, 1)]
    assert torch.equal(*logits)


def test_the_tokenizer():
    inputs = Inputs.fit(["b a a", "A c"], VilbertOptions(vocabulary=7, max_tokens=4))
    assert inputs.words == ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", "a", "b"]
    assert inputs.tokens("A c b!").tolist() == [CLS, 5, UNKNOWN, SEP]  # cut to four
    again = Vilbert(vocabulary=7, max_tokens=4).load_inputs(inputs.to_json())
    assert again.tokens("b").tolist() == inputs.tokens("b").tolist()


def test_pictures_of_any_size_are_resized():
    from PIL import Image

    inputs = Inputs([], OPTIONS.options)
    assert inputs.pixels(Image.new("L", (20, 11), 255)).shape == (3, 8, 8)
    assert inputs.pixels(np.zeros((5, 6, 3), np.uint8)).dtype == np.uint8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 10, "heads": 4}, "width=10 must be a multiple of heads=4"),
        ({"image_size": 30}, "image_size=30 must be a multiple of patch_size=8"),
        ({"depth": 0}, "depth=0 must be at least 1"),
        ({"dropout": 1.0}, "dropout=1.0 must be from 0 to below 1"),
        ({"head": "audio"}, "head=audio must be one of concat, sum, hadamard, text, vision"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(alignkit.UsageError, match=message):
        Vilbert(**options)
