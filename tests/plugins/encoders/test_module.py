"""Anyone's torch module as an encoder."""

import numpy as np
import pytest
import torch
from PIL import Image

import alignkit
from alignkit_encoders.module import module
from alignkit_encoders.modules import FINAL

VISION = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(nn.Conv2d(3, 4, 2, 2), nn.Conv2d(4, 6, 2, 2))
        self.head = nn.Linear(6, 5)
    def forward(self, pixels):
        return self.head(self.blocks(pixels).mean((2, 3)))

def net():
    return Net()

def not_a_module():
    return 3

def fails():
    raise ValueError("no such size")
"""
TEXT = """
import torch
from torch import nn

class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(64, 4)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    def forward(self, ids, attention_mask):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x).tanh()
        return x

def prepare(texts):
    rows = [[ord(c) % 64 for c in text] for text in texts]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return {"ids": ids, "attention_mask": mask}

def bag():
    return Bag(), prepare

def untokenised():
    return Bag()
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "mine.py").write_text(VISION)
    (tmp_path / "bags.py").write_text(TEXT)
    return tmp_path


def encoded(encoder, samples):
    values = {}
    known = {site.name: site for site in encoder.sites() if site.default}

    def record(name, state):
        values[name] = state.pooled(known[name].pools[0])

    encoder.encode(encoder.prepare(samples), list(known), record)
    return values


def test_a_vision_module_with_a_checkpoint(files):
    made = module(function=f"{files}/mine.py:net", size=8, mean="0+0+0", std="1+1+1", init_seed=5)
    net = made.module
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1)
    torch.save({"model": {f"module.{k}": v for k, v in net.state_dict().items()}}, files / "w.pt")
    encoder = module(
        function=f"{files}/mine.py:net",
        size=8,
        mean="0+0+0",
        std="1+1+1",
        checkpoint=files / "w.pt",
    )
    assert encoder.label == "net-w"
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), "uint8"))
    values = encoded(encoder, [picture, picture])
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        first = net.blocks[0](pixels)
        assert torch.allclose(values["blocks.0"][:1], first.mean((2, 3)), atol=1e-6)
        assert torch.allclose(values[FINAL][:1], net(pixels), atol=1e-6)
    assert {site.name for site in encoder.sites()} == {
        "blocks.0",
        "blocks.1",
        "blocks",
        "head",
        FINAL,
    }


def test_a_text_module_with_its_own_preparation(files):
    encoder = module(function=f"{files}/bags.py:bag", stream="text")
    values = encoded(encoder, ["ab", "abcd"])
    alone = encoded(encoder, ["ab"])
    for name in ("layers.0", "layers.1", FINAL):
        assert torch.allclose(values[name][0], alone[name][0], atol=1e-6)  # padding is left out
    assert any("no checkpoint is given" in line for line in encoder.notes())


def test_code_and_weights_identify_a_module(files):
    def identity(**options):
        return module(function=f"{files}/mine.py:net", **options).identity()

    first = identity()
    assert identity() == first
    assert identity(size=8) != first
    (files / "mine.py").write_text(VISION + "\n# changed\n")
    assert identity() != first


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("mine.py", {}, "not of the form FILE.py:FUNCTION"),
        ("absent.py:net", {}, "there is no file"),
        ("mine.py:other", {}, "has no function 'other'"),
        ("mine.py:net", {"stream": "sound"}, "unknown stream 'sound'"),
        ("mine.py:net", {"mean": "0+0"}, "not three numbers"),
        ("mine.py:not_a_module", {}, "returned a int; expected a torch.nn.Module"),
        ("mine.py:fails", {}, "failed: ValueError: no such size"),
        ("bags.py:untokenised", {"stream": "text"}, "a text module needs its tokenizer"),
    ],
)
def test_mistakes_are_one_line(files, function, options, message):
    with pytest.raises(alignkit.AlignkitError, match=message) as caught:
        module(function=f"{files}/{function}", **options).sites()
    assert "\n" not in str(caught.value)


def test_an_importable_function_and_one_that_is_not():
    with pytest.raises(alignkit.UsageError, match="cannot be imported: ModuleNotFoundError"):
        module(function="no.such.package:net")
