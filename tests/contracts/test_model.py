"""What is seen of a model by running two samples through it, step by step."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from alignkit import Placement, PluginError, StreamState, between_layers
from alignkit.contracts.model import check_model, run_model

WIDTH = 6
DRAWS = torch.Generator().manual_seed(0)
BATCH = {
    "text": {"x": torch.randn(2, 3, WIDTH, generator=DRAWS)},
    "vision": {"x": torch.randn(2, 4, WIDTH, generator=DRAWS)},
}
SCHEDULE = between_layers(Placement([1], [1]), {"text": 2, "vision": 2})


class Stream(nn.Module):
    """Two layers with a residual around each."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Linear(WIDTH, WIDTH)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2))

    def embed(self, x):
        real = torch.ones(x.shape[:2], dtype=torch.bool)
        return StreamState(self.embedding(x), real, real)

    def layer(self, index, state):
        return state.with_tokens(state.tokens + self.layers[index](state.tokens).tanh())


class Fusion(nn.Module):
    """Adds what a learned gate lets through, at first nothing."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, text, vision, carry):
        return (
            text.with_tokens(text.tokens + self.gate * vision.tokens.mean(1, True)),
            vision.with_tokens(vision.tokens + self.gate * text.tokens.mean(1, True)),
            carry,
        )


class Model(nn.Module):
    """A sound model; its head starts at zero, as many do."""

    def __init__(self, fusion=None):
        super().__init__()
        self.streams = nn.ModuleDict({"text": Stream(), "vision": Stream()})
        self.fusions = nn.ModuleList([fusion or Fusion()])
        self.last = nn.Linear(2 * WIDTH, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def head(self, text, vision):
        return self.last(torch.cat([text.pooled("cls"), vision.pooled("mean")], 1))


def check(model, **more):
    check_model(model, SCHEDULE, BATCH, 1, "architecture 'x'", **more)


def test_a_sound_model_is_left_as_it_was():
    model = Model().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    check(model)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_model_is_left_as_it_was_where_it_fails():
    model = Model()
    model.head = lambda text, vision: model.last(text.tokens)
    with pytest.raises(PluginError, match=r"logits of its head, raised RuntimeError"):
        check(model)
    assert not model.last.weight.any()
    assert model.training


def _swap(text, vision, carry):
    return text.with_tokens(vision.tokens[:, :3]), vision.with_tokens(vision.tokens), carry


def _detach_both(text, vision, carry):
    mixed = text.tokens.detach().mean(1, True)
    return text, vision.with_tokens(vision.tokens + mixed), carry


class Function(nn.Module):
    def __init__(self, function, **attributes):
        super().__init__()
        self.function = function
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, *states):
        return self.function(*states)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_swap, "loses the text stream: neither state depends on it"),
        (_detach_both, "cuts the gradient from the vision state to the text stream"),
        (lambda t, v, c: (t, v.with_tokens(torch.ones(2, 4, WIDTH)), c), "depends on nothing"),
        (lambda t, v, c: (t, replace(v, mask=v.mask.float()), c), "as `mask` for vision"),
        (lambda t, v, c: (t, replace(v, content=v.mask[:1]), c), "as `content` for vision"),
        (lambda t, v, c: (t, v.with_tokens(v.tokens.flip(0)), c), "mixes samples"),
        (lambda t, v, c: (t, v.with_tokens(v.tokens[:1]), c), "it was given"),
    ],
)
def test_a_faulty_fusion_is_named(function, message):
    with pytest.raises(PluginError, match=f"states after fusion 0, .*{message}"):
        check(Model(Function(function)))


def test_what_is_meant_is_declared():
    check(Model(Function(_detach_both, detached=("text",))))
    model = Model()
    model.head = lambda text, vision: text.pooled("cls")[:, :1]
    with pytest.raises(PluginError, match=r"ignores the vision stream; .*`reads = \('text',\)`"):
        check(model)
    model.reads = ("text",)
    check(model)
    model.head = lambda text, vision: model.last(
        torch.cat([text.pooled("cls"), vision.pooled("cls").detach()], 1)
    )
    with pytest.raises(PluginError, match="cuts the gradient from the logits to the vision"):
        check(model)
    model.detached = ("vision",)
    check(model)


def test_a_fusion_that_leaves_a_stream_as_it_is_is_no_fault():
    check(Model(Function(lambda t, v, c: (t, v.with_tokens(v.tokens + t.tokens[:, :1]), c))))
    check(Model(Function(lambda t, v, c: (t, v, c))))


def test_what_is_frozen_needs_no_gradient():
    model = Model()
    model.streams["text"].requires_grad_(False)
    check(model)
    embed = model.streams["text"].embed
    model.streams["text"].embed = torch.no_grad()(embed)
    layer = model.streams["text"].layer
    model.streams["text"].layer = lambda index, state: (
        torch.no_grad()(layer)(index, state) if index == 0 else layer(index, state)
    )
    check(model)
    model.streams["vision"].layer = torch.no_grad()(model.streams["vision"].layer)
    with pytest.raises(PluginError, match="after vision layer 0, cuts the gradient"):
        check(model)


def test_without_gradients_only_values_count():
    model = Model(Function(_detach_both))
    model.requires_grad_(False)
    check(model, gradients=False)
    check(Model(Function(_detach_both)), gradients=False)
    with pytest.raises(PluginError, match="loses the text stream"):
        check(Model(Function(_swap)), gradients=False)


def test_layers_and_logits_are_looked_at():
    model = Model()
    model.streams["text"].layer = lambda index, state: state.with_tokens(state.tokens * 0)
    with pytest.raises(PluginError, match="text layer 0, gives a text state that depends on noth"):
        check(model)
    model = Model()
    model.head = lambda text, vision: model.last(torch.cat([text.tokens, vision.tokens], 1)[:, 0])
    with pytest.raises(PluginError, match="head, raised RuntimeError"):
        check(model)
    with pytest.raises(PluginError, match=r"expected floating point of shape \(2, 3\)"):
        check_model(Model(), SCHEDULE, BATCH, 3, "architecture 'x'")


def test_a_forward_pass_names_the_model_and_leaves_errors_of_others_alone():
    model = Model()
    del model.last
    with pytest.raises(PluginError, match="the model Model, asked for a forward pass, raised Attr"):
        run_model(model, SCHEDULE, BATCH)

    def full(site, state):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        run_model(Model(), SCHEDULE, BATCH, full)
