"""The commands of docs/layers.md run as they stand, on tiny runs, models and arrays."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import tiny_models
from named_models import vision_folder
from tiny import alignkit, train_tiny

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "layers.md").read_text()
TINY = {
    "minilm": "hf:./gpt2",
    "efficientnet_lite0": "timm:./vit",
    "emoji": "toy_match:n_train=40,n_validation=30,n_test=60",
    "200": "40",
    "500": "30",
    "5": "2",
    "late": "at_1",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The runs, models and arrays that the page speaks of."""
    place = tmp_path_factory.mktemp("layers")
    for placement in ("none", "1"):
        for seed in (0, 1):
            train_tiny(place / "runs", placement, seed=seed)
    tiny_models.text_model(place / "gpt2", "gpt2")
    vision_folder(place / "vit")
    rng = np.random.default_rng(0)
    np.save(place / "x.npy", rng.standard_normal((40, 6)))
    (place / "vision").mkdir()
    for layer in range(3):
        np.save(place / f"vision/layer{layer}.npy", rng.standard_normal((40, 5)))
    return place


COMMANDS = [
    [TINY.get(word, word) for word in shlex.split(line, comments=True)[1:]]
    for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_runs(place, words):
    assert alignkit(*words, cwd=place).stdout.strip()
    if "--figures" in words:
        assert list(place.glob(f"{words[words.index('--figures') + 1]}/*.svg"))
