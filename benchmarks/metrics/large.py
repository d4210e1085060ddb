"""Time and memory of metrics on very many samples, without any n x n matrix in memory.

    python benchmarks/metrics/large.py                     # 100,000 x 768: unbiased CKA, mutual kNN
    python benchmarks/metrics/large.py --curve             # cost by n, one process per size
    python benchmarks/metrics/large.py --check             # compare with Gram matrices, in float64

The arrays are float32 files that are memory-mapped. Every measurement runs in its own process, and
its peak memory includes everything, also the mapped pages of the files.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WIDTH = 768
METRICS = ("unbiased_cka", "mknn")
CURVE = (512, 2048, 8192, 32_768, 100_000)


def main() -> None:
    """Write the arrays, measure each in its own process, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--curve", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--memory", type=int, default=400 << 20, help="bytes for cached views")
    parser.add_argument("--one", nargs=4, metavar=("X", "Y", "METRIC", "MEMORY"))
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_one(*options.one)))
    elif options.check:
        _check()
    else:
        _table(CURVE if options.curve else (options.samples,), options.memory)


def _table(sizes: tuple[int, ...], memory: int) -> None:
    print(f"| n | metric | value | s | peak MB (imports {_imports():.0f}) |\n|---|---|---|---|---|")
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            paths = _arrays(Path(folder), n)
            for metric in METRICS:
                words = [sys.executable, __file__, "--one", *map(str, paths), metric, str(memory)]
                found = json.loads(
                    subprocess.run(words, capture_output=True, text=True, check=True).stdout
                )
                print(
                    f"| {n:,} | {metric} | {found['value']:.6f} | {found['seconds']:.1f} | "
                    f"{found['peak']:.0f} |",
                    flush=True,
                )


def _one(x: str, y: str, metric: str, memory: str) -> dict[str, float]:
    import alignkit
    from alignkit.metrics import set_memory

    set_memory(int(memory))
    left, right = (alignkit.read_arrays(path)[0] for path in (x, y))
    started = time.perf_counter()
    value = alignkit.measure(left, right, metric)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"value": value, "seconds": seconds, "peak": peak}


def _imports() -> float:
    words = [
        sys.executable,
        "-c",
        "import alignkit, resource; alignkit.measure, alignkit.inner;"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)",
    ]
    return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def _arrays(folder: Path, n: int) -> list[Path]:
    """Write arrays of a shared latent with noise, block by block."""
    maps = np.random.default_rng(0).standard_normal((2, 32, WIDTH)) / 4
    paths = [folder / "x.npy", folder / "y.npy"]
    files = [np.lib.format.open_memmap(path, "w+", np.float32, (n, WIDTH)) for path in paths]
    for start in range(0, n, 10_000):
        rng = np.random.default_rng([n, start])
        count = min(10_000, n - start)
        latent = rng.standard_normal((count, 32)) * np.geomspace(4, 0.5, 32)
        for file, one in zip(files, maps, strict=True):
            noise = 2 * rng.standard_normal((count, WIDTH), dtype=np.float32)
            file[start : start + count] = latent @ one + noise + 1
    return paths


def _check() -> None:
    """Compare unbiased CKA by columns with unbiased CKA from explicit Gram matrices."""
    import alignkit

    with tempfile.TemporaryDirectory() as folder:
        x, y = (np.load(path).astype(np.float64) for path in _arrays(Path(folder), 6000))
    grams = [(z - z.mean(axis=0)) @ (z - z.mean(axis=0)).T for z in (x, y)]
    for gram in grams:
        np.fill_diagonal(gram, 0)
    n = len(x)

    def hsic(k: np.ndarray, m: np.ndarray) -> float:
        total = (k * m).sum() + k.sum() * m.sum() / ((n - 1) * (n - 2))
        return float(total - 2 / (n - 2) * k.sum(axis=0) @ m.sum(axis=0))

    expected = hsic(*grams) / (hsic(grams[0], grams[0]) * hsic(grams[1], grams[1])) ** 0.5
    value = alignkit.measure(x, y, "unbiased_cka")
    print(
        f"unbiased CKA of {n} x {WIDTH} in float64: by columns {value:.15f}, from Gram matrices "
        f"{expected:.15f}, difference {abs(value - expected):.1e}"
    )


if __name__ == "__main__":
    main()
