"""The default engine: this process, or several on this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from dataclasses import asdict
from multiprocessing.connection import Connection, wait
from typing import Any

from alignkit.bounds.counts import MOST_PROCESSES, check_count
from alignkit.engines.job import Engine, Job, Outcome
from alignkit.engines.perform import outcome_from, perform, perform_elsewhere, this_place
from alignkit.progress import SILENT, Reporter
from alignkit.signals import end_when_told

TRIES = 3
GRACE = 8.0  # seconds for stopped jobs to write their checkpoints


def local_engine(jobs: int = 1, gpus: int = 0, reporter: Reporter = SILENT) -> Engine:
    """Return an engine for this machine: jobs one by one in this process, or several at once.

    Parameters
    ----------
    jobs : int
        How many run at the same time; when more than one, each in a process of its own.
    gpus : int
        GPUs of each process when there are several: the first takes the first ones.
    reporter : Reporter
        For jobs in this process; notes of the others are kept with their outcome.

    Raises
    ------
    UsageError
        For fewer than one job, a negative number of GPUs, or more than any machine has.
    """
    check_count("jobs", jobs, 1, MOST_PROCESSES)
    check_count("gpus", gpus, 0, MOST_PROCESSES)
    return InProcess(reporter) if jobs == 1 else Processes(jobs, gpus)


class InProcess:
    """Jobs one after another, in this process."""

    slots = 1

    def __init__(self, reporter: Reporter = SILENT) -> None:
        self.reporter = reporter
        self._waiting: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Accept a job; it runs when it is waited for."""
        self._waiting.append(job)

    def wait(self) -> Outcome:
        """Run the next job and return its outcome."""
        return perform(self._waiting.popleft(), self.reporter)

    def close(self) -> None:
        """Drop the jobs that have not started."""
        self._waiting.clear()


class Processes:
    """Jobs in parallel, each worker a fresh process; the job of a killed worker is run again."""

    def __init__(self, jobs: int, gpus: int = 0) -> None:
        self.slots = jobs
        self._gpus = gpus
        self._workers: list[_Worker] = []
        self._tries: dict[str, int] = {}

    def submit(self, job: Job) -> None:
        """Accept a job and return at once."""
        idle = next((worker for worker in self._workers if worker.job is None), None)
        if idle is None:
            idle = _Worker(visible_gpus(len(self._workers), self._gpus))
            self._workers.append(idle)
        idle.give(job)

    def wait(self) -> Outcome:
        """Return the outcome of the next job to end."""
        while True:
            busy = {worker.connection: worker for worker in self._workers if worker.job}
            ready = wait(list(busy))
            for worker in [worker for pipe, worker in busy.items() if pipe in ready]:
                job = worker.job
                assert job is not None
                try:
                    fields = worker.take()
                except (EOFError, OSError):
                    worker.restart()
                    self._tries[job.name] = self._tries.get(job.name, 0) + 1
                    if self._tries[job.name] < TRIES:
                        worker.give(job)
                        continue
                    return _killed(job, TRIES)
                return outcome_from(job, fields)

    def close(self) -> None:
        """Stop the jobs that are running, and the processes."""
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + GRACE
        for worker in self._workers:
            worker.stop(max(0.0, deadline - time.monotonic()))
        self._workers.clear()


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.job: Job | None = None
        self._start()

    def give(self, job: Job) -> None:
        self.job = job
        with contextlib.suppress(OSError):  # it has died, which taking its answer will show
            self.connection.send((asdict(job), this_place()))

    def take(self) -> dict[str, Any]:
        fields: dict[str, Any] = self.connection.recv()
        self.job = None
        return fields

    def restart(self) -> None:
        self.job = None
        self.stop()
        self._start()

    def stop(self, grace: float = GRACE) -> None:
        self.process.terminate()
        self.process.join(grace)
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
    """Run the jobs that come through the pipe until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and stops this process
    end_when_told()
    stop_with_parent()
    os.environ.update(environment)
    with contextlib.suppress(EOFError, OSError):  # the parent has ended
        while True:
            job, place = connection.recv()
            connection.send(perform_elsewhere(job, place))


def stop_with_parent() -> None:
    """Terminate this process once its parent is killed: nobody waits for the result any more."""
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()


def visible_gpus(slot: int, gpus: int) -> dict[str, str]:
    """Return the environment that shows a worker its own GPUs, of those this process may see.

    Parameters
    ----------
    slot : int
        Which worker, from 0.
    gpus : int
        GPUs per worker.
    """
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
        error=f"its process was killed {times} times; the machine may be short of memory",
    )
