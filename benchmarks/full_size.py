"""Cost of a model of the study's size: BERT-base and ViT-B/16 at 224 pixels, from random weights.

Runs the actual commands on random data in the format of Hateful Memes: trains for a few steps;
trains the same again, is killed with ``kill -9`` after a checkpoint and resumes; compares the
weights of both; extracts every site. Prints the CPU time and the peak memory of each. Needs
8 GB of memory and 12 GB of disk space, and no download.

    python benchmarks/full_size.py [STEPS] [BATCH]

With ``chain``, runs the study of ``examples/study.toml`` at these shapes instead, from pretraining
to the correlations of one task, on a few made-up samples in the layouts of its data sets. Prints
the estimate before the first run, what every kind of step took, and the peak memory. Needs 16 GB
of disk space; ``chain small`` tries it with small models.

    python benchmarks/full_size.py chain
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
HELD_OUT = 4
TIMED = "CPU seconds: "


@dataclass
class Done:
    """A finished command: the resources it used, and what it printed."""

    code: int
    processors: float
    gigabytes: float
    out: str
    err: str

    def each(self, what: str) -> float:
        """Return the median CPU time of one step of a progress bar, without the first."""
        line = next(line for line in self.err.splitlines() if line.startswith(TIMED))
        taken = json.loads(line.removeprefix(TIMED))[what]
        return statistics.median(taken[1:] or taken)


def main(steps: int = 4, batch: int = 2) -> None:
    """Train, kill, resume, compare, extract."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        memes(place / "memes", steps * batch)
        command = [
            "train",
            "--task",
            "hateful_memes",
            "--data",
            "memes",
            "--from-scratch",
            "--text-model",
            "bert-base-uncased",
            "--vision-model",
            "vit_base_patch16_224",
            "--placement",
            "late",
            "--seed",
            "0",
            "--epochs",
            "1",
            "--batch-size",
            str(batch),
            "--learning-rate",
            "5e-5",
            "--threads",
            "2",
            "--checkpoint-every",
            "2",
        ]
        print("alignkit", " ".join(command))
        whole = finished([*command, "--runs", "whole"], place)
        run = place / whole.out.strip()
        carried_out = json.loads((run / "config.json").read_text())["carried_out"]
        told("train", whole)
        print(f"  {whole.each('train'):.1f} s per step of {batch}, {carried_out['precision']}")
        told("train, killed", killed([*command, "--runs", "cut"], place))
        again = finished([*command, "--runs", "cut"], place)
        told("train, resumed", again)
        print("  " + next(line for line in again.err.splitlines() if "resuming from" in line))
        print(f"  the same bytes: {same(run, place / again.out.strip())}")
        told("extract", done := finished(["extract", str(run), "--json"], place))
        (index,) = json.loads(done.out)
        arrays = len(list((place / index["folder"]).glob("*.npy")))
        print(
            f"  {len(index['sites'])} sites, {arrays} arrays of {index['n']} samples, "
            f"{done.each('extract test'):.1f} s per sample"
        )


# What `chain` changes in the file of the study, and the analyses that it leaves out.
CHAIN: dict[str, dict[str, Any]] = {
    "grid": {
        "tasks": ["hateful_memes:validation=both,test=both", "mm_imdb", "upmc_food:splits=listed"],
        "placements": ["late"],
        "seeds": [1568],
    },
    "options": {"batch_size": 2, "accumulate": 1, "threads": 2, "precision": "float32"},
    "pretrain": {"epochs": 1},
    "measure": {
        "metrics": [
            *("mknn:k=3", "cka", "unbiased_cka", "svcca:dims=2", "cknna:k=3", "cycle_knn:k=3"),
            *("procrustes", "jaccard:k=3", "rsa"),
        ]
    },
}
# `correlate` needs six placements; these runs of the first task start without pretraining.
FURTHER = ("early", "middle", "asymmetric", "optuna1", "optuna2")
LEFT_OUT = ("hypotheses", "agreement", "stability")
SMALL = "vilbert:preset=study,width=16,heads=2,feedforward=32,fusion_width=16,max_tokens=24"


