"""A run whose files are damaged is named and left out; the others are analysed as without it."""

import shutil

import pandas as pd
import pytest

from alignkit.analysis.agreement import agree
from alignkit.analysis.comparison.sides import models_of_runs
from alignkit.analysis.dimension import dimensions
from alignkit.analysis.layer_values import layer_values, measure_layers
from alignkit.analysis.options import TableOptions
from alignkit.analysis.questions import ask
from alignkit.analysis.questions.evidence import Evidence
from alignkit.analysis.runs_table import runs_table
from alignkit.analysis.stability import layers_of_runs
from alignkit.analysis.trajectory import trajectories
from alignkit.chain.evaluate import evaluate
from alignkit.chain.extract import extract
from alignkit.engines.perform import Notes
from alignkit.errors import DamagedError
from alignkit.report.content import gather, tracked_values
from alignkit.report.results import report_runs
from alignkit.runs import Run
from tiny import alignkit

OPTIONS = TableOptions(("cka", "mknn:k=5"))
FOLDER = "representations/test"
DAMAGE = {
    "an index that is a list": ("index.json", lambda content: b"[]"),
    "an index that is cut off": ("index.json", lambda content: content[:-9]),
    "ids that are cut off": ("ids.json", lambda content: content[:-9]),
    "a flipped bit": ("t02.cls.npy", lambda content: content[:-1] + bytes([content[-1] ^ 1])),
}


@pytest.fixture(scope="module")
def extracted(own_runs):
    root, runs = own_runs
    for run in runs:
        extract(run, "test", ["cls", "mean"])
        evaluate(run)
    return root, runs


@pytest.fixture
def runs(extracted, tmp_path):
    """Runs of two tasks, of which a test may damage one."""
    root, runs = extracted
    shutil.copytree(root, tmp_path / "runs")
    return [Run(tmp_path / "runs" / run.path.relative_to(root)) for run in runs]


@pytest.fixture(params=DAMAGE)
def damaged(request, runs):
    """One of them, with a file that is not as it was written, and the others."""
    name, damage = DAMAGE[request.param]
    bad = next(run for run in runs if run.placement == "at_1" and run.task == "toy_match")
    file = bad.path / FOLDER / name
    file.write_bytes(damage(file.read_bytes()))
    return Run(bad.path), [run for run in runs if run.path != bad.path]


def _of_all(run, others):
    return [others[0], run, *others[1:]]


def _named(listening, run):
    """Return the line that names a run, which says what to do."""
    (line,) = {said for said in listening.said if "is left out" in said}
    assert str(run.path) in line
    assert line.endswith(f"extract it again: {run.extract_command('test', '', again=True)}")
    return True


def test_its_values_are_missing(damaged):
    run, others = damaged
    listening = Notes()
    table = layer_values(_of_all(run, others), OPTIONS, lambda _: ["all"], reporter=listening)
    assert _named(listening, run)
    expected = layer_values(others, OPTIONS, lambda _: ["all"])
    pd.testing.assert_frame_equal(table, expected)
    with pytest.warns(UserWarning, match="is left out"):
        rows = runs_table(_of_all(run, others), OPTIONS).set_index("run")
    assert rows.loc[str(run.path), list(OPTIONS.metrics)].isna().all()
    assert rows.drop(str(run.path))[list(OPTIONS.metrics)].notna().all(axis=None)


def test_what_could_be_measured_is_returned(damaged):
    run, others = damaged
    with pytest.warns(UserWarning, match="is left out"):  # told in Python, where nobody listens
        measured = measure_layers(_of_all(run, others), OPTIONS, lambda _: ["all"])
    assert [each.path for each in measured] == [each.path for each in others]


def test_where_no_run_can_be_read_that_is_an_error(damaged):
    run, _ = damaged
    with pytest.raises(DamagedError, match="extract it again"):
        layer_values([run], OPTIONS, lambda _: ["all"])
    with pytest.raises(DamagedError, match="extract it again"):
        layers_of_runs([run], "test", "cls")


def test_questions_are_answered_on_the_others(damaged):
    run, others = damaged
    listening = Notes()
    answers = ask((), Evidence(_of_all(run, others), OPTIONS, 99, reporter=listening))
    assert _named(listening, run)
    (rise,) = (answer for answer in answers if answer.question == "h3")
    (alone,) = ask(["h3"], Evidence(others, OPTIONS, 99))
    assert repr(rise.rows) == repr(alone.rows)
    assert rise.settings["runs"] == len(others)
    pd.testing.assert_frame_equal(rise.data["changes"], alone.data["changes"])


