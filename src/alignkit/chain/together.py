"""Train several runs, some side by side: single-threaded units repeat and scale best."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from alignkit.chain.talk import SILENT, Talk
from alignkit.errors import UsageError
from alignkit.plugins.load import extra_plugin_files, use_plugin_files
from alignkit.runs import Run, RunConfig
from alignkit.runs.config import config_from_json


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
    from alignkit.chain.train import train

    if jobs < 1:
        raise UsageError(f"--jobs is {jobs}; it must be at least 1")
    if jobs > 1 and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("--jobs is for runs side by side; leave it out when a launcher such as "
                         "torchrun trains one run by several processes")  # fmt: skip
    if jobs == 1 or len(configs) == 1:
        return [train(config, root, force, talk) for config in configs]
    # Fresh processes: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    prepare = partial(use_plugin_files, extra_plugin_files())
    with (
        ProcessPoolExecutor(min(jobs, len(configs)), context, initializer=prepare) as pool,
        talk.progress("train runs", len(configs)) as bar,
    ):
        futures = [pool.submit(_train_one, config.to_json(), root, force) for config in configs]
        try:
            for future in as_completed(futures):
                bar.advance()
                if future.exception() is None:
                    talk.note(f"{future.result()} is trained")
        except (SystemExit, KeyboardInterrupt):
            # Told to stop: so are the runs, which leave their checkpoints; none is begun.
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise
        return [Run(future.result()) for future in futures]


# In a process of the pool: that it was told to stop, and begins no other run.
_stopped = threading.Event()


def _train_one(stored: dict[str, object], root: Path, force: bool) -> Path:
    from alignkit.chain.train import train

    if _stopped.is_set():
        raise SystemExit(143)
    try:
        return train(config_from_json(stored), root, force).path
    except (SystemExit, KeyboardInterrupt):
        _stopped.set()
        raise
