"""Workers on one study: each takes a trial in its turn, until there are enough."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from alignkit.errors import AlignkitError, UsageError
from alignkit.plugins.load import extra_plugin_files, use_plugin_files
from alignkit.progress import SILENT, Reporter
from alignkit.search.lost import PutBack, alive, put_back_lost, sign, this_worker
from alignkit.search.search import STORED, Search, refuse_another
from alignkit.search.storage import Url, in_one_line, open_storage, open_study, quiet_optuna, turns
from alignkit.search.trial import OutOfBoundsError, conduct, propose

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

PAUSE = 0.5  # seconds between looks at what the others do
GRACE = 10.0  # seconds that an interrupted worker has to put its trial back


@dataclass(frozen=True)
class Place:
    """Where a search is kept, and what happens to trials whose worker dies.

    Attributes
    ----------
    url : Url
    study : str
    heartbeat : int
        Seconds between signs of life.
    retries : int
        How often a lost trial is started again.
    """

    url: Url
    study: str
    heartbeat: int = 60
    retries: int = 3

    def open(self) -> optuna.Study:
        """Open the study, which exists."""
        storage = open_storage(self.url, self.heartbeat, PutBack(self.retries))
        return open_study(storage, self.url, self.study)


def run_search(
    search: Search, place: Place, trials: int, workers: int = 1, reporter: Reporter = SILENT
) -> optuna.Study:
    """Start or continue a search until its study has so many finished trials.

    Parameters
    ----------
    search : Search
    place : Place
    trials : int
        In all, those of earlier calls and other workers included.
    workers : int
        Processes; one works in this process.

    Returns
    -------
    optuna.Study

    Raises
    ------
    UsageError
        When the study is another search.
    AlignkitError
        When every worker died before the end.
    """
    for name, value, least in (
        ("--trials", trials, 1),
        ("--workers", workers, 1),
        ("--heartbeat", place.heartbeat, 1),
        ("--retries", place.retries, 0),
    ):
        if value < least:
            raise UsageError(f"{name} is {value}; it must be at least {least}")
    quiet_optuna()
    search.check()
    with in_one_line(place.url):
        study = start(search, place)
        there = finished(study)
        if there:
            reporter.note(f"study {place.study} goes on: {there} of {trials} trials are finished")
        if workers == 1:
            work(search, place, trials, reporter)
        else:
            _work_together(search, place, trials, workers, reporter)
    size = search.resolved_space.size if search.exhausts else None
    if size is not None and size < trials:
        reporter.note(f"note: the space has {size} points, and each was tried")
    return study


def start(search: Search, place: Place) -> optuna.Study:
    """Make the study, or check that the one that is there is this search."""
    import optuna

    storage = open_storage(place.url, place.heartbeat, PutBack(place.retries))
    objectives = search.resolved_objectives
    with turns(place.url, place.study):
        study = optuna.create_study(
            study_name=place.study,
            storage=storage,
            load_if_exists=True,
            directions=[objective.direction for objective in objectives],
        )
        stored = study.user_attrs.get(STORED)
        if stored is None and study.trials:
            raise UsageError(
                f"study '{place.study}' was not made by alignkit; it can be analysed, not "
                "continued: choose another --study"
            )
        if stored is None:
            study.set_user_attr(STORED, search.to_json())
            study.set_metric_names([objective.name for objective in objectives])
        else:
            refuse_another(stored, search, place.study)
    return study


def work(search: Search, place: Place, trials: int, reporter: Reporter = SILENT) -> None:
    """Take trials until the study has enough; wait for those of others, who may die."""
    study = place.open()
    study.pruner = search.make_pruner()
    put_back = PutBack(place.retries)
    parent = multiprocessing.parent_process()
    while parent is None or parent.is_alive():
        with turns(place.url, place.study):
            for number in put_back_lost(study, put_back, place.heartbeat):
                reporter.note(f"trial {number} lost its worker")
            step = next_step(study, search, trials)
            taken = _take(search, study) if step == "take" else None
        if step == "stop":
            return
        if taken is None:
            time.sleep(PAUSE)
            continue
        with alive(study, taken[0], place.heartbeat):
            _finish(search, study, *taken, put_back, reporter)


def next_step(study: optuna.Study, search: Search, trials: int) -> str:
    """``take`` a trial, ``wait`` for those of other workers, or ``stop``."""
    there = study.get_trials(deepcopy=False)
    states = [trial.state.name for trial in there]
    done = sum(map(is_finished, there))
    size = search.resolved_space.size if search.exhausts else None
    enough = trials if size is None else min(trials, size)
    if done >= enough:
        return "stop"
    if "WAITING" in states or done + states.count("RUNNING") < enough:
        return "take"
    return "wait"


def is_finished(trial: FrozenTrial) -> bool:
    """Whether a trial counts: it ended by itself. One that lost its worker is done again."""
    if trial.state.name == "FAIL":
        return "error" in trial.user_attrs
    return trial.state.name in ("COMPLETE", "PRUNED")


def finished(study: optuna.Study) -> int:
    """How many trials of a study count."""
    return sum(map(is_finished, study.get_trials(deepcopy=False)))


def _take(search: Search, study: optuna.Study) -> tuple[optuna.Trial, Any]:
    """Take a trial: one that waits, or a new one. Gives its runs, or why there are none."""
    there = study.get_trials(deepcopy=False)
    study.sampler = search.make_sampler(sum("retry_of" not in t.user_attrs for t in there))
    if search.exhausts and not any(t.state.name == "WAITING" for t in there):
        study.enqueue_trial(_untried(search, there))
    trial = study.ask()
    sign(study, trial)  # before it has a name: one without is known to be lost
    trial.set_user_attr("worker", this_worker())
    try:
        return trial, propose(search, trial)
    except Exception as error:
        return trial, error


def _untried(search: Search, there: Sequence[FrozenTrial]) -> dict[str, Any]:
    """The next point of a finite space."""
    ((name, bound),) = search.resolved_space.bounds.items()
    tried = {t.params.get(name) for t in there if t.state.name != "FAIL" or is_finished(t)}
    return {name: next(choice for choice in bound.choices if choice not in tried)}


def _finish(
    search: Search,
    study: optuna.Study,
    trial: optuna.Trial,
    proposed: Any,
    put_back: PutBack,
    reporter: Reporter,
) -> None:
    """Conduct a trial and tell how it ended. A failure is a failure, never a number."""
    import optuna
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    tell = partial(study.tell, trial, skip_if_finished=True)
    try:
        if isinstance(proposed, Exception):
            raise proposed
        tell(list(conduct(search, study, trial, proposed)))
    except UpdateFinishedTrialError:
        pass  # it was taken for lost and given to another worker, who finds its runs trained
    except (optuna.TrialPruned, OutOfBoundsError) as reason:
        _end(trial, tell, TrialState.PRUNED, "pruned", str(reason))
    except Exception as error:
        _end(trial, tell, TrialState.FAIL, "error", f"{type(error).__name__}: {error}")
    except BaseException:  # interrupted or terminated: another worker shall do it
        ended = study.get_trials(states=(TrialState.RUNNING,))
        tell(state=TrialState.FAIL)
        for frozen in ended:
            if frozen.number == trial.number:
                put_back(study, frozen)
        raise
    reporter.note(_line(study, trial.number))


def _end(trial: optuna.Trial, tell: Any, state: Any, key: str, why: str) -> None:
    """Store why a trial has no value, then that it has none."""
    from optuna.exceptions import UpdateFinishedTrialError

    with suppress(UpdateFinishedTrialError):
        trial.set_user_attr(key, why)
    tell(state=state)


def _line(study: optuna.Study, number: int) -> str:
    trial = study.trials[number]
    attrs = trial.user_attrs
    where = attrs.get("placement", {}).get("name", "")
    if trial.state.name == "COMPLETE":
        names = study.metric_names or []
        text = ", ".join(f"{n} {v:.4g}" for n, v in zip(names, trial.values, strict=False))
        same = f" (the same as trial {attrs['duplicate_of']})" if "duplicate_of" in attrs else ""
        return f"trial {number}, {where}: {text}{same}"
    why = attrs.get("error") or attrs.get("pruned") or "given to another worker meanwhile"
    return f"trial {number}, {where}: {trial.state.name}, {why}"


def _work_together(
    search: Search, place: Place, trials: int, workers: int, reporter: Reporter
) -> None:
    """Several workers, each a fresh process; one that dies takes no other with it."""
    context = multiprocessing.get_context("spawn")
    files = extra_plugin_files()
    search = replace(search)  # without what it has resolved, which cannot be sent
    processes = [
        context.Process(target=_worker, args=(search, place, trials, reporter, files), daemon=True)
        for _ in range(workers)
    ]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join()
    except KeyboardInterrupt:  # they were interrupted too, and put their trials back
        for process in processes:
            process.join(GRACE)
        raise
    finally:
        for process in processes:
            process.terminate()
            process.join()
    for process in processes:
        if process.exitcode:
            reporter.note(f"worker {process.pid} ended with exit code {process.exitcode}")
    if all(process.exitcode for process in processes):
        raise AlignkitError(
            f"every worker of study '{place.study}' died; run the same command to go on"
        )


def _worker(
    search: Search, place: Place, trials: int, reporter: Reporter, files: list[Any]
) -> None:
    """The life of one worker process."""
    signal.signal(signal.SIGTERM, _terminated)
    use_plugin_files(files)
    quiet_optuna()
    try:
        with in_one_line(place.url):
            work(search, place, trials, reporter)
    except AlignkitError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _terminated(number: int, frame: object) -> None:
    raise SystemExit(143)
