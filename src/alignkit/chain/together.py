"""Train several runs, some side by side: single-threaded units repeat and scale best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alignkit.chain.talk import SILENT, Talk
from alignkit.chain.units import train_unit
from alignkit.engines import Outcome, run_units
from alignkit.engines.local import local_engine
from alignkit.runs import Run, RunConfig


def train_together(
    configs: Sequence[RunConfig], root: Path, force: bool = False, jobs: int = 1,
    talk: Talk = SILENT,
) -> list[Run]:  # fmt: skip
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
    units = {unit.name: unit for unit in (train_unit(config, root, force) for config in configs)}
    engine = local_engine(min(jobs, len(units)) if jobs > 1 else jobs, talk=talk)
    failed: list[Outcome] = []
    try:
        if jobs == 1:
            failed = [end for end in run_units(list(units.values()), engine) if end.error]
        else:
            with talk.progress("train runs", len(units)) as bar:
                for outcome in run_units(list(units.values()), engine):
                    bar.advance()
                    for text in outcome.notes:
                        talk.note(text)
                    if outcome.error:
                        failed.append(outcome)
                    else:
                        talk.note(f"{outcome.value} is trained")
    finally:
        engine.close()
    if failed:
        raise failed[0].exception()
    return [Run(root / config.folder) for config in configs]
