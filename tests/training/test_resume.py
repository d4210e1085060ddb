"""An interrupted training goes on to the same bytes; told to stop, it leaves a checkpoint."""

import os
import signal
import time
from pathlib import Path

import pytest

import forks
from alignkit.chain.train import train
from alignkit.errors import DataError
from alignkit.runs import RuntimeOptions, Training, resolve_config
from alignkit.runs.litter import find_litter
from alignkit.training.loop import Loop
from tiny import TINY_TASK, alignkit, without_manifests

# Dropout, so that generators matter; several batches a step, so that groups do.
MODEL = "vilbert:depth=2,width=16,heads=2,feedforward=32,fusion_width=16,dropout=0.2"
WORDS = (
    "train",
    "--task",
    TINY_TASK,
    "--architecture",
    MODEL,
    "--placement",
    "1",
    "--epochs",
    "4",
    "--batch-size",
    "8",
    "--accumulate",
    "3",
)
SAME = {
    "model.safetensors",
    "heads.safetensors",
    "history.csv",
    "steps.csv",
    "performance.json",
    "tracking.csv",
    "inputs.json",
}


def _config(every="1", **options):
    training = {"epochs": 4, "batch_size": 8, "accumulate": 3} | options
    return resolve_config(
        TINY_TASK,
        "1",
        MODEL,
        Training(**training),
        runtime=RuntimeOptions(checkpoint_every=every, track=("cka",), track_layers="all"),
    )


def _bytes(folder):
    return {p.name: p.read_bytes() for p in Path(folder).iterdir() if p.name in SAME}


class Crash(Exception):
    pass


def _crash_after(monkeypatch, step, method="_record"):
    plain = getattr(Loop, method)

    def until(self, *args):
        plain(self, *args)
        if self.position.step >= step:
            raise Crash

    monkeypatch.setattr(Loop, method, until)


VARIANTS = {
    "plain": {},
    "pretrain": {"objectives": ("pretrain",), "aux": ("contrastive=0.1:projection=8",)},
    "contrast": {"objectives": ("itc=1:width=8",)},
    "contrast and words": {"objectives": ("itc=0.5:width=8", "mlm", "itm", "task")},
    "bf16, bucket": {"precision": "bf16", "bucket": True, "class_weights": True},
    "fp16": {"precision": "fp16"},
    "patience": {"patience": 2, "learning_rate": 0.05, "epochs": 8},
}


@pytest.mark.slow
@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_a_crash_at_any_step_changes_no_byte(tmp_path, options):
    whole = train(_config("0", **options), tmp_path / "whole")
    steps = len((whole.path / "steps.csv").read_text().splitlines()) - 1
    assert steps >= 6
    for number, at in enumerate((1, 3, steps)):  # an epoch has three steps
        root = tmp_path / str(number)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Crash):
            _crash_after(patch, at)
            train(_config("1", **options), root)
        run = train(_config("1", **options), root)
        assert _bytes(run.path) == _bytes(whole.path), f"crashed after step {at}"
        assert not (run.path / "checkpoint").exists()


@pytest.mark.slow
def test_going_on_does_not_start_over(tmp_path, monkeypatch):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Crash):
        _crash_after(patch, 7)
        train(_config(), tmp_path)
    taken = []
    plain = Loop._record
    monkeypatch.setattr(Loop, "_record", lambda self, *a: plain(self, *a) or taken.append(1))
    train(_config(), tmp_path)
    assert len(taken) == 12 - 6  # the checkpoint after step 6 was the newest


