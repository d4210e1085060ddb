"""A GPU compared with the CPU of the same machine, on the same data and by the same code.

    python benchmarks/gpu.py                           # every topic
    python benchmarks/gpu.py grid nulls                # some: grid, nulls, neighbours, extraction,
                                                       # training
    python benchmarks/gpu.py --budget 120              # leave out what would take longer
    python benchmarks/gpu.py --small --device cpu      # small sizes; compares the CPU with itself

Prints a Markdown table: seconds on the CPU with all of its cores, seconds on the device, their
ratio, and the largest absolute difference between the values of both. Arrays start in the memory
of the CPU, so that times include moving them. Each side first does the work once at a small size,
so that no time includes loading a library.

What would exceed the budget of seconds of a topic is not run. Its time is then given as expected,
from a smaller size: mutual kNN takes time by the square of the number of samples.
"""

from __future__ import annotations

import argparse
import gc
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open

sys.path.append(str(Path(__file__).parent / "metrics"))

import grid as layer_grid

import alignkit
from alignkit.chain.extract import extract
from alignkit.chain.train import train
from alignkit.metrics import Representation, Value, grid, resolve
from alignkit.progress import Progress, Reporter
from alignkit.runs import Run, Training, resolve_config
from alignkit.runs.training import RuntimeOptions
from alignkit.training.device import choose_device

NULLS = ("cka", "unbiased_cka", "mknn")
NEIGHBOURS = 10
BATCH = 32
# BERT-base and ViT-B/16, with random weights; captions are padded to 128 tokens.
FULL = (
    "vilbert:width=768,heads=8,feedforward=3072,fusion_width=1024,image_size=224,patch_size=16,"
    "max_tokens=128,pad=true,dropout=0"
)
TINY = "vilbert:depth=2,width=16,heads=2,feedforward=32,fusion_width=16,dropout=0"


@dataclass(frozen=True)
class Sizes:
    """How large the data of every topic are."""

    layers: int
    n: int
    width: int
    permutations: int
    neighbours: tuple[int, ...]  # numbers of samples, ascending; the first is not in the table
    model: str
    placement: str
    steps: int
    batch: int
    extracted: int


LARGE = Sizes(12, 1536, 768, 200, (10_000, 100_000, 1_000_000), FULL, "late", 4, 32, 384)
SMALL = Sizes(2, 96, 24, 20, (200, 400, 800), TINY, "1", 2, 8, 16)


class Table:
    """The rows of a topic, printed one by one."""

    def __init__(self, device: str, budget: float) -> None:
        self.device, self.budget, self.started = device, budget, time.perf_counter()

    @property
    def left(self) -> float:
        """Seconds of the budget of this topic that are left."""
        return self.budget - (time.perf_counter() - self.started)

    def head(self, title: str) -> None:
        print(f"\n### {title}\n\n| | CPU, s | {self.device}, s | ratio | largest difference |")
        print("|---|---|---|---|---|", flush=True)

    def row(
        self,
        what: str,
        seconds: tuple[float | None, float | None],
        difference: float | None,
        expected: tuple[bool, bool] = (False, False),
    ) -> None:
        """Print a row; of a time that is only expected, it says so."""
        cells = [
            "not run" if time is None else f"{time:.3g}{' (expected)' if guess else ''}"
            for time, guess in zip(seconds, expected, strict=True)
        ]
        both = all(time is not None for time in seconds)
        ratio = f"{seconds[0] / seconds[1]:.1f}" if both else ""
        apart = "" if difference is None else f"{difference:.1e}"
        print(f"| {what} | {' | '.join(cells)} | {ratio} | {apart} |", flush=True)


def main() -> None:
    """Print which machine this is, and the table of every topic."""
    options = _options()
    choose_device(options.device)  # refuses what is not there
    _print_machine(options.device)
    for topic in options.topics or TOPICS:
        torch.set_num_threads(os.cpu_count() or 1)
        TOPICS[topic](SMALL if options.small else LARGE, Table(options.device, options.budget))
        gc.collect()
        if options.device.startswith("cuda"):
            torch.cuda.empty_cache()


def compare_grids(sizes: Sizes, table: Table) -> None:
    """The thirteen metrics, one after the other on the same layers."""
    table.head(f"{sizes.layers} x {sizes.layers} layers, n = {sizes.n}, width {sizes.width}")
    xs, ys = _layers(sizes)
    _warm_up(sizes, table.device)
    (theirs, expected), (ours, values) = (
        layer_grid.timed(xs, ys, device) for device in ("cpu", table.device)
    )
    for spec in ours:
        table.row(spec, (theirs[spec], ours[spec]), _difference(expected[spec], values[spec]))
    worst = max(_difference(expected[spec], values[spec]) for spec in ours)
    table.row(f"all {len(ours)}", (sum(theirs.values()), sum(ours.values())), worst)


