"""Studies as a user runs them: plan, run, fail, retry, grow; the same tables every time."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import forks
from alignkit.chain import train as training
from alignkit.errors import DataError
from alignkit.runs import Run
from tiny import alignkit
from tiny_study import bytes_of, write_study

EXAMPLES = Path(__file__).parents[2] / "examples"


def _plan(file, cwd, *words):
    return json.loads(alignkit("study", "plan", file, "--json", *words, cwd=cwd).stdout)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder in which a study of eight runs was run once, to be read only."""
    folder = tmp_path_factory.mktemp("study")
    alignkit("study", "run", write_study(folder), cwd=folder)
    return folder


@pytest.fixture
def place(done, tmp_path):
    """A copy of it of the test's own."""
    shutil.copytree(done, tmp_path / "s")
    return tmp_path / "s"


def test_a_plan_shows_everything_before_anything_is_done(tmp_path):
    file = write_study(tmp_path)
    plan = _plan(file, tmp_path)
    assert len(plan["runs"]) == 8
    assert {run["state"] for run in plan["runs"]} == {"missing"}
    assert set(plan["runs"][0]["steps"]) == {
        "train",
        "evaluate test",
        "extract test",
        "measure test cls",
    }
    assert plan["estimate"]["seconds"] > 0
    assert "million parameters" in plan["estimate"]["seconds_from"]
    shown = alignkit("study", "plan", file, cwd=tmp_path).stdout
    assert "8 runs: 8 missing" in shown
    assert "estimated from the size of the models (" in shown
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_run_prints_what_it_wrote_and_the_plan_is_done(place):
    finished = alignkit("study", "run", "tiny.toml", cwd=place)
    assert "all results: results/index.html" in finished.stderr
    assert 'href="correlate.last.csv"' in (place / "results" / "index.html").read_text()
    assert finished.stdout.split() == ["results/runs.last.csv", "results/correlate.last.csv"]
    plan = _plan("tiny.toml", place)
    assert {run["state"] for run in plan["runs"]} == {"done"}
    assert plan["estimate"]["seconds"] == 0
    status = json.loads(alignkit("study", "status", "tiny.toml", "--json", cwd=place).stdout)
    assert status["runs"] == {"done": 8, "missing": 0, "failed": 0, "unresolved": 0}
    assert status["active"] is False
    assert "train" in alignkit("study", "status", "tiny.toml", cwd=place).stdout


@pytest.mark.slow
def test_a_second_time_does_no_work(place, monkeypatch):
    before = bytes_of(place)
    monkeypatch.setattr(training, "_train", lambda *_: pytest.fail("trained again"))
    monkeypatch.setattr("alignkit.chain.extract._Extraction", lambda *_: pytest.fail("extracted"))
    monkeypatch.setattr("alignkit.studies.execute.run_jobs", lambda *_: pytest.fail("worked"))
    alignkit("study", "run", "tiny.toml", cwd=place)
    assert bytes_of(place) == before


@pytest.mark.slow
def test_another_seed_and_placement_run_only_what_is_new(place, monkeypatch):
    trained = []
    train = training._train
    monkeypatch.setattr(
        training, "_train", lambda run, *rest: (trained.append(run.path.name), train(run, *rest))
    )
    write_study(place, placements=("none", "1", "2"), seeds=(0, 1, 2))
    plan = _plan("tiny.toml", place)
    assert sum(run["state"] == "missing" for run in plan["runs"]) == 18 - 8
    assert "durations of 8 runs" in plan["estimate"]["seconds_from"]
    assert "mean of 8 runs" in plan["estimate"]["bytes_from"]
    alignkit("study", "run", "tiny.toml", cwd=place)
    assert len(trained) == 10


@pytest.mark.slow
def test_another_metric_is_measured_on_what_is_there(place, monkeypatch):
    monkeypatch.setattr(training, "_train", lambda *_: pytest.fail("trained again"))
    file = place / "tiny.toml"
    file.write_text(file.read_text().replace('["cka",', '["cka", "svcca:dims=3",'))
    plan = _plan(file, place)
    assert {run["steps"]["measure test cls"] for run in plan["runs"]} == {"missing"}
    alignkit("study", "run", "tiny.toml", cwd=place)
    assert "svcca:dims=3" in (place / "results" / "runs.last.csv").read_text()


