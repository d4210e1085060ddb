"""Workers that share a study, and what happens when one dies."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alignkit.errors import AlignkitError, DataError, UsageError
from alignkit.search.read import read_study, reading
from alignkit.search.stale_trials import is_known_dead, this_worker
from alignkit.search.storage import open_storage, parse_url
from alignkit.search.workers import finished
from tiny import TINY_MODEL, TINY_TASK

RUN = (
    "search",
    "run",
    "--task",
    TINY_TASK,
    "--architecture",
    TINY_MODEL,
    "--study",
    "s",
    "--pruner",
    "none",
    "--option",
    "epochs=6",
    "--bound",
    "blocks=1:3",
    "--space",
    "placement:distinct=true",
)


def _start(storage, cwd, *words):
    command = [sys.executable, "-m", "alignkit", *RUN, "--storage", storage, *words]
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def _read(storage):
    with reading(storage, []) as opened:
        return read_study(opened, storage, "s").get_trials()


def _kill_a_worker(storage):
    """Stop a worker in the middle of a trial, make sure of it, and kill it."""
    for _ in range(600):
        time.sleep(0.1)
        try:
            trials = _read(storage)
        except DataError:
            continue  # there is no study yet
        for trial in trials:
            if trial.state.name != "RUNNING" or "identities" not in trial.user_attrs:
                continue
            pid = int(trial.user_attrs["worker"].split("/")[-2])
            os.kill(pid, signal.SIGSTOP)
            if _read(storage)[trial.number].state.name == "RUNNING":
                os.kill(pid, signal.SIGKILL)
                return trial.number
            os.kill(pid, signal.SIGCONT)
    raise AssertionError("no worker ever ran a trial")


def _check_completed(trials, killed, wanted):
    lost = trials[killed]
    assert lost.state.name == "FAIL"
    assert "error" not in lost.user_attrs
    (again,) = [t for t in trials if t.user_attrs.get("retry_of") == killed]
    assert again.state.name == "COMPLETE"
    assert again.params == lost.params
    assert again.user_attrs["retries"] == 1
    assert {t.state.name for t in trials} == {"COMPLETE", "FAIL"}
    assert len(trials) == wanted + 1


@pytest.mark.slow
def test_two_workers_of_one_command_one_killed(tmp_path):
    storage = f"sqlite:///{tmp_path}/search.db"
    command = _start(storage, tmp_path, "-n", "3", "--workers", "2")
    killed = _kill_a_worker(storage)
    _, said = command.communicate(timeout=300)
    assert command.returncode == 0, said
    assert f"the worker of trial {killed} died" in said
    assert "exit code -9" in said
    _check_completed(_read(storage), killed, 3)


def _running(storage):
    for _ in range(600):
        time.sleep(0.1)
        with contextlib.suppress(DataError):  # there is no study yet
            trials = [t for t in _read(storage) if t.state.name == "RUNNING"]
            if len([t for t in trials if t.intermediate_values]) == 2:  # into the training
                return {int(t.user_attrs["worker"].split("/")[-2]) for t in trials}
    raise AssertionError("no two workers ever ran a trial")


@pytest.mark.slow
def test_workers_stop_with_a_checkpoint_when_their_command_is_killed(tmp_path):
    storage = f"sqlite:///{tmp_path}/search.db"
    long = ("-n", "4", "--workers", "2", "--option", "epochs=2000", "--pruner", "median")
    command = _start(storage, tmp_path, *long)
    workers = _running(storage)
    command.kill()
    command.wait()
    deadline = time.monotonic() + 60
    while any(map(_is_running, workers)):
        assert time.monotonic() < deadline, "the workers go on"
        time.sleep(0.2)
    trials = _read(storage)
    assert [t.state.name for t in trials] == ["FAIL", "FAIL", "WAITING", "WAITING"]
    assert [t.user_attrs["retries"] for t in trials[2:]] == [0, 0]  # interrupted, not lost
    for trial in trials[:2]:
        assert list(Path(tmp_path, trial.user_attrs["runs"][0]).glob("checkpoint/step-*"))


def _is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_two_commands_on_postgresql_one_killed(tmp_path, postgresql):
    commands = [_start(postgresql, tmp_path, "-n", "3") for _ in range(2)]
    killed = _kill_a_worker(postgresql)
    said = [command.communicate(timeout=300)[1] for command in commands]
    assert sorted(command.returncode for command in commands) == [-9, 0], said
    _check_completed(_read(postgresql), killed, 3)


@pytest.mark.slow
def test_a_worker_lost_on_another_machine_is_found_by_its_silence(tiny_search, storage, tmp_path):
    """On every kind of storage; a trial that is alive elsewhere is waited for."""
    asked = {"space": "named", "placements": ("1", "2"), "storage": storage, "study": "silent"}
    study = tiny_search(1, **asked)
    kept = study._storage
    kept.set_trial_user_attr(kept.create_new_trial(study._study_id), "worker", "other/ns/1/1")
    (lost,) = [t for t in study.get_trials() if t.state.name == "RUNNING"]
    if storage.startswith("journal"):
        kept.set_trial_user_attr(lost._trial_id, "alive", time.time())
    else:
        kept.record_heartbeat(lost._trial_id)
    before = time.time()
    study = tiny_search(2, heartbeat=1, **asked)
    assert study.trials[lost.number].state.name == "FAIL"
    again = [t for t in study.trials if t.user_attrs.get("retry_of") == lost.number]
    assert [t.state.name for t in again] == ["COMPLETE"]
    assert finished(study) == 2
    assert time.time() - before > 1.5  # two heartbeats, to the resolution of the clock


@pytest.mark.slow
def test_a_search_runs_on_every_kind_of_storage(tiny_search, storage):
    asked = {"space": "named", "placements": ("1", "none"), "storage": storage, "study": "kinds"}
    tiny_search(1, **asked)
    study = tiny_search(2, **asked)
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * 2
    with reading(storage, []) as opened:
        assert read_study(opened, storage, "kinds").trials[1].values == study.trials[1].values


@pytest.mark.slow
def test_an_interrupted_trial_is_put_back(tiny_search, monkeypatch):
    from alignkit.chain import train as module

    original = module.train

    def interrupt(*args, **kept):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "train", interrupt)
    with pytest.raises(KeyboardInterrupt):
        tiny_search(1, space="named", placements=("1",))
    monkeypatch.setattr(module, "train", original)
    study = tiny_search(1, space="named", placements=("1",))
    assert [t.state.name for t in study.trials] == ["FAIL", "COMPLETE"]
    assert study.trials[1].user_attrs["retry_of"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("draws", [True, False])
def test_a_trial_that_kills_every_worker_fails_and_the_search_goes_on(tiny_search, draws):
    """A search of a finite space takes its next point, whether or not the trial was drawn."""
    from alignkit.search.search import Search
    from alignkit.search.stale_trials import Requeue, requeue_stale
    from alignkit.search.trial import propose
    from alignkit.search.workers import _untried

    asked = {"space": "named", "placements": ("1", "2", "none")}
    study = tiny_search(1, **asked)
    search = Search(tasks=(TINY_TASK,), architecture=TINY_MODEL, **asked)
    for _ in range(4):
        if not any(trial.state.name == "WAITING" for trial in study.trials):
            study.enqueue_trial(_untried(search, study.trials))
        trial = study.ask()
        if draws:
            propose(search, trial)
        trial.set_user_attr("worker", "/".join([*this_worker().split("/")[:-1], "0"]))
        requeue_stale(study, Requeue(3), 60)
    assert [t.state.name for t in study.trials] == ["COMPLETE"] + ["FAIL"] * 5
    assert [t.user_attrs.get("retry_of") for t in study.trials] == [None, None, 1, 1, 1, 1]
    assert [t.user_attrs.get("error") for t in study.trials] == [
        *[None] * 5,
        "each of its 4 workers died",
    ]
    study = tiny_search(3, **asked)
    assert finished(study) == 3
    assert study.trials[-1].params == {"placement": "none"}
    assert len(study.trials) == 7


def test_who_is_dead():
    here, pid, _ = this_worker().rsplit("/", 2)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert not is_known_dead(this_worker())
    assert is_known_dead(f"{here}/{child.pid}/1")
    assert is_known_dead(f"{here}/{pid}/1")  # another process with our id
    assert not is_known_dead(f"other/{child.pid}/1")  # nobody can say


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("search.db", "is not the address of a storage"),
        ("sqlite://", "would not be stored"),
        ("journal:///", "no file"),
        ("sqlite:///:memory:", "would not be stored"),
        ("sqlite\ntrue\n", r"^'sqlite\\ntrue\\n' is not the address"),
    ],
)
def test_an_address_that_is_none_is_refused(text, message):
    with pytest.raises(UsageError, match=message):
        parse_url(text)


def test_a_password_is_never_shown():
    url = parse_url("postgresql://me:secret@host/db")
    assert "secret" in url.full
    assert "secret" not in str(url)
    assert url.full.startswith("postgresql+psycopg://")


def test_a_server_that_is_not_there_is_one_line(tmp_path):
    pytest.importorskip("psycopg")
    with pytest.raises(AlignkitError, match="cannot be used") as error:
        open_storage(parse_url(f"postgresql://me:secret@/db?host={tmp_path}"), 60)
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.slow
def test_a_study_of_others_is_not_continued(tiny_search, tmp_path):
    import optuna

    storage = f"sqlite:///{tmp_path}/search.db"
    optuna.create_study(storage=storage, study_name="s", direction="maximize").optimize(
        lambda trial: trial.suggest_float("x", 0, 1), n_trials=1
    )
    with pytest.raises(UsageError, match="not created by alignkit"):
        tiny_search(1, storage=storage)


@pytest.mark.slow
def test_workers_that_all_die_are_an_error(tiny_search, monkeypatch):
    from alignkit.search import workers

    monkeypatch.setattr(workers, "_worker", os._exit)  # takes other arguments: each one fails
    with pytest.raises(AlignkitError, match="every worker of study 's' died"):
        tiny_search(1, workers=2)
