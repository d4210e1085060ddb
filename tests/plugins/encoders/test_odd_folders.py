"""Folders of models of transformers as people have them: right, or refused in one line."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import alignkit
import tiny_models as tiny
from alignkit_encoders.hf import hf
from alignkit_encoders.timm_models import timm_model
from odd_folders import ODD, changed, odd_files, odd_values, odd_weights

pytestmark = pytest.mark.filterwarnings("ignore")
PICTURES = [Image.fromarray(np.full((9, 12, 3), level, np.uint8)) for level in (10, 90)]


def _encode(encoder):
    """Encode two samples as extraction does; return what every default site gave."""
    samples = tiny.TEXTS[:2] if encoder.stream == "text" else PICTURES
    sites = [site.name for site in encoder.sites() if site.default]
    values = {}
    encoder.encode(
        encoder.prepare(samples), sites, lambda name, state: values.update({name: state})
    )
    encoder.identity()
    assert set(values) == set(sites)
    return {name: state.pooled("mean") for name, state in values.items() if state.tokens.ndim == 3}


def right_or_one_line(make, what):
    """Return why an encoder is refused, in one line; None where it encodes."""
    try:
        values = _encode(make())
    except alignkit.AlignkitError as error:
        refused = str(error)
        assert refused, what
        assert len(refused.splitlines()) == 1, f"{what}: {refused}"
        return refused
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    assert values, what
    return None


@pytest.fixture(scope="module", params=["bert", "gpt2", "vit", "swin"])
def folder(request, tmp_path_factory):
    kind = request.param
    make = tiny.text_model if kind in tiny.TEXT_MODELS else tiny.vision_model
    return make(tmp_path_factory.mktemp("models") / kind, kind)


def _of(folder, **options):
    return lambda: hf(model=str(folder), **options)


def _some(steps, every, first):
    """Every so many of the steps; all of them are run through, so that folders are put back."""
    return (step for number, step in enumerate(steps) if number % every == first % every)


@pytest.mark.slow
def test_odd_files(folder):
    for number, what in enumerate(odd_files(folder)):
        right_or_one_line(_of(folder, from_scratch=number % 2 > 0), what)
    assert right_or_one_line(_of(folder), "whole") is None


@pytest.mark.slow
def test_odd_weights(folder):
    refused = {what: right_or_one_line(_of(folder), what) for what in odd_weights(folder)}
    # Other names, precisions and files of the same weights; all others cannot be the model.
    allowed = ("half", "one is nan", "one more", "integers", "prefix", "an index of {'")
    for what, reason in refused.items():
        if not any(word in what for word in allowed):
            assert reason, what
    missing = refused["weights: an index that names a missing shard"]
    assert "names 2 files of weights, of which 1 are missing, such as model-00002" in missing
    assert "only pickled weights" in refused["weights: pickled ones only"]


@pytest.mark.slow
def test_odd_configurations(folder):
    for name, first in (("config.json", 0), ("preprocessor_config.json", 1)):
        if (folder / name).exists():
            for number, what in enumerate(_some(odd_values(folder, name), 5, first)):
                right_or_one_line(_of(folder, from_scratch=number % 2 > 0), what)


def test_odd_settings_of_tokenizers(folder):
    name = "tokenizer_config.json"
    if (folder / name).exists():
        for what in odd_values(folder, name, ["model_max_length", "tokenizer_class", "pad_token"]):
            right_or_one_line(_of(folder), what)


@pytest.mark.slow
@pytest.mark.parametrize("tower", ["text", "vision"])
def test_odd_towers(tower, tmp_path):
    folder = tiny.two_towers(tmp_path / "clip", "clip")
    sizes = list(tiny.SIZES if tower == "text" else tiny.VISION_SIZES)
    steps = odd_values(folder, "config.json", sizes, inner=f"{tower}_config")
    for what in _some(steps, 2, 0):
        right_or_one_line(_of(folder, tower=tower, from_scratch=True), what)


SIZES = [*tiny.SIZES, *tiny.VISION_SIZES]


@pytest.mark.parametrize("scratch", [True, False])
def test_sizes_that_cannot_be_are_refused_before_anything_is_built(folder, scratch, monkeypatch):
    def build(*_args, **_options):
        raise AssertionError("it was built")

    import transformers

    for name in ("from_config", "from_pretrained"):
        monkeypatch.setattr(transformers.AutoModel, name, build)
    stated = json.loads((folder / "config.json").read_text())
    for key in set(SIZES) & set(stated):
        for value in (10**30, -1, 0, 2.5, "12", float("inf")):
            whole = changed(folder / "config.json", **{key: value})
            try:
                with pytest.raises(
                    alignkit.DataError, match=rf"config\.json: {key} is "
                ) as refused:
                    hf(model=str(folder), from_scratch=scratch)
                assert "expected a whole number from 1" in str(refused.value)
            finally:
                (folder / "config.json").write_text(whole)


def test_a_width_that_heads_do_not_divide(tmp_path):
    rng = np.random.default_rng(0)
    folder = tiny.text_model(tmp_path / "bert", "bert")
    for _ in range(30):
        width, heads = (int(n) for n in rng.integers(1, 40, 2))
        whole = changed(folder / "config.json", hidden_size=width, num_attention_heads=heads)
        reason = right_or_one_line(_of(folder, from_scratch=True), f"{width} among {heads}")
        assert (reason is None) == (width % heads == 0)
        assert reason is None or "cannot be divided among num_attention_heads" in reason
        (folder / "config.json").write_text(whole)


def test_a_model_larger_than_memory_is_not_built(tmp_path):
    folder = tiny.text_model(tmp_path / "bert", "bert")
    changed(folder / "config.json", vocab_size=10**9, hidden_size=10**5)
    torch_before = torch.get_rng_state()
    for scratch, said in ((True, "GB are free on this machine"), (False, "its files hold only")):
        assert said in right_or_one_line(_of(folder, from_scratch=scratch), "large")
    assert torch.equal(torch_before, torch.get_rng_state())


def test_a_tokenizer_of_more_tokens_than_the_model_embeds(tmp_path):
    rng = np.random.default_rng(0)
    folder = tiny.text_model(tmp_path / "bert", "bert")
    tokens = len(json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"])
    for size in rng.integers(1, 2 * tokens, 12).tolist():
        changed(folder / "config.json", vocab_size=size, pad_token_id=0)
        reason = right_or_one_line(_of(folder, from_scratch=True), size)
        assert (reason is None) == (size >= tokens)
        assert reason is None or f"the model embeds {size}" in reason


def test_added_tokens_that_the_model_does_not_embed(tmp_path):
    folder = tiny.text_model(tmp_path / "bert", "bert")
    file = folder / "tokenizer.json"
    content = json.loads(file.read_text())
    tokens = len(content["model"]["vocab"])
    content["added_tokens"] = [
        {"id": tokens, "content": "<image>", "single_word": False, "lstrip": False}
        | {"rstrip": False, "normalized": False, "special": True}
    ]
    file.write_text(json.dumps(content))
    changed(folder / "config.json", vocab_size=tokens)
    encoder = hf(model=str(folder), from_scratch=True)
    assert len(encoder.prepare(["a small boat"])["input_ids"]) == 1
    with pytest.raises(alignkit.DataError, match="a text holds the token '<image>'"):
        encoder.prepare(["a small boat", "a <image>"])


def test_weights_that_the_model_has_no_place_for_are_counted(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = tiny.text_model(tmp_path / "bert", "bert")
    file = folder / "model.safetensors"
    weights = load_file(file)
    save_file(weights | {"cls.predictions.bias": torch.ones(2)}, file, {"format": "pt"})
    encoder = hf(model=str(folder))
    encoder.sites()
    assert [line for line in encoder.notes() if "cls.predictions.bias" in line] == [
        "1 tensors of the checkpoint are no part of the model and are left out, such as "
        "cls.predictions.bias"
    ]


@pytest.mark.slow
def test_odd_sizes_of_timm(tmp_path):
    import timm

    folder = tmp_path / "vit"
    timm.models.save_for_hf(
        timm.create_model("test_vit", num_classes=0), str(folder), safe_serialization=True
    )
    for key in ("embed_dim", "depth", "num_heads", "patch_size", "img_size", "mlp_ratio"):
        for value in ODD:
            whole = changed(folder / "config.json", model_args={"img_size": 32} | {key: value})
            right_or_one_line(
                lambda: timm_model(model=str(folder), from_scratch=True), f"{key}={value!r}"
            )
            (folder / "config.json").write_text(whole)


@pytest.mark.parametrize("classes", [0, 7])
def test_odd_weights_of_timm(classes, tmp_path):
    import timm

    folder = tmp_path / "vit"
    vit = timm.create_model("test_vit", num_classes=classes, img_size=32)
    timm.models.save_for_hf(vit, str(folder), safe_serialization=True)
    changed(folder / "config.json", model_args={"img_size": 32})
    allowed = ("half", "one is nan", "one more", "integers", "an index of {'", "pickled")
    for what in odd_weights(folder):
        reason = right_or_one_line(lambda: timm_model(model=str(folder)), what)
        assert reason or any(word in what for word in allowed), what
    encoder = timm_model(model=str(folder))
    assert encoder.sites()
    assert encoder.notes() == []
