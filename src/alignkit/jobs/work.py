"""What the jobs of the chain do: plain functions of plain values, for any engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alignkit.progress import SILENT, Reporter
from alignkit.runs import load_run
from alignkit.runs.config import config_from_json


def train_run(
    config: Mapping[str, Any],
    root: str,
    force: bool = False,
    retrain: bool = False,
    reporter: Reporter = SILENT,
) -> str:
    """Train the run that ``RunConfig.to_json`` describes, and return its folder."""
    from alignkit.chain.train import train

    made = config_from_json(config)
    return str(train(made, Path(root), force, reporter, retrain=retrain).path)


def evaluate_run(run: str, split: str, reporter: Reporter = SILENT) -> dict[str, float]:
    """Score a run on a split, and return the scores."""
    from alignkit.chain.evaluate import evaluate

    return evaluate(load_run(run), split, reporter=reporter)


def extract_run(
    run: str,
    split: str,
    pools: Sequence[str],
    shard_size: int | None = None,
    force: bool = False,
    device: str = "auto",
    sites: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> int:
    """Extract a run's representations, or join shards that exist; return the number of samples."""
    from alignkit.chain.extract import extract

    index = extract(load_run(run), split, pools, force, reporter, shard_size, device, sites)
    return int(index["n"])


def extract_run_shard(
    run: str,
    split: str,
    pools: Sequence[str],
    shard_size: int,
    shard: int,
    device: str = "auto",
    reporter: Reporter = SILENT,
) -> None:
    """Extract one range of a run's samples."""
    from alignkit.chain.extract import extract_shard

    extract_shard(load_run(run), split, pools, shard_size, shard, reporter, device)


def measure(
    run: str, metrics: Sequence[str], within: str = "", reporter: Reporter = SILENT, **options: Any
) -> int:
    """Measure a run, also within classes where they are named; return the number of values."""
    from alignkit.alignment.runs import measure_run

    opened = load_run(run)
    return sum(
        len(measure_run(opened, metrics, within=classes, reporter=reporter, **options))
        for classes in dict.fromkeys(("", within))
    )
