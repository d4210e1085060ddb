"""The plugin of published data sets as alignkit meets it."""

import subprocess
import sys

import alignkit_tasks.plugin
from alignkit.plugins.options import bind, options_of
from alignkit_tasks.hateful_memes import HatefulMemes


def test_names_and_targets():
    found = {}
    alignkit_tasks.plugin.register_tasks(lambda name, target, **facts: found.update({name: target}))
    assert found == {"hateful_memes": "alignkit_tasks.hateful_memes:HatefulMemes"}


def test_the_folder_is_no_part_of_what_a_run_is(tmp_path):
    assert options_of(HatefulMemes)["root"].is_path
    bound = bind(HatefulMemes, {"root": str(tmp_path), "images": "skip"})
    assert HatefulMemes(**bound) == HatefulMemes(tmp_path, images="skip")
    assert bind(HatefulMemes, {})["root"] is None


def test_registering_imports_no_array_library():
    code = "import sys, alignkit_tasks.plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "alignkit_tasks.plugin" in loaded
    assert not loaded & {"numpy", "torch", "PIL"}