def compare_nulls(sizes: Sizes, table: Table) -> None:
    """Values with their null distributions."""
    table.head(
        f"{sizes.permutations} permutations of {sizes.layers} x {sizes.layers} layers, "
        f"n = {sizes.n}, width {sizes.width}"
    )
    layers = _layers(sizes)
    _warm_up(sizes, table.device)

    def measured(spec: str, device: str) -> tuple[float, list[Value]]:
        sides = [[Representation(z, device=device) for z in side] for side in layers]
        return _timed(lambda: grid(resolve(spec), *sides, null=sizes.permutations))

    for spec in NULLS:
        (theirs, expected), (ours, values) = (measured(spec, d) for d in ("cpu", table.device))
        apart = max(
            abs((a.null_std or 0) - (b.null_std or 0))
            for a, b in zip(expected, values, strict=True)
        )
        table.row(spec, (theirs, ours), max(apart, _difference(expected, values)))


def compare_neighbours(sizes: Sizes, table: Table) -> None:
    """Exact mutual kNN of very many samples."""
    table.head(f"Exact mutual kNN (k = {NEIGHBOURS}), width {sizes.width}")
    before: list[tuple[int, float] | None] = [None, None]  # by side: the largest that was run
    for n in sizes.neighbours:
        points = _points(n, sizes.width)
        seconds, lists = [0.0, 0.0], []
        for side, device in enumerate(("cpu", table.device)):
            seconds[side] = _guess(before[side], n)
            if before[side] is not None and seconds[side] > table.left:
                continue
            seconds[side], (value, ends) = _timed(partial(_neighbours, points, device))
            before[side] = n, seconds[side]
            lists.append((value, [end.neighbours(NEIGHBOURS).cpu() for end in ends]))
            del ends
        if n == sizes.neighbours[0]:
            continue
        expected = [known != (n, time) for known, time in zip(before, seconds, strict=True)]
        apart, note = None, ""
        if len(lists) == 2:
            (a, in_a), (b, in_b) = lists
            rows = sum(int((p != q).any(dim=1).sum()) for p, q in zip(in_a, in_b, strict=True))
            apart, note = abs(a - b), f", {rows:,} of {2 * n:,} lists differ"
        table.row(f"n = {n:,}{note}", tuple(seconds), apart, tuple(expected))


def compare_extraction(sizes: Sizes, table: Table) -> None:
    """Every site of a model of full size, both poolings, written to disk."""
    with tempfile.TemporaryDirectory() as folder:
        config = _config(sizes, "cpu", Training(epochs=0, threads=torch.get_num_threads()))
        run = train(config, Path(folder))
        table.head(
            f"Extraction, a batch of {min(128, sizes.extracted)}, "
            f"{_count(run) / 1e6:.3g} M parameters"
        )
        seconds, arrays = [], []
        for device in ("cpu", table.device):
            timer = Timer(device)
            extract(run, "test", force=True, device=device, reporter=timer)
            # Not the first batch, which includes loading libraries, unless it is the only one.
            seconds.append(statistics.median(timer.steps["extract test"][-2:]))
            stored = sorted(run.representations_folder("test").glob("*.npy"))
            arrays.append({file.name: np.load(file) for file in stored})
        apart = max(float(np.abs(z - arrays[1][name]).max()) for name, z in arrays[0].items())
        table.row(f"{len(stored)} arrays, with opening the images", tuple(seconds), apart)


def compare_training(sizes: Sizes, table: Table) -> None:
    """A step of fine-tuning and of pretraining, in float32 and in mixed precision."""
    table.head(f"A training step of {sizes.batch} samples")
    for name, objectives in (("fine-tuning", ()), ("pretraining", ("pretrain",))):
        for precision in ("float32", "bf16"):
            options = Training(
                epochs=2,
                batch_size=sizes.batch,
                objectives=objectives,
                precision=precision,
                threads=torch.get_num_threads(),
            )
            ours, losses, count = _steps(sizes, table.device, options)
            theirs, apart = None, None
            if table.left > table.budget / 3:
                theirs, other, _ = _steps(sizes, "cpu", options)
                apart = float(np.abs(losses - other).max())
            table.row(f"{name}, {precision}, {count / 1e6:.3g} M parameters", (theirs, ours), apart)


def _steps(sizes: Sizes, device: str, options: Training) -> tuple[float, np.ndarray, int]:
    """Train, and return the seconds of a step, the losses of all, and the number of weights.

    Seconds are of the last epoch, whose images are in memory, without its first step, which
    includes validation.
    """
    timer = Timer(device)
    with tempfile.TemporaryDirectory() as folder:
        run = train(_config(sizes, device, options), Path(folder), reporter=timer)
        losses = pd.read_csv(run.path / "steps.csv")["loss"].to_numpy()
        return statistics.median(timer.steps["train"][1 - sizes.steps :]), losses, _count(run)


