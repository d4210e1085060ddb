"""Is alignment associated with performance on the toy tasks?

Answers two questions with small models, from training to figures:

1. How does alignment depend on the share of redundant information if everything else is the
   same? ``toy_redundant`` with shares from 0 to 1, one placement, three seeds.
2. Over eight placements with three seeds each, is alignment associated with the score on
   ``toy_redundant`` (both streams carry the label) and on ``toy_unique`` (each carries half of
   it)?

The script prints whatever the runs show, which may well be "inconclusive". It takes about ten
minutes on one core; runs that already exist are not trained again.

    python examples/toy_correlations.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd

from alignkit.analysis.correlate import correlate_runs
from alignkit.analysis.options import TableOptions
from alignkit.analysis.runs_table import runs_table
from alignkit.chain.train import train
from alignkit.cli.printing.correlations import show
from alignkit.report.correlations import write_figures
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.figures.share_curve import share_curve
from alignkit.runs import Run, Training, resolve_config

METRICS = ("unbiased_cka", "mknn", "svcca", "procrustes")
MODEL = "vilbert:depth=4,width=32,heads=4,feedforward=64,fusion_width=32"
PLACEMENTS = ("none", "0", "1", "2", "3", "0,2", "1,3", "0,1,2,3")
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
SEEDS = (0, 1, 2)


def main(
    folder: Path,
    *,
    n_train: int = 1024,
    epochs: int = 4,
    seeds: tuple[int, ...] = SEEDS,
    shares: tuple[float, ...] = SHARES,
    placements: tuple[str, ...] = PLACEMENTS,
) -> tuple[pd.DataFrame, Any]:
    """Train what is missing, print, draw; return the curve and the correlations."""
    size = f"n_train={n_train},n_validation=128,n_test=256"

    def trained(task: str, placement: str) -> list[Run]:
        return [
            train(
                resolve_config(task, placement, MODEL, Training(epochs=epochs), seed),
                folder / "runs",
            )
            for seed in seeds
        ]

    curve = pd.concat(
        [
            runs_table(
                trained(f"toy_redundant:{size},redundancy={share}", placements[-1]),
                TableOptions(METRICS, "mean", calibrated=True),
            ).assign(share=share)
            for share in shares
        ]
    )
    figures = FigureFolder(folder / "figures")
    figures.add(
        "redundancy",
        share_curve(curve, METRICS),
        curve,
        "alignment by redundancy",
        "Calibrated alignment by the share of samples in which both streams carry the label.",
    )
    print("calibrated alignment, mean over layers, by the share of redundant samples:")
    print(curve.groupby("share")[list(METRICS)].mean().round(3).to_string(), "\n")
    runs = [
        run
        for task in ("toy_redundant", "toy_unique")
        for placement in placements
        for run in trained(f"{task}:{size}", placement)
    ]
    found, joined = correlate_runs(runs, TableOptions(METRICS, "last"), family=METRICS)
    show(found)
    write_figures(found, joined, folder / "figures" / "placements")
    return curve, found


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "redundancy"))
