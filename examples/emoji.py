"""Does training on real pictures and words help? The emoji task, compared with two baselines.

Trains one model on the pictures of Twemoji (CC BY 4.0) and compares its validation accuracy
with that of the majority class and of the untrained model. Takes about a minute.

    python examples/emoji.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from alignkit.chain.train import train
from alignkit.runs import Training, resolve_config


def main(root: Path) -> None:
    """Train, score, print."""
    trained = resolve_config("emoji", "late", training=Training(epochs=12))
    untrained = resolve_config("emoji", "late", training=Training(epochs=0))
    scores = {
        name: train(config, root).performance()["splits"]["validation"]["accuracy"]
        for name, config in (("trained", trained), ("untrained", untrained))
    }
    targets = trained.task.make().split("validation").targets
    scores["majority class"] = float(np.bincount(targets).max() / len(targets))
    print(f"emoji, placement late, seed 0: validation accuracy, n = {len(targets)}")
    for name, score in scores.items():
        print(f"  {name:15} {score:.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs"))
