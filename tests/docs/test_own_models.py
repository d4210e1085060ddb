"""What docs/models.md says of one's own models and arrays works from the page alone."""

import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from named_models import text_folder, vision_folder
from tiny import alignkit

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def section():
    """Return the blocks of the section in their order, each with its language."""
    text = PAGE.read_text().partition("## Bring your own model or embeddings\n")[2]
    text = text.partition("\n## ")[0]
    return re.findall(r"```(\w+)\n(.*?)```", text, flags=re.DOTALL)


def test_the_commands_of_the_section_run_in_their_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text_folder(tmp_path / "my_text_model")
    vision_folder(tmp_path / "my_vision_model")
    (tmp_path / "my_data").mkdir()
    rng, rows = np.random.default_rng(0), ["image,caption,split"]
    for i in range(24):
        noise = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "my_data" / f"{i}.png")
        rows.append(
            f"{i}.png,the {('red', 'blue', 'green')[i % 3]} {('disc', 'square')[i % 2]},test"
        )
    (tmp_path / "my_data" / "data.csv").write_text("\n".join(rows))
    code, shown = [], []
    for language, block in section():
        if language == "python":
            code.append(block)
            (tmp_path / "net.py").write_text(block)
            made = runpy.run_path(str(tmp_path / "net.py"))
            if "net" in made:
                state = {f"module.{k}": v for k, v in made["net"]().state_dict().items()}
                torch.save({"state_dict": state}, tmp_path / "net.pt")
            continue
        for line in block.splitlines():
            _, *words = shlex.split(line, comments=True)
            done = alignkit(*words, cwd=tmp_path)
            if words[0] == "show":
                shown.append(done.stdout)
            if words[0] == "compare":
                assert "align best at" in done.stdout, words
            if words[0] == "measure":
                assert re.search(r"\bp\b", done.stdout), words
    assert (len(code), len(shown)) == (2, 2)
    assert "encoder.layer.2" in shown[0]
    assert "15 x 15 x 16" in shown[1]  # from 64 x 64 through two strides
    stored = [path.name.partition("@")[0] for path in tmp_path.glob("encoders/folder-my_data/*@*")]
    assert sorted(stored) == ["my_text_model", "my_vision_model", "net-net"]
    last = torch.load(tmp_path / "states.pt", weights_only=True)
    assert len(last["states"]) == 4
