"""One step for several runs in parallel: single-threaded jobs scale best."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from alignkit.engines import Job, Outcome, run_jobs
from alignkit.engines.local import local_engine
from alignkit.errors import AlignkitError, UsageError
from alignkit.jobs.steps import extract_jobs, train_job
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run, RunConfig
from alignkit.runs.config import fingerprint_once
from alignkit.runs.run import run_of


def train_runs(
    configs: Sequence[RunConfig],
    root: Path,
    force: bool = False,
    jobs: int = 1,
    reporter: Reporter = SILENT,
    retrain: bool = False,
) -> list[Run]:
    """Train runs, ``jobs`` at a time; when more than one, each in a process of its own.

    Parameters
    ----------
    configs : sequence of RunConfig
    root : Path
        The folder of all runs.
    force : bool
        Train again what is trained already.
    jobs : int
    reporter : Reporter
    retrain : bool
        Train again what was made from pictures, code or weights that have changed since.

    Returns
    -------
    list of Run
        In the order of ``configs``.

    Raises
    ------
    AlignkitError
        Once all have ended: how many failed, after a note on each; or why, if all failed alike.
    """
    if jobs > 1 and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError(
            "`jobs` trains several runs in parallel; leave it out when a launcher such as "
            "torchrun trains one run with several processes"
        )
    todo = [train_job(config, root, force, retrain=retrain) for config in configs]
    _do(todo, jobs, "train runs", reporter)
    return [run_of(root, config) for config in configs]


def extract_runs(
    runs: Sequence[Run],
    split: str,
    pools: Sequence[str],
    shard_size: int | None = None,
    force: bool = False,
    jobs: int = 1,
    reporter: Reporter = SILENT,
    device: str = "auto",
    sites: Sequence[str] = (),
) -> None:
    """Extract representations of runs, ``jobs`` at a time.

    Parameters are those of ``extract``.

    Raises
    ------
    AlignkitError
        Once all have ended: how many failed, after a note on each; or why, if all failed alike.
    """
    todo = [
        job
        for run in runs
        for job in extract_jobs(
            run,
            run.config.training.threads,
            split,
            pools,
            shard_size=shard_size,
            force=force,
            device=device,
            sites=sites,
        )
    ]
    with fingerprint_once():
        _do(todo, jobs, "extract runs", reporter)


def _do(todo: Sequence[Job], jobs: int, what: str, reporter: Reporter) -> None:
    distinct = list({job.name: job for job in todo}.values())
    failed: list[Outcome] = []
    engine = local_engine(min(jobs, len(distinct)) if jobs > 1 else jobs, reporter=reporter)
    is_parallel = engine.slots > 1  # one at a time, jobs show progress bars of their own
    try:
        with (reporter if is_parallel else SILENT).progress(what, len(distinct)) as bar:
            for outcome in run_jobs(distinct, engine):
                bar.advance()
                for text in outcome.notes:
                    reporter.note(text)
                if outcome.error:
                    failed.append(outcome)
                    if len(distinct) > 1 and outcome.kind != UsageError.__name__:
                        reporter.complain(f"{outcome.job.name} failed: {outcome.error}")
                elif is_parallel:
                    reporter.note(f"{outcome.job.name}: done")
    finally:
        engine.close()
    _raise_if_any(failed, len(distinct), reporter)


def _raise_if_any(failed: Sequence[Outcome], total: int, reporter: Reporter) -> None:
    if failed and len(failed) == total and len({each.error for each in failed}) == 1:
        raise failed[0].exception()  # such as a wrong option, once for all
    for outcome in failed:
        if outcome.kind == UsageError.__name__:
            reporter.complain(f"{outcome.job.name} failed: {outcome.error}")
    if failed:
        raise AlignkitError(f"{len(failed)} of {total} failed (named above)")
