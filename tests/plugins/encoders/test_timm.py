"""Encoders from timm, against timm's own lists of intermediate features."""

import json

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

import alignkit
from alignkit_encoders.modules import EMBEDDING, FINAL
from alignkit_encoders.timm_models import timm_model

VIT = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 3, "num_heads": 2}
# Name in timm, its arguments, and the number of its prefix tokens; None for feature maps.
MODELS = {
    "vit_tiny_patch16_224": (VIT, 1),
    "deit_tiny_distilled_patch16_224": (VIT, 2),
    "vit_small_patch14_reg4_dinov2": (VIT, 5),
    "vit_base_patch16_siglip_224": (VIT, 0),
    "swin_tiny_patch4_window7_224": (
        {
            "img_size": 32,
            "patch_size": 2,
            "window_size": 4,
            "embed_dim": 8,
            "depths": [1, 1, 2],
            "num_heads": [1, 2, 2],
        },
        None,
    ),
    "resnet18": ({"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]}, None),
    "convnext_atto": ({"depths": [1, 1, 1, 1], "dims": [8, 8, 16, 16]}, None),
    "tf_efficientnet_lite0": ({}, None),
    "mobilenetv3_small_050": ({}, None),
}
MEAN, STD = [0.1, 0.2, 0.3], [0.3, 0.4, 0.5]


def write_folder(folder, name, arguments, *, flat=False):
    """Write a folder as timm does; ``flat`` with the preprocessing of older versions."""
    folder.mkdir()
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=3, **arguments).eval()
    data = {"mean": MEAN, "std": STD, "input_size": [3, 32, 32], "crop_pct": 1.0}
    config = {"architecture": name, "model_args": arguments | {"num_classes": 3}}
    config |= data if flat else {"pretrained_cfg": data}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(
        {k: v.contiguous() for k, v in model.state_dict().items()}, folder / "model.safetensors"
    )
    return model


def pictures(n=2):
    generator = np.random.default_rng(0)
    return [Image.fromarray(generator.integers(0, 256, (32, 32, 3), "uint8")) for _ in range(n)]


def encoded(encoder, samples):
    values = {}
    known = {site.name: site for site in encoder.sites() if site.default}

    def record(name, state):
        for pool in known[name].pools:
            values[name, pool] = state.pooled(pool)

    encoder.encode(encoder.prepare(samples), list(known), record)
    return values


def assert_close(left, right):
    torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_models_give_what_timm_gives(tmp_path, name):
    arguments, prefix = MODELS[name]
    model = write_folder(tmp_path / name, name, arguments)
    encoder = timm_model(model=str(tmp_path / name))
    samples = pictures()
    values = encoded(encoder, samples)
    pixels = torch.from_numpy(np.stack([np.array(p) for p in samples])).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    with torch.no_grad():
        final, features = (
            model.forward_intermediates((pixels - mean) / std, output_fmt="NCHW"),
            None,
        )
        final, features = final
        pooled = model.forward_head(final, pre_logits=True)
    assert_close(values[EMBEDDING, "own"], pooled)
    names = list(dict.fromkeys(site for site, _ in values if site not in (FINAL, EMBEDDING)))
    if prefix is None:
        maps = {tuple(feature.shape[2:]): feature for feature in features}
        sizes = {site.name: site.shape for site in encoder.sites()}
        checked = 0
        for site in names:
            feature = maps.get(sizes[site][:2])
            if feature is not None and feature.shape[1] == sizes[site][2]:
                checked += any(
                    torch.allclose(values[site, "gap"], f.mean((2, 3)), rtol=1e-4, atol=1e-5)
                    for f in features
                    if f.shape[1] == sizes[site][2]
                )
        assert checked >= 3
        assert not any(pool == "cls" for _, pool in values)
        return
    assert len(names) == len(features) == 3
    for site, feature in zip(names, features, strict=True):
        assert_close(values[site, "mean"], feature.mean((2, 3)))
        assert_close(values[site, "max"], feature.amax((2, 3)))
        assert ((site, "cls") in values) is (prefix > 0)
    if prefix:
        assert_close(values[FINAL, "cls"], final[:, 0])
    assert_close(values[FINAL, "mean"], final[:, prefix:].mean(1))


def test_older_folders_have_their_preprocessing_beside_the_architecture(tmp_path):
    for name, flat in (("new", False), ("old", True)):
        write_folder(tmp_path / name, "resnet18", MODELS["resnet18"][0], flat=flat)
    new, old = (timm_model(model=str(tmp_path / name)) for name in ("new", "old"))
    assert torch.equal(new.prepare(pictures())["pixels"], old.prepare(pictures())["pixels"])


def test_a_checkpoint_fills_a_model_by_name_or_in_order(tmp_path):
    torch.manual_seed(3)
    model = timm.create_model("mobilenetv3_small_050", num_classes=5).eval()
    named = {f"module.{name}": value for name, value in model.state_dict().items()}
    unnamed = {f"x{i}": value for i, value in enumerate(model.state_dict().values())}
    torch.save({"epoch": 3, "state_dict": named}, tmp_path / "named.pth")
    torch.save(unnamed, tmp_path / "unnamed.pth")
    made = [
        timm_model(model="mobilenetv3_small_050", checkpoint=tmp_path / f"{name}.pth")
        for name in ("named", "unnamed")
    ]
    first, second = (encoded(encoder, pictures()) for encoder in made)
    assert torch.equal(first[EMBEDDING, "own"], second[EMBEDDING, "own"])
    assert any("left out of named.pth: classifier" in line for line in made[0].notes())
    assert any("are taken in order" in line for line in made[1].notes())


class Harmful:
    def __reduce__(self):
        return (print, ("run",))


def test_a_checkpoint_that_does_not_fit_is_one_line(tmp_path):
    model = timm.create_model("mobilenetv3_small_050", num_classes=0)
    state = dict(model.state_dict())
    first = next(iter(state))
    cases = {
        "lacks": ({k: v for k, v in state.items() if k != first}, f"lacks {first}"),
        "more": (state | {"extra.weight": torch.zeros(2)}, "has no place for extra.weight"),
        "shape": (state | {first: torch.zeros(2)}, f"{first} has shape \\(2,\\)"),
        "other": ({"a": torch.zeros(2)}, "has no tensor with a name of this model"),
        "empty": ({}, "holds no state dict"),
        "code": ({"a": Harmful()}, "holds print, which only code could restore"),
    }
    for name, (content, message) in cases.items():
        torch.save(content, tmp_path / f"{name}.pt")
        encoder = timm_model(model="mobilenetv3_small_050", checkpoint=tmp_path / f"{name}.pt")
        with pytest.raises(alignkit.DataError, match=message) as caught:
            encoder.sites()
        assert "\n" not in str(caught.value)
    with pytest.raises(alignkit.DataError, match="there is no file"):
        timm_model(model="resnet18", checkpoint=tmp_path / "absent.pt").identity()


def test_random_weights_follow_their_seed_and_say_so():
    made = [
        timm_model(model="mobilenetv3_small_050", from_scratch=True, init_seed=seed)
        for seed in (0, 0, 1)
    ]
    values = [encoded(encoder, pictures())[EMBEDDING, "own"] for encoder in made]
    assert torch.equal(values[0], values[1])
    assert not torch.allclose(values[0], values[2])
    assert made[0].label == "mobilenetv3_small_050-random"
    assert made[0].identity() == made[1].identity() != made[2].identity()


def test_unknown_names_are_refused():
    with pytest.raises(alignkit.UsageError, match="no model 'resnet19'; did you mean 'resnet1"):
        timm_model(model="resnet19", from_scratch=True)
    with pytest.raises(alignkit.UsageError, match="name a model"):
        timm_model()


def test_a_folder_without_an_architecture_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(alignkit.DataError, match="does not name an architecture"):
        timm_model(model=str(tmp_path))
