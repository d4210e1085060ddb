"""The versioned door: what is refused, what goes, and which of two plugins is meant."""

import json
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest

import alignkit
from alignkit.errors import AlignkitDeprecationWarning, PluginError
from alignkit.plugins import hookspecs, load_plugins
from alignkit.plugins.load import Source, use_plugin_files
from alignkit.plugins.registry import Plugin
from tiny import TINY_MODEL
from tiny import alignkit as run_alignkit

X = alignkit.Representation(np.random.default_rng(0).random((12, 4)))

GOOD = """
import alignkit
{top}
def half(x, y, k: int = 2):
    return (x.cross(y).norm() ** 2 / x.cross(x).norm() / y.cross(y).norm()) ** (1 / k)

@alignkit.hookimpl
def register_metrics(register):
    register("{name}", {target}, summary="half", range=(0, 1))
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes a distribution as pip installs it, and returns the plugin that it has."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, top="", requires=(), target="half", registers="half"):
        module = name.replace("-", "_")
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / f"{module}.py").write_text(GOOD.format(top=top, target=target, name=registers))
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0"]
        lines += [f"Requires-Dist: {each}" for each in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        (info / "entry_points.txt").write_text(f"[alignkit]\nx = {module}\n")
        return tmp_path

    yield write
    use_plugin_files([])


def _loaded(name):
    use_plugin_files([])
    (plugin,) = [p for p in alignkit.plugins.registry().plugins if p.distribution == name]
    return plugin


@pytest.mark.parametrize(
    ("specifier", "fits"),
    [
        (">=0.1,<0.2", True),
        ("", True),
        (">=0.2", False),
        ("<0.1", False),
        (">=99; python_version < '3'", True),
    ],
)
def test_a_plugin_for_another_version_of_alignkit_is_left_out(written, capsys, specifier, fits):
    written("dist-bound", "raise RuntimeError('imported')" * (not fits), [f"alignkit{specifier}"])
    plugin = _loaded("dist-bound")
    said = [line for line in capsys.readouterr().err.splitlines() if "dist-bound" in line]
    assert bool(plugin.entries) == fits
    assert len(said) == (not fits)
    if not fits:
        assert "it is made for other versions of alignkit; dist-bound requires alignkit" in said[0]
        assert f"(installed: {alignkit.__version__})" in said[0]
        assert "imported" not in said[0]


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ("PLUGIN_API = 1", ""),
        (f"PLUGIN_API = {alignkit.PLUGIN_API + 1}", "is written for version 2 of the plugin API"),
        (
            f"PLUGIN_API: int = {alignkit.PLUGIN_API + 1}  # new\nalignkit.something_new",
            "it is written for version 2 of the plugin API, and this alignkit has version 1: "
            "pip install --upgrade alignkit",
        ),
        ("PLUGIN_API = '1'", "its PLUGIN_API is '1'; expected a whole number such as 1"),
        ("PLUGIN_API = 0", "its PLUGIN_API is 0; expected a whole number"),
        ("alignkit.something_new", "has no attribute 'something_new'"),
    ],
)
@pytest.mark.parametrize("how", ["installed", "file"])
def test_a_plugin_may_state_its_api(written, tmp_path, top, message, how):
    folder = written("dist-api", top)
    if how == "file":
        use_plugin_files([folder / "dist_api.py"])
        plugin = alignkit.plugins.registry().plugins[-1]
    else:
        plugin = _loaded("dist-api")
    assert message in plugin.error
    assert bool(plugin.error) == bool(message)


def test_an_older_api_is_named_as_such(monkeypatch, written):
    monkeypatch.setattr("alignkit.plugins.api.PLUGIN_API", 3)
    monkeypatch.setattr("alignkit.plugins.api.OLDEST", 2)
    written("dist-old", "PLUGIN_API = 1")
    assert "which takes plugins from version 2; install a newer" in _loaded("dist-old").error


def _in_memory(code):
    from types import ModuleType

    def load():
        module = ModuleType("memory")
        exec(code, module.__dict__)
        return module

    return Source(Plugin("memory:x", "memory", "1.0", "memory"), load)


def test_a_former_name_still_works_and_says_when_it_goes():
    with pytest.warns(
        AlignkitDeprecationWarning, match=r"parallel_map; .* removed in version 0\.3"
    ):
        assert alignkit.spread is alignkit.parallel_map
    with pytest.warns(AlignkitDeprecationWarning, match=r"normalized; .* removed in version 0\.3"):
        X.unit


def test_a_plugin_that_uses_what_will_go_works_and_is_named():
    code = GOOD.format(top="alignkit.spread", target="half", name="half")
    code += "\nimport warnings; warnings.warn('of another package', DeprecationWarning)"
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("always")
        loaded = load_plugins([_in_memory(code)])
    assert loaded.names("metrics") == ["half"]
    (note,) = loaded.plugins[0].notes
    assert "uses what will go: alignkit.spread is now alignkit.parallel_map" in note
    assert [str(each.message) for each in others] == ["of another package"]


def test_a_hook_that_will_go_is_named_by_pluggys_means(monkeypatch):
    going = AlignkitDeprecationWarning("register_metrics goes in version 0.9; use register_all")
    old = hookspecs.hookspec(historic=True, warn_on_impl=going)(lambda register: None)
    monkeypatch.setattr(hookspecs, "register_metrics", old)
    loaded = load_plugins([_in_memory(GOOD.format(top="", target="half", name="half"))])
    assert loaded.names("metrics") == ["half"]
    assert "register_metrics goes in version 0.9" in loaded.plugins[0].notes[0]


def test_a_file_may_name_itself(tmp_path):
    for name in ("my_metric", "numpy"):  # also where it is called as a package is
        file = tmp_path / f"{name}.py"
        text = GOOD.format(top="", target=f"'{name}:half', chance='{name}:chance'", name="half")
        file.write_text(f"{text}\ndef chance(x, y, k=2):\n    return 0.25\n")
        use_plugin_files([file])
        try:
            entry = alignkit.plugins.registry().get("metrics", "half")
            assert list(entry.options()) == ["k"]
            assert entry.load().__name__ == "half"
            made = alignkit.metrics.resolve("half:k=4")
            assert made.chance(X, X) == 0.25
            assert made.compare(X, X) == pytest.approx(1)
        finally:
            use_plugin_files([])


def test_a_file_that_names_what_it_does_not_have_says_so_in_its_own_words(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(GOOD.format(top="", target="'mine:hafl'", name="half"))
    use_plugin_files([file])
    try:
        with pytest.raises(PluginError, match=r"from 'mine:hafl'.*did you mean 'half'"):
            alignkit.plugins.registry().get("metrics", "half").load()
    finally:
        use_plugin_files([])


def test_what_not_to_load(written, monkeypatch):
    written("dist-one")
    everything = {p.distribution for p in _all()}
    assert "dist-one" in everything
    for selection, left in {
        "-dist_one": everything - {"dist-one"},
        "-dist-one, -alignkit-toy": everything - {"dist-one", "alignkit-toy"},
        "alignkit-toy,dist-one,-dist-one": {"alignkit-toy"},
        "- Dist.One": everything - {"dist-one"},
    }.items():
        monkeypatch.setenv("ALIGNKIT_PLUGINS", selection)
        assert {p.distribution for p in _all()} == left | {"alignkit"}, selection
    monkeypatch.setenv("ALIGNKIT_PLUGINS", "-dist-two")
    with pytest.raises(alignkit.UsageError, match="names 'dist-two', which is not an installed"):
        _all()


def _all():
    use_plugin_files([])
    return alignkit.plugins.registry().plugins


TWO = """
import numpy as np

