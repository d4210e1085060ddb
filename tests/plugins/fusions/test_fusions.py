"""The stack, the bottleneck and the one-way block: order, counts, and values in float64."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import alignkit
import alignkit_fusions
import alignkit_vilbert
from alignkit import Fuse, Placement, Record, RunLayer, StreamState
from alignkit.models.schedule import check_schedule, sites
from alignkit.models.walk import count_parameters, walk
from alignkit.runs import resolve_config
from alignkit_fusions.bottleneck import Mbt
from alignkit_fusions.cross_layer import CrossModalLayer
from alignkit_fusions.one_way import OneWay
from alignkit_fusions.stack import Lxmert
from alignkit_vilbert import Vilbert
from tiny import TINY_TASK
from tiny import alignkit as command

PACKAGE = Path(alignkit_fusions.__file__).parent
SIZES = {"depth": 3, "width": 8, "heads": 2, "feedforward": 12, "image_size": 8, "patch_size": 4}
TEXTS = ["a red circle", "a blue square on the left"]


def _built(options, placement):
    torch.manual_seed(0)
    inputs = options.inputs(TEXTS)
    model = options.build(placement, 2, inputs)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8), dtype=np.uint8)
    batch = inputs.batch([inputs.tokens(text) for text in TEXTS], pixels)
    batch["vision"]["pixels"] = batch["vision"]["pixels"].double()
    schedule = options.schedule(placement)
    check_schedule(schedule, options.depths(), len(model.fusions))
    return model.double().eval(), schedule, batch


def _walked(model, schedule, batch):
    states = {}
    with torch.no_grad():
        logits = walk(model, schedule, batch, lambda site, state: states.update({site: state}))
    return states, logits


def _steps(schedule):
    """Short words: t0 runs text layer 0, f1 is fusion 1, =t00 records."""
    words = []
    for step in schedule:
        match step:
            case RunLayer(stream, layer):
                words.append(f"{stream[0]}{layer}")
            case Fuse(fusion):
                words.append(f"f{fusion}")
            case Record(site):
                words.append(f"={site}")
    return " ".join(words)


def test_orders():
    both = Placement([1, 2], [0, 2])
    assert _steps(Lxmert(depth=2, cross_layers=2).schedule(Placement([2], [2]))) == (
        "=t.in =v.in t0 =t00 t1 =t01 v0 =v00 v1 =v01 f0 =t.f0 =v.f0 f1 =t.f1 =v.f1"
    )
    assert _steps(Mbt(depth=4).schedule(both)) == (
        "=t.in =v.in t0 =t00 f0 =t01 =v00 v1 =v01 f1 =t02 =v02 t3 =t03 v3 =v03"
    )
    assert _steps(OneWay(depth=3).schedule(both)) == (
        "=t.in =v.in t0 =t00 f0 =t.f0 =v.f0 t1 =t01 v0 =v00 v1 =v01 f1 =t.f1 =v.f1 t2 =t02 v2 =v02"
    )


def test_the_papers_bottleneck_fuses_every_layer_from_one_on():
    steps = Mbt().schedule(Placement([8, 9, 10, 11], [8, 9, 10, 11]))
    assert [s.layer for s in steps if isinstance(s, RunLayer) and s.stream == "text"] == [*range(8)]
    assert sites(steps, "text") == ["t.in", *(f"t{i:02d}" for i in range(12))]


def test_placements_that_do_not_fit():
    with pytest.raises(
        alignkit.UsageError,
        match=r"on top of both streams, not at placement 'late'; .*`placement=12/12`",
    ):
        Lxmert().schedule(Placement([9], [9], "late"))
    assert Lxmert(text_depth=2, vision_depth=3).default_placement() == Placement([2], [3], "top")
    with pytest.raises(alignkit.UsageError, match="vision indices go from 0 to 2"):
        Mbt(depth=3).schedule(Placement([2], [3]))


@pytest.mark.parametrize("architecture", [Lxmert, Mbt])
def test_one_width_is_needed_where_weights_or_tokens_are_shared(architecture):
    options = architecture(**SIZES | {"text_width": 16})
    with pytest.raises(
        alignkit.UsageError, match="the text stream has width 16, the vision stream 8"
    ):
        options.build(Placement([2], [2]), 2, options.inputs(TEXTS))


def _linear(w, name, x):
    return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])


def _norm(w, name, x):
    return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"])


def _attended(w, name, asking, answering, mask, heads):
    query, key, value = (
        _linear(w, f"{name}.{part}", x).unflatten(2, (heads, -1))
        for part, x in (("query", asking), ("key", answering), ("value", answering))
    )
    scores = torch.einsum("bqhd,bkhd->bhqk", query, key) / query.shape[-1] ** 0.5
    scores = scores.masked_fill(~mask[:, None, None, :], float("-inf"))
    mixed = torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), value).flatten(2)
    return _linear(w, f"{name}.out", mixed)


def test_lxmerts_layer_equals_its_definition():
    torch.manual_seed(0)
    layer = CrossModalLayer(8, 2, 12, 0.0)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    layer.double().eval()
    mask = torch.ones(2, 5, dtype=torch.bool)
    mask[0, 3:] = False
    text = StreamState(torch.randn(2, 5, 8, dtype=torch.float64), mask, mask)
    whole = torch.ones(2, 4, dtype=torch.bool)
    vision = StreamState(torch.randn(2, 4, 8, dtype=torch.float64), whole, whole)
    w = layer.state_dict()
    with torch.no_grad():
        results = dict(zip(("text", "vision"), layer(text, vision, None)[:2], strict=True))
        for name, state, other in (("text", text, vision), ("vision", vision, text)):
            # Cross-attention with the weights that both directions share.
            x = _attended(w, "cross", state.tokens, other.tokens, other.mask, 2)
            x = _norm(w, "cross.norm", state.tokens + x)
            own = _attended(w, f"own.{name}", x, x, state.mask, 2)
            x = _norm(w, f"own.{name}.norm", x + own)
            inner = F.gelu(_linear(w, f"feedforward.{name}.layers.0", x))
            x = _norm(
                w, f"feedforward.{name}.norm", x + _linear(w, f"feedforward.{name}.layers.2", inner)
            )
            torch.testing.assert_close(results[name].tokens, x, atol=1e-12, rtol=0)


def test_lxmerts_parameters():
    width, inner = 768, 3072
    with torch.device("meta"):
        layer = CrossModalLayer(width, 12, inner, 0.1)
    attention = 4 * (width * width + width) + 2 * width
    feedforward = 2 * width * inner + inner + width + 2 * width
    assert count_parameters(layer) == 3 * attention + 2 * feedforward


def test_the_bottleneck_equals_its_definition():
    """Each stream's own layer over its tokens and the bottleneck's; the mean of the two goes on."""
    options = Mbt(**SIZES, bottlenecks=2)
    model, schedule, batch = _built(options, Placement([1, 2], [0, 2]))
    states, _ = _walked(model, schedule, batch)
    streams = model.streams

    def run(stream, layer, state, tokens):
        extra = torch.ones(2, 2, dtype=torch.bool)
        mask = torch.cat([state.mask, extra], 1)[:, None, None, :]
        out = streams[stream].layers[layer](torch.cat([state.tokens, tokens], 1), mask)
        out = streams[stream].norm(out) if layer == 2 else out
        return out[:, :-2], out[:, -2:]

    with torch.no_grad():
        start = model.fusions[0].bottleneck.expand(2, -1, -1)
        text, from_text = run("text", 1, states["t00"], start)
        vision, from_vision = run("vision", 0, states["v.in"], start)
        torch.testing.assert_close(states["t01"].tokens, text, atol=1e-12, rtol=0)
        torch.testing.assert_close(states["v00"].tokens, vision, atol=1e-12, rtol=0)
        middle = (from_text + from_vision) / 2
        text, _ = run("text", 2, states["t01"], middle)
        vision, _ = run("vision", 2, states["v01"], middle)
    torch.testing.assert_close(states["t02"].tokens, text, atol=1e-12, rtol=0)
    torch.testing.assert_close(states["v02"].tokens, vision, atol=1e-12, rtol=0)
    assert states["t02"].tokens.shape == states["t.in"].tokens.shape


def test_the_bottleneck_adds_its_tokens_and_nothing_else():
    with_it, _, _ = _built(Mbt(**SIZES, bottlenecks=4), Placement([1, 2], [1, 2]))
    without, _, _ = _built(Mbt(**SIZES), Placement([], []))
    assert count_parameters(with_it) - count_parameters(without) == 4 * 8
    from safetensors.torch import save

    save(with_it.state_dict())  # the streams' weights are held once


def test_the_bottleneck_lets_streams_of_named_models_exchange(tmp_path):
    import timm

    from named_models import text_folder, vision_folder

    assert timm.create_model("test_vit").embed_dim == 64
    options = Mbt(
        vision_model=str(vision_folder(tmp_path / "v")), width=64, depth=3, vision_depth=3
    )
    inputs = options.inputs(TEXTS)
    model = options.build(Placement([2], [2]), 2, inputs)
    pixels = np.zeros((2, 3, 32, 32), np.uint8)
    batch = inputs.batch([inputs.tokens(text) for text in TEXTS], pixels)
    assert walk(model, options.schedule(Placement([2], [2])), batch).shape == (2, 2)
    named = Lxmert(text_model=str(text_folder(tmp_path / "t")), width=16, heads=2, cross_heads=4)
    built = named.build(named.default_placement(), 2, named.inputs(TEXTS))
    assert len(built.fusions) == 5


@pytest.mark.parametrize("direction", ["vision_to_text", "text_to_vision"])
def test_one_way(direction):
    options = OneWay(**SIZES, direction=direction, fusion_width=6)
    model, schedule, batch = _built(options, Placement([1], [2]))
    states, _ = _walked(model, schedule, batch)
    reader, read = ("t", "v") if direction == "vision_to_text" else ("v", "t")
    before = {"t": states["t00"], "v": states["v01"]}
    asking, answering = before[reader], before[read]
    w = model.fusions[0].state_dict()
    with torch.no_grad():
        x = _attended(w, "attention.attention", asking.tokens, answering.tokens, answering.mask, 2)
        x = _norm(w, "attention.norm_attention", asking.tokens + x)
        inner = F.gelu(_linear(w, "attention.feedforward.0", x))
        x = _norm(w, "attention.norm_feedforward", x + _linear(w, "attention.feedforward.2", inner))
    torch.testing.assert_close(states[f"{reader}.f0"].tokens, x, atol=1e-12, rtol=0)
    assert torch.equal(states[f"{read}.f0"].tokens, answering.tokens)
    # What the other stream holds has reached the reader, and not the other way round.
    other = {name: dict(values) for name, values in batch.items()}
    other["vision"]["pixels"] = -batch["vision"]["pixels"]
    changed, _ = _walked(model, schedule, other)
    assert torch.equal(states["t02"].tokens, changed["t02"].tokens) == (reader == "v")


def test_one_way_parameters_are_half_a_blocks():
    placement = Placement([1], [1])
    counts = []
    for kind in (OneWay, Vilbert):
        options = kind(**SIZES, fusion_width=6)
        fused, unfused = (
            options.build(p, 2, options.inputs(TEXTS)) for p in (placement, Placement([], []))
        )
        counts.append(count_parameters(fused) - count_parameters(unfused))
    assert counts[1] == 2 * counts[0]


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Mbt, {"bottlenecks": 0}, "architecture 'mbt': bottlenecks=0 must be at least 1"),
        (Lxmert, {"cross_layers": 0}, "cross_layers=0 must be at least 1"),
        (
            OneWay,
            {"direction": "up"},
            "'one_way': direction=up must be one of vision_to_text, text_to_vision",
        ),
    ],
)
def test_impossible_options(kind, options, message):
    with pytest.raises(alignkit.UsageError, match=message):
        kind(**options)


SMALL = "width=16,heads=2,feedforward=32"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "placement"),
    [
        (f"lxmert:depth=2,cross_layers=2,{SMALL}", None),
        (f"mbt:depth=3,{SMALL}", "1,2"),
        (f"one_way:depth=3,fusion_width=16,{SMALL}", "1,2"),
    ],
)
def test_the_whole_chain_runs_on_each(tmp_path, spec, placement):
    where = ["--placement", placement] if placement else []
    done = command("train", "-a", spec, "--task", TINY_TASK, "--epochs", 1, *where, cwd=tmp_path)
    run = done.stdout.strip()
    for layers in ("last", "fusions", "all"):
        measured = command(
            "measure", run, "--metric", "cka", "--layers", layers, "--json", cwd=tmp_path
        )
        assert '"value"' in measured.stdout
    command("evaluate", run, cwd=tmp_path)


def test_an_architecture_may_bring_its_own_placement():
    config = resolve_config(TINY_TASK, None, f"lxmert:depth=2,cross_layers=1,{SMALL}")
    assert config.placement.name == "top"
    assert config.folder.startswith("toy_match/top/")


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("*.py")), ids=lambda file: file.stem)
def test_only_public_names_of_the_two_stream_package_are_used(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            assert not any("alignkit_vilbert" in alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("alignkit_vilbert"):
            assert node.module == "alignkit_vilbert"
            assert {alias.name for alias in node.names} <= set(alignkit_vilbert.__all__)


def test_every_public_name_of_the_two_stream_package_is_there_and_documented():
    page = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
    for name in alignkit_vilbert.__all__:
        value = getattr(alignkit_vilbert, name)
        assert not isinstance(value, type) or value.__doc__
        assert f"`{name}`" in page
