"""What is frozen does not move, draws no dropout, and is counted."""

import numpy as np
import pytest
import torch

import alignkit
from alignkit import Placement
from alignkit.models.walk import count_parameters, walk
from alignkit_vilbert.architecture import Vilbert
from alignkit_vilbert.freeze import parse_freeze
from named_models import text_folder, vision_folder
from tiny import alignkit as command

EASY = "toy_redundant:n_train=128,n_validation=64,values=2"


def test_reading():
    assert parse_freeze("text:0-1+vision:2+embeddings") == [
        ("text", 0),
        ("text", 1),
        ("vision", 2),
        ("text", "embeddings"),
        ("vision", "embeddings"),
    ]
    assert parse_freeze("vision+text:embeddings") == [("vision", "all"), ("text", "embeddings")]
    assert parse_freeze("") == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("audio:1", "cannot read 'audio:1'; expected text:0-5"),
        ("text:3-1", "cannot read 'text:3-1'"),
        ("text:0-1+", "cannot read ''"),
        ("text:layers", "cannot read 'text:layers'"),
        ("vision:2-3", "there is no vision layer 3; layers are 0 to 2"),
    ],
)
def test_what_cannot_be_frozen(spec, message):
    with pytest.raises(alignkit.UsageError, match=message):
        Vilbert(depth=3, freeze=spec).schedule(Placement([], []))


def _frozen(model):
    return {name for name, p in model.streams.named_parameters() if not p.requires_grad}


def test_small_streams():
    options = Vilbert(depth=3, width=8, heads=2, dropout=0.5, freeze="text:0-1+embeddings")
    model = options.build(Placement([], []), 2, options.inputs(["a"])).train()
    names = {name for name, _ in model.streams.named_parameters()}
    assert _frozen(model) == {
        n
        for n in names
        if n.startswith(("text.layers.0.", "text.layers.1."))
        or n
        in {
            "text.words.weight",
            "text.positions",
            "vision.cls",
            "vision.positions",
            "vision.patches.weight",
            "vision.patches.bias",
        }
    }
    training = {name: module.training for name, module in model.streams.named_modules()}
    assert not training["text.layers.1.dropout"]
    assert not training["text.dropout"]
    assert training["text.layers.2.dropout"]
    assert training["vision.layers.0.dropout"]
    model.eval()
    assert not any(module.training for module in model.modules())


def test_named_streams(tmp_path):
    options = Vilbert(
        text_model=str(text_folder(tmp_path / "t")),
        heads=2,
        fusion_width=8,
        vision_model=str(vision_folder(tmp_path / "v")),
        freeze="text+vision:0-2+vision:embeddings",
    )
    model = options.build(Placement([], []), 2, options.inputs([]))
    frozen = _frozen(model)
    assert {n for n, _ in model.streams.named_parameters() if n.startswith("text.")} <= frozen
    assert "vision.embeddings.cls_token" in frozen
    assert "vision.layers.2.mlp.fc1.weight" in frozen
    assert "vision.layers.3.mlp.fc1.weight" not in frozen
    assert "vision.norm.weight" not in frozen


def test_frozen_layers_repeat_and_the_others_learn():
    options = Vilbert(
        depth=2, width=8, heads=2, dropout=0.5, fusion_width=8, freeze="text:0-1+text:embeddings"
    )
    placement = Placement([1], [1])
    inputs = options.inputs(["a b c"])
    torch.manual_seed(0)
    model = options.build(placement, 2, inputs).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    batch = inputs.batch([inputs.tokens("a b")], np.ones((1, 3, 32, 32), np.uint8))
    seen = [{}, {}]
    for states in seen:
        logits = walk(
            model,
            options.schedule(placement),
            batch,
            lambda s, x, states=states: states.update({s: x.tokens}),
        )
    assert torch.equal(seen[0]["t00"], seen[1]["t00"])  # no dropout
    assert not torch.equal(seen[0]["v00"], seen[1]["v00"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    logits.square().sum().backward()
    optimizer.step()
    moved = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert not {k for k in moved if k.startswith(("streams.text.layers", "streams.text.words"))}
    assert {"streams.vision.patches.weight", "fusions.0.text.attention.query.weight"} <= moved
    assert count_parameters(model) < sum(p.numel() for p in model.parameters())


def test_the_count_is_shown(tmp_path):
    spec = "vilbert:depth=3,width=16,heads=2,feedforward=32,fusion_width=16"
    free = command("show", "architecture", spec, cwd=tmp_path).stdout
    frozen = command("show", "architecture", f"{spec},freeze=text:0", cwd=tmp_path).stdout
    layer = 3 * 16 * 16 + 3 * 16 + 16 * 16 + 16 + 2 * 16 * 32 + 32 + 16 + 4 * 16
    assert " are trainable and 0 frozen" in free
    assert f" are trainable and {layer:,} frozen" in frozen
    assert "placement late (its schedule follows)" in " ".join(free.split())
    shallow = command("show", "architecture", spec.replace("depth=3", "depth=2"), cwd=tmp_path)
    assert "placement none (placement 'late': count=3" in " ".join(shallow.stdout.split())


@pytest.mark.slow
def test_a_run_with_frozen_layers_keeps_them(tmp_path):
    """Through the command line: what is frozen has the same bytes after training as before."""
    from safetensors.torch import load_file

    import alignkit as ak

    arguments = [
        "train",
        "--task",
        EASY,
        "--placement",
        "1",
        "--freeze",
        "text:0+embeddings",
        "-a",
        "vilbert:depth=2,width=16,heads=2,feedforward=32,fusion_width=16",
    ]
    weights = []
    for epochs in (0, 3):
        done = command(*arguments, "--epochs", epochs, "--learning-rate", 0.005, cwd=tmp_path)
        run = ak.load_run(tmp_path / done.stdout.strip())
        weights.append(load_file(run.model_file))
        assert (run.performance()["epoch"] > 0) == (epochs > 0)
        assert run.config.architecture.options["freeze"] == "text:0+embeddings"
    same = {k for k, v in weights[0].items() if torch.equal(v, weights[1][k])}
    assert "streams.text.layers.0.out.weight" in same
    assert "streams.text.words.weight" in same
    assert "streams.text.layers.1.out.weight" not in same