@pytest.mark.slow
def test_checkpoints_may_be_rare(tmp_path):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Crash):
        _crash_after(patch, 8)
        train(_config("5"), tmp_path)
    files = sorted(p.name for p in tmp_path.rglob("checkpoint/*"))
    assert [name for name in files if name.startswith("step-")] == ["step-5"]
    assert not list(tmp_path.rglob("*.pkl")) + list(tmp_path.rglob("*.pt"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The files of the run that nothing interrupted."""
    root = tmp_path_factory.mktemp("whole")
    return _bytes(root / alignkit(*WORDS, cwd=root).stdout.strip())


@pytest.mark.slow
def test_kill_9_in_the_middle_changes_no_byte(tmp_path, whole):
    """For any number of workers: two before the kill, none after it."""
    words = (*WORDS, "--checkpoint-every", "1", "--workers", "2")
    process = forks.start(forks.COMMAND, *words, cwd=tmp_path)
    while not list((tmp_path / "runs").glob("*/*/*/checkpoint/step-*/state.json")):
        assert process.is_alive()
        time.sleep(0.001)
    process.kill()
    process.join()
    done = alignkit(*WORDS, cwd=tmp_path)
    if process.exitcode == -signal.SIGKILL:
        assert "resuming from step" in done.stderr
    assert _bytes(tmp_path / done.stdout.strip()) == whole


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 143), (signal.SIGINT, 130)]
)
def test_a_signal_leaves_a_checkpoint_and_a_hint(tmp_path, whole, number, code):
    plain = Loop._record

    def record(self, *args):
        plain(self, *args)
        if self.position.step == 5:
            os.kill(os.getpid(), number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "_record", record)
        done = alignkit(*WORDS, cwd=tmp_path, code=code)
    said = done.stderr.splitlines()
    assert said[-2] == f"stopped by {number.name} after step 5 of 12 and wrote a checkpoint"
    stopped = "interrupted" if number == signal.SIGINT else "terminated"
    assert said[-1] == f"Error: {stopped}; rerun the same command to resume"
    assert [p.name for p in tmp_path.glob("runs/*/*/*/checkpoint/step-*")] == ["step-5"]
    again = alignkit(*WORDS, cwd=tmp_path)
    assert "resuming from step 5 of 12" in again.stderr
    assert _bytes(tmp_path / again.stdout.strip()) == whole


@pytest.mark.slow
def test_handlers_are_put_back(tmp_path):
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)]
    train(_config(epochs=1), tmp_path)
    assert before == [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)]


def _leave_a_checkpoint(root, **options):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Crash):
        _crash_after(patch, 3)
        train(_config(**options), root)
    (file,) = root.rglob("state.json")
    return file


@pytest.mark.slow
def test_another_runs_checkpoint_is_refused_and_force_drops_it(tmp_path):
    file = _leave_a_checkpoint(tmp_path)
    identity = _config().identity
    without_manifests(file.parent)
    file.write_text(file.read_text().replace(identity, "0" * 64))
    with pytest.raises(DataError, match=r"checkpoint of another run.*`force`"):
        train(_config(), tmp_path)
    assert train(_config(), tmp_path, force=True).is_trained


@pytest.mark.slow
def test_what_reads_runs_says_that_the_training_was_interrupted(tmp_path):
    from alignkit.runs import load_run

    run = _leave_a_checkpoint(tmp_path).parents[2]
    with pytest.raises(DataError, match=r"was interrupted; rerun the same alignkit train command"):
        load_run(run)


@pytest.mark.slow
def test_a_checkpoint_that_outlives_its_training_is_removed(tmp_path):
    """As after a kill between the last file of a run and the end of the command."""
    run = train(_config(epochs=1), tmp_path)
    (run.path / "checkpoint" / "step-1").mkdir(parents=True)
    (litter,) = find_litter(tmp_path)
    assert (litter.path.name, litter.why) == ("checkpoint", "checkpoint of a completed training")
    train(_config(epochs=1), tmp_path)
    assert not (run.path / "checkpoint").exists()


@pytest.mark.slow
def test_a_broken_checkpoint_is_one_line(tmp_path):
    file = _leave_a_checkpoint(tmp_path)
    weights = file.with_name("weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(DataError, match=r"step-2 cannot be read: .*--force"):
        train(_config(), tmp_path)


@pytest.mark.slow
def test_a_checkpoint_appears_whole_and_before_the_last_is_dropped(tmp_path, monkeypatch):
    """Killed at any of its renames, there is a checkpoint to go on from."""
    from alignkit.training import checkpoint

    _leave_a_checkpoint(tmp_path)
    monkeypatch.setattr(checkpoint, "discard", lambda path: (_ for _ in ()).throw(Crash()))
    with pytest.raises(Crash):
        train(_config(), tmp_path)
    assert len(list(tmp_path.rglob("step-*/state.json"))) == 2
    monkeypatch.undo()
    whole = train(_config("0"), tmp_path / "whole")
    assert _bytes(train(_config(), tmp_path).path) == _bytes(whole.path)


def test_signals_are_left_alone_outside_the_main_thread(tmp_path):
    import threading

    thread = threading.Thread(target=train, args=(_config(epochs=1), tmp_path))
    thread.start()
    thread.join()
    assert list(tmp_path.rglob("train.json"))


@pytest.mark.slow
def test_runs_side_by_side_are_told_to_stop_too(tmp_path):
    seeds = ("--seed", "0", "--seed", "1", "--seed", "2", "--jobs", "2")
    words = (*WORDS, "--epochs", "400", "--checkpoint-every", "1", *seeds)
    process = forks.start(forks.COMMAND, *words, cwd=tmp_path)
    while len(list((tmp_path / "runs").glob("*/*/*/checkpoint/step-*/state.json"))) < 2:
        assert process.is_alive()
        time.sleep(0.01)
    process.terminate()
    process.join()
    assert process.exitcode == 143
    assert len(list((tmp_path / "runs").glob("*/*/*/checkpoint/step-*/state.json"))) == 2
    assert not list(tmp_path.rglob("train.json"))