@pytest.mark.slow
def test_a_failure_is_recorded_stops_no_other_and_is_retried_when_asked(tmp_path, monkeypatch):
    file = write_study(tmp_path, tasks=("toy_match",))
    train = training._train

    def sometimes(run, config, *rest):
        if config.seed == 1 and config.placement.name == "none":
            raise DataError("the disk is gone")
        train(run, config, *rest)

    monkeypatch.setattr(training, "_train", sometimes)
    failed = alignkit("study", "run", file, cwd=tmp_path, code=1)
    assert "1 of 4 runs failed" in failed.stderr
    assert "alignkit study retry" in failed.stderr
    assert "train: the disk is gone" in failed.stderr
    assert "only 3 of 4 runs are complete" in failed.stderr  # the others are analysed
    (record,) = [
        stored
        for path in (tmp_path / "runs" / ".study" / "tiny").glob("*.json")
        if (stored := json.loads(path.read_text()))["steps"]["train"]["state"] == "failed"
    ]
    assert record["steps"]["train"]["error"] == "the disk is gone"
    assert "sometimes" in record["steps"]["train"]["traceback"]

    monkeypatch.setattr(training, "_train", lambda *_: pytest.fail("not asked for"))
    again = alignkit("study", "run", file, cwd=tmp_path, code=1)
    assert "the disk is gone" in again.stderr
    status = alignkit("study", "status", file, cwd=tmp_path).stdout
    assert "the disk is gone" in status
    assert "3 done, 1 failed" in status

    monkeypatch.setattr(training, "_train", train)
    alignkit("study", "retry", file, cwd=tmp_path)
    assert {run["state"] for run in _plan(file, tmp_path)["runs"]} == {"done"}


@pytest.mark.slow
def test_absent_data_are_a_problem_of_their_runs_only(tmp_path):
    file = write_study(
        tmp_path, more='[[run]]\nplacement = "1"\ntask = "hateful_memes:root=nowhere"\n'
    )
    plan = _plan(file, tmp_path)
    (absent,) = [run for run in plan["runs"] if run["state"] == "unresolved"]
    assert "nowhere" in absent["problem"]
    assert absent["task"].startswith("hateful_memes")
    done = alignkit("study", "run", file, cwd=tmp_path, code=1)
    assert "1 of 9 runs failed" in done.stderr
    assert "nowhere" in done.stderr
    assert (tmp_path / "results" / "correlate.last.csv").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "ray"], "unknown engine 'ray'; known: local, dask"),
        (["--engine", "local", "--workers", "2"], "--workers applies to --engine dask"),
        (["--jobs", "0"], "--jobs is 0"),
        (["--scheduler", "nowhere"], "--scheduler nowhere is not an address"),
    ],
)
def test_bad_options_are_one_line(tmp_path, words, message):
    file = write_study(tmp_path)
    assert message in alignkit("study", "run", file, *words, cwd=tmp_path, code=2).stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"cka"', '"cak"', "did you mean 'cka'"),
        ("k=5", "q=5", "no option 'q'"),
        ('"none"', '"nnoe"', "nnoe"),
        ("epochs = 1", "epochs = -1", "'epochs' is -1"),
    ],
)
def test_names_and_options_are_checked_before_the_work(tmp_path, old, new, message):
    file = write_study(tmp_path)
    file.write_text(file.read_text().replace(old, new))
    assert message in alignkit("study", "run", file, cwd=tmp_path, code=2).stderr
    assert not list(tmp_path.rglob("model.safetensors"))


@pytest.mark.slow
def test_representations_are_kept_when_asked_and_made_in_shards(tmp_path):
    more = '[extract]\nsplits = ["validation", "test"]\npools = ["mean"]\nshard_size = 128\n'
    file = write_study(tmp_path, placements=("1",), seeds=(0,), tasks=("toy_match",), more=more)
    file.write_text(file.read_text().replace("n_test=48", "n_test=300"))
    done = alignkit("study", "run", file, cwd=tmp_path)
    assert "shard 2" in done.stderr
    (run,) = (tmp_path / "runs").glob("toy_match/*/*")
    stored = {
        p.parent.name: json.loads(p.read_text())["pools"]
        for p in run.glob("representations/*/index.json")
    }
    assert stored == {"validation": ["cls", "mean"], "test": ["cls", "mean"]}


