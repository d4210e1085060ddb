"""The plugin door: isolation, owners, collisions, defaults, and what loads."""

import itertools
import os
import sys
from types import ModuleType

import pytest

from alignkit.errors import PluginError, UsageError
from alignkit.plugins import load_plugins
from alignkit.plugins import registry as installed
from alignkit.plugins.load import Source, use_plugin_files
from alignkit.plugins.registry import Plugin

GOOD = """
import alignkit
@alignkit.hookimpl
def register_metrics(register):
    register({names}, lambda x, y: 0.5, summary="half"{more})
"""


def _source(name, code, distribution=None):
    def load():
        module = ModuleType(name)
        exec(code, module.__dict__)
        return module

    plugin = Plugin(f"{name}:x", distribution or f"dist-{name}", "1.0", name)
    return Source(plugin, load)


def _good(name, metric, more=""):
    return _source(name, GOOD.format(names=repr(metric), more=more))


BROKEN = {
    "import": ("import absent_module", "ModuleNotFoundError"),
    "hook": (
        GOOD.format(names="'kept'", more="") + "    raise RuntimeError('no')",
        "RuntimeError: no",
    ),
    "exit": ("raise SystemExit(3)", "SystemExit"),
    "misspelt": (
        GOOD.format(names="'kept'", more="").replace("metrics", "metrix"),
        "did you mean 'register_metrics'?",
    ),
    "argument": (
        GOOD.format(names="'kept'", more="").replace("(register)", "(register, extra)"),
        "extra",
    ),
    "name": (GOOD.format(names="'Bad Name'", more=""), "'Bad Name' is not a valid name"),
    "twice": (
        GOOD.format(names="'kept'", more="") * 1 + "    register('kept', lambda x, y: 1.0)",
        "'kept' is registered twice",
    ),
    "target": (
        GOOD.format(names="'kept'", more="").replace("lambda x, y: 0.5", "'no colon'"),
        "is not of the form 'module:attribute'",
    ),
    "declaration": (GOOD.format(names="'kept'", more=", colour=3"), "declares colour; known:"),
    "range": (GOOD.format(names="'kept'", more=", range=(1, 0)"), "empty range"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_plugin_is_dropped_and_harms_no_other(fault):
    code, message = BROKEN[fault]
    sources = [_good("a", "first"), _source("b", code), _good("c", "third")]
    loaded = load_plugins(sources)
    assert loaded.names("metrics") == ["first", "third"]
    broken = loaded.plugins[1]
    assert message in broken.error
    assert "Traceback" in broken.traceback
    assert not broken.entries
    assert all(not plugin.error for plugin in (loaded.plugins[0], loaded.plugins[2]))


def test_a_name_claimed_twice_is_an_error_that_names_both_whatever_the_order():
    for order in itertools.permutations(("a", "b")):
        sources = [_good(name, "same") for name in order] + [_good("c", "other")]
        loaded = load_plugins(sources)
        with pytest.raises(PluginError, match=r"'same' is claimed by dist-a 1\.0 and dist-b 1\.0"):
            loaded.get("metrics", "same")
        assert loaded.get("metrics", "other").name == "other"
        assert loaded.contested() == [("metrics", "same", ["dist-a 1.0", "dist-b 1.0"])]


def test_one_default_of_a_kind():
    loaded = load_plugins([_good("a", "one", ", default=True"), _good("b", "two")])
    assert loaded.default("metrics").name == "one"
    both = load_plugins([_good(n, f"m{n}", ", default=True") for n in "ab"])
    with pytest.raises(PluginError, match=r"'ma' of dist-a 1\.0 and 'mb' of dist-b 1\.0 are both"):
        both.default("metrics")
    with pytest.raises(UsageError, match="no plugin provides a default for tasks"):
        loaded.default("tasks")


def test_an_unknown_name_gets_a_suggestion_and_the_list():
    loaded = load_plugins([_good("a", "procrustes"), _source("b", "import absent_module")])
    with pytest.raises(UsageError) as caught:
        loaded.get("metrics", "procustes")
    text = str(caught.value)
    assert "unknown metric 'procustes'; did you mean 'procrustes'?" in text
    assert "dist-b 1.0 failed to load: alignkit plugins -v" in text
    with pytest.raises(UsageError, match="unknown kind 'metric'"):
        loaded.get("metric", "x")


def test_targets_are_imported_when_they_are_used():
    code = GOOD.format(names="'late'", more="").replace("lambda x, y: 0.5", "'absent_module:f'")
    entry = load_plugins([_source("a", code)]).get("metrics", "late")
    with pytest.raises(PluginError, match=r"metric 'late' of dist-a 1\.0 cannot be imported"):
        entry.load()
    entry = load_plugins([_source("a", code.replace("absent_module:f", "math:sqrt"))])
    import math

    assert entry.get("metrics", "late").load() is math.sqrt


def test_owners_are_kept():
    entry = load_plugins([_good("a", "one")]).get("metrics", "one")
    assert entry.plugin.distribution == "dist-a"
    assert entry.plugin.hooks == ("register_metrics",)


@pytest.fixture
def fresh():
    """A registry that is made anew before and after the test."""
    use_plugin_files([])
    yield
    use_plugin_files([])


def test_the_environment_restricts_what_loads(fresh, monkeypatch, tmp_path):
    monkeypatch.setenv("ALIGNKIT_PLUGINS", "")
    assert [p.distribution for p in installed().plugins] == ["alignkit"]
    use_plugin_files([])
    monkeypatch.setenv("ALIGNKIT_PLUGINS", "alignkit_metrics")  # another spelling of the name
    assert {p.distribution for p in installed().plugins} == {"alignkit", "alignkit-metrics"}
    use_plugin_files([])
    file = tmp_path / "numpy.py"
    file.write_text(GOOD.format(names="'half'", more=""))
    monkeypatch.setenv("ALIGNKIT_PLUGINS", f"alignkit-toy, {file}")
    assert installed().names("metrics") == ["half"]
    assert "toy_match" in installed().names("tasks")
    use_plugin_files([])
    monkeypatch.setenv("ALIGNKIT_PLUGINS", "alignkit-absent")
    with pytest.raises(
        UsageError, match="names 'alignkit-absent', which is not an installed plugin"
    ):
        installed()


def test_a_file_adds_to_what_is_installed_and_shadows_nothing(fresh, tmp_path):
    import sys

    import numpy

    file = tmp_path / "numpy.py"
    file.write_text(GOOD.format(names="'half'", more=""))
    use_plugin_files([file])
    assert {"half", "cka"} <= set(installed().names("metrics"))
    assert sys.modules["numpy"] is numpy


def test_a_broken_file_is_one_line_on_stderr(fresh, tmp_path, capsys):
    file = tmp_path / "bad.py"
    file.write_text("import absent_module")
    use_plugin_files([file, tmp_path / "absent.py"])
    assert "cka" in installed().names("metrics")
    lines = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert len(lines) == 2
    assert "bad.py" in lines[0]
    assert "No module named 'absent_module'" in lines[0]
    assert "alignkit plugins -v" in lines[0]


def test_the_command_shows_tracebacks(fresh, tmp_path):
    from tiny import alignkit

    (tmp_path / "bad.py").write_text("import absent_module")
    done = alignkit("--plugin", "bad.py", "plugins", "-v", cwd=tmp_path)
    assert "Traceback" in done.stdout
    assert "absent_module" in done.stdout


def test_a_broken_placement_is_its_plugins_fault():
    code = (
        "import alignkit\n@alignkit.hookimpl\ndef register_placements(register):\n"
        "    register('odd', {'text': [3, 1], 'vision': [1, 3]})"
    )
    loaded = load_plugins([_source("a", code), _good("b", "fine")])
    assert "strictly increasing" in loaded.plugins[0].error
    assert loaded.names("metrics") == ["fine"]


def test_a_file_that_is_edited_within_a_second_is_read_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file, values = tmp_path / "mine.py", []
    try:
        for value in ("0.5", "0.7"):
            file.write_text(GOOD.format(names="'half'", more="").replace("0.5", value))
            os.utime(file, (0, 0))  # the size is the same too
            use_plugin_files([file])
            values.append(installed().get("metrics", "half").load()(None, None))
    finally:
        use_plugin_files([])
    assert values == [0.5, 0.7]