TOPICS: dict[str, Callable[[Sizes, Table], None]] = {
    "grid": compare_grids,
    "nulls": compare_nulls,
    "neighbours": compare_neighbours,
    "extraction": compare_extraction,
    "training": compare_training,
}


class Timer(Reporter):
    """Records how long every step of a progress bar takes."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.steps: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Progress]:
        """Record the steps of this bar."""
        del total
        yield _Bar(self, text)


class _Bar:
    def __init__(self, timer: Timer, text: str) -> None:
        self.timer, self.text, self.last = timer, text, time.perf_counter()

    def advance(self, steps: float = 1) -> None:
        if not steps:
            return
        if self.timer.device.startswith("cuda"):
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.timer.steps[self.text].append(now - self.last)
        self.last = now

    def describe(self, text: str) -> None:
        pass


def _neighbours(
    points: tuple[np.ndarray, np.ndarray], device: str
) -> tuple[float, list[Representation]]:
    sides = [Representation(z, device=device) for z in points]
    return alignkit.measure(*sides, f"mknn:k={NEIGHBOURS}"), sides


def _guess(before: tuple[int, float] | None, n: int) -> float:
    """Return the seconds that n samples will take, by the square of their number."""
    return 0.0 if before is None else before[1] * (n / before[0]) ** 2


def _points(n: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two arrays of a shared latent with noise, block by block."""
    maps = np.random.default_rng(0).standard_normal((2, 32, width)).astype(np.float32) / 4
    arrays = tuple(np.empty((n, width), np.float32) for _ in range(2))
    step = 10_000

    def fill(start: int) -> None:
        rng = np.random.default_rng([n, start])
        rows = slice(start, min(start + step, n))
        count = rows.stop - rows.start
        latent = rng.standard_normal((count, 32), np.float32)
        for array, one in zip(arrays, maps, strict=True):
            array[rows] = latent @ one + 2 * rng.standard_normal((count, width), np.float32)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, range(0, n, step)))
    return arrays[0], arrays[1]


def _layers(sizes: Sizes) -> tuple[list[np.ndarray], list[np.ndarray]]:
    x, y = (layer_grid.layers(sizes.n, side, sizes.layers, sizes.width) for side in (0, 1))
    return x, y


def _warm_up(sizes: Sizes, device: str) -> None:
    """Do everything once on a few samples, so that libraries are loaded."""
    sides = [layer_grid.layers(sizes.width * 2, side, 1, sizes.width) for side in (0, 1)]
    for place in dict.fromkeys(("cpu", device)):
        layer_grid.timed(*sides, place)
        for spec in NULLS:
            layers = ([Representation(z, device=place) for z in side] for side in sides)
            grid(resolve(spec), *layers, null=2)


def _config(sizes: Sizes, device: str, options: Training) -> object:
    task = (
        f"toy_redundant:n_train={sizes.batch * sizes.steps},n_validation={sizes.batch},"
        f"n_test={sizes.extracted}"
    )
    runtime = RuntimeOptions(device=device, checkpoint_every="0")
    return resolve_config(task, sizes.placement, sizes.model, options, runtime=runtime)


def _count(run: Run) -> int:
    """Return the number of weights of a run's model."""
    with safe_open(run.model_file, "numpy") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in list(file.keys()))


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started, result


def _difference(one: list[Value], other: list[Value]) -> float:
    return max(abs((a.value or 0.0) - (b.value or 0.0)) for a, b in zip(one, other, strict=True))


def _print_machine(device: str) -> None:
    card = "none"
    if device.startswith("cuda"):
        query = [
            "nvidia-smi",
            "--query-gpu=name,memory.total,driver_version",
            "--format=csv,noheader",
        ]
        done = subprocess.run(query, capture_output=True, text=True)
        card = done.stdout.strip() or torch.cuda.get_device_name()
    print(f"- GPU: {card}")
    print(f"- CPU: {_processor()}, {os.cpu_count()} cores")
    print(
        f"- Python {platform.python_version()}, torch {torch.__version__}, "
        f"numpy {np.__version__}, alignkit {alignkit.__version__}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"any of: {', '.join(TOPICS)}")
    parser.add_argument("--device", default="cuda", help="compared with the CPU")
    parser.add_argument("--small", action="store_true", help="small sizes, for a test")
    parser.add_argument("--budget", type=float, default=600.0, help="seconds for every topic")
    options = parser.parse_args()
    for topic in options.topics:
        if topic not in TOPICS:
            parser.error(f"unknown topic '{topic}'; known: {', '.join(TOPICS)}")
    return options


if __name__ == "__main__":
    main()
