"""Everything that a plugin registers is checked, from Python and on the command line."""

import json

import pytest

import alignkit
from alignkit.plugins import registry
from alignkit.plugins.load import use_plugin_files
from alignkit.testing import check_plugin, examine_plugin
from tiny import alignkit as run

HONEST = """
import alignkit

def rv(x, y):
    import numpy as np
    a, b = (r.rows(slice(None)) for r in (x, y))
    a, b = a - a.mean(0), b - b.mean(0)
    return float((a.T @ b).square().sum() / ((a.T @ a).norm() * (b.T @ b).norm()))

@alignkit.hookimpl
def register_metrics(register):
    register("rv", rv, range=(0, 1), best=1, symmetric=True)

@alignkit.hookimpl
def register_placements(register):
    register("two_late", [8, 11])
"""
FAULTY = """
import alignkit

class Reader:
    target = alignkit.Binary()

    def __init__(self, root: "Path | None" = None):
        pass

    def fingerprint(self):
        return "reader"

    def split(self, name):
        raise alignkit.DataError("reader needs its data: name the folder; expected: a table")

    def fingerprint(self):
        return "none"

class Broken(Reader):
    def __init__(self):
        pass

def crash(x, y):
    print("this is no result")
    raise KeyError("x")

@alignkit.hookimpl
def register_metrics(register):
    register("wrong", lambda x, y: 0.9, range=(0, 1), best=1)
    register("crash", crash)

@alignkit.hookimpl
def register_placements(register):
    register("too_deep", [90])

@alignkit.hookimpl
def register_tasks(register):
    register("reader", Reader)
    register("broken", Broken)
    register("absent", "absent_module:Task")
"""


TASKS = {"plugin alignkit-tasks", "task conceptual_captions", "task folder"}
TASKS |= {"task hateful_memes", "task mm_imdb", "task upmc_food"}
TASKS |= {"target ordinal", "target regression"}


@pytest.fixture(autouse=True)
def no_files():
    yield
    use_plugin_files([])


@pytest.fixture
def faulty(tmp_path):
    (tmp_path / "faulty.py").write_text(
        FAULTY.replace("import alignkit", "import alignkit\nfrom pathlib import Path", 1)
    )
    return tmp_path / "faulty.py"


def test_an_honest_file_passes_and_is_not_kept(tmp_path):
    file = tmp_path / "honest.py"
    file.write_text(HONEST)
    results = check_plugin(str(file))
    assert {each.result for each in results} == {"holds"}
    assert [(each.kind, each.name) for each in results[:3]] == [("plugin", "honest.py")] * 3
    assert {each.check for each in results} >= {
        "loads",
        "registers",
        "names",
        "symmetry",
        "identity",
    }
    assert {each.name for each in results} == {"honest.py", "rv", "two_late"}
    assert "rv" not in registry().names("metrics")


def test_every_fault_is_a_row_and_ends_no_other_check(faulty):
    results = examine_plugin([str(faulty)])
    found = {each.name: each for each in results if each.kind != "plugin"}
    assert list(found) == ["wrong", "crash", "too_deep", "reader", "broken", "absent"]
    assert [each.check for each in results if each.name == "wrong" and each.result == "fails"] == [
        "identity",
        "direction",
    ]
    assert "KeyError" in found["crash"].detail
    assert "beyond the depth" in found["too_deep"].detail
    assert found["reader"].result == "not checked"
    assert "reader needs its data" in found["reader"].detail
    assert found["broken"].result == "fails"  # no folder would help it
    assert "absent_module" in found["absent"].detail
    assert "check it" not in found["absent"].detail
    with pytest.raises(AssertionError, match=r"faulty.py fails:\n  metric wrong, identity: "):
        check_plugin(str(faulty))


def test_the_command_says_what_fails(faulty, tmp_path):
    done = run("plugins", "check", "faulty.py", cwd=tmp_path, code=1)
    assert "not checked" in done.stdout
    assert "1 name is not checked" in done.stdout
    assert "this is no result" not in done.stdout
    done = run("plugins", "check", "faulty.py", "--json", cwd=tmp_path, code=1)
    rows = json.loads(done.stdout)
    assert {row["result"] for row in rows} == {"holds", "fails", "not checked"}
    assert set(rows[0]) == {"kind", "name", "check", "result", "detail"}


def test_what_does_not_load_is_the_only_row(tmp_path):
    (tmp_path / "bad.py").write_text("import absent_module")
    (only,) = json.loads(run("plugins", "check", "bad.py", "--json", cwd=tmp_path, code=1).stdout)
    assert (only["check"], only["result"]) == ("loads", "fails")
    assert "absent_module" in only["detail"]
    (tmp_path / "empty.py").write_text("")
    (only,) = json.loads(run("plugins", "check", "empty.py", "--json", cwd=tmp_path, code=1).stdout)
    assert (only["check"], only["result"]) == ("loads", "fails")
    assert "it has no hooks" in only["detail"]
    (tmp_path / "idle.py").write_text(
        "import alignkit\n\n\n@alignkit.hookimpl\ndef register_metrics(register):\n    pass\n"
    )
    rows = json.loads(run("plugins", "check", "idle.py", "--json", cwd=tmp_path, code=1).stdout)
    assert [row["result"] for row in rows] == ["holds", "fails", "holds"]


def test_names_that_another_plugin_has_are_named(tmp_path):
    (tmp_path / "twin.py").write_text(HONEST.replace('"rv"', '"cka"'))
    rows = json.loads(run("plugins", "check", "twin.py", "--json", cwd=tmp_path, code=1).stdout)
    (names,) = [row for row in rows if row["check"] == "names"]
    assert "metric 'cka' is claimed by alignkit-metrics 0.1.0 and twin.py" in names["detail"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["mknn"], {"metric mknn"}),
        (["metric", "mknn:k=5", "cka"], {"metric mknn:k=5", "metric cka"}),
        (["metrics", "cka"], {"metric cka"}),
        (["late"], {"placement late"}),
        (["alignkit_tasks"], TASKS),
        (["alignkit-tasks:tasks", "late"], TASKS | {"placement late"}),
    ],
)
def test_what_may_be_named(words, names):
    results = examine_plugin(words)
    assert {f"{each.kind} {each.name}" for each in results} == names
    assert not [each for each in results if each.result == "fails"]


def test_options_of_a_name_are_used(tmp_path):
    (only,) = examine_plugin(["task", f"folder:{tmp_path / 'nowhere'}"])
    assert (only.result, "there is no folder" in only.detail) == ("fails", True)
    (only,) = examine_plugin(["metric", "mknn:k=500"])
    assert "k=500" in only.detail


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mkn"], "did you mean 'mknn'?"),
        (["alignkit-metric"], "did you mean 'alignkit-metrics'?"),
        (["zzzzz"], "installed: alignkit, alignkit-emoji"),
        (["metric", "late"], "unknown metric 'late'"),
        (["absent.py"], "there is no file absent.py"),
    ],
)
def test_what_is_not_there_is_a_usage_error(tmp_path, words, message):
    done = run("plugins", "check", *words, cwd=tmp_path, code=2)
    assert message in done.stderr
    with pytest.raises(alignkit.UsageError):
        check_plugin(*words)


def test_options_before_the_command_are_not_ignored(tmp_path):
    done = run("plugins", "--json", "check", "cka", cwd=tmp_path, code=2)
    assert "alignkit plugins check ..." in done.stderr
    assert json.loads(run("plugins", "--json", cwd=tmp_path).stdout)[0]["plugin"]
