"""Identity: what makes two runs the same run."""

from types import SimpleNamespace

import pytest

from alignkit.errors import PluginError, UsageError
from alignkit.runs import Training, load_run, resolve_config
from alignkit.runs.config import alias_of, config_from_json
from tiny import TINY_MODEL, TINY_TASK


def test_the_default_needs_no_name_and_no_hash():
    config = resolve_config()
    assert config.is_default
    assert config.folder == f"{config.task.name}/{config.placement.name}/seed0"


def test_a_spelled_out_placement_is_the_named_one():
    named, spelled = resolve_config(placement="late"), resolve_config(placement="9,10,11")
    assert spelled.folder == named.folder
    assert spelled.identity == named.identity


def test_seeds_share_a_unit_and_nothing_else():
    one, other = (resolve_config(seed=seed) for seed in (0, 1))
    assert one.unit == other.unit
    assert one.identity != other.identity
    assert one.folder != other.folder


@pytest.mark.parametrize(
    "change",
    [
        {"task": "emoji:size=16"},
        {"architecture": "vilbert:width=32"},
        {"training": Training(epochs=2)},
        {"training": Training(threads=2)},
    ],
)
def test_other_options_are_another_unit_in_another_folder(change):
    plain, changed = resolve_config(), resolve_config(**change)
    assert plain.unit != changed.unit
    assert changed.folder == f"{plain.folder}-{changed.unit[:8]}"


def test_giving_a_default_explicitly_changes_nothing():
    assert resolve_config("emoji:size=32").identity == resolve_config().identity


def test_where_the_data_lie_is_no_part_of_the_identity(tmp_path):
    (tmp_path / "task.py").write_text(
        "import alignkit\nfrom pathlib import Path\n"
        "class T:\n"
        "    def __init__(self, root: Path | None = None): self.root = root\n"
        "    target = alignkit.Binary()\n"
        "    def fingerprint(self): return 'same'\n"
        "    def split(self, name): raise NotImplementedError\n"
        "@alignkit.hookimpl\n"
        "def register_tasks(register): register('t', T)\n"
    )
    from alignkit.plugins import use_plugin_files

    try:
        use_plugin_files([tmp_path / "task.py"])
        one, other = (resolve_config("t", data=root) for root in ("a", "b"))
        assert one.identity == other.identity
        assert one.is_default
    finally:
        use_plugin_files([])


def test_configurations_are_read_as_they_are_stored():
    config = resolve_config(TINY_TASK, "1,2", TINY_MODEL, Training(epochs=3), 5)
    again = config_from_json(config.to_json())
    assert again == config
    assert again.folder == config.folder


def test_the_stored_configuration_says_what_it_was_made_with(tiny_run):
    stored = load_run(tiny_run.path).stored
    assert stored["identity"] == tiny_run.config.identity
    assert stored["data"]["labels"] == ["mismatch", "match"]
    assert stored["data"]["n"] == {"train": 64, "validation": 32}
    assert {"torch", "alignkit", "alignkit-toy", "alignkit-vilbert"} <= set(stored["versions"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"batch_size": 0}, "`batch_size` is 0; it must be at least 1"),
        ({"warmup": 1.0}, "`warmup` is 1.0; it must be from 0 to below 1"),
        ({"threads": 0}, "`threads` is 0"),
    ],
)
def test_impossible_training(words, message):
    with pytest.raises(UsageError, match=message):
        Training(**words)


def test_a_negative_seed():
    with pytest.raises(UsageError, match="`seed` is -1; it must be at least 0"):
        resolve_config(seed=-1)


def test_an_option_that_spells_out_its_default_changes_nothing():
    plain = resolve_config("toy_match")
    spelled = resolve_config("toy_match", None, "vilbert:final=norm,dropout=0,fusion_width=64")
    assert spelled.identity == plain.identity
    assert spelled.folder == plain.folder
    options = plain.to_json()["architecture"]["options"]
    assert (options["final"], options["dropout"], options["fusion_width"]) == ("norm", 0.0, 64)
    again = config_from_json(plain.to_json())
    assert (again.identity, again.folder) == (plain.identity, plain.folder)


def test_versions_name_what_plugins_need():
    from alignkit.plugins.versions import versions

    assert {"timm", "transformers", "torch"} <= set(versions())


@pytest.mark.parametrize(
    "alias", ["/x", "..", "a/b", "../x", ".x", "a\x1b[31m", "a\nb", "x" * 300, 3]
)
def test_an_alias_is_a_name_and_no_path(alias):
    with pytest.raises(PluginError, match="gives its data the name"):
        alias_of(SimpleNamespace(alias=alias))


@pytest.mark.parametrize("alias", ["folder-memes", "folder-", "mémoire_2", "", "v1.2"])
def test_other_aliases_are_kept(alias):
    assert alias_of(SimpleNamespace(alias=alias)) == alias
    assert alias_of(object()) == ""
