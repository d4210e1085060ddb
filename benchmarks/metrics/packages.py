"""Single-metric grids: alignkit against the packages that have the metric.

    pip install ckatorch rsatoolbox torch_cka
    python benchmarks/metrics/packages.py

Each package is called as its user would, pair by pair, on the arrays of ``grid.py``; it is
timed on a sample of pairs and scaled to all 144. A package that is not installed is left out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from grid import LAYERS, layers

from alignkit.metrics import Representation, grid, resolve

PAIRS = 6


def main(n: int = 1536) -> None:
    """Time, compare, print Markdown."""
    xs, ys = layers(n, 0), layers(n, 1)
    print(f"{LAYERS} x {LAYERS} layers, n = {n}\n")
    print("| metric | alignkit, s | package | s | ratio | difference |\n|---|---|---|---|---|---|")
    for spec, name, function in _calls():
        left, right = ([Representation(z) for z in side] for side in (xs, ys))
        started = time.perf_counter()
        values = grid(resolve(spec), left, right)
        ours = time.perf_counter() - started
        pairs = np.random.default_rng(0).permutation(LAYERS**2)[:PAIRS]
        started = time.perf_counter()
        found = [function(xs[pair // LAYERS], ys[pair % LAYERS]) for pair in pairs]
        theirs = (time.perf_counter() - started) * LAYERS**2 / PAIRS
        worst = max(abs(f - float(values[pair].value or 0))
                    for f, pair in zip(found, pairs, strict=True))  # fmt: skip
        ratio = theirs / ours
        print(f"| {spec} | {ours:.2f} | {name} | {theirs:.1f} | {ratio:.0f} | {worst:.0e} |",
              flush=True)  # fmt: skip


def _calls() -> list[tuple[str, str, Callable[[Any, Any], float]]]:
    calls: list[tuple[str, str, Callable[[Any, Any], float]]] = []
    try:
        from ckatorch.core import cka_base
    except ImportError:
        print("ckatorch is not installed", file=sys.stderr)
    else:
        for spec, options in (("cka", {}), ("unbiased_cka", {"unbiased": True, "method": "hsic"}),
                              ("cka_rbf", {"kernel": "rbf"})):  # fmt: skip
            calls.append((spec, "ckatorch", lambda x, y, o=options: float(
                cka_base(torch.from_numpy(x), torch.from_numpy(y), **o))))  # fmt: skip
    try:
        import rsatoolbox
    except ImportError:
        print("rsatoolbox is not installed", file=sys.stderr)
    else:

        def rsa(x: Any, y: Any) -> float:
            rdms = [rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(z), method="correlation")
                    for z in (x, y)]  # fmt: skip
            return float(rsatoolbox.rdm.compare(*rdms, method="spearman").item())

        calls.append(("rsa", "rsatoolbox", rsa))
    return calls


if __name__ == "__main__":
    main()
