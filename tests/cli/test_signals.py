"""Signals end every command in order: with a line, and the exit code that goes with them."""

import os
import signal
import time

import pytest

from alignkit.metrics import workers
from tiny import alignkit

SIGNALS = [
    (signal.SIGTERM, 143, "terminated"),
    (signal.SIGUSR1, 143, "terminated"),
    (signal.SIGINT, 130, "interrupted"),
]


@pytest.fixture
def handlers():
    before = {number: signal.getsignal(number) for number, _, _ in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code", "stopped"), SIGNALS)
@pytest.mark.parametrize("command", ["runs list", "list metrics", "measure", "train"])
def test_a_signal_outside_the_training_loop(
    tiny_run, monkeypatch, handlers, command, number, code, stopped
):
    """Wherever it arrives: here while plugins are looked up, or files are read."""
    from alignkit.plugins.registry import Registry
    from alignkit.runs import Run

    def killed(*_, **__):
        os.kill(os.getpid(), number)
        time.sleep(5)  # a handler runs before the next bytecode

    for asked in ("names", "entries"):
        monkeypatch.setattr(Registry, asked, killed)
    monkeypatch.setattr(Run, "stored", property(killed))
    cwd = tiny_run.path.parents[3]
    done = alignkit(*command.split(), cwd=cwd, code=code)
    assert done.stderr.splitlines()[-1] == f"Error: {stopped}; rerun the same command to resume"


@pytest.mark.parametrize(("number", "code", "stopped"), SIGNALS)
def test_a_signal_is_no_fault_of_the_plugin_that_is_loaded(
    tmp_path, handlers, number, code, stopped
):
    plugin = tmp_path / "own.py"
    plugin.write_text(f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(5)\n")
    done = alignkit("--plugin", plugin, "list", "metrics", cwd=tmp_path, code=code)
    assert done.stderr.splitlines()[-1] == f"Error: {stopped}; rerun the same command to resume"


def test_what_has_not_begun_is_not_waited_for():
    begun = []

    def work(i):
        begun.append(i)
        time.sleep(0.05)

    with pytest.raises(SystemExit), workers.workers():
        workers.parallel_map(work, range(1000))
        raise SystemExit(143)
    assert len(begun) < 100
