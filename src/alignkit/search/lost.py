"""Signs of life, and trials whose worker gives none: failed, and put back into the queue."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

SIGN = "alive"  # the trial's user attribute for signs of life in a storage without heartbeats


def this_worker() -> str:
    """This process, by host, process namespace, id and start: an id alone is used again."""
    return f"{_here()}/{os.getpid()}/{_start_of(os.getpid())}"


def is_known_dead(worker: str) -> bool:
    """Whether a worker ran on this machine and does so no more; elsewhere nobody can say."""
    here, pid, start = worker.rsplit("/", 2)
    return here == _here() and _start_of(int(pid)) != start


def _here() -> str:
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}/{namespace}"


def _start_of(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc").is_dir() else _without_proc(pid)
    return "" if fields[0] == "Z" else fields[19]


def _without_proc(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "running"


def sign(study: optuna.Study, trial: optuna.Trial) -> None:
    """Give one sign of life: a heartbeat of Optuna's, or a time where there are none."""
    from optuna.storages._heartbeat import BaseHeartbeat

    storage = study._storage
    if isinstance(storage, BaseHeartbeat):
        storage.record_heartbeat(trial._trial_id)
    else:
        storage.set_trial_user_attr(trial._trial_id, SIGN, time.time())


@contextmanager
def alive(study: optuna.Study, trial: optuna.Trial, interval: int) -> Iterator[None]:
    """Give signs of life while a trial runs.

    Optuna gives them only within ``Study.optimize``, which cannot take turns, and never to a
    journal.
    """
    ended = threading.Event()

    def beat() -> None:
        while True:
            try:
                sign(study, trial)
            except Exception as error:  # a busy database is no reason to be taken for dead
                print(f"note: no sign of life could be stored: {error}", file=sys.stderr)
            if ended.wait(interval):
                return

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class PutBack:
    """Queues a lost trial again, with its parameters and where it came from.

    Parameters
    ----------
    most : int
        How often; a trial that kills every worker must end some day.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        from optuna.storages import RetryHeartbeatStaleTrialCallback

        first = trial.user_attrs.get("retry_of", trial.number)
        times = trial.user_attrs.get("retries", 0) + 1
        trial.user_attrs = {"retry_of": first, "retries": times, "retry_after": trial.number}
        RetryHeartbeatStaleTrialCallback(self.most)(study, trial)


def put_back_lost(study: optuna.Study, put_back: PutBack, heartbeat: int) -> list[int]:
    """Fail and queue again what lost its worker; to be called while it is this worker's turn.

    A worker on this machine is looked up among its processes. One elsewhere is lost after two
    heartbeats without a sign of life.

    Returns
    -------
    list of int
        Numbers of the trials that were lost.
    """
    from optuna.storages import fail_stale_trials
    from optuna.trial import TrialState

    running = {t.number for t in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))}
    fail_stale_trials(study)  # by heartbeat, on any machine
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if _is_lost(trial, heartbeat):
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            put_back(study, trial)
    still = {t.number for t in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))}
    return sorted(running - still)


def _is_lost(trial: FrozenTrial, heartbeat: int) -> bool:
    worker = trial.user_attrs.get("worker")
    if worker is None:  # it died within its turn, which is ours now
        return True
    signed = trial.user_attrs.get(SIGN)
    silent = signed is not None and time.time() - signed > 2 * heartbeat
    return silent or is_known_dead(worker)
