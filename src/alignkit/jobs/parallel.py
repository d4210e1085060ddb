"""Do one step for several runs, some side by side: single-threaded units scale best."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from alignkit.engines import Job, run_jobs
from alignkit.engines.local import local_engine
from alignkit.errors import UsageError
from alignkit.jobs.steps import extract_jobs, train_job
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run, RunConfig


def train_runs(
    configs: Sequence[RunConfig],
    root: Path,
    force: bool = False,
    jobs: int = 1,
    reporter: Reporter = SILENT,
) -> list[Run]:
    """Train runs, ``jobs`` at a time, each in a process of its own when more than one.

    Returns
    -------
    list of Run
        In the order of ``configs``.

    Raises
    ------
    AlignkitError
        The first failure, after the others have ended.
    """
    if jobs > 1 and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError(
            "--jobs is for runs side by side; leave it out when a launcher such as "
            "torchrun trains one run by several processes"
        )
    _do([train_job(config, root, force) for config in configs], jobs, "train runs", reporter)
    return [Run(root / config.folder) for config in configs]


def extract_runs(
    runs: Sequence[Run],
    split: str,
    pools: Sequence[str],
    shard_size: int | None = None,
    force: bool = False,
    jobs: int = 1,
    reporter: Reporter = SILENT,
    device: str = "auto",
) -> None:
    """Extract runs, ``jobs`` at a time.

    Raises
    ------
    AlignkitError
        The first failure, after the others have ended.
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
        )
    ]
    _do(todo, jobs, "extract runs", reporter)


def _do(todo: Sequence[Job], jobs: int, what: str, reporter: Reporter) -> None:
    distinct = list({job.name: job for job in todo}.values())
    failed = []
    engine = local_engine(min(jobs, len(distinct)) if jobs > 1 else jobs, reporter=reporter)
    several = engine.slots > 1  # one at a time, units show bars of their own
    try:
        with (reporter if several else SILENT).progress(what, len(distinct)) as bar:
            for outcome in run_jobs(distinct, engine):
                bar.advance()
                for text in outcome.notes:
                    reporter.note(text)
                if outcome.error:
                    failed.append(outcome)
                elif several:
                    reporter.note(f"{outcome.job.name}: done")
    finally:
        engine.close()
    if failed:
        raise failed[0].exception()
