"""The default engine: this process, or several on this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from dataclasses import asdict
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, NoReturn

from alignkit.engines.job import Engine, Job, Outcome
from alignkit.engines.perform import outcome_from, perform, perform_elsewhere, this_place
from alignkit.errors import UsageError
from alignkit.progress import SILENT, Reporter

TRIES = 3
GRACE = 10.0  # seconds for a stopped unit to write its checkpoint


def local_engine(jobs: int = 1, gpus: int = 0, reporter: Reporter = SILENT) -> Engine:
    """Units one after another in this process, or ``jobs`` at a time in others.

    Parameters
    ----------
    jobs : int
    gpus : int
        GPUs of each process when there are several: the first takes the first ones.
    reporter : Reporter
        Of units in this process; what is said in others is kept with their outcome.

    Raises
    ------
    UsageError
        For a number that makes no sense.
    """
    if jobs < 1:
        raise UsageError(f"--jobs is {jobs}; it must be at least 1")
    if gpus < 0:
        raise UsageError(f"--gpus is {gpus}; it must be at least 0")
    return InProcess(reporter) if jobs == 1 else Processes(jobs, gpus)


class InProcess:
    """Units one after another, in this process."""

    slots = 1

    def __init__(self, reporter: Reporter = SILENT) -> None:
        self.reporter = reporter
        self._waiting: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        self._waiting.append(job)

    def wait(self) -> Outcome:
        return perform(self._waiting.popleft(), self.reporter)

    def close(self) -> None:
        self._waiting.clear()


class Processes:
    """Units side by side, each worker a fresh process; the unit of a killed one is redone."""

    def __init__(self, jobs: int, gpus: int = 0) -> None:
        self.slots = jobs
        self._gpus = gpus
        self._workers: list[_Worker] = []
        self._tries: dict[str, int] = {}

    def submit(self, job: Job) -> None:
        idle = next((worker for worker in self._workers if worker.job is None), None)
        if idle is None:
            idle = _Worker(visible_gpus(len(self._workers), self._gpus))
            self._workers.append(idle)
        idle.give(job)

    def wait(self) -> Outcome:
        while True:
            busy = {worker.connection: worker for worker in self._workers if worker.job}
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                job = worker.job
                assert job is not None
                try:
                    told = worker.take()
                except (EOFError, OSError):
                    worker.restart()
                    self._tries[job.name] = self._tries.get(job.name, 0) + 1
                    if self._tries[job.name] < TRIES:
                        worker.give(job)
                        continue
                    return _killed(job, TRIES)
                return outcome_from(job, told)

    def close(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.stop()
        self._workers.clear()


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.job: Job | None = None
        self._start()

    def give(self, job: Job) -> None:
        self.job = job
        with contextlib.suppress(OSError):  # it is dead; waiting for its answer will tell
            self.connection.send((asdict(job), this_place()))

    def take(self) -> dict[str, Any]:
        told = self.connection.recv()
        self.job = None
        return told

    def restart(self) -> None:
        self.job = None
        self.stop()
        self._start()

    def stop(self) -> None:
        self.process.terminate()
        self.process.join(GRACE)
        self.process.kill()
        self.process.join()
        self.connection.close()

    def _start(self) -> None:
        # Fresh processes: torch's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, self.environment), name="alignkit worker"
        )
        self.process.start()
        theirs.close()


def _serve(connection: Connection, environment: dict[str, str]) -> None:
    """Do the units that come down the pipe until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told too, and stops us
    signal.signal(signal.SIGTERM, _terminated)
    threading.Thread(target=_follow_parent, daemon=True).start()
    os.environ.update(environment)
    with contextlib.suppress(EOFError, OSError):  # the parent is gone, and so are we
        while True:
            job, place = connection.recv()
            connection.send(perform_elsewhere(job, place))


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    raise SystemExit(143)


def _follow_parent() -> None:
    """Stop when the parent was killed: nobody waits for the result any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def visible_gpus(slot: int, gpus: int) -> dict[str, str]:
    """The environment that shows a worker its own GPUs, out of those this process may see."""
    if not gpus:
        return {}
    mine = range(slot * gpus, (slot + 1) * gpus)
    seen = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    names = [seen[i] for i in mine if i < len(seen)] if seen else [str(i) for i in mine]
    return {"CUDA_VISIBLE_DEVICES": ",".join(names)}


def _killed(job: Job, times: int) -> Outcome:
    return Outcome(
        job,
        "failed",
        kind="AlignkitError",
        error=f"its process was killed {times} times; perhaps there is too little memory",
    )
