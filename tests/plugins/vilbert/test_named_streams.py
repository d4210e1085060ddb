"""Streams from transformers and timm against what the libraries themselves give, by layer."""

import json
import re

import numpy as np
import pytest
import torch

import alignkit
from alignkit import Placement
from alignkit.models.walk import walk
from alignkit_vilbert.architecture import Vilbert
from alignkit_vilbert.vision_models import find_vit
from named_models import KINDS, text_folder, vision_folder

TEXTS = ["the red disc", "a green square on the picture of a disc ."]
SIZES = {"fusion_width": 8, "fusion_heads": 2, "depth": 2, "width": 8, "heads": 2}


def _built(placement=None, **options):
    architecture = Vilbert(**SIZES, **options)
    placement = placement or Placement([], [])
    inputs = architecture.inputs(TEXTS)
    model = architecture.build(placement, 2, inputs).double().eval()
    return model, architecture.schedule(placement), inputs


def _states(model, schedule, inputs):
    rng = np.random.default_rng(0)
    size = inputs.pixels(np.zeros((9, 7, 3), np.uint8)).shape[1]
    pixels = rng.integers(0, 256, (2, 3, size, size), dtype=np.uint8)
    batch = inputs.batch([inputs.tokens(text) for text in TEXTS], pixels)
    batch["vision"]["pixels"] = batch["vision"]["pixels"].double()
    states = {}
    with torch.no_grad():
        logits = walk(model, schedule, batch, lambda site, state: states.update({site: state}))
    return states, batch, logits


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_layer_is_the_librarys(tmp_path, kind):
    from transformers import AutoModel

    folder = text_folder(tmp_path / kind, kind)
    model, schedule, inputs = _built(text_model=str(folder))
    states, batch, _ = _states(model, schedule, inputs)
    tokens = batch["text"]["tokens"]
    own = AutoModel.from_pretrained(folder).double().eval()
    with torch.no_grad():
        expected = own(
            input_ids=tokens,
            attention_mask=(tokens != inputs.text.padding).long(),
            output_hidden_states=True,
        ).hidden_states
    mask = states["t.in"].mask
    for site, values in zip(["t.in", "t00", "t01", "t02"], expected, strict=True):
        if kind == "electra" and site == "t.in":
            values = own.embeddings_project(own.embeddings(tokens))
        torch.testing.assert_close(states[site].tokens[mask], values[mask], atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", ["test_vit", "test_vit2", "test_vit3", "test_vit4"])
@pytest.mark.parametrize("final", ["norm", "raw"])
def test_every_vision_layer_is_the_librarys(tmp_path, name, final):
    import timm

    folder = vision_folder(tmp_path / name, name)
    model, schedule, inputs = _built(vision_model=str(folder), final=final)
    states, batch, _ = _states(model, schedule, inputs)
    own = (
        timm.create_model(
            name,
            pretrained=True,
            num_classes=0,
            img_size=32,
            pretrained_cfg_overlay={"file": str(folder / "model.safetensors"), "source": "file"},
        )
        .double()
        .eval()
    )
    with torch.no_grad():
        blocks = own.forward_intermediates(
            batch["vision"]["pixels"],
            output_fmt="NLC",
            intermediates_only=True,
            return_prefix_tokens=True,
        )
    expected = [torch.cat([prefix, patches], 1) for patches, prefix in blocks]
    if final == "norm":
        expected[-1] = own.fc_norm(own.norm(expected[-1]))
    for layer, values in enumerate(expected):
        state = states[f"v{layer:02d}"]
        torch.testing.assert_close(state.tokens, values, atol=1e-10, rtol=0)
        assert state.content.sum() == 2 * (values.shape[1] - own.num_prefix_tokens)
    has_cls = name == "test_vit"
    pooled = states["v00"].pooled("cls")
    wanted = expected[0][:, 0] if has_cls else expected[0][:, own.num_prefix_tokens :].mean(1)
    torch.testing.assert_close(pooled, wanted)


def test_by_default_both_streams_are_normalised_at_the_last_layer(tmp_path):
    folders = {
        "text_model": str(text_folder(tmp_path / "t")),
        "vision_model": str(vision_folder(tmp_path / "v")),
    }

    def spreads(final):
        states, _, _ = _states(*_built(**folders, final=final))
        return {s: states[s].tokens.std(-1, unbiased=False) for s in ("t02", "v05")}

    for values in spreads("norm").values():  # fresh norms scale by one
        torch.testing.assert_close(values, torch.ones_like(values), atol=1e-2, rtol=0)
    raw = spreads("raw")
    assert (raw["t02"] - 1).abs().max() < 1e-2  # BERT's layers end in a norm
    assert (raw["v05"] - 1).abs().max() > 1e-2  # a ViT's do not


def test_the_pooler_stands_before_the_head_where_it_is_asked_for(tmp_path):
    folder = str(text_folder(tmp_path / "t"))
    model, schedule, inputs = _built(text_model=folder, final="pooler", head="text")
    states, _, logits = _states(model, schedule, inputs)
    own = model.streams["text"].pooler.dense
    with torch.no_grad():
        pooled = torch.tanh(states["t02"].tokens[:, 0] @ own.weight.T + own.bias)
        torch.testing.assert_close(logits, model.classifier(pooled, None))
    without, _, _ = _built(text_model=folder, head="text")
    assert not [name for name in without.state_dict() if "pooler" in name]
    with pytest.raises(alignkit.UsageError, match="has no pooler; use final=norm or final=raw"):
        _built(text_model=str(text_folder(tmp_path / "d", "distilbert")), final="pooler")


def test_streams_of_other_widths_and_depths_meet(tmp_path):
    folders = {
        "text_model": str(text_folder(tmp_path / "t")),
        "vision_model": str(vision_folder(tmp_path / "v")),
    }
    placement = Placement([1, 3], [4, 6])
    for head in ("concat", "sum", "hadamard"):
        states, _, logits = _states(*_built(placement, **folders, head=head))
        assert states["t.f1"].tokens.shape[2] == 16
        assert states["v.f1"].tokens.shape[2] == 64
        assert logits.shape == (2, 2)
    with pytest.raises(alignkit.UsageError, match=r"text index 4 .* beyond the depth .* 3"):
        _built(Placement([4], [4]), **folders)


def test_the_first_layers_alone(tmp_path):
    folder = str(text_folder(tmp_path / "t"))
    model, schedule, inputs = _built(text_model=folder, text_depth=2)
    whole = _states(*_built(text_model=folder))[0]
    assert len(model.streams["text"].layers) == 2
    first = _states(model, schedule, inputs)[0]
    torch.testing.assert_close(first["t01"].tokens, whole["t01"].tokens)
    with pytest.raises(alignkit.UsageError, match="text_depth=4 is more than the 3 layers"):
        _built(text_model=folder, text_depth=4)


def test_from_scratch_takes_the_shapes_and_not_the_weights(tmp_path):
    folder = text_folder(tmp_path / "t")
    torch.manual_seed(1)
    fresh, _, inputs = _built(text_model=str(folder), from_scratch=True)
    stored, _, _ = _built(text_model=str(folder))
    name = "streams.text.layers.0.intermediate.dense.weight"
    assert fresh.state_dict()[name].shape == stored.state_dict()[name].shape
    assert not torch.equal(fresh.state_dict()[name], stored.state_dict()[name])
    assert inputs.tokens("the red disc").tolist() == [2, 5, 11, 9, 3]
    (folder / "model.safetensors").unlink()
    _built(text_model=str(folder), from_scratch=True)
    with pytest.raises(alignkit.DataError, match=r"has no weights; expected model.safetensors"):
        _built(text_model=str(folder))


def test_known_shapes_need_no_file():
    architecture = Vilbert(
        text_model="bert-base-uncased", vision_model="vit_base_patch16_224", from_scratch=True
    )
    assert architecture.depths() == {"text": 12, "vision": 12}
    assert architecture.options.fusion_width == 1024
    assert architecture.options.fusion_heads == 8


@pytest.mark.parametrize("stream", ["text", "vision"])
def test_pickled_weights_are_refused(tmp_path, stream):
    folder = (text_folder if stream == "text" else vision_folder)(tmp_path / "m")
    weights = folder / "model.safetensors"
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(alignkit.DataError) as caught:
        Vilbert(**{f"{stream}_model": str(folder)}).depths()
    message = str(caught.value)
    assert "only pickled weights (pytorch_model.bin)" in message
    assert "\n" not in message


def test_what_is_no_stream_is_refused_in_one_line(tmp_path):
    from transformers import AlbertConfig, GPT2Config

    for config in (AlbertConfig(), GPT2Config()):
        folder = tmp_path / config.model_type
        folder.mkdir()
        config.save_pretrained(folder)
        (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
        kept = json.loads((folder / "config.json").read_text())
        small = {"num_hidden_layers": 1, "max_position_embeddings": 8, "vocab_size": 9}
        (folder / "config.json").write_text(json.dumps(kept | small))
        (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
        with pytest.raises(alignkit.UsageError, match="expected a BERT-like one") as caught:
            _built(text_model=str(folder), from_scratch=True)
        assert "\n" not in str(caught.value)
    for name, message in [
        ("resnet18", "'resnet18' is a ResNet; expected a ViT"),
        ("vit_bas_patch16_224", "did you mean 'vit_base_patch16_224'?"),
    ]:
        with pytest.raises(alignkit.UsageError, match=message):
            Vilbert(vision_model=name, from_scratch=True).depths()
    with pytest.raises(alignkit.DataError, match=r"there is no folder ./nowhere"):
        Vilbert(text_model="./nowhere").depths()
    (tmp_path / "empty").mkdir()
    with pytest.raises(alignkit.DataError, match=r"it has no config.json"):
        Vilbert(text_model=str(tmp_path / "empty")).depths()


def test_weights_that_lack_a_layer_are_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = text_folder(tmp_path / "t")
    weights = load_file(folder / "model.safetensors")
    kept = {k: v for k, v in weights.items() if "layer.1." not in k}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(alignkit.DataError, match=r"lack \d+ parts of the text model, such as"):
        _built(text_model=str(folder))


def test_a_folder_is_known_by_its_content_wherever_it_lies(tmp_path):
    folder = text_folder(tmp_path / "a" / "minilm")
    resolved = Vilbert(text_model=str(folder)).resolve()
    assert resolved["text_model"].startswith("minilm@")
    assert resolved["text_depth"] == 3
    moved = tmp_path / "b" / "minilm"
    moved.parent.mkdir()
    folder.rename(moved)
    assert Vilbert(text_model=str(moved)).resolve()["text_model"] == resolved["text_model"]
    assert Vilbert(text_model=resolved["text_model"], text_folder=moved, text_depth=3).depths()
    text_folder(moved, seed=1)
    changed = Vilbert(text_model=str(moved)).resolve()
    assert changed["text_model"] != resolved["text_model"]
    stale = Vilbert(text_model=resolved["text_model"], text_folder=moved)
    with pytest.raises(alignkit.DataError, match=r"now contains minilm@.*, not minilm@"):
        stale.depths()
    with pytest.raises(alignkit.DataError, match="name its folder too: text_folder="):
        Vilbert(text_model=resolved["text_model"]).depths()


def test_absent_weights_without_a_network_are_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for stream, name in (("text", "bert-base-uncased"), ("vision", "vit_base_patch16_224")):
        with pytest.raises(alignkit.DataError) as caught:
            Vilbert(**{f"{stream}_model": name}).resolve()
        message = str(caught.value)
        assert f"{stream} model '{name}' is not on this machine" in message
        assert "`from_scratch=True`" in message
        assert "\n" not in message


def test_names_are_read_from_the_hubs_cache_without_pickles(monkeypatch, tmp_path):
    from fnmatch import fnmatch

    from safetensors.torch import load_file

    folders = {
        "some/bert": text_folder(tmp_path / "t"),
        "timm/test_vit.r160_in1k": vision_folder(tmp_path / "v", size=160),
    }
    asked = []

    def snapshot(repository, allow_patterns, revision):
        assert revision is None
        asked.append(repository)
        for pickled in ("pytorch_model.bin", "model.pt", "tf_model.h5", "flax_model.msgpack"):
            assert not any(fnmatch(pickled, pattern) for pattern in allow_patterns)
        return str(folders[repository])

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    names = {"text_model": "some/bert", "vision_model": "test_vit"}
    resolved = Vilbert(**names).resolve()
    assert resolved == {"text_depth": 3, "vision_depth": 6}  # a name is a name
    model, _, _ = _built(**names, **resolved)
    assert set(asked) == set(folders)
    for stream, name in (
        ("text", "encoder.layer.2.output.dense.weight"),
        ("vision", "blocks.5.mlp.fc1.weight"),
    ):
        (folder,) = (f for key, f in folders.items() if ("timm" in key) == (stream == "vision"))
        stored = load_file(folder / "model.safetensors")[name].double()
        own = name.replace("encoder.layer", "layers").replace("blocks", "layers")
        assert torch.equal(model.streams[stream].state_dict()[own], stored)


@pytest.mark.parametrize("stream", ["text", "vision"])
def test_weights_that_were_cut_off_are_named(tmp_path, stream):
    folder = (text_folder if stream == "text" else vision_folder)(tmp_path / "m")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:900])
    with pytest.raises(alignkit.DataError, match=re.escape(str(folder))) as caught:
        _built(**{f"{stream}_model": str(folder)})
    assert "\n" not in str(caught.value)


def test_weights_of_another_shape_are_refused(tmp_path):
    folder = text_folder(tmp_path / "t")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 32}))
    with pytest.raises(alignkit.DataError, match=r"do not fit its config.json"):
        _built(text_model=str(folder))


def test_an_unknown_type_is_said_without_the_list_of_all(tmp_path):
    folder = text_folder(tmp_path / "t")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "nosuch"}))
    with pytest.raises(alignkit.UsageError, match="expected a BERT-like one") as caught:
        _built(text_model=str(folder))
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("arguments", [{}, {"img_size": 32}])
def test_how_pictures_are_prepared_is_read_from_both_forms_of_the_configuration(
    tmp_path, flat, arguments
):
    pictures = {
        "input_size": [3, 32, 32],
        "mean": [0.1, 0.2, 0.3],
        "std": [0.3, 0.4, 0.5],
        "crop_pct": 1.0,
        "interpolation": "bilinear",
    }
    config = {"architecture": "test_vit", "num_classes": 7, "model_args": arguments}
    config |= pictures if flat else {"pretrained_cfg": pictures}
    (tmp_path / "config.json").write_text(json.dumps(config))
    spec = find_vit("", tmp_path, None)
    assert (spec.mean, spec.std) == ((0.1, 0.2, 0.3), (0.3, 0.4, 0.5))
    assert (spec.crop, spec.interpolation, spec.size) == (1.0, "bilinear", 32)
    assert find_vit("", tmp_path, 64).size == 64
