"""Grids of a single metric: alignkit compared with packages that implement the metric.

    pip install ckatorch rsatoolbox repsim
    python benchmarks/metrics/packages.py

Each package is called as its users would call it, pair by pair, on the arrays of ``grid.py``. It
is timed on a sample of pairs and extrapolated to all 144. Packages that are not installed are
skipped.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from grid import LAYERS, layers

from alignkit.metrics import Representation, grid, resolve

Call = Callable[[Any, Any], float]
# After this many seconds, a package is timed on no further pair.
LONG = 60


def main() -> None:
    """Time both sides, compare their values, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=1536)
    parser.add_argument("--pairs", type=int, default=6, help="time each package on N pairs")
    options = parser.parse_args()
    xs, ys = layers(options.samples, 0), layers(options.samples, 1)
    pairs = np.random.default_rng(0).permutation(LAYERS**2)[: options.pairs]
    print(f"{LAYERS} x {LAYERS} layers, n = {options.samples}\n")
    print("| metric | alignkit, s | package | s | ratio | difference |\n|---|---|---|---|---|---|")
    for spec, name, function in _calls():
        left, right = ([Representation(z) for z in side] for side in (xs, ys))
        started = time.perf_counter()
        values = grid(resolve(spec), left, right)
        ours = time.perf_counter() - started
        found: list[float] = []
        started = time.perf_counter()
        for pair in pairs:
            found.append(function(xs[pair // LAYERS], ys[pair % LAYERS]))
            if time.perf_counter() - started > LONG:
                break
        theirs = (time.perf_counter() - started) * LAYERS**2 / len(found)
        worst = max(
            abs(f - float(values[pair].value or 0)) for f, pair in zip(found, pairs, strict=False)
        )
        print(
            f"| {spec} | {ours:.2f} | {name} | {theirs:.1f} | {theirs / ours:.0f} | {worst:.0e} |",
            flush=True,
        )


def _calls() -> Iterator[tuple[str, str, Call]]:
    """Yield a metric, a package, and the metric called as users of the package would."""
    for package, calls in (
        ("ckatorch", _ckatorch),
        ("rsatoolbox", _rsatoolbox),
        ("repsim", _repsim),
        ("scipy", _scipy),
    ):
        try:
            importlib.import_module(package)
        except ImportError:
            print(f"{package} is not installed", file=sys.stderr)
            continue
        yield from ((spec, name, call) for spec, name, call in calls())


def _ckatorch() -> Iterator[tuple[str, str, Call]]:
    from ckatorch.core import cka_base

    for spec, options in (
        ("cka", {}),
        ("unbiased_cka", {"unbiased": True}),
        ("cka_rbf", {"kernel": "rbf"}),
    ):
        yield (
            spec,
            "ckatorch",
            lambda x, y, o=options: float(cka_base(torch.from_numpy(x), torch.from_numpy(y), **o)),
        )


def _rsatoolbox() -> Iterator[tuple[str, str, Call]]:
    import rsatoolbox

    def rsa(x: Any, y: Any) -> float:
        rdms = [
            rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(z), method="correlation")
            for z in (x, y)
        ]
        return float(rsatoolbox.rdm.compare(*rdms, method="spearman").item())

    yield "rsa", "rsatoolbox", rsa


def _repsim() -> Iterator[tuple[str, str, Call]]:
    import repsim

    yield "cka", "repsim", lambda x, y: float(repsim.cka([x, y], kernel_type="linear")[0, 1])
    # It returns the mean of squared correlations, a different summary.
    yield "svcca", "repsim", lambda x, y: float(repsim.svcca([x, y], "pillai")[0, 1])


def _scipy() -> Iterator[tuple[str, str, Call]]:
    from scipy.spatial import procrustes

    # The disparity is 1 - s^2.
    yield "procrustes", "scipy", lambda x, y: float(np.sqrt(1 - procrustes(x, y)[2]))


if __name__ == "__main__":
    main()