def chain(small: bool = False, n_train: int = 4, held_out: int = 6) -> None:
    """Run a few runs of the study at full size, from pretraining to the correlations."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        sys.path.insert(0, str(ROOT / "examples"))
        import study_data

        study_data.write(place / "data", n_train, held_out)
        (place / "chain.toml").write_text(shortened(small))
        plan = json.loads(finished(["study", "plan", "chain.toml", "--json"], place).out)
        print(f"{len(plan['runs'])} runs; estimated: {json.dumps(plan['estimate'])}", flush=True)
        start = time.monotonic()
        done = finished(["study", "run", "chain.toml"], place)
        told(f"study run ({time.monotonic() - start:.0f} s)", done)
        for kind, seconds in recorded(place / "runs/study").items():
            print(f"  {kind:12} {len(seconds):3} times, mean {statistics.fmean(seconds):.1f} s")
        sizes = [file.stat().st_size for file in place.rglob("*") if file.is_file()]
        print(f"  {sum(sizes) / 1e9:.1f} GB on disk", flush=True)
        runs = ["--runs", "runs/study", "--metric", "cka", "--metric", "mknn:k=3"]
        told(
            "correlate",
            correlated := finished(["correlate", "--task", "hateful_memes", *runs], place),
        )
        print(correlated.out)


def shortened(small: bool) -> str:
    """Return the file of the study with fewer and shorter runs."""
    study = tomllib.loads((ROOT / "examples/study.toml").read_text())
    architecture = study["options"]["architecture"] + ",from_scratch=true"
    for table in LEFT_OUT:
        del study[table]
    for table, values in CHAIN.items():
        study[table] |= values
    study["options"]["architecture"] = SMALL if small else architecture
    for options in study["task"].values():
        options["epochs"] = 1
    first = {"task": CHAIN["grid"]["tasks"][0], "seed": 1568, "init": False}
    study["run"] = [first | {"placement": placement} for placement in FURTHER]
    return as_toml(study)


def as_toml(table: dict[str, Any], name: str = "") -> str:
    """Write plain values, tables and lists of tables."""
    own = {k: v for k, v in table.items() if not isinstance(v, dict) and k != "run"}
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in own.items()]
    for key, value in table.items():
        inner = f"{name}.{key}".lstrip(".")
        if isinstance(value, dict):
            lines.append(f"[{inner}]\n{as_toml(value, inner)}")
        elif key == "run":
            lines += [f"[[run]]\n{as_toml(run)}" for run in value]
    return "".join(lines)


def recorded(runs: Path) -> dict[str, list[float]]:
    """Return the seconds of every step of a study, by kind; pretraining by itself."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for file in sorted(runs.glob(".study/*/*.json")):
        record = json.loads(file.read_text())
        pretrains = record["task"] == "conceptual_captions"
        for step, values in record["steps"].items():
            seconds["pretrain" if pretrains else step.split()[0]].append(values["seconds"])
    return seconds


def memes(root: Path, n_train: int) -> None:
    """Write random data in the format of phase 2: JSON lines, and PNG pictures of many sizes."""
    (root / "img").mkdir(parents=True)
    rng = np.random.default_rng(0)
    number = 0
    for part in ("train", "dev_seen", "dev_unseen", "test_seen", "test_unseen"):
        lines = []
        for _ in range(n_train if part == "train" else HELD_OUT):
            number += 1
            width, height = rng.integers(300, 700, 2)
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / "img" / f"{number:05d}.png", compress_level=1)
            text = "when you look again at number " * int(rng.integers(1, 4)) + str(number)
            record = {"id": number, "img": f"img/{number:05d}.png", "label": number % 2}
            lines.append(json.dumps(record | {"text": text}) + "\n")
        (root / f"{part}.jsonl").write_text("".join(lines))


def started(words: list[str], place: Path) -> subprocess.Popen:
    """Start a command in its own process, which also reports how long each step took."""
    return subprocess.Popen(
        [sys.executable, Path(__file__).resolve(), *words],
        cwd=place,
        text=True,
        stdout=(place / "out").open("w"),
        stderr=(place / "err").open("w"),
    )


def ended(process: subprocess.Popen, place: Path) -> Done:
    """Wait for a command, and return what it used according to the kernel."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    out, err = ((place / name).read_text() for name in ("out", "err"))
    seconds = used.ru_utime + used.ru_stime
    return Done(process.returncode, seconds, used.ru_maxrss / 2**20, out, err)


def finished(words: list[str], place: Path) -> Done:
    """Run a command to its end; stop if it fails."""
    done = ended(started(words, place), place)
    if done.code:
        raise SystemExit(f"alignkit {' '.join(words)} failed with {done.code}:\n{done.err}")
    return done


def killed(words: list[str], place: Path) -> Done:
    """Kill a training as soon as it has written a checkpoint."""
    process = started(words, place)
    while not list(place.glob("cut/*/*/*/checkpoint/step-*/state.json")):
        if process.poll() is not None:
            raise SystemExit(
                f"training ended before its first checkpoint:\n{(place / 'err').read_text()}"
            )
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    return ended(process, place)


def same(one: Path, other: Path) -> bool:
    """Return whether two runs have the same weights, scores and losses."""
    names = ("model.safetensors", "history.csv", "steps.csv", "performance.json")
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def told(what: str, done: Done) -> None:
    """Print a line of the table."""
    print(
        f"{what:24} {done.processors:6.1f} s of CPU time, peak {done.gigabytes:.1f} GiB", flush=True
    )


def inside() -> None:
    """Run the command line, recording how long every step of its progress bars takes."""
    from alignkit.cli.main import main as command_line
    from alignkit.cli.printing.console import TerminalReporter

    seconds: dict[str, list[float]] = defaultdict(list)

    class Bar:
        def __init__(self, text: str) -> None:
            self.text, self.last = text, time.process_time()

        def advance(self, steps: int = 1) -> None:
            now = time.process_time()
            if steps:
                seconds[self.text].append((now - self.last) / steps)
            self.last = now

        def describe(self, text: str) -> None:
            pass

    @contextmanager
    def progress(self: Any, text: str, total: int) -> Iterator[Bar]:
        yield Bar(text)

    TerminalReporter.progress = progress  # type: ignore[method-assign, assignment]
    atexit.register(lambda: print(TIMED + json.dumps(seconds), file=sys.stderr))
    command_line()


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in ("train", "extract", "study", "correlate"):
        inside()
    elif sys.argv[1:2] == ["chain"]:
        chain("small" in sys.argv)
    else:
        main(*map(int, sys.argv[1:]))
