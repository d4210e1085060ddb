"""The page on comparing models is run, on tiny models in place of those that it names."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny_models
from named_models import vision_folder
from tiny import alignkit
from tiny_models import WORDS

PAGE = (Path(__file__).parents[2] / "docs" / "compare.md").read_text()
TINY = {
    "minilm": "hf:./gpt2",
    "efficientnet_lite0": "timm:./vit",
    "emoji": "toy_match:n_train=8,n_validation=8,n_test=60",
}


@pytest.fixture
def place(tmp_path):
    """The models, data and arrays that the page speaks of."""
    for kind in ("bert", "gpt2"):
        tiny_models.text_model(tmp_path / kind, kind)
    vision_folder(tmp_path / "vit")
    (tmp_path / "my_data").mkdir()
    rows = ["image,caption"]
    for at in range(40):
        Image.new("RGB", (8, 8), (6 * at, 90, 30)).save(tmp_path / f"my_data/{at}.png")
        rows.append(f"{at}.png,{WORDS[at % 5]} {WORDS[at // 5]}")
    (tmp_path / "my_data/data.csv").write_text("\n".join(rows) + "\n")
    rng = np.random.default_rng(0)
    np.save(tmp_path / "text.npy", rng.standard_normal((40, 6)))
    (tmp_path / "vision").mkdir()
    for at in range(2):
        np.save(tmp_path / f"vision/layer{at}.npy", rng.standard_normal((40, 5)))
    return tmp_path


@pytest.mark.slow
def test_every_command_runs(place):
    seen = 0
    for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL):
        for line in block.splitlines():
            words = [TINY.get(word, word) for word in shlex.split(line, comments=True)[1:]]
            done = alignkit(*words, "--null", "5", "--interval", "0", cwd=place)
            assert "best pair" in done.stdout or "align best" in done.stdout, words
            seen += 1
    assert seen == 5
    assert (place / "comparison/compare.html").is_file()


def test_python_runs(place, monkeypatch):
    monkeypatch.chdir(place)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    rng = np.random.default_rng(0)
    exec(block, {"x": rng.standard_normal((30, 4)), "y": rng.standard_normal((30, 3))})
    for name in re.findall(r"^\| `(\w+\.\w+)` \|", PAGE, flags=re.MULTILINE):
        assert (place / "comparison" / name).is_file(), name
