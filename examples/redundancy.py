"""Does alignment increase with the share of information that both streams carry?

Trains on ``toy_redundant`` with shares from 0 (each sample's label is in one stream only) to 1
(in both), without co-attention and with two late fusions, three seeds each. Measures the
alignment of the last layers and plots it against the share. Takes about two minutes on an idle
core.

    python examples/redundancy.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from alignkit.alignment.runs import measure_run
from alignkit.chain.evaluate import evaluate
from alignkit.chain.train import train
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.style import FAINT, house_style, looks, panels, plain
from alignkit.runs import Training, resolve_config

TASK = "toy_redundant:redundancy={share},n_train=512,n_validation=128,n_test=256"
MODEL = "vilbert:depth=4,width=32,feedforward=64,fusion_width=32"
PLACEMENTS = {"none": "without co-attention", "2,3": "fusions before layers 2 and 3"}
SHARES, SEEDS = (0.0, 0.25, 0.5, 0.75, 1.0), (0, 1, 2)
METRICS = ("unbiased_cka", "mknn", "procrustes")
TRAINING = Training(epochs=6, learning_rate=0.002)


def main(folder: Path) -> None:
    """Train and measure all runs, print the means, and draw the figure."""
    table = pd.DataFrame(
        [
            row(placement, share, seed, folder / "runs")
            for placement in PLACEMENTS
            for share in SHARES
            for seed in SEEDS
        ]
    )
    means = table.groupby(["placement", "share"], sort=False)[["accuracy", *METRICS]].mean()
    print(means.round(3).to_string())
    for placement, part in table.groupby("placement", sort=False):
        for metric in METRICS:
            rho = part["share"].corr(part[metric], method="spearman")
            print(
                f"{PLACEMENTS[str(placement)]}, {metric}: Spearman {rho:+.2f} with the share, "
                f"over {len(part)} runs"
            )
    FigureFolder(folder).add(
        "redundancy",
        curve(table),
        table,
        "Alignment against the share of redundant information",
        "One panel per metric: lines are means over seeds, dots single seeds, dotted lines chance.",
    )
    print(folder / "redundancy.png")


def row(placement: str, share: float, seed: int, root: Path) -> dict[str, object]:
    """Return the alignment of the last layers and the accuracy of one run."""
    run = train(resolve_config(TASK.format(share=share), placement, MODEL, TRAINING, seed), root)
    values: dict[str, object] = {
        "placement": placement,
        "share": share,
        "seed": seed,
        "accuracy": evaluate(run)["accuracy"],
    }
    for metric in METRICS:
        measured = measure_run(run, [metric], layers="last").iloc[0]
        values |= {metric: measured["value"], f"{metric} chance": measured["chance"]}
    return values


def curve(table: pd.DataFrame) -> Figure:
    """Draw one panel per metric against the share, with one line per placement."""
    columns = [*METRICS, "accuracy"]
    look = looks(PLACEMENTS)
    with house_style():
        figure, axes = panels(4, 2, 3.4, 2.3, gap=(0.6, 0.75), margins=(0.6, 0.2, 0.35, 0.95))
        for name, ax in zip(columns, axes, strict=True):
            for placement, part in table.groupby("placement", sort=False):
                style, means = look[str(placement)], part.groupby("share").mean(numeric_only=True)
                ax.plot(part["share"], part[name], "o", ms=3, mew=0, color=style.colour, alpha=0.35)
                ax.plot(
                    means.index,
                    means[name],
                    marker=style.marker,
                    ms=5,
                    color=style.colour,
                    label=PLACEMENTS[str(placement)],
                )
                if f"{name} chance" in means:
                    ax.plot(
                        means.index, means[f"{name} chance"], color=FAINT, ls=(0, (1, 1.5)), lw=1
                    )
            ax.set_title(f"{name}, last layer" if name in METRICS else name, y=1)
            ax.set_xlabel("share of samples with the label in both streams")
            plain(ax)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=2)
    return figure


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "redundancy"))
