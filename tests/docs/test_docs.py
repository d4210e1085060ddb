"""The documentation is run: commands, Python and links."""

import json
import re
import runpy
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiny import TINY_MODEL, TINY_TASK, alignkit

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def _blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


def _commands(page):
    for block in _blocks(page, "sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words:
                assert words[0] == "alignkit", line
                yield words[1:]


@pytest.fixture
def place(tmp_path):
    """A folder with the arrays and the table that the pages speak of."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 8))
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", x[:, :5] + rng.standard_normal((40, 5)))
    rows = [
        {
            "task": "t",
            "placement": f"p{i}",
            "seed": 0,
            "accuracy": i / 10 + rng.random() / 10,
            "cka": rng.random(),
        }
        for i in range(7)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/training.md"])
def test_every_command_of_a_page_runs(place, page):
    """On tiny models: only the sizes differ from what is printed."""
    for words in _commands(ROOT / page):
        if "train" in words:
            words = ["3,4,10" if w == "late" else w for w in words]
            words += [
                "--task",
                TINY_TASK,
                "--architecture",
                TINY_MODEL.replace("depth=3", "depth=12"),
            ]
        done = alignkit(*words, cwd=place)
        assert done.stdout.strip(), words


@pytest.mark.slow
def test_commands_on_arrays_of_the_page_on_measuring_run(place):
    """Those on runs are run in tests/cli/test_measure.py, on runs that take a second."""
    for side in ("text", "vision"):
        (place / side).mkdir()
        for layer in range(2):
            values = np.random.default_rng(layer).standard_normal((40, 4))
            np.save(place / side / f"l{layer}.npy", values)
    (place / "facts.csv").write_text("kind\n" + "a\nb\n" * 20)
    states = np.random.default_rng(0).standard_normal((2, 40, 4))
    np.save(place / "states.npy", states)
    np.save(place / "tokens.npy", states.transpose(1, 0, 2))
    seen = 0
    for words in _commands(ROOT / "docs" / "measure.md"):
        if {"x.npy", "text/", "tokens.npy", "states.npy"} & set(words):
            assert alignkit(*words, cwd=place).stdout.strip(), words
            seen += 1
    assert seen == 7


@pytest.mark.slow
def test_every_command_of_the_statistics_page_runs(place):
    for words in _commands(ROOT / "docs" / "statistics.md"):
        assert alignkit(*words, cwd=place).stdout.strip(), words


@pytest.mark.slow
def test_python_of_the_readme_runs(place, monkeypatch):
    monkeypatch.chdir(place)
    alignkit(
        "train",
        "--task",
        TINY_TASK,
        "--architecture",
        TINY_MODEL,
        "--placement",
        "1",
        "--epochs",
        "0",
        cwd=place,
    )
    names = {"x": np.load("x.npy"), "y": np.load("y.npy")}
    (block,) = _blocks(ROOT / "README.md", "python")
    exec(block, names)
    assert names["run"].task == "toy_match"


@pytest.mark.slow
def test_plugins_of_the_documentation_hold_every_check(place):
    """As ``alignkit.testing`` has them: what the page shows first is what is copied first."""
    blocks = [b for b in _blocks(ROOT / "docs" / "plugins.md", "python") if "hookimpl" in b]
    assert len(blocks) >= 4
    for number, block in enumerate(blocks):
        file = place / f"plugin{number}.py"
        file.write_text(block)
        done = alignkit("plugins", "check", file, "--json", cwd=place)
        results = json.loads(done.stdout)
        assert len(results) >= 3, block
        assert {result["result"] for result in results} <= {"holds", "not checked"}, results
    done = alignkit(
        "--plugin", place / "plugin0.py", "measure", "x.npy", "y.npy", "--metric", "rv", cwd=place
    )
    assert "rv" in done.stdout


def test_targets_of_the_documentation_hold_every_check():
    import alignkit as public
    from alignkit.testing import check_task

    (block,) = [b for b in _blocks(ROOT / "docs" / "plugins.md", "python") if "Forecast" in b]
    names = {"__name__": "forecast"}
    exec(block, names)

    class Weather:
        target = names["Forecast"]()

        def fingerprint(self):
            return "weather"

        def split(self, name):
            images = np.zeros((12, 8, 8, 3), np.uint8)
            ids = [f"{name}{i}" for i in range(12)]
            return public.Split(ids, ["rain?"] * 12, images.__getitem__, np.arange(12) % 2)

    assert check_task(Weather()) == {"train": 12, "validation": 12, "test": 12}


@pytest.mark.slow
def test_every_command_about_own_data_runs(place):
    from PIL import Image

    (place / "my_data/img").mkdir(parents=True)
    rows = ["image,caption,label"]
    for i in range(40):
        Image.new("RGB", (8, 8), "red").save(place / f"my_data/img/{i}.jpg")
        rows.append(f"img/{i}.jpg,a thing {i},{('red', 'blue')[i % 2]}")
    (place / "my_data/data.csv").write_text("\n".join(rows) + "\n")
    rows = ["image,text,stars,price"]
    rows += [f"my_data/img/{i}.jpg,review {i},{i % 5 + 1},{20 + 1.5 * i}" for i in range(40)]
    (place / "reviews.csv").write_text("\n".join(rows) + "\n")
    (place / "captions").mkdir()
    rows = ["image,caption,split"]
    for i in range(12):
        Image.new("RGB", (8, 8), (20 * i, 9 * i, 255 - 20 * i)).save(place / f"captions/{i}.png")
        rows += [f"{i}.png,thing {i} in words {k},test" for k in range(3)]
    (place / "captions/data.csv").write_text("\n".join(rows) + "\n")
    commands = list(_commands(ROOT / "docs" / "data.md"))
    assert len(commands) > 5
    for words in commands:
        architecture = ["--architecture", TINY_MODEL.replace("depth=3", "depth=12")]
        done = alignkit(*words, *(architecture if "train" in words else ()), cwd=place)
        assert done.stdout.strip(), words


def test_what_the_documentation_says_of_a_task_s_own_facts(place):
    (block,) = [b for b in _blocks(ROOT / "docs" / "plugins.md", "python") if "published" in b]
    (place / "tiny_task.py").write_text(block)
    words = ("--plugin", "tiny_task.py", "data")
    found = json.loads(alignkit(*words, "info", "tiny", "--json", cwd=place).stdout)
    train = found["splits"][0]
    assert (train["listed"], train["used"], train["published"]) == (4, 3, "6")
    assert (train["without_label"], train["notes"]) == (1, {"picture missing, left out": 1})
    done = alignkit(*words, "verify", "tiny", cwd=place, code=1)
    assert "train: listed samples: 4, published 6" in done.stdout
    assert "there is no picture 3.png" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_reference_of_commands_is_current():
    module = runpy.run_path(str(ROOT / "docs" / "commands.py"))
    assert module["PAGE"].read_text() == module["page"](), "run: make docs"


def _words_of_commands(command, before=()):
    inner = getattr(command, "commands", {})
    if not inner:
        yield " ".join(before)
    for name, other in inner.items():
        yield from _words_of_commands(other, (*before, name))


def test_the_reference_has_every_command():
    from typer.main import get_command

    from alignkit.cli.main import app

    listed = runpy.run_path(str(ROOT / "docs" / "commands.py"))["COMMANDS"]
    assert set(_words_of_commands(get_command(app))) <= set(listed)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 100


def test_no_requirement_names_a_registry_or_an_address():
    for file in ROOT.glob("requirements*.txt"):
        assert "://" not in file.read_text(), file
    for file in [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]:
        content = tomllib.loads(file.read_text())
        assert "://" not in str(content["build-system"]), file
        assert "://" not in str(content["project"].get("dependencies")), file
        assert "://" not in str(content["project"].get("optional-dependencies")), file
