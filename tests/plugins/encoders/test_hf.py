"""Encoders from transformers, against plain forward passes of the library."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import alignkit
import tiny_models as tiny
from alignkit_encoders.hf import hf
from alignkit_encoders.modules import EMBEDDING, FINAL

pytestmark = pytest.mark.filterwarnings("ignore")


def encoded(encoder, samples, sites=None, pools=None):
    """Poolings of some samples as one batch, by site and pooling."""
    values = {}
    known = {site.name: site for site in encoder.sites()}
    names = sites or [site.name for site in known.values() if site.default]

    def record(name, state):
        for pool in pools or known[name].pools:
            if pool in known[name].pools:
                values[name, pool] = state.pooled(pool)

    encoder.encode(encoder.prepare(samples), names, record)
    return values


def blocks(encoder):
    return [s.name for s in encoder.sites() if s.default and s.name not in (FINAL, EMBEDDING)]


def plain(folder, inputs):
    """All hidden states of a plain forward pass, read anew from the folder."""
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        return model(**inputs, output_hidden_states=True)


def assert_close(left, right):
    torch.testing.assert_close(left, right, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("kind", tiny.TEXT_MODELS)
def test_text_models_give_what_a_plain_pass_gives(tmp_path, kind):
    from transformers import AutoTokenizer

    folder = tiny.text_model(tmp_path / kind, kind)
    encoder = hf(model=str(folder))
    values = encoded(encoder, tiny.TEXTS)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    names = blocks(encoder)
    assert len(names) == 3
    for row, text in enumerate(tiny.TEXTS):
        # Alone, so that nothing is padded; pooled by hand.
        inputs = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
        output = plain(folder, inputs)
        states = dict(zip(names[:-1], output.hidden_states[1:-1], strict=True))
        states[FINAL] = output.last_hidden_state
        words = slice(None) if kind in tiny.DECODERS else slice(1, -1)
        for name, state in states.items():
            assert_close(values[name, "mean"][row], state[0, words].mean(0))
            assert_close(values[name, "max"][row], state[0, words].amax(0))
            assert_close(values[name, "last"][row], state[0, -1])
            if kind in tiny.DECODERS:
                assert (name, "cls") not in values
            else:
                assert_close(values[name, "cls"][row], state[0, 0])


@pytest.mark.parametrize("kind", tiny.TEXT_MODELS)
def test_padding_and_batches_change_nothing(tmp_path, kind):
    folder = tiny.text_model(tmp_path / kind, kind)
    right = encoded(hf(model=str(folder)), tiny.TEXTS)
    if kind in tiny.DECODERS:
        left = encoded(hf(model=str(folder), padding="left"), tiny.TEXTS)
    else:
        with pytest.raises(alignkit.UsageError, match="class token, which must come first"):
            hf(model=str(folder), padding="left")
        left = right
    backwards = encoded(hf(model=str(folder)), tiny.TEXTS[::-1])
    longest = max(tiny.TEXTS, key=len)
    for key, value in right.items():
        assert_close(backwards[key].flip(0), value)
        assert_close(left[key], value)
        alone = encoded(hf(model=str(folder)), [tiny.TEXTS[0], longest], [key[0]], [key[1]])
        assert_close(alone[key][0], value[0])


@pytest.mark.parametrize("kind", tiny.VISION_MODELS)
def test_vision_models_give_what_a_plain_pass_gives(tmp_path, kind):
    folder = tiny.vision_model(tmp_path / kind, kind)
    encoder = hf(model=str(folder))
    generator = np.random.default_rng(0)
    pictures = [Image.fromarray(generator.integers(0, 256, (32, 32, 3), "uint8")) for _ in range(3)]
    values = encoded(encoder, pictures)
    pixels = torch.stack([torch.from_numpy(np.asarray(p)).permute(2, 0, 1) for p in pictures]) / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.5, 0.4, 0.3], [0.2, 0.3, 0.4]))
    output = plain(folder, {"pixel_values": (pixels - mean) / std})
    names = blocks(encoder)
    assert len(names) == 3
    prefix = {"dinov2_with_registers": 5, "deit": 2}.get(kind, 1)
    prefix = 0 if kind in ("siglip_vision_model", "swin") else prefix
    states = {FINAL: output.last_hidden_state}
    if kind not in ("swin", "convnext"):  # their hidden states stand elsewhere
        hidden = output.hidden_states
        states |= dict(zip(names[:-1], hidden[1:-1], strict=True))
    for name, state in states.items():
        if state.ndim == 4:
            assert_close(values[name, "gap"], state.mean((2, 3)))
            assert_close(values[name, "max"], state.amax((2, 3)))
            assert (name, "cls") not in values
            continue
        assert_close(values[name, "mean"], state[:, prefix:].mean(1))
        assert_close(values[name, "max"], state[:, prefix:].amax(1))
        if prefix:
            assert_close(values[name, "cls"], state[:, 0])
        else:
            assert (name, "cls") not in values
    if EMBEDDING in {name for name, _ in values}:
        assert_close(values[EMBEDDING, "own"], output.pooler_output.flatten(1))


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_towers_give_the_embeddings_of_the_model(tmp_path, kind):
    from transformers import AutoModel

    folder = tiny.two_towers(tmp_path / kind, kind)
    model = AutoModel.from_pretrained(folder).eval()
    text, vision = (hf(model=str(folder), tower=tower) for tower in ("text", "vision"))
    assert (text.stream, vision.stream) == ("text", "vision")
    generator = np.random.default_rng(0)
    pictures = [Image.fromarray(generator.integers(0, 256, (32, 32, 3), "uint8")) for _ in range(4)]
    inputs = text.prepare(tiny.TEXTS)
    with torch.no_grad():
        whole = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            pixel_values=vision.prepare(pictures)["pixel_values"],
        )

    def unit(values):
        return torch.nn.functional.normalize(values, dim=1)

    texts = encoded(text, tiny.TEXTS)[EMBEDDING, "own"]
    seen = encoded(vision, pictures)[EMBEDDING, "own"]
    assert_close(unit(texts), unit(whole.text_embeds))
    assert_close(unit(seen), unit(whole.image_embeds))


def test_siglip_refuses_a_class_token(tmp_path):
    folder = tiny.two_towers(tmp_path / "siglip", "siglip")
    site = hf(model=str(folder), tower="vision").sites()[-2]
    with pytest.raises(alignkit.UsageError, match="has no pooling 'cls': the model has no class"):
        site.pool("cls")


def test_a_sentence_transformers_folder_pools_as_it_says(tmp_path):
    from safetensors.torch import save_file

    folder = tiny.text_model(tmp_path / "sentences", "bert")
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {
            "idx": 1,
            "name": "1",
            "path": "1_Pooling",
            "type": "sentence_transformers.models.Pooling",
        },
        {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
        {"idx": 3, "name": "3", "path": "3", "type": "sentence_transformers.models.Normalize"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 6}))
    for name in ("1_Pooling", "2_Dense"):
        (folder / name).mkdir()
    pooling = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "2_Dense" / "config.json").write_text(
        json.dumps({"activation_function": "torch.nn.modules.activation.Tanh"})
    )
    weight = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    save_file({"linear.weight": weight}, folder / "2_Dense" / "model.safetensors")
    encoder = hf(model=str(folder))
    values = encoded(encoder, tiny.TEXTS)
    inputs = encoder.prepare(tiny.TEXTS)
    assert inputs["input_ids"].shape[1] == 6
    assert "4 texts were cut" not in encoder.notes()
    assert any("texts were cut to 6 tokens" in line for line in encoder.notes())
    mask = inputs["attention_mask"]
    state = plain(folder, {"input_ids": inputs["input_ids"], "attention_mask": mask})
    tokens = state.last_hidden_state
    # Its mean takes special tokens in, as sentence-transformers does.
    mean = (tokens * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
    dense = torch.tanh(torch.cat([tokens[:, 0], mean], 1) @ weight.T)
    assert_close(values[EMBEDDING, "own"], dense / dense.norm(dim=1, keepdim=True))
    # What pools belongs to the identity, though it lies in folders of its own.
    save_file({"linear.weight": weight + 1}, folder / "2_Dense" / "model.safetensors")
    other = hf(model=str(folder)).identity()
    assert other != encoder.identity()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_max_tokens": True}))
    assert hf(model=str(folder)).identity() != other


def test_the_identity_is_of_content_and_not_of_places(tmp_path):
    first = hf(model=str(tiny.text_model(tmp_path / "here", "bert"))).identity()
    second = hf(model=str(tiny.text_model(tmp_path / "there", "bert"))).identity()
    assert first == second
    third = tiny.write_model(tmp_path / "there", "bert", tiny.SIZES, seed=1)
    assert hf(model=str(third)).identity() != first
    assert hf(model=str(third), dtype="float16").identity() != hf(model=str(third)).identity()


def test_random_weights_follow_their_seed(tmp_path):
    folder = str(tiny.text_model(tmp_path / "bert", "bert"))
    made = [
        encoded(hf(model=folder, from_scratch=True, init_seed=seed), tiny.TEXTS)[FINAL, "mean"]
        for seed in (0, 0, 1)
    ]
    assert torch.equal(made[0], made[1])
    assert not torch.allclose(made[0], made[2])
    assert hf(model=folder, from_scratch=True).label == "bert-random"


def test_half_precision_stays_near(tmp_path):
    folder = str(tiny.text_model(tmp_path / "bert", "bert"))
    whole, half = (
        encoded(hf(model=folder, dtype=dtype), tiny.TEXTS)[FINAL, "mean"]
        for dtype in ("float32", "bfloat16")
    )
    assert half.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(whole, half).min() > 0.99


def broken(tmp_path, change):
    folder = tiny.text_model(tmp_path / "bert", "bert")
    change(folder)
    return str(folder)


def set_config(**values):
    def change(folder):
        file = folder / "config.json"
        config = json.loads(file.read_text()) | values
        file.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_config(model_type=None), "does not name a model_type"),
        (set_config(model_type="own", auto_map={"AutoModel": "m.M"}), "no model type 'own'"),
        (set_config(hidden_size=32), "does not hold the weights of its config.json"),
        (set_config(num_hidden_layers=4), "lacks encoder.layer.3"),
        (lambda f: (f / "config.json").unlink(), "has no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "is not valid JSON"),
        (lambda f: (f / "config.json").write_text("[]"), "holds no object"),
        (lambda f: (f / "tokenizer.json").unlink(), "has no tokenizer"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "cannot read the tokenizer"),
        (lambda f: (f / "model.safetensors").unlink(), "has no weights"),
        (lambda f: (f / "model.safetensors").write_bytes(b"x"), "hold only 1 bytes"),
        (lambda f: (f / "model.safetensors").write_bytes(b"x" * 9999), "cannot be built"),
        (
            lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
            "has only pickled weights",
        ),
    ],
)
def test_a_broken_folder_is_one_line(tmp_path, change, message):
    folder = broken(tmp_path, change)
    with pytest.raises(alignkit.DataError, match=message) as caught:
        hf(model=folder).sites()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tower": "text"}, "has no towers"),
        ({"tower": "sound"}, "unknown tower 'sound'; known: text, vision"),
        ({"max_tokens": 99}, "not from 1 to 32"),
        ({"padding": "middle"}, "unknown padding"),
        ({"dtype": "int8"}, "unknown dtype 'int8'; known: float32"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, options, message):
    folder = tiny.text_model(tmp_path / "bert", "bert")
    with pytest.raises(alignkit.UsageError, match=message):
        hf(model=str(folder), **options)


def test_a_model_of_two_towers_asks_which(tmp_path):
    folder = tiny.two_towers(tmp_path / "clip", "clip")
    with pytest.raises(alignkit.UsageError, match="choose one: tower=text or tower=vision"):
        hf(model=str(folder))
    with pytest.raises(alignkit.UsageError, match="name a model"):
        hf()


COMMIT = "0123456789abcdef" * 2 + "01234567"


def test_a_commit_of_the_hub_is_asked_for_and_said(tmp_path, monkeypatch):
    from alignkit_encoders.folders import fetched_folder, split_commit

    asked, told = [], []

    def snapshot(repository, allow_patterns, revision=None):
        asked.append((repository, revision))
        return str(tmp_path / "snapshots" / COMMIT)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    monkeypatch.setattr("alignkit_encoders.folders._tell_once", told.append)
    fetched_folder(f"some/bert@{COMMIT}", "the model", "x")
    assert not told
    folder = fetched_folder("some/bert", "the model", "x")
    assert asked == [("some/bert", COMMIT), ("some/bert", None)]
    assert told == [f"note: the model is read as it is in some/bert@{COMMIT}"]
    assert folder.name == COMMIT
    assert split_commit("minilm@3f2a9c41d07b") == ("minilm@3f2a9c41d07b", "")
    assert split_commit(f"@{COMMIT}") == (f"@{COMMIT}", "")
