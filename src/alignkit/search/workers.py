"""Workers of a search: each takes a trial in its turn, until enough have finished."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from alignkit.bounds.counts import MOST_PROCESSES, check_count
from alignkit.cleaning import print_message
from alignkit.engines.local import stop_with_parent
from alignkit.errors import AlignkitError, UsageError, in_one_line
from alignkit.plugins.load import extra_plugin_files, use_plugin_files
from alignkit.progress import SILENT, Reporter, report_to
from alignkit.search.search import SEARCH, Search, refuse_another
from alignkit.search.stale_trials import (
    Requeue,
    first_of,
    heartbeats,
    record_heartbeat,
    requeue_stale,
    this_worker,
)
from alignkit.search.storage import (
    Url,
    exclusive,
    one_line_errors,
    open_storage,
    open_study,
    silence_optuna,
)
from alignkit.search.trial import OutOfBoundsError, propose, run_trial
from alignkit.signals import INTERRUPTED, end_when_told

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial, TrialState

PAUSE = 0.5  # seconds to wait before looking again whether there is a trial to take
GRACE = 8.0  # seconds for interrupted workers to queue their trials again


@dataclass(frozen=True)
class StudyStorage:
    """Where a search is stored, and what happens to trials whose worker dies.

    Attributes
    ----------
    url : Url
    study : str
        Name of the study in the storage.
    heartbeat : int
        Seconds between heartbeats.
    retries : int
        How many times a trial is started again after its worker has died.
    """

    url: Url
    study: str
    heartbeat: int = 60
    retries: int = 3

    def open(self) -> optuna.Study:
        """Open the study, which must exist."""
        opened = open_storage(self.url, self.heartbeat, Requeue(self.retries))
        return open_study(opened, self.url, self.study)


def run_search(
    search: Search,
    storage: StudyStorage,
    trials: int,
    workers: int = 1,
    reporter: Reporter = SILENT,
) -> optuna.Study:
    """Start or continue a search until its study has a number of finished trials.

    Parameters
    ----------
    search : Search
    storage : StudyStorage
    trials : int
        Finished trials in total, including those of earlier calls and of other workers.
    workers : int
        Number of processes; a single worker runs in this process.

    Returns
    -------
    optuna.Study

    Raises
    ------
    UsageError
        When the study holds a different search, or a number is too small.
    AlignkitError
        When every worker died before the search was complete.
    """
    for name, value, least in (
        ("trials", trials, 1),
        ("workers", workers, 1),
        ("heartbeat", storage.heartbeat, 1),
        ("retries", storage.retries, 0),
    ):
        check_count(name, value, least, MOST_PROCESSES if name == "workers" else 10**9)
    silence_optuna()
    search.check()
    with one_line_errors(storage.url):
        study = start(search, storage)
        done = finished(study)
        if done:
            reporter.note(f"study {storage.study} resumes: {done} of {trials} trials are finished")
        if workers == 1:
            work(search, storage, trials, reporter)
        else:
            _work_in_processes(search, storage, trials, workers, reporter)
    size = search.resolved_space.size if search.exhausts else None
    if size is not None and size < trials:
        reporter.note(f"note: the space has only {size} points; all of them were tried")
    return study


def start(search: Search, storage: StudyStorage) -> optuna.Study:
    """Create the study, or check that an existing one holds this search."""
    import optuna

    opened = open_storage(storage.url, storage.heartbeat, Requeue(storage.retries))
    objectives = search.resolved_objectives
    with exclusive(storage.url, storage.study):
        study = optuna.create_study(
            study_name=storage.study,
            storage=opened,
            load_if_exists=True,
            directions=[objective.direction for objective in objectives],
        )
        stored = study.user_attrs.get(SEARCH)
        if stored is None and study.trials:
            raise UsageError(
                f"study '{storage.study}' was not created by alignkit; it can be analysed but not "
                "continued: choose another `study`"
            )
        if stored is None:
            study.set_user_attr(SEARCH, search.to_json())
            study.set_metric_names([objective.name for objective in objectives])
        else:
            refuse_another(stored, search, storage.study)
    return study


def work(search: Search, storage: StudyStorage, trials: int, reporter: Reporter = SILENT) -> None:
    """Run trials until the study has enough; wait for those of other workers, which may die."""
    study = storage.open()
    study.pruner = search.make_pruner()
    requeue = Requeue(storage.retries)
    parent = multiprocessing.parent_process()
    while parent is None or parent.is_alive():
        with exclusive(storage.url, storage.study):
            for number in requeue_stale(study, requeue, storage.heartbeat):
                reporter.complain(f"the worker of trial {number} died")
            step = next_step(study, search, trials)
            taken = _take(search, study) if step == "take" else None
        if step == "stop":
            return
        if taken is None:
            time.sleep(PAUSE)
            continue
        with heartbeats(study, taken[0], storage.heartbeat):
            _finish(search, study, *taken, storage, reporter)


def next_step(study: optuna.Study, search: Search, trials: int) -> str:
    """Return what a worker does next: ``take`` a trial, ``wait`` for other workers, or ``stop``."""
    started = study.get_trials(deepcopy=False)
    states = [trial.state.name for trial in started]
    done = sum(map(is_finished, started))
    size = search.resolved_space.size if search.exhausts else None
    enough = trials if size is None else min(trials, size)
    if done >= enough:
        return "stop"
    if "WAITING" in states or done + states.count("RUNNING") < enough:
        return "take"
    return "wait"


def is_finished(trial: FrozenTrial) -> bool:
    """Whether a trial counts, because it ended by itself; one whose worker died is repeated."""
    if trial.state.name == "FAIL":
        return "error" in trial.user_attrs
    return trial.state.name in ("COMPLETE", "PRUNED")


def finished(study: optuna.Study) -> int:
    """Return how many trials of a study count as finished."""
    return sum(map(is_finished, study.get_trials(deepcopy=False)))


def _take(search: Search, study: optuna.Study) -> tuple[optuna.Trial, Any]:
    """Take a waiting or a new trial; return it with its runs, or the error that prevents them."""
    started = study.get_trials(deepcopy=False)
    study.sampler = search.make_sampler(_next_draw(started))
    if search.exhausts and not any(t.state.name == "WAITING" for t in started):
        study.enqueue_trial(_untried(search, started))
    trial = study.ask()
    record_heartbeat(study, trial)  # first: a trial without a worker counts as stale
    trial.set_user_attr("worker", this_worker())
    try:
        return trial, propose(search, trial)
    except Exception as error:
        return trial, error


def _next_draw(started: Sequence[FrozenTrial]) -> int:
    """Return which draw of the search comes next: a trial that is repeated is the same draw."""
    waiting = [first_of(trial) for trial in started if trial.state.name == "WAITING"]
    first = waiting[0] if waiting else len(started)
    return sum("retry_of" not in trial.user_attrs for trial in started if trial.number < first)


def _untried(search: Search, started: Sequence[FrozenTrial]) -> dict[str, Any]:
    """Return the next point of a finite space."""
    ((name, bound),) = search.resolved_space.bounds.items()
    counted = [t for t in started if t.state.name != "FAIL" or is_finished(t)]
    # One whose worker died before it drew has the point that it was to draw.
    tried = {(t.system_attrs.get("fixed_params") or t.params).get(name) for t in counted}
    return {name: next(choice for choice in bound.choices if choice not in tried)}


def _finish(
    search: Search,
    study: optuna.Study,
    trial: optuna.Trial,
    proposed: Any,
    storage: StudyStorage,
    reporter: Reporter,
) -> None:
    """Run a trial and store how it ended. A failed trial never gets a value."""
    import optuna
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    tell = partial(study.tell, trial, skip_if_finished=True)
    try:
        if isinstance(proposed, Exception):
            raise proposed
        tell(list(run_trial(search, study, trial, proposed)))
    except UpdateFinishedTrialError:
        pass  # it was taken for stale; another worker repeats it and finds its runs trained
    except (optuna.TrialPruned, OutOfBoundsError) as reason:
        _end(trial, tell, TrialState.PRUNED, "pruned", str(reason))
    except Exception as error:
        _end(trial, tell, TrialState.FAIL, "error", in_one_line(error))
    except BaseException:  # interrupted or terminated: another worker repeats it
        with exclusive(storage.url, storage.study):  # or others take it for one that is lost
            running = study.get_trials(states=(TrialState.RUNNING,))
            tell(state=TrialState.FAIL)
            for frozen in running:
                if frozen.number == trial.number:
                    Requeue(storage.retries).put_back(study, frozen)
        raise
    reporter.note(_line(study, trial.number))


def _end(
    trial: optuna.Trial, tell: Callable[..., object], state: TrialState, key: str, why: str
) -> None:
    """Store why a trial has no value, then its state."""
    from optuna.exceptions import UpdateFinishedTrialError

    with suppress(UpdateFinishedTrialError):
        trial.set_user_attr(key, why)
    tell(state=state)


def _line(study: optuna.Study, number: int) -> str:
    """Return the line that says how a trial ended."""
    trial = study.trials[number]
    attrs = trial.user_attrs
    where = attrs.get("placement", {}).get("name", "")
    if trial.state.name == "COMPLETE":
        names = study.metric_names or []
        text = ", ".join(f"{n} {v:.4g}" for n, v in zip(names, trial.values, strict=False))
        same = f" (the same as trial {attrs['duplicate_of']})" if "duplicate_of" in attrs else ""
        stale = f"; its run was trained before, but {attrs['stale']}" if "stale" in attrs else ""
        return f"trial {number}, {where}: {text}{same}{stale}"
    why = attrs.get("error") or attrs.get("pruned") or "repeated by another worker"
    return f"trial {number}, {where}: {trial.state.name}, {why}"


def _work_in_processes(
    search: Search, storage: StudyStorage, trials: int, workers: int, reporter: Reporter
) -> None:
    """Run several workers, each in a fresh process, so that one that dies stops no other."""
    context = multiprocessing.get_context("spawn")
    files = extra_plugin_files()
    search = replace(search)  # without cached properties, which cannot be pickled
    processes = [
        context.Process(
            target=_worker, args=(search, storage, trials, reporter, files), daemon=True
        )
        for _ in range(workers)
    ]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join()
    except KeyboardInterrupt:  # the workers are interrupted too, and queue their trials again
        deadline = time.monotonic() + GRACE
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
        raise
    finally:
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + GRACE
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
            process.kill()
            process.join()
    for process in processes:
        if process.exitcode:
            reporter.complain(f"worker {process.pid} ended with exit code {process.exitcode}")
    if all(process.exitcode for process in processes):
        raise AlignkitError(
            f"every worker of study '{storage.study}' died; rerun the same command to resume"
        )


def _worker(
    search: Search, storage: StudyStorage, trials: int, reporter: Reporter, files: list[Any]
) -> None:
    """Work in a process of its own; exit with the code of what went wrong."""
    end_when_told()
    stop_with_parent()
    use_plugin_files(files)
    silence_optuna()
    report_to(reporter)
    try:
        with one_line_errors(storage.url):
            work(search, storage, trials, reporter)
    except AlignkitError as error:
        print_message(f"Error: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
