"""The steps of the chain as jobs, for any engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alignkit.chain.shards import count_shards
from alignkit.engines import Job
from alignkit.runs import Run, RunConfig

WORK = "alignkit.jobs.work"


def train_job(
    config: RunConfig,
    root: Path,
    force: bool = False,
    after: Sequence[str] = (),
    gpus: int = 0,
    retrain: bool = False,
) -> Job:
    """Return the job that trains one run."""
    return Job(
        f"train {config.folder}",
        f"{WORK}:train_run",
        {"config": config.to_json(), "root": str(root), "force": force, "retrain": retrain},
        after=tuple(after),
        threads=config.training.threads,
        gpus=gpus,
    )


def evaluate_job(
    run: Run, threads: int, split: str, after: Sequence[str] = (), gpus: int = 0
) -> Job:
    """Return the job that scores one run on a split."""
    return Job(
        f"evaluate {run.path} {split}",
        f"{WORK}:evaluate_run",
        {"run": str(run.path), "split": split},
        after=tuple(after),
        threads=threads,
        gpus=gpus,
    )


def extract_jobs(
    run: Run,
    threads: int,
    split: str,
    pools: Sequence[str],
    *,
    shard_size: int | None = None,
    n: int | None = None,
    force: bool = False,
    after: Sequence[str] = (),
    gpus: int = 0,
    device: str = "auto",
    sites: Sequence[str] = (),
) -> list[Job]:
    """Return the jobs that extract one run: a single one, or one per shard and one to join them.

    Parameters
    ----------
    n : int, optional
        Samples of the split; given it and a shard size, every shard is a job of its own.
    """
    name = f"extract {run.path} {split}"
    arguments: dict[str, Any] = {
        "run": str(run.path),
        "split": split,
        "pools": list(pools),
        "device": device,
    }
    options: dict[str, Any] = {"threads": threads, "gpus": gpus}
    shards: list[Job] = []
    if shard_size is not None and n is not None and count_shards(n, shard_size) > 1:
        shards = [
            Job(
                f"{name} shard {i}",
                f"{WORK}:extract_run_shard",
                arguments | {"shard_size": shard_size, "shard": i},
                after=tuple(after),
                **options,
            )
            for i in range(count_shards(n, shard_size))
        ]
    joined = tuple(job.name for job in shards) or tuple(after)
    arguments |= {"shard_size": shard_size, "force": force, "sites": list(sites)}
    return [*shards, Job(name, f"{WORK}:extract_run", arguments, after=joined, **options)]


def measure_job(
    run: Run,
    threads: int,
    metrics: Sequence[str],
    options: Mapping[str, Any],
    after: Sequence[str] = (),
) -> Job:
    """Return the job that measures one run with all metrics, on one split and pooling."""
    return Job(
        f"measure {run.path} {options['split']} {options['pool']}",
        f"{WORK}:measure",
        {"run": str(run.path), "metrics": list(metrics), **options},
        after=tuple(after),
        threads=threads,
    )
