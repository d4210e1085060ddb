"""What ``show encoder`` says of a model: sites, shapes, poolings, input, size."""

import json

import pytest
import torch
from safetensors.torch import save_file

import tiny_models as tiny
from tiny import alignkit

pytestmark = pytest.mark.slow


def page(spec, cwd):
    return json.loads(alignkit("show", "encoder", spec, "--json", cwd=cwd).stdout)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_text_model(tmp_path, kind):
    folder = tiny.text_model(tmp_path / kind, kind)
    content = page(f"hf:{folder}", tmp_path)
    assert (content["label"], content["stream"]) == (kind, "text")
    sites = {site["site"]: site for site in content["every site"]}
    blocks = [name for name, site in sites.items() if site["default"] and name[-1].isdigit()]
    assert len(blocks) == 3
    assert sites["final"]["default"]
    assert all(sites[name]["shape"][0] is None for name in blocks)
    assert ("cls" in sites["final"]["poolings"]) == (kind == "bert")
    shown = alignkit("show", "encoder", f"hf:{folder}", cwd=tmp_path).stdout
    assert "tokens x " in shown
    assert "No pooling cls: the model has no class token." in shown or kind == "bert"
    assert "padded on the right" in shown
    assert "option" in shown
    from transformers import AutoModel

    count = sum(p.numel() for p in AutoModel.from_pretrained(folder).parameters())
    assert content["parameters"] == f"{count:,}"


def test_a_vision_model(tmp_path):
    folder = tiny.vision_model(tmp_path / "vit", "vit")
    content = page(f"hf:{folder}", tmp_path)
    final = next(site for site in content["every site"] if site["site"] == "final")
    assert final["poolings"] == ["mean", "cls", "max"]
    assert final["refused"]["last"] == "the patches of a picture have no last one"
    assert content["input"].startswith("pictures of ")
    assert "less the mean" in content["input"]
    shown = alignkit("show", "encoder", f"hf:{folder}", cwd=tmp_path).stdout
    assert f"{final['shape'][0]} tokens x {final['shape'][1]}" in shown
    assert "number" in shown  # other sites are listed by the patterns of their names


def test_maps_of_timm_have_no_tokens(tmp_path):
    content = page("timm:test_resnet,from_scratch=true", tmp_path)
    sites = {site["site"]: site for site in content["every site"] if site["default"]}
    assert all(site["poolings"][0] == "gap" for name, site in sites.items() if name != "embedding")
    assert sites["embedding"]["poolings"] == ["own"]
    assert "crop of" in content["input"]
    shown = alignkit("show", "encoder", "timm:test_resnet,from_scratch=true", cwd=tmp_path).stdout
    assert "No pooling cls: a feature map has no class token." in shown


def test_a_module_with_a_checkpoint(tmp_path):
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def make():\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 5, 3))\n"
    )
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.ReLU(), torch.nn.Conv2d(4, 5, 3)
    )
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    spec = f"module:{tmp_path}/net.py:make,checkpoint={tmp_path}/net.safetensors,size=32"
    content = page(spec, tmp_path)
    assert content["label"] == "make-net"
    assert content["parameters"] == str(3 * 4 * 9 + 4 + 4 * 5 * 9 + 5)
    assert content["every site"][0] == {
        "site": "0",
        "shape": [15, 15, 4],
        "poolings": ["gap", "mean", "max"],
        "refused": content["every site"][0]["refused"],
        "default": True,
    }
    assert content["input"].startswith("pictures of 32 x 32, less the mean")


def test_a_kind_of_encoder_without_a_model_says_how_to_name_one(tmp_path):
    content = page("hf", tmp_path)
    assert content["model"].startswith("name a model: hf:FOLDER")
    assert "every site" not in content
    assert "Random weights, as a control." in content["documentation"]


def test_a_model_that_cannot_be_made_is_one_line(tmp_path):
    done = alignkit("show", "encoder", "hf:/nowhere", cwd=tmp_path, code=1)
    assert done.stderr.startswith("Error: there is no folder /nowhere; expected")
    assert done.stderr.count("\n") == 1
