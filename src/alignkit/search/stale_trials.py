"""Heartbeats of workers, and trials whose worker has died: failed and queued again."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alignkit.cleaning import print_message
from alignkit.errors import first_line

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

# The trial's user attribute that holds the last heartbeat where the storage has no heartbeats.
HEARTBEAT = "alive"
# Attributes of how a trial ended, which one that repeats it does not inherit.
RESULTS = ("error", "pruned", "duplicate_of")


def this_worker() -> str:
    """Identify this process by host, process namespace, id and start time: ids are reused."""
    return f"{_here()}/{os.getpid()}/{_start_of(os.getpid())}"


def is_known_dead(worker: str) -> bool:
    """Whether a worker ran on this machine and has ended; False for workers elsewhere."""
    here, pid, start = worker.rsplit("/", 2)
    return here == _here() and _start_of(int(pid)) != start


def _here() -> str:
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}/{namespace}"


def _start_of(pid: int) -> str:
    """Return when a process started, in the kernel's ticks; empty when it does not exist."""
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


def record_heartbeat(study: optuna.Study, trial: optuna.Trial) -> None:
    """Record a heartbeat: Optuna's own, or the time where the storage has none."""
    from optuna.storages._heartbeat import BaseHeartbeat

    storage = study._storage
    if isinstance(storage, BaseHeartbeat):
        storage.record_heartbeat(trial._trial_id)
    else:
        storage.set_trial_user_attr(trial._trial_id, HEARTBEAT, time.time())


@contextmanager
def heartbeats(study: optuna.Study, trial: optuna.Trial, interval: int) -> Iterator[None]:
    """Record heartbeats while a trial runs, every ``interval`` seconds.

    Optuna records them only within ``Study.optimize``, where workers cannot take turns, and
    never in a journal.
    """
    from optuna.exceptions import UpdateFinishedTrialError

    ended = threading.Event()

    def beat() -> None:
        while True:
            try:
                record_heartbeat(study, trial)
            except UpdateFinishedTrialError:
                return
            except Exception as error:  # a busy database does not make a worker dead
                print_message(f"note: could not record a heartbeat: {first_line(error)}")
            if ended.wait(interval):
                return

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Requeue:
    """Queue a trial again after its worker has died, with the same parameters.

    Parameters
    ----------
    retries : int
        How many times. A trial that has killed as many workers and one more is stored as failed,
        so that it ends at some point and is not drawn again.
    """

    def __init__(self, retries: int) -> None:
        self.retries = retries

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Queue a trial again; the new one records which trial it repeats."""
        retries = trial.user_attrs.get("retries", 0) + 1
        if "error" in trial.user_attrs:
            return
        if retries <= self.retries:
            _queue(study, trial, retries)
        else:
            _queue(study, trial, retries, f"each of its {retries} workers died")

    def put_back(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Queue a trial again that was interrupted, which counts as no retry."""
        _queue(study, trial, trial.user_attrs.get("retries", 0))


def _queue(study: optuna.Study, trial: FrozenTrial, retries: int, error: str = "") -> None:
    """Add a trial that repeats another: with its parameters, or to be drawn as that would be.

    With an error it has failed already; what has failed in the storage cannot be given one.
    """
    import optuna

    attrs = {k: v for k, v in trial.user_attrs.items() if k not in RESULTS}
    attrs |= {"retry_of": first_of(trial), "retries": retries, "retry_after": trial.number}
    attrs |= {"error": error} if error else {}
    is_drawn = "placement" in attrs  # after all parameters
    fixed = trial.system_attrs.get("fixed_params")
    state = optuna.trial.TrialState
    study.add_trial(
        optuna.create_trial(
            state=state.FAIL if error else state.WAITING,
            params=trial.params if is_drawn else {},
            distributions=trial.distributions if is_drawn else {},
            user_attrs=attrs,
            system_attrs={} if fixed is None else {"fixed_params": fixed},
        )
    )


def first_of(trial: FrozenTrial) -> int:
    """Return the number of the trial that a trial repeats, or its own."""
    number: int = trial.user_attrs.get("retry_of", trial.number)
    return number


def requeue_stale(study: optuna.Study, requeue: Requeue, heartbeat: int) -> list[int]:
    """Fail trials whose worker has died, and queue them again; call it only in one's turn.

    A worker on this machine is looked up among its processes. One elsewhere counts as dead
    after two missed heartbeats.

    Parameters
    ----------
    study : optuna.Study
    requeue : Requeue
    heartbeat : int
        Seconds between heartbeats.

    Returns
    -------
    list of int
        Numbers of the stale trials.
    """
    from optuna.storages import fail_stale_trials
    from optuna.trial import TrialState

    running = {t.number for t in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))}
    fail_stale_trials(study)  # by heartbeat, on any machine
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if _is_stale(trial, heartbeat):
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            requeue(study, trial)
    for trial in _lost(study.get_trials()):
        requeue(study, trial)
    still = {t.number for t in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))}
    return sorted(running - still)


def _lost(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that failed with their worker, which died before it queued them again."""
    last = {first_of(trial): trial for trial in trials}
    return [t for t in last.values() if t.state.name == "FAIL" and "error" not in t.user_attrs]


def _is_stale(trial: FrozenTrial, heartbeat: int) -> bool:
    worker = trial.user_attrs.get("worker")
    if worker is None:  # it died during its turn, which is over
        return True
    last = trial.user_attrs.get(HEARTBEAT)
    silent = last is not None and time.time() - last > 2 * heartbeat
    return silent or is_known_dead(worker)