@pytest.mark.slow
def test_every_engine_gives_the_same_bytes_even_if_a_worker_is_killed(done, tmp_path):
    pytest.importorskip("distributed")
    expected = bytes_of(done)
    for number, words in enumerate((["--jobs", "2"], ["--engine", "dask", "--workers", "2"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_study(folder)
        process = subprocess.Popen(
            [sys.executable, "-m", "alignkit", "study", "run", "tiny.toml", *words],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        victim = _first_worker_at_work(process.pid, folder)
        victim.send_signal(signal.SIGKILL)
        assert process.wait() == 0, process.stderr.read()
        assert bytes_of(folder) == expected


def _first_worker_at_work(pid, folder):
    """Wait until something is trained; give a process that works for it."""
    psutil = pytest.importorskip("psutil")
    while not list(folder.rglob("train.json")):
        assert psutil.pid_exists(pid)
        time.sleep(0.02)
    workers = [
        p
        for p in psutil.Process(pid).children(recursive=True)
        if "spawn_main" in " ".join(p.cmdline())
    ]
    return max(workers, key=lambda p: p.memory_info().rss)


@pytest.mark.slow
def test_killed_in_random_places_it_ends_with_the_same_tables(done, tmp_path):
    """kill -9 at random moments; nothing that is committed is ever made again."""
    write_study(tmp_path)
    rng = random.Random(0)
    committed = {}
    kills = 0
    for attempt in range(30):
        process = forks.start(forks.COMMAND, "-q", "study", "run", "tiny.toml", cwd=tmp_path)
        if attempt >= 6:
            process.join()
            assert process.exitcode == 0
            break
        before = len(_committed(tmp_path))
        while process.is_alive() and len(_committed(tmp_path)) <= before + rng.randrange(4):
            time.sleep(rng.random() / 20)
        if process.is_alive():
            process.kill()
            kills += 1
        process.join()
        committed |= {p: mark for p, mark in _committed(tmp_path).items() if p not in committed}
    assert kills >= 3
    now = _committed(tmp_path)
    assert {path: now[path] for path in committed} == committed
    alignkit("runs", "gc", cwd=tmp_path)
    assert bytes_of(tmp_path) == bytes_of(done)
    assert not [p for p in tmp_path.rglob(".*") if p.suffix in (".tmp", ".old", ".shards")]


def _committed(folder):
    """The commit marks of finished units, with what changes when they are written anew."""
    names = (
        "runs/*/*/*/train.json",
        "runs/*/*/*/representations/*/index.json",
        "runs/*/*/*/alignment/*/*.csv",
    )
    found = {}
    for path in (path for name in names for path in folder.glob(name)):
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        found[path] = (stat.st_ino, stat.st_mtime_ns)
    return found


def test_the_whole_study_is_planned_without_its_data_and_models(tmp_path, monkeypatch):
    from alignkit.plugins import registry

    def absent(name, *_):
        raise DataError(f"{name} is not on this machine")

    monkeypatch.setattr("alignkit_vilbert.named.fetched_folder", absent)

    if not {"upmc_food", "conceptual_captions"} <= set(registry().names("tasks")):
        pytest.skip("the tasks of the study are not all installed")
    plan = _plan(EXAMPLES / "study.toml", tmp_path)
    fine = [run for run in plan["runs"] if not run["pretrains"]]
    assert len(fine) == 11 * 3 * 3
    assert len(plan["runs"]) - len(fine) == 11
    assert {run["state"] for run in plan["runs"]} == {"unresolved"}
    assert all("bert-base-uncased" in run["problem"] for run in plan["runs"])
    # As small streams, the runs of the small study lack only their data.
    plan = _plan(EXAMPLES / "study_small.toml", tmp_path)
    assert {run["state"] for run in plan["runs"]} == {"unresolved"}
    assert all("data" in run["problem"] for run in plan["runs"])


def test_a_reason_that_many_runs_share_is_one_line():
    from alignkit.cli.printing.study import one_per_reason

    rows = [{"run": name, "error": error} for name, error in (("a", "x"), ("b", "y"), ("c", "x"))]
    assert one_per_reason(rows, "error") == [
        {"run": "a and 1 more", "error": "x"},
        {"run": "b", "error": "y"},
    ]


def test_the_sweep_of_the_alignment_weight_is_planned(tmp_path):
    from alignkit.plugins import registry

    if "cka" not in registry().names("losses"):
        pytest.skip("no installed plugin has the alignment loss")
    plan = _plan(EXAMPLES / "alignment_weight.toml", tmp_path)
    assert {run["state"] for run in plan["runs"]} == {"missing"}
    assert len({run["identity"] for run in plan["runs"]}) == len(plan["runs"]) > 10


@pytest.mark.slow
def test_pretraining_comes_first_and_its_failure_holds_back_what_starts_from_it(
    tmp_path, monkeypatch
):
    more = '[pretrain]\ntask = "toy_redundant:n_train=32,n_validation=32,n_test=48"\nepochs = 1\n'
    file = write_study(tmp_path, seeds=(0,), tasks=("toy_match",), more=more)
    plan = _plan(file, tmp_path)
    assert [run["pretrains"] for run in plan["runs"]] == [True, True, False, False]
    assert plan["runs"][2]["init"] == plan["runs"][0]["run"]
    alignkit("study", "run", file, cwd=tmp_path)
    again = _plan(file, tmp_path)
    assert {run["state"] for run in again["runs"]} == {"done"}
    assert [r["identity"] for r in again["runs"]] == [r["identity"] for r in plan["runs"]]


@pytest.mark.parametrize("samples", [48, 1024])
@pytest.mark.slow
def test_more_samples_than_there_are_means_all_of_them(tmp_path, samples):
    """Such a study waited for values of a subset that no command would ever write."""
    file = write_study(tmp_path, placements=("1",), seeds=(0,), tasks=("toy_match",))
    file.write_text(file.read_text().replace('layers = "same"', f"samples = {samples}"))
    planned = alignkit("study", "plan", file, cwd=tmp_path)
    done = alignkit("study", "run", file, cwd=tmp_path)
    note = "toy_match has 48 test samples, fewer than samples = 1024 in [measure]; all are used"
    for said in (planned.stderr, done.stderr):
        assert said.count(note) == (samples > 48)
    assert "results/correlate.last.csv" in done.stdout
    assert {run["state"] for run in _plan(file, tmp_path)["runs"]} == {"done"}
    # Still known without the representations, and without the scores.
    (run,) = (tmp_path / "runs").glob("toy_match/*/*")
    shutil.rmtree(run / "representations")
    assert {run["state"] for run in _plan(file, tmp_path)["runs"]} == {"done"}
    performance = Run(run).performance()
    del performance["splits"]["test"]
    (run / "performance.json").write_text(json.dumps(performance))
    (only,) = _plan(file, tmp_path)["runs"]
    assert only["steps"]["measure test cls"] == "done"


@pytest.mark.slow
def test_measuring_at_fusions_passes_over_runs_that_have_none(tmp_path):
    file = write_study(tmp_path, seeds=(0,), tasks=("toy_match",))
    file.write_text(file.read_text().replace('layers = "same"', 'layers = "fusions"'))
    steps = {run["placement"]: set(run["steps"]) for run in _plan(file, tmp_path)["runs"]}
    assert steps["at_1"] - steps["none"] == {"measure test cls"}
    alignkit("study", "run", file, cwd=tmp_path)
    assert {run["state"] for run in _plan(file, tmp_path)["runs"]} == {"done"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('layers = "same"', 'layers = "0,2,5"', "there is no layer 5; layers are 0 to 2"),
        ("k=5", "k=48", "toy_match, test: mknn:k=48: k=48 needs 1 <= k < n, and there are n=48"),
        (
            '[correlate]\nlayer = ["last"]',
            '[stability]\ntasks = ["toy_unique"]\nplacements = ["2"]\n'
            '[[run]]\ntask = "toy_match"\nplacement = "2"',
            "[stability] covers no run",
        ),
    ],
)
def test_what_can_never_be_met_is_refused_before_training(tmp_path, old, new, message):
    file = write_study(tmp_path)
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    for command in ("plan", "run"):
        assert message in alignkit("study", command, file, cwd=tmp_path, code=2).stderr
    assert not list(tmp_path.rglob("model.safetensors"))


@pytest.mark.slow
def test_a_run_without_progress_says_which_step_has_no_result(tmp_path, monkeypatch):
    file = write_study(tmp_path, placements=("1",), seeds=(0,), tasks=("toy_match",))
    monkeypatch.setattr("alignkit.studies.status.Asked.is_measured", lambda *_: False)
    done = alignkit("study", "run", file, cwd=tmp_path, code=1)
    assert (
        "measure test cls: was carried out, but what it should have written is not" in done.stderr
    )
    assert "the study is not complete: 1 of its steps" in done.stderr


def test_a_split_that_the_data_lack_is_a_problem_before_training(tmp_path):
    more = '[[run]]\nplacement = "1"\ntask = "toy_redundant:n_test=0"\n'
    file = write_study(tmp_path, seeds=(0,), tasks=("toy_match",), more=more)
    (absent,) = [run for run in _plan(file, tmp_path)["runs"] if run["state"] == "unresolved"]
    assert (
        absent["problem"]
        == "split 'test' of toy_redundant is empty; set toy_redundant:n_test above 0"
    )
    assert absent["run"].startswith("toy_redundant/at_1/seed0")
