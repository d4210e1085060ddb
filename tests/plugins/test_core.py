"""What comes with alignkit itself is registered like everything else."""

import json

import pytest

from alignkit.errors import UsageError
from alignkit.plugins import load_plugins
from alignkit.plugins import registry as installed
from alignkit.plugins.load import Source
from alignkit.plugins.registry import Plugin
from tiny import alignkit_process


def test_no_selection_leaves_out_what_comes_with_alignkit(tmp_path):
    command = ("list", "spaces", "--json")
    rows = json.loads(alignkit_process(*command, cwd=tmp_path, ALIGNKIT_PLUGINS="").stdout)
    assert [row["name"] for row in rows] == ["hparams", "mask", "named", "placement"]
    assert {row["plugin"] for row in rows} == {"alignkit"}


def test_every_target_can_be_imported():
    (core,) = [plugin for plugin in installed().plugins if plugin.name == "alignkit"]
    assert core.entries
    for entry in core.entries:
        assert entry.load() is not None


@pytest.mark.parametrize(("takes", "fits"), [("candidates", True), ("fixed", True), ("all", False)])
def test_a_space_declares_what_it_does_with_placements(takes, fits):
    from types import ModuleType

    def load():
        from alignkit.plugins.hookspecs import hookimpl

        def register_spaces(register):
            register("mine", len, placements=takes)

        module = ModuleType("spaces")
        module.register_spaces = hookimpl(register_spaces)
        return module

    loaded = load_plugins([Source(Plugin("a:x", "a", "1", "a"), load)])
    assert (loaded.names("spaces") == ["mine"]) is fits
    if not fits:
        assert "placements='all'; expected one of candidates, fixed" in loaded.plugins[0].error
        with pytest.raises(UsageError, match="unknown space"):
            loaded.get("spaces", "mine")