import alignkit


class Plain:
    target = alignkit.Binary()

    def fingerprint(self):
        return "plain {level}"

    def split(self, name):
        images = np.full((16, 32, 32, 3), {level}, np.uint8)
        ids = [f"{{name}}{{i}}" for i in range(16)]
        return alignkit.Split(ids, ["a text"] * 16, images.__getitem__, np.arange(16) % 2)


def same(x, y):
    return (x.cross(y).norm() ** 2 / x.cross(x).norm() / y.cross(y).norm()) ** {level}


def pull(text, vision):
    return {level} * (text.mean(1) - vision.mean(1)).square().mean()


@alignkit.hookimpl
def register_metrics(register):
    register("same", same, range=(0, 1))


@alignkit.hookimpl
def register_tasks(register):
    register("plain", Plain)


@alignkit.hookimpl
def register_losses(register):
    register("pull", pull)


@alignkit.hookimpl
def register_placements(register):
    register("spot", [{level}])


@alignkit.hookimpl
def register_architectures(register):
    from alignkit_vilbert import Vilbert

    register("built", Vilbert)
"""


@pytest.fixture
def two(tmp_path):
    """Two files that claim the same names."""
    for name, level in {"one.py": 1, "two.py": 2}.items():
        (tmp_path / name).write_text(TWO.format(level=level))
    use_plugin_files([tmp_path / "one.py", tmp_path / "two.py"])
    yield tmp_path
    use_plugin_files([])


def test_a_file_that_is_named_twice_is_loaded_once(two, monkeypatch, capsys):
    one = two / "one.py"
    monkeypatch.setenv("ALIGNKIT_PLUGINS", f"{one},alignkit-metrics")
    use_plugin_files([two / "." / "one.py", two / ".." / two.name / "one.py"])
    registry = alignkit.plugins.registry()
    assert [p.distribution for p in registry.plugins].count("one.py") == 1
    assert registry.get("metrics", "same").plugin.file == str(one)
    assert "claimed" not in capsys.readouterr().err


def test_a_contested_name_is_used_with_its_distribution(two, capsys):
    registry = alignkit.plugins.registry()
    said = capsys.readouterr().err
    assert "metric 'same' is claimed by one.py and two.py; write one.py/same or two.py/same" in said
    assert {"one.py/same", "two.py/same"} <= set(registry.names("metrics"))
    assert "same" not in registry.names("metrics")
    with pytest.raises(PluginError, match=r"write one\.py/same or two\.py/same, or select plugins"):
        registry.get("metrics", "same")
    values = alignkit.measure(X, X.values[:, :2], ["two.py/same", "one.py/same"])
    assert values["two.py/same"] == pytest.approx(values["one.py/same"] ** 2)
    assert 0 < values["two.py/same"] < 1
    spot = registry.get("placements", "two.py/spot").load()
    assert (spot.text, spot.name) == ((2,), "two.py.spot")
    # A name that nobody contests may be written so, too, and is the same.
    label = registry.get("metrics", "cka").plugin.distribution
    assert replace(registry.get("metrics", f"{label}/cka")) == registry.get("metrics", "cka")
    with pytest.raises(alignkit.UsageError, match=r"unknown metric 'three\.py/same'; did you mean"):
        registry.get("metrics", "three.py/same")


@pytest.mark.slow
def test_contested_names_go_everywhere(two):
    door = ("--plugin", "one.py", "--plugin", "two.py")
    options = TINY_MODEL.partition(":")[2]
    words = ["train", "--task", "two.py/plain", "--placement", "one.py/spot", "--epochs", "1"]
    words += ["--architecture", f"one.py/built:{options}", "--aux", "two.py/pull=0.1"]
    run_alignkit(*door, *words, cwd=two)
    (run,) = (two / "runs").glob("*/*/*")
    assert run.relative_to(two / "runs").parts[:2] == ("two.py.plain", "one.py.spot")
    stored = json.loads((run / "config.json").read_text())
    assert stored["task"]["name"] == "two.py/plain"
    assert stored["plugins"]["loss two.py/pull"] == "two.py"
    done = run_alignkit(*door, "measure", "--metric", "one.py/same", "--layers", "last", cwd=two)
    assert "one.py/same" in done.stdout
    assert not (two / "runs/two.py").exists()
    shown = run_alignkit(*door, "show", "metric", "two.py/same", "--json", cwd=two)
    assert json.loads(shown.stdout)["name"] == "two.py/same"
    before = (run / "train.json").stat().st_mtime_ns
    run_alignkit(*door, *words, cwd=two)
    assert (run / "train.json").stat().st_mtime_ns == before  # it is the same run
    assert len(list((two / "runs").glob("*/*/*"))) == 1


@pytest.mark.slow
def test_a_run_from_before_a_name_was_contested_is_still_read(two):
    options = TINY_MODEL.partition(":")[2]
    words = ["train", "--task", "plain", "--placement", "spot", "--epochs", "0"]
    words += ["--architecture", f"built:{options}"]
    run_alignkit("--plugin", "one.py", *words, cwd=two)
    for door in (["one.py", "two.py"], ["two.py", "one.py"]):
        named = [word for file in door for word in ("--plugin", file)]
        done = run_alignkit(*named, "evaluate", "--force", cwd=two)
        assert "auroc" in done.stdout + done.stderr
