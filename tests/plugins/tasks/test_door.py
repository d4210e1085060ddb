"""The plugin of published data sets as alignkit meets it."""

import re
import subprocess
import sys

import pytest

import alignkit
import alignkit_tasks.plugin
from alignkit.plugins import registry
from alignkit.plugins.options import bind, options_of
from alignkit_tasks.hateful_memes import HatefulMemes

NAMES = {"hateful_memes", "mm_imdb", "upmc_food", "conceptual_captions", "folder"}


def test_names_and_targets():
    names = {}
    alignkit_tasks.plugin.register_tasks(lambda name, target, **facts: names.update({name: target}))
    assert set(names) == NAMES
    for name in NAMES:
        task = registry().get("tasks", name).load()
        assert options_of(task)["root"].is_path
        assert task.positional == "root"


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_task_says_what_it_expects_on_one_line(name, tmp_path, monkeypatch):
    monkeypatch.delenv("ALIGNKIT_DATA", raising=False)
    make = registry().get("tasks", name).load()
    for task in (make(), make(tmp_path / "nowhere"), make(tmp_path)):
        with pytest.raises(alignkit.DataError, match=f"{name}|expected: ") as caught:
            task.fingerprint()
        assert "expected: " in str(caught.value)
        assert "\n" not in str(caught.value)
    monkeypatch.setenv("ALIGNKIT_DATA", str(tmp_path))
    with pytest.raises(alignkit.DataError, match=rf"there is no folder {tmp_path}/{name}"):
        make().fingerprint()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_option_is_documented_and_every_choice_is_checked(name):
    make = registry().get("tasks", name).load()
    for option in options_of(make):
        assert re.search(rf"^    (\w+, )*{option}(, \w+)* : ", make.__doc__, re.MULTILINE), option
    for option in (*make.choices, "images"):
        with pytest.raises(alignkit.UsageError, match=rf"{name}: {option}=other is not one of"):
            make(**{option: "other"})
    for option in set(options_of(make)) & {"validation_share", "test_share"}:
        with pytest.raises(alignkit.UsageError, match=rf"{name}: {option}=1.0 is not between"):
            make(**{option: 1.0})


def test_the_folder_is_no_part_of_what_a_run_is(tmp_path):
    assert options_of(HatefulMemes)["root"].is_path
    bound = bind(HatefulMemes, {"root": str(tmp_path), "images": "skip"})
    assert HatefulMemes(**bound) == HatefulMemes(tmp_path, images="skip")
    assert bind(HatefulMemes, {})["root"] is None


@pytest.mark.slow
def test_registering_imports_no_array_library():
    code = "import sys, alignkit_tasks.plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "alignkit_tasks.plugin" in loaded
    assert not loaded & {"numpy", "torch", "PIL"}
