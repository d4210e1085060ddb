"""Does the study's size run here? BERT-base and ViT-B/16 at 224 pixels, from random weights.

Trains a few steps through the chain, then extracts every site of a few samples. Prints how
many parameters there are, seconds per step and per sample, and the peak of memory. Needs
8 GB of memory and 1 GB of disk, and no download.

    python benchmarks/full_size.py [STEPS] [BATCH]
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alignkit.chain.extract import extract
from alignkit.chain.model import load
from alignkit.chain.talk import Talk
from alignkit.chain.train import train
from alignkit.runs import Run, Training, resolve_config

MODELS = {
    "text_model": "bert-base-uncased", "vision_model": "vit_base_patch16_224",
    "from_scratch": True,
}  # fmt: skip
SAMPLES = 4


class Clock(Talk):
    """Notes how long each piece of work took, by the clock and in seconds of processors."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[tuple[float, float]]] = {}

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Any]:
        """Time every advance of a bar."""
        yield _Timed(self.seconds.setdefault(text, []))


class _Timed:
    def __init__(self, seconds: list[tuple[float, float]]) -> None:
        self.seconds, self.started = seconds, _now()

    def advance(self, steps: int = 1) -> None:
        now = _now()
        wall, processors = ((b - a) / steps for a, b in zip(self.started, now, strict=True))
        self.seconds.append((wall, processors))
        self.started = now

    def describe(self, text: str) -> None:
        pass


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def main(steps: int = 4, batch: int = 2) -> None:
    """Train, extract, print."""
    task = f"toy_match:n_train={steps * batch},n_validation={SAMPLES},n_test={SAMPLES}"
    training = Training(epochs=1, batch_size=batch, learning_rate=5e-5, threads=2)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        config = resolve_config(task, "late", None, training, options=MODELS)
        run = train(config, Path(folder), talk=clock)
        peak("training")
        index = extract(run, talk=clock)
        print_training(run, clock, batch)
    print(f"extraction of all {len(index['sites'])} sites, cls and mean")
    print(f"  seconds per sample   {_seconds(clock.seconds['extract test'])}")
    peak("all of it")


def print_training(run: Run, clock: Clock, batch: int) -> None:
    """Size, and seconds of the steps after the first, which warms up."""
    model, _, _ = load(run, 1)
    parts = {"text": model.streams["text"], "vision": model.streams["vision"],
             "fusions": model.fusions, "head": model.classifier}  # fmt: skip
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    print(f"parameters             {sum(counts.values()) / 1e6:.1f} million")
    for name, count in counts.items():
        print(f"  {name:20} {count / 1e6:.1f}")
    taken = clock.seconds["train"]
    print(f"training, batch {batch}, float32, 2 threads, {len(taken)} steps")
    print(f"  seconds per step     {_seconds(taken[1:] or taken)}")
    loss = run.history().query("split == 'train'")["loss"].iloc[-1]
    print(f"  loss                 {loss:.3f}")


def _seconds(taken: list[tuple[float, float]]) -> str:
    wall, processors = (statistics.median(values) for values in zip(*taken, strict=True))
    return f"{wall:.2f} (processors {processors:.2f})"


def peak(until: str) -> None:
    """The most memory that this process has held."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory, {until:10} {most:.1f} GiB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