def test_streams_and_profiles_are_those_of_the_others(damaged):
    run, others = damaged
    every = _of_all(run, others)
    listening = Notes()
    found = agree(every, OPTIONS, reporter=listening)
    assert found.settings["runs"] == len(others)
    assert [layers.name for layers in layers_of_runs(every, "test", "cls", listening)] == [
        str(other.path) for other in others
    ]
    assert _named(listening, run)
    for result in (
        dimensions(models_of_runs(every, ["test"], "cls", listening), reporter=listening),
        trajectories(models_of_runs(every, ["test"], "cls", listening), OPTIONS, 99, listening),
    ):
        models = set(next(iter(result.tables.values()))["model"])
        assert models >= {str(other.path) for other in others}
    assert {line for line in listening.said if "left out" in line and str(run.path) in line}


def test_a_report_shows_the_others(damaged, tmp_path):
    run, others = damaged
    listening = Notes()
    every, folder = _of_all(run, others), tmp_path / "report"
    page = report_runs(every, folder, OPTIONS, measure=True, reporter=listening)
    assert _named(listening, run)
    assert "at_1_2" in page.read_text()


def test_a_damaged_history_leaves_out_its_curve_alone(runs, monkeypatch):
    listening = Notes()
    monkeypatch.setattr("alignkit.report.content.current_reporter", lambda: listening)
    measure_layers(runs, OPTIONS, lambda _: ["all"])
    whole = gather(runs, OPTIONS)
    history = runs[1].path / "history.csv"
    history.write_bytes(history.read_bytes()[:-9])
    content = gather([Run(run.path) for run in runs], OPTIONS)
    assert content.alignment.equals(whole.alignment)
    assert content.scores.equals(whole.scores)
    assert len(content.history) < len(whole.history)
    (line,) = listening.said
    assert line.startswith(f"note: the training curve of {runs[1].path} is left out: {history}")


def test_without_any_history_there_are_no_curves(runs, tmp_path):
    for run in runs:
        (run.path / "history.csv").write_bytes(b"")
    place = runs[0].path.parents[3]
    done = alignkit("report", "--metric", "cka", cwd=place)
    assert done.stderr.count("the training curve of") == len(runs)
    assert (place / "report" / "report.html").is_file()


def test_what_was_tracked_is_left_out_where_it_is_damaged(runs, monkeypatch):
    listening = Notes()
    monkeypatch.setattr("alignkit.report.content.current_reporter", lambda: listening)
    content = gather(runs, OPTIONS, measured=False)
    monkeypatch.setattr(Run, "tracking", lambda run: _no_tracking(run, runs[0]))
    assert tracked_values(content).empty
    assert listening.said == [f"note: what was tracked of {runs[0].path} is left out: it is bad"]


def _no_tracking(run, bad):
    if run.path == bad.path:
        raise DamagedError("it is bad")


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"sites": 5}', b"\x00"])
def test_a_damaged_index_is_written_again_by_the_command_that_is_named(runs, content):
    run, place = runs[0], runs[0].path.parents[3]
    index = run.path / FOLDER / "index.json"
    before = {file.name: file.read_bytes() for file in index.parent.iterdir()}
    index.write_bytes(content)
    command = f"alignkit extract {run.path} --split test --force"
    done = alignkit("extract", run.path, "--split", "test", cwd=place, code=1)
    assert command in done.stderr
    alignkit(*command.split()[1:], cwd=place)
    assert {file.name: file.read_bytes() for file in index.parent.iterdir()} == before


@pytest.mark.parametrize(
    "words",
    [
        ["correlate", "--metric", "cka", "--permutations", "99"],
        ["hypotheses", "--metric", "cka", "--permutations", "99"],
        ["plot", "layers", "--metric", "cka", "--output", "figures"],
        ["stability", "--metric", "mknn", "--samples", "20", "--k", "5"],
    ],
    ids=lambda words: words[0],
)
def test_a_command_names_it_and_goes_on(runs, words):
    bad, place = runs[1], runs[0].path.parents[3]
    for file in (bad.path / FOLDER).glob("*.npy"):
        file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    done = alignkit("-q", *words, cwd=place)
    assert "is left out" in done.stderr
    assert str(bad.path.relative_to(place)) in done.stderr
