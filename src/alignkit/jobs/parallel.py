"""Do one step for several runs, some side by side: single-threaded units scale best."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from alignkit.engines import Unit, run_units
from alignkit.engines.local import local_engine
from alignkit.errors import UsageError
from alignkit.jobs.units import extract_units, train_unit
from alignkit.progress import SILENT, Talk
from alignkit.runs import Run, RunConfig


def train_together(
    configs: Sequence[RunConfig],
    root: Path,
    force: bool = False,
    jobs: int = 1,
    talk: Talk = SILENT,
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
    _do([train_unit(config, root, force) for config in configs], jobs, "train runs", talk)
    return [Run(root / config.folder) for config in configs]


def extract_together(
    runs: Sequence[Run],
    split: str,
    pools: Sequence[str],
    shard_size: int | None = None,
    force: bool = False,
    jobs: int = 1,
    talk: Talk = SILENT,
    device: str = "auto",
) -> None:
    """Extract runs, ``jobs`` at a time.

    Raises
    ------
    AlignkitError
        The first failure, after the others have ended.
    """
    units = [
        unit
        for run in runs
        for unit in extract_units(
            run,
            run.config.training.threads,
            split,
            pools,
            shard_size=shard_size,
            force=force,
            device=device,
        )
    ]
    _do(units, jobs, "extract runs", talk)


def _do(units: Sequence[Unit], jobs: int, what: str, talk: Talk) -> None:
    distinct = list({unit.name: unit for unit in units}.values())
    failed = []
    engine = local_engine(min(jobs, len(distinct)) if jobs > 1 else jobs, talk=talk)
    several = engine.slots > 1  # one at a time, units show bars of their own
    try:
        with (talk if several else SILENT).progress(what, len(distinct)) as bar:
            for outcome in run_units(distinct, engine):
                bar.advance()
                for text in outcome.notes:
                    talk.note(text)
                if outcome.error:
                    failed.append(outcome)
                elif several:
                    talk.note(f"{outcome.unit.name}: done")
    finally:
        engine.close()
    if failed:
        raise failed[0].exception()
