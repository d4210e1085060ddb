"""The notebook on two real models: every cell runs, and shows what it says."""

import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples/real_models.ipynb"


@pytest.mark.slow
def test_the_notebook_runs_and_shows_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    trained, random_text, random_vision = names["result"].best["value"]
    assert trained > 2 * max(random_text, random_vision) > 0.1
    plain, within = names["within"].best["value"]
    assert plain == pytest.approx(trained)
    assert 0 < within < plain / 2
    shown = next(cell["outputs"] for cell in cells if cell["cell_type"] == "code")
    assert f"{trained:.3f}" in "".join(shown[0]["data"]["text/plain"])
