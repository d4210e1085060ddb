"""Values that other code of a plugin computed are measured again, and no others."""

import json
import subprocess
import sys
import types

import pytest

from alignkit.alignment.runs import read_alignment
from alignkit.plugins import load_plugins, registry
from alignkit.plugins.code import code_of, meaning_of
from alignkit.plugins.load import Source
from alignkit.plugins.registry import Plugin
from tiny import alignkit

PLUGIN = """
import alignkit


def constant(x, y):
    return 0.25


@alignkit.hookimpl
def register_metrics(register):
    register("mine", constant, range=(0, 1), identity="the same everywhere")
"""


@pytest.fixture
def plugin(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN)
    return file


def measured(run, plugin):
    """Measure the metric of a plugin; return the distinct values, and what was said."""
    done = alignkit(
        *("--plugin", plugin, "measure", run.path, "--metric", "mine"),
        *("--layers", "same", "--json"),
        cwd=run.path,
    )
    return {row["value"] for row in json.loads(done.stdout)}, done.stderr


def table_of(run):
    return run.alignment_folder("test") / "mine.cls.csv"


def test_values_of_an_edited_plugin_are_measured_again_and_that_is_said(tiny_run, plugin):
    assert measured(tiny_run, plugin)[0] == {0.25}
    first = table_of(tiny_run).read_bytes()
    plugin.write_text(PLUGIN.replace("0.25", "0.5"))
    values, said = measured(tiny_run, plugin)
    assert values == {0.5}
    assert "3 stored value(s)" in said
    assert "mine (its code has changed)" in said
    assert set(read_alignment(table_of(tiny_run))["value"]) == {0.5}
    assert set(tiny_run.alignment().query("metric == 'mine'")["value"]) == {0.5}
    plugin.write_text(PLUGIN)  # and back
    assert measured(tiny_run, plugin)[0] == {0.25}
    assert table_of(tiny_run).read_bytes() == first


def test_what_code_does_not_mean_changes_nothing(tiny_run, plugin):
    measured(tiny_run, plugin)
    state = table_of(tiny_run).stat().st_mtime_ns
    plugin.write_text("# a comment\n\n" + PLUGIN.replace("0.25", "0.25  # a quarter"))
    values, said = measured(tiny_run, plugin)
    assert (values, "measured again" in said) == ({0.25}, False)
    moved = plugin.parent / "elsewhere" / "other_name.py"
    moved.parent.mkdir()
    plugin.rename(moved)
    assert "measured again" not in measured(tiny_run, moved)[1]
    assert table_of(tiny_run).stat().st_mtime_ns == state


def test_plugins_of_one_file_name_are_told_apart_by_what_they_hold(tiny_run, plugin):
    other = plugin.parent / "other" / plugin.name
    other.parent.mkdir()
    other.write_text(PLUGIN.replace("0.25", "0.75"))
    assert measured(tiny_run, plugin)[0] == {0.25}
    values, said = measured(tiny_run, other)
    assert values == {0.75}
    assert "measured again" in said


def test_values_without_a_key_of_code_are_kept_as_they_are(tiny_run, plugin):
    measured(tiny_run, plugin)
    file = table_of(tiny_run)
    table = read_alignment(file).drop(columns=["code", "within", "groups", "version"])
    table.to_csv(file, index=False)
    file.with_suffix(".json").unlink()
    before = file.read_bytes()
    plugin.write_text(PLUGIN.replace("0.25", "0.5"))
    values, said = measured(tiny_run, plugin)
    assert (values, "measured again" in said) == ({0.25}, False)
    assert file.read_bytes() == before


def test_metrics_of_the_standard_plugins_go_by_their_versions(tiny_run):
    entry = registry().get("metrics", "mknn")
    assert code_of(entry) == f"version {entry.declarations['version']}"
    alignkit("measure", tiny_run.path, "--metric", "mknn", "--layers", "last", cwd=tiny_run.path)
    header = (tiny_run.alignment_folder("test") / "mknn.cls.csv").read_text().splitlines()[0]
    assert "code" not in header.split(",")


def _package(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").write_text("")
    (folder / "plugin.py").write_text(text)
    (folder / "table.json").write_text("[1]")
    return folder


def _code_of_package(root):
    """The key of the code of a package in a folder of modules, in a process of its own."""
    script = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from alignkit.plugins.code import code_of_plugin\n"
        "from alignkit.plugins.registry import Plugin\n"
        "print(code_of_plugin(Plugin('d:p', 'their-metrics', '1.2', 'their_metrics.plugin')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_package_in_its_source_tree_goes_by_its_files_an_installed_one_by_its_version(tmp_path):
    source = tmp_path / "checkout" / "src"
    folder = _package(source / "their_metrics", PLUGIN)
    first = _code_of_package(source)
    (folder / "plugin.py").write_text(PLUGIN + "\n# no more\n")
    (folder / "__pycache__").mkdir(exist_ok=True)
    (folder / "__pycache__" / "plugin.pyc").write_bytes(b"1")
    assert _code_of_package(source) == first
    (folder / "table.json").write_text("[2]")  # a file of its own beside the code
    assert _code_of_package(source) != first
    (folder / "table.json").write_text("[1]")
    moved = source.rename(tmp_path / "moved")
    assert _code_of_package(moved) == first
    installed = tmp_path / "lib" / "site-packages"
    _package(installed / "their_metrics", PLUGIN)
    assert _code_of_package(installed) == "their-metrics 1.2"


def test_a_plugin_may_vouch_for_its_versions(tmp_path):
    file = tmp_path / "vouched.py"
    file.write_text(PLUGIN.replace("range=(0, 1)", "version=3") + "\nVERSIONED = True\n")

    def load():

        module = types.ModuleType("vouched")
        exec(compile(file.read_text(), str(file), "exec"), module.__dict__)
        return module

    plugin = Plugin(str(file), file.name, "", "vouched", file=str(file), is_file=True)
    loaded = load_plugins([Source(plugin, load)])
    assert code_of(loaded.get("metrics", "mine")) == "version 3"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("x = 1  # a\n", True),
        ("# a\n\nx = 1\n\n\n", True),
        ("x = 1\r\n", True),
        ("x = '#'\n", False),
        ("x = 2\n", False),
    ],
)
def test_comments_and_blank_lines_mean_nothing(text, same):
    assert (meaning_of(text.encode()) == meaning_of(b"x = 1\n")) is same


def test_what_is_in_a_text_is_kept():
    one, two = 'x = """a\n\n# b\n"""\n', 'x = """a\n# b\n"""\n'
    assert meaning_of(one.encode()) != meaning_of(two.encode())
    assert meaning_of(b"x = (\n") == b"x = (\n"  # no Python
    assert meaning_of(b"\xff\xfe") == b"\xff\xfe"
