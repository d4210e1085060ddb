"""One bad file among good ones: it is named in one line and left out, and the others go on."""

import json
import shutil

import pytest

import hostile
from alignkit.cleaning import message
from alignkit.documents import check_form, parse_json, read_bytes, read_toml
from alignkit.errors import AlignkitError, DataError, UsageError
from alignkit.runs import load_runs
from hostile.inputs import INPUTS
from tiny import alignkit

CHAIN = (
    ("runs",),
    ("evaluate",),
    ("measure", "--metric", "cka", "--layers", "last"),
    ("correlate", "--metric", "cka"),
)


@pytest.fixture(scope="module")
def workspace(tiny_runs, tmp_path_factory):
    """Runs of one task that are measured and scored; the tests damage the first of them."""
    root, runs = tiny_runs
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copytree(root / runs[0].stored_task, folder / "runs" / runs[0].stored_task)
    alignkit("measure", "--metric", "cka", "--layers", "last", cwd=folder)
    alignkit("evaluate", cwd=folder)
    return folder


@pytest.fixture
def bad(workspace):
    """The run that a test damages; it is as it was afterwards."""
    run = next((workspace / "runs").glob("*/none/*"))
    kept = workspace / "kept"
    shutil.copytree(run, kept)
    # Of a run without checksums the form of a file is all that can be checked.
    (run / "train.json").write_text("{}")
    yield run
    shutil.rmtree(run)
    kept.rename(run)


def _spoken(done, bad, how):
    """The bad run is named in one line of bounded length, and nothing raw is printed."""
    lines = [line for line in done.stderr.splitlines() if f"{bad.parent.name}/{bad.name}" in line]
    assert lines, f"{how}: the run is not named\n{done.stderr}"
    assert "Traceback" not in done.stderr, how
    assert max(map(len, done.stderr.splitlines())) < 1500, how
    assert "\x1b" not in done.stdout + done.stderr, how


@pytest.mark.parametrize("words", CHAIN, ids=lambda words: words[0])
@pytest.mark.parametrize("name", ["config.json", "performance.json"])
def test_a_damaged_run_is_left_out_and_the_others_go_on(workspace, bad, words, name):
    for how in ("lists for objects", "escapes", "a hundred thousand deep"):
        (bad / name).write_bytes(hostile.DOCUMENTS[how])
        done = alignkit(*words, cwd=workspace)
        _spoken(done, bad, how)
        assert "at_1_2" in done.stdout or "left out" in done.stderr, how
        if words[0] != "correlate":
            assert "at_1_2" in done.stdout, how


@pytest.mark.parametrize("name", ["config.json", "performance.json"])
def test_every_hostile_document_of_a_run_is_an_error_of_that_run(workspace, bad, name):
    for how in hostile.documents(bad / name):
        assert len(_others(workspace, bad, how)) == 2


def _others(workspace, bad, how):
    """Load all runs as the commands do; the bad one may be left out, in one line."""
    left_out = {}

    def leave_out(run, error):
        left_out[run.path] = error

    runs = load_runs(workspace / "runs", on_damaged=leave_out)
    for run in runs:
        asks = [lambda run=run: run.config]
        if run.path == bad:  # what the others hold has not changed since the last time
            asks += [run.performance, run.history, run.alignment]
        for ask in asks:
            try:
                ask()
            except AlignkitError as error:
                leave_out(run, error)
    assert set(left_out) <= {bad}, how
    for error in left_out.values():
        # What an option has of a wrong value is said of the option, by whoever builds with it.
        assert bad.name in str(error) or isinstance(error, UsageError), how
        assert len(message(str(error)).splitlines()) == 1, how
    return [run for run in runs if run.path != bad]


@pytest.mark.parametrize("name", ["config.json", "performance.json"])
def test_a_report_on_the_others_is_written(workspace, bad, name):
    (bad / name).write_bytes(hostile.DOCUMENTS["lists for objects"])
    done = alignkit("report", "--metric", "cka", "-o", "page", cwd=workspace)
    _spoken(done, bad, name)
    assert (workspace / "page" / "report.html").is_file()


def test_a_single_value_of_another_kind_ends_no_listing(workspace, bad):
    for how in hostile.values(bad / "config.json"):
        assert len(_others(workspace, bad, how)) == 2
        if how.endswith("is '\\x1b[31m'"):
            done = alignkit("runs", cwd=workspace)
            assert "at_1_2" in done.stdout, how
            assert "\x1b" not in done.stdout + done.stderr, how


@pytest.mark.parametrize("words", [("runs",), ("measure", "--metric", "cka", "--layers", "last")])
def test_a_damaged_run_is_named_where_notes_are_hidden(workspace, bad, words):
    (bad / "config.json").write_text("{}")
    _spoken(alignkit("-q", *words, cwd=workspace), bad, "quiet")


def test_what_failed_is_named_where_notes_are_hidden(workspace, bad):
    shutil.copy(workspace / "kept" / "train.json", bad)  # or they are of other weights
    (bad / "representations" / "test" / "index.json").write_text("[]")
    words = ("measure", "--metric", "mknn:k=3", "--layers", "last")
    done = alignkit("-q", *words, cwd=workspace, code=1)
    assert "runs failed (named above)" in done.stderr
    _spoken(done, bad, "quiet")


