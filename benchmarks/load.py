"""A workspace of many runs: what do commands cost that have little or nothing to compute?

    python benchmarks/load.py                        200 runs x 25 x 25 pairs of layers x 12 metrics
    python benchmarks/load.py --runs 40 --keep DIR   a smaller one, kept in a folder
    python benchmarks/load.py --keep DIR --only measure --only runs   on a workspace made before

The runs are written by the functions that training and measuring write with; scores and values are
made up, and there are neither weights nor arrays, so that a command which wanted to compute
anything would fail. Prints the CPU seconds and the peak memory of each command, a process each.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

METRICS = (
    "unbiased_cka",
    "mknn",
    "svcca",
    "procrustes",
    "cka",
    "cka_rbf",
    "cknna",
    "cosine",
    "cycle_knn",
    "jaccard",
    "r2",
    "rsa",
)
# One fusion, which is a site of its own beside the layers.
DEPTH, SEEDS, SAMPLES = 24, 10, 64
TASK = f"toy_match:n_train=16,n_validation=16,n_test={SAMPLES}"
STUDY = """
runs = "runs"
output = "results"
[grid]
tasks = ["{task}"]
placements = [{placements}]
seeds = [{seeds}]
[options]
architecture = "vilbert:depth={depth},width=16,heads=2,feedforward=32,fusion_width=16"
epochs = 0
[measure]
metrics = [{metrics}]
[correlate]
metrics = [{metrics}]
permutations = 199
"""
FEW = [word for metric in METRICS[:1] for word in ("--metric", metric)]
ALL = [word for metric in METRICS for word in ("--metric", metric)]
COMMANDS = {
    "runs": ["runs"],
    "measure": ["measure", *FEW],
    "measure, all metrics": ["measure", *ALL],
    "study status": ["study", "status", "study.toml"],
    "study run, the analyses": ["study", "run", "study.toml"],
    "study run": ["study", "run", "study.toml"],
    "study status, all done": ["study", "status", "study.toml"],
    "correlate": ["correlate", *FEW],
    "correlate, all metrics": ["correlate", *ALL],
    "report": ["report", *ALL, "--output", "report"],
}


def make(folder: Path, runs: int, depth: int = DEPTH, metrics: tuple[str, ...] = METRICS) -> None:
    """Write a study file, and its runs with everything that the study measures.

    Parameters
    ----------
    folder : Path
    runs : int
        Seeds of up to ten for each placement; at least ten placements where there are as many.
    depth : int
        Layers per stream; the pairs of a run are ``(depth + 1) ** 2``.
    metrics : tuple of str
    """
    from alignkit.studies import make_plan, read_study

    seeds = min(SEEDS, max(1, runs // 10))
    placements = range(1, 1 + -(-runs // seeds))  # before which layer the fusion stands
    if len(placements) > depth:
        raise ValueError(f"{runs} runs need {len(placements)} placements, and a depth of as many")
    quoted = {
        "placements": ", ".join(f'"{place}"' for place in placements),
        "metrics": ", ".join(f'"{metric}"' for metric in metrics),
    }
    text = STUDY.format(task=TASK, depth=depth, seeds=", ".join(map(str, range(seeds))), **quoted)
    (folder / "study.toml").write_text(text)
    with _inside(folder):
        plan = make_plan(read_study(Path("study.toml")))
        for planned in plan.runs:
            _write(planned.config, plan.study.runs, metrics)


def _write(config, root: Path, metrics: tuple[str, ...]) -> None:
    """Write a run that looks trained, scored, extracted and measured."""
    import numpy as np

    from alignkit.alignment.options import MeasureOptions
    from alignkit.alignment.selection import PairSelection
    from alignkit.alignment.table import rebuild_alignment
    from alignkit.alignment.tables import AlignmentTables
    from alignkit.metrics import Value, resolve
    from alignkit.models.schedule import sites
    from alignkit.runs import Run
    from alignkit.runs.files import write_json
    from alignkit.runs.manifests import entries_of, write_checked
    from alignkit.training.records import Records

    run = Run(root / config.folder)
    stored = config.to_json()
    stored["data"] |= {"labels": ["match"], "n": {"test": SAMPLES}}
    rng = np.random.default_rng([config.seed, *config.placement.text])
    write_json(run.path / "config.json", stored)
    scores = {"accuracy": float(rng.uniform(0.5, 0.9)), "loss": 0.5, "n": SAMPLES}
    splits = {"validation": scores, "test": scores}
    write_checked(run.performance_file, {"primary": "accuracy", "epoch": 0, "splits": splits})
    records = Records()
    records.epoch(0, "train", {"loss": 0.6})
    records.epoch(0, "validation", {"loss": 0.5})
    records.write(run.path)
    folder = run.representations_folder("test")
    write_json(folder / "ids.json", [f"sample{i}" for i in range(SAMPLES)])
    arrays = [f"{site}.{pool}.npy" for site in sites(run.schedule()) for pool in ("cls", "mean")]
    index = {
        "sites": sites(run.schedule()),
        "pools": ["cls", "mean"],
        "n": SAMPLES,
        "dtype": "float32",
        "split": "test",
        "model": "0" * 64,
        "files": entries_of(folder, ["ids.json"]) | {name: _stand_in(name) for name in arrays},
    }
    write_checked(folder / "index.json", index)
    files = entries_of(run.path, ["config.json", "history.csv"])
    write_checked(run.train_manifest, {"files": files, "model_sha256": "0" * 64})
    selection = PairSelection.of_run(run, "all", "cross")
    digests = run.digests("test", "cls")
    tables = AlignmentTables(
        MeasureOptions(), run.alignment_folder("test"), None, "test", "cls", "", "", (digests,) * 2
    )
    for spec in metrics:
        metric = resolve(spec)
        table = tables.table(metric, maxima=False)
        values = rng.uniform(0.1, 0.9, (len(selection.pairs), 2))
        for (x, y), (value, chance) in zip(selection.pairs, values.tolist(), strict=True):
            value = Value(x, y, SAMPLES, value, chance=chance / 10, calibrated=value - chance / 10)
            table.add((x, y), value, 0, 0, dtype="float32")
        table.write()
    rebuild_alignment(run)


def _stand_in(name: str) -> dict[str, Any]:
    """Return what a manifest says of an array that is not there."""
    return {"size": 64 * SAMPLES, "sha256": hashlib.sha256(name.encode()).hexdigest()}


def cost(arguments: list[str], folder: Path) -> tuple[float, float, int]:
    """Return CPU seconds, peak memory in MB and the exit status of a command."""
    command = [sys.executable, "-m", "alignkit", "-q", *arguments]
    with (folder / "printed.txt").open("wb") as printed:
        process = subprocess.Popen(command, cwd=folder, stdout=printed)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, process.returncode


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _workspace(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def main() -> None:
    """Make a workspace where there is none yet, and print what commands cost on it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--depth", type=int, default=DEPTH)
    parser.add_argument("--metrics", type=int, default=len(METRICS))
    parser.add_argument("--keep", type=Path, help="folder of the workspace")
    parser.add_argument("--only", action="append", choices=COMMANDS, help="commands; repeatable")
    given = parser.parse_args()
    with _workspace(given.keep) as folder:
        if not (folder / "study.toml").is_file():
            begun = time.perf_counter()
            # In a process of its own: the peak of a process counts that of the one that starts it.
            chosen = (folder, given.runs, given.depth, METRICS[: given.metrics])
            maker = multiprocessing.get_context("spawn").Process(target=make, args=chosen)
            maker.start()
            maker.join()
            print(f"{given.runs} runs made in {time.perf_counter() - begun:.0f} s")
        print("| command | CPU s | peak MB |\n|---|---|---|")
        for name in given.only or COMMANDS:
            seconds, peak, status = cost(COMMANDS[name], folder)
            failed = f" (exit status {status})" if status else ""
            print(f"| {name}{failed} | {seconds:.1f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
