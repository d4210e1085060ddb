"""Studies: do two processes halve the time, and does ``kill -9`` change the results?

    python benchmarks/study.py speed [ROUNDS]     extract + measure, 2 processes against 1
    python benchmarks/study.py kills [KILLS]      6 placements x 2 tasks x 3 seeds, killed at random

Both engines run alternately and are compared by the median of the pairwise ratios. They perform
the same jobs in warm worker processes with one thread each.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from alignkit.engines import Job, run_jobs
from alignkit.engines.local import Processes
from alignkit.jobs.parallel import train_runs
from alignkit.jobs.steps import extract_jobs, measure_job
from alignkit.runs import Run, Training, resolve_config

RUNS = 6
TASK = "toy_match:n_train=32,n_validation=32,n_test=1024"
STUDY = """
runs = "runs"
output = "results"
[grid]
tasks = ["toy_match:n_train=128,n_validation=64,n_test=128",
         "toy_synergy:n_train=128,n_validation=64,n_test=128"]
placements = ["none", "0", "1", "2", "1,2", "0,1,2"]
seeds = [0, 1, 2]
[options]
architecture = "vilbert:depth=3,width=16,heads=2,feedforward=32,fusion_width=16"
epochs = 2
[measure]
metrics = ["cka", "mknn", "svcca:dims=5", "procrustes"]
[correlate]
layer = ["last", "max"]
"""


def speed(rounds: int) -> None:
    """Print the ratio of one process's wall time to that of two."""
    with tempfile.TemporaryDirectory() as folder:
        configs = [
            resolve_config(TASK, "late", None, Training(epochs=0), seed) for seed in range(RUNS)
        ]
        runs = train_runs(configs, Path(folder))
        engines = [Processes(1), Processes(2)]
        try:
            for engine in engines:  # start the workers, and import what they need
                _seconds(runs[: engine.slots], engine)
            pairs = [tuple(_seconds(runs, engine) for engine in engines) for _ in range(rounds)]
        finally:
            for engine in engines:
                engine.close()
    print(f"{RUNS} runs, 1024 samples, 12 + 12 layers, cka and mknn over all pairs")
    for name, side in zip(("1 process", "2 processes"), zip(*pairs, strict=True), strict=True):
        print(f"{name:12} {statistics.median(side):.1f} s")
    print(f"ratio, median of {rounds} pairs: {statistics.median(a / b for a, b in pairs):.2f}")


def _seconds(runs: list[Run], engine: Processes) -> float:
    units: list[Job] = []
    for run in runs:
        for part in ("representations", "alignment"):
            shutil.rmtree(run.path / part, ignore_errors=True)
        (run.path / "alignment.csv").unlink(missing_ok=True)
        units += extract_jobs(run, 1, "test", ["cls", "mean"])
        options = {"split": "test", "pool": "cls", "layers": "all"}
        units.append(measure_job(run, 1, ["cka", "mknn"], options, [units[-1].name]))
    started = time.perf_counter()
    failed = [outcome.error for outcome in run_jobs(units, engine) if outcome.error]
    assert not failed, failed
    return time.perf_counter() - started


def kills(number: int) -> None:
    """Print whether a study that is killed repeatedly ends with the same bytes."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        for folder in (one, other):
            Path(folder, "study.toml").write_text(STUDY)
        started = time.perf_counter()
        assert _start(one).wait() == 0
        undisturbed = time.perf_counter() - started
        rng = random.Random(0)
        made: dict[Path, tuple[int, int]] = {}
        for _ in range(number):
            process = _start(other)
            time.sleep(rng.uniform(0.1, 0.5) * undisturbed)
            process.kill()
            process.wait()
            made = _commit_marks(Path(other)) | made
        assert _start(other).wait() == 0
        now = _commit_marks(Path(other))
        again = sum(now[path] != mark for path, mark in made.items())
        same = _bytes(Path(one)) == _bytes(Path(other))
        print(f"36 runs, {number} kills: same bytes: {'yes' if same else 'NO'}")
        print(f"finished jobs that were done again: {again} of {len(made)}")


def _start(folder: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "alignkit", "-q", "study", "run", "study.toml", "--jobs", "2"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)


def _commit_marks(folder: Path) -> dict[Path, tuple[int, int]]:
    names = ("train.json", "representations/test/index.json", "alignment/test/*.csv")
    found = [path for name in names for path in folder.glob(f"runs/toy_*/*/*/{name}")]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def _bytes(folder: Path) -> dict[str, str]:
    """Checksums of everything but records, locks and what killed processes left behind."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


if __name__ == "__main__":
    what, number = sys.argv[1:2], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    if what == ["speed"]:
        speed(number)
    elif what == ["kills"]:
        kills(number)
    else:
        sys.exit(__doc__)