@pytest.mark.parametrize("name", ["index.json", "ids.json"])
def test_damaged_representations_are_one_runs_failure(workspace, bad, name):
    shutil.copy(workspace / "kept" / "train.json", bad)  # or they are of other weights
    file = bad / "representations" / "test" / name
    for how in list(hostile.DOCUMENTS)[:6]:
        file.write_bytes(hostile.DOCUMENTS[how])
        done = alignkit(
            "measure", "--metric", "mknn:k=5", "--layers", "last", cwd=workspace, code=1
        )
        _spoken(done, bad, how)
        assert "at_1_2" in done.stdout, how


def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(workspace, bad):
    hostile.pipe(bad / "config.json")
    done = alignkit("runs", cwd=workspace)
    _spoken(done, bad, "a pipe")
    assert "is not a regular file" in done.stderr
    assert "at_1_2" in done.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "has the key 'a' twice"),
        ('{"a": {"b": 1, "b": 1}}', "has the key 'b' twice"),
        ("[NaN]", "NaN is no number in JSON"),
        ("[-Infinity]", "-Infinity is no number in JSON"),
        ("[1e999]", "1e999 is beyond the numbers"),
        ("9" * 5000, "a number has too many digits"),
        ("[" * 65 + "]" * 65, "nested more than 64 deep"),
        ("[" * 10**6, "nested more than 64 deep"),
    ],
)
def test_json_that_other_readers_accept_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        parse_json(text, "x.json")


def test_json_within_the_bounds_is_read():
    text = "[" * 64 + "]" * 64
    assert parse_json(text, "x") == json.loads(text)
    assert parse_json("\ufeff[1.5, 18446744073709551616]".encode(), "x") == [1.5, 2**64]


def test_files_have_a_largest_size(tmp_path):
    (tmp_path / "x").write_bytes(b"x" * 11)
    assert read_bytes(tmp_path / "x", 11) == b"x" * 11
    with pytest.raises(DataError, match="more than 10 bytes"):
        read_bytes(tmp_path / "x", 10)
    with pytest.raises(DataError, match="is not a regular file"):
        read_bytes(tmp_path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "the content is a list; expected an object"),
        ({}, "lacks 'a'"),
        ({"a": True, "b": {}}, "'a' is true or false; expected a whole number"),
        ({"a": 1, "b": {"c": ["x", 2]}}, r"'b.c\[1\]' is a whole number; expected a text"),
        ({"a": 1, "b": {}, "d": []}, "'d' is a list; expected an object"),
    ],
)
def test_what_differs_from_a_form_is_told_with_its_place(value, message):
    form = {"a": int, "b": {"*": [str]}, "d?": {}}
    with pytest.raises(DataError, match=message):
        check_form(value, form, "x.json")
    check_form({"a": 1, "b": {"c": ["x"]}, "e": 3}, form, "x.json")


@pytest.mark.parametrize(
    "content", [b"a = " + b"[" * 100_000, b"a = " + b"9" * 5000, b"a = \xff", b"a = 1\na = 2\n"]
)
def test_hostile_toml_is_one_line(tmp_path, content):
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(DataError) as told:
        read_toml(tmp_path / "x.toml")
    assert str(told.value).startswith(str(tmp_path / "x.toml"))
    done = alignkit("study", "status", "x.toml", cwd=tmp_path, code=2)
    assert "Traceback" not in done.stderr
    assert "x.toml" in done.stderr


ENDS = {
    "raise SystemExit(0)": "SystemExit",
    "exit()": "SystemExit",
    "raise RecursionError": "RecursionError",
    "raise type('Stop', (BaseException,), {})": "Stop",
}


@pytest.mark.parametrize("body", ENDS)
def test_a_metric_that_ends_the_program_is_a_failure_of_the_runs(workspace, body):
    (workspace / "bad.py").write_text(
        "import alignkit\n"
        f"def bad(x, y):\n    {body}\n"
        "@alignkit.hookimpl\n"
        "def register_metrics(register):\n    register('bad', bad)\n"
    )
    words = ("--plugin", "bad.py", "measure", "--metric", "bad", "--layers", "last")
    done = alignkit(*words, cwd=workspace, code=1)
    assert "Traceback" not in done.stderr
    assert f"raised {ENDS[body]}" in done.stderr


@pytest.mark.parametrize(
    ("family", "how", "said"),
    [
        ("HDF5", "links without end", "reading it does not end"),
        ("npz", "members upon each other", "more than 200 times its size"),
        ("no regular files", "a pipe as x.npy", "is not a regular file"),
        ("torch", "a call of the shell", "which only code could restore"),
    ],
)
def test_measure_ends_with_one_line(tmp_path, monkeypatch, family, how, said):
    monkeypatch.setattr("alignkit.bounds.trial.SECONDS", 1)
    (each,) = (each for each in INPUTS if (each.family, each.how) == (family, how))
    each.write(tmp_path / each.name)
    done = alignkit("measure", each.name, each.name, cwd=tmp_path, code=1)
    assert done.stdout == ""
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("Error: "))
    assert said in line
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("words", [("correlate",), ("consistency",), ("study", "run")])
def test_a_device_is_no_table(tmp_path, words):
    done = alignkit(*words, "/dev/zero", cwd=tmp_path, code=2 if words[0] == "study" else 1)
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("Error: "))
    assert "/dev/zero is not a regular file" in line
