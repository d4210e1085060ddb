"""Layer grids: alignkit compared with straightforward loops, and with a lower bound.

    python benchmarks/metrics/grid.py                # 12 x 12 layers, n = 512 and 1536
    python benchmarks/metrics/grid.py --pairs 144    # time the loop on every pair, not on 12
    python benchmarks/metrics/grid.py --null 200     # also time null distributions
    python benchmarks/metrics/grid.py --curve        # alignkit alone: cost by number of layers

Both sides run alternately in this process on the same float32 arrays. The loop is timed on a
sample of pairs and extrapolated to all of them; ``--pairs 144`` times all. The lower bound is
the number of floating-point operations that any implementation needs, divided by the speed of a
large matrix product measured here; factorisations are listed separately.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import straightforward
import torch

from alignkit.metrics import Representation, Value, grid, resolve, set_memory

LAYERS, WIDTH = 12, 768
COUNTS = (1, 2, 4, 8, 12)
MEMORY = 700 << 20


def main() -> None:
    """Time both sides, compare their values, and print Markdown tables."""
    options = _options()
    set_memory(MEMORY)
    if options.curve:
        _curve(options.samples[-1])
        return
    speed = _gflops()
    print(f"sgemm of 1536^3: {speed:.0f} GFLOP/s on {torch.get_num_threads()} threads\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for n in options.samples:
        _one_size(n, options, speed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"peak memory beyond imports, both sides: {peak / 1024:.0f} MB")


def _one_size(n: int, options: argparse.Namespace, speed: float) -> None:
    xs, ys = layers(n, 0), layers(n, 1)
    alone = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours, values = timed(xs, ys)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - alone
    rng = np.random.default_rng(0)
    pairs = rng.permutation(LAYERS**2)[: options.pairs]
    loops, worst = {}, 0.0
    for spec, function in straightforward.METRICS.items():
        started = time.perf_counter()
        for pair in pairs:
            found = float(function(xs[pair // LAYERS], ys[pair % LAYERS]))
            worst = max(worst, abs(found - float(values[spec][pair].value or 0)))
        loops[spec] = (time.perf_counter() - started) * LAYERS**2 / len(pairs)
    _print(n, ours, loops, speed, worst, used, len(pairs))
    for spec in ("cka", "mknn") if options.null else ():
        fresh = ([Representation(z) for z in side] for side in (xs, ys))
        started = time.perf_counter()
        grid(resolve(spec), *fresh, null=options.null)
        print(
            f"{spec}, {options.null} permutations, n = {n}: {time.perf_counter() - started:.1f} s\n"
        )


def timed(
    xs: list[np.ndarray], ys: list[np.ndarray], device: str = "cpu"
) -> tuple[dict[str, float], dict[str, list[Value]]]:
    """Return times and values of all metrics, one after the other on the same layers."""
    seconds, values = {}, {}
    left, right = ([Representation(z, device=device) for z in side] for side in (xs, ys))
    for spec in straightforward.METRICS:
        started = time.perf_counter()
        values[spec] = grid(resolve(spec), left, right)
        seconds[spec] = time.perf_counter() - started
    return seconds, values


def _curve(n: int) -> None:
    print(f"n = {n}, width {WIDTH}, all {len(straightforward.METRICS)} metrics\n")
    print(
        "| layers | pairs | s | s without the aligned cosine | ms per pair |\n|---|---|---|---|---|"
    )
    xs, ys = layers(n, 0), layers(n, 1)
    for count in COUNTS:
        seconds, _ = timed(xs[:count], ys[:count])
        total = sum(seconds.values())
        rest = total - sum(s for spec, s in seconds.items() if spec.startswith("cosine:"))
        print(
            f"| {count} x {count} | {count**2} | {total:.1f} | {rest:.1f} | "
            f"{1000 * total / count**2:.0f} |",
            flush=True,
        )


def _print(
    n: int,
    ours: dict[str, float],
    loops: dict[str, float],
    speed: float,
    worst: float,
    used: int,
    pairs: int,
) -> None:
    print(f"### {LAYERS} x {LAYERS} layers, n = {n}, width {WIDTH}, float32\n")
    print("| metric | alignkit, s | loop, s | ratio |\n|---|---|---|---|")
    for spec in ours:
        print(f"| {spec} | {ours[spec]:.2f} | {loops[spec]:.1f} | {loops[spec] / ours[spec]:.0f} |")
    total, loop = sum(ours.values()), sum(loops.values())
    print(f"| all {len(ours)} | {total:.1f} | {loop:.0f} | {loop / total:.0f} |\n")
    products, factors = floor(n)
    print(
        f"- lower bound: {products / speed:.1f} s of products ({products:.0f} GFLOP) and {factors}"
    )
    print(f"- largest difference from the loop's values: {worst:.1e}")
    print(f"- loop timed on {pairs} of {LAYERS**2} pairs")
    print(f"- memory of the grid beyond imports and input: {used / 1024:.0f} MB\n")


def floor(n: int) -> tuple[float, str]:
    """Return the GFLOP of products that the thirteen metrics need, and their factorisations."""
    both, pairs, d, giga = 2 * LAYERS, LAYERS**2, WIDTH, 1e9
    grams = 2 * both * n * n * d / giga  # centred rows, unit rows
    inner = 4 * pairs * 2 * n * n / giga  # cka, unbiased, Gaussian, ridge
    ranks = both * n * n * d / giga + pairs * n * n / giga  # half of a square, twice the precision
    ridge = LAYERS * (2 * n * d * d + 2 * n * n * d + 2 * n**3) / giga
    crossed = 3 * pairs * 2 * n * d * d / giga  # procrustes, aligned cosine and its weights
    squared = 2 * pairs * 2 * d**3 / giga
    components = both * 2 * n * d * d / giga
    factors = (
        f"{pairs} eigenvalue and {pairs} eigenvector problems of {min(n, d)} or {d}, "
        f"{both} of leading eigenvectors, {both} sorts of {n * (n - 1) // 2:,}"
    )
    return grams + inner + ranks + ridge + crossed + squared + components, factors


def layers(n: int, stream: int, count: int = LAYERS, width: int = WIDTH) -> list[np.ndarray]:
    """Return layers of one stream: a shared latent with a decaying spectrum, noise, and a mean."""
    rng = np.random.default_rng([n, stream])
    latent = np.random.default_rng(n).standard_normal((n, 32)) * np.geomspace(4, 0.5, 32)
    return [
        (
            latent @ rng.standard_normal((32, width)) / 4
            + 0.5 * rng.standard_normal((n, width))
            + rng.standard_normal(width)
        ).astype(np.float32)
        for _ in range(count)
    ]


def _gflops() -> float:
    a = torch.randn(1536, 1536)
    times = []
    for _ in range(8):
        started = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - started)
    return 2 * 1536**3 / float(np.median(times)) / 1e9


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, nargs="+", default=[512, 1536])
    parser.add_argument("--pairs", type=int, default=12, help="time the loop on N pairs")
    parser.add_argument("--curve", action="store_true", help="alignkit alone, by number of layers")
    parser.add_argument("--null", type=int, default=0, help="also time nulls of N permutations")
    return parser.parse_args()


if __name__ == "__main__":
    main()
