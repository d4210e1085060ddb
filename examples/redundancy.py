"""Does alignment rise with the share of information that both streams carry?

Trains one placement on ``toy_redundant`` with the share going from 0 (each sample's label is
in one stream only) to 1 (in both), three seeds each, measures alignment of the last layers,
and draws it against the share. About two minutes on two idle cores.

    python examples/redundancy.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from alignkit.chain.evaluate import evaluate
from alignkit.chain.measure import measure_run
from alignkit.chain.train import train
from alignkit.report.figures import FigureFolder
from alignkit.report.style import FAINT, house_style, looks, panels, plain
from alignkit.runs import Training, resolve_config

TASK = "toy_redundant:redundancy={share},n_train=512,n_validation=128,n_test=256"
MODEL = "vilbert:depth=4,width=32,feedforward=64,fusion_width=32"
SHARES, SEEDS = (0.0, 0.25, 0.5, 0.75, 1.0), (0, 1, 2)
METRICS = ("cka", "mknn", "procrustes")
TRAINING = Training(epochs=6, learning_rate=0.002)


def main(folder: Path) -> None:
    """Train, measure, print, draw."""
    table = pd.DataFrame([row for share in SHARES for row in rows(share, folder / "runs")])
    means = table.groupby("share")[["accuracy", *METRICS]].mean()
    print(means.round(3).to_string())
    for metric in METRICS:
        rho = table["share"].corr(table[metric], method="spearman")
        print(f"{metric}: Spearman {rho:+.2f} with the share, over {len(table)} runs")
    FigureFolder(folder).add(
        "redundancy", curve(table), table, "Alignment against the share of redundant information",
        "One panel per metric: mean over seeds, dots are seeds, dotted is chance.",
    )  # fmt: skip
    print(folder / "redundancy.png")


def rows(share: float, root: Path) -> list[dict[str, float]]:
    """Alignment of the last layers and accuracy of each seed."""
    found = []
    for seed in SEEDS:
        run = train(resolve_config(TASK.format(share=share), "2,3", MODEL, TRAINING, seed), root)
        row: dict[str, float] = {"share": share, "seed": seed,
                                 "accuracy": evaluate(run)["accuracy"]}  # fmt: skip
        for metric in METRICS:
            measured = measure_run(run, [metric], layers="last").iloc[0]
            row |= {metric: measured["value"], f"{metric} chance": measured["chance"]}
        found.append(row)
    return found


def curve(table: pd.DataFrame) -> Figure:
    """One panel per column, over the share."""
    columns = [*METRICS, "accuracy"]
    look = looks(columns)
    with house_style():
        figure, axes = panels(4, 2, 3.4, 2.3, gap=(0.6, 0.75), margins=(0.6, 0.2, 0.35, 0.6))
        for name, ax in zip(columns, axes, strict=True):
            means = table.groupby("share").mean()
            ax.plot(table["share"], table[name], "o", ms=3, mew=0, color=FAINT, alpha=0.6)
            ax.plot(means.index, means[name], marker="o", ms=4, color=look[name].colour)
            if f"{name} chance" in means:
                ax.plot(means.index, means[f"{name} chance"], color=FAINT, ls=(0, (1, 1.5)), lw=1)
            ax.set_title(f"{name}, last layer" if name in METRICS else name, y=1)
            ax.set_xlabel("share of samples with the label in both streams")
            plain(ax)
    return figure


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "redundancy"))
