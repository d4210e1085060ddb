"""A task that needs both streams: a fused model compared with each stream alone.

On ``toy_synergy`` the label is the XOR of a bit of the picture and a bit of the caption. Each
stream alone is the same model without fusions whose head reads only that stream. Prints the
AUROC on the test split next to the highest AUROC that any classifier can reach. Takes about two
minutes.

    python examples/synergy.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

from alignkit.chain.evaluate import evaluate
from alignkit.chain.train import train
from alignkit.runs import resolve_config

MODELS = {
    "both streams, placement late": ("late", "vilbert"),
    "text alone": ("none", "vilbert:head=text"),
    "vision alone": ("none", "vilbert:head=vision"),
}


def main(root: Path) -> None:
    """Train the models and print their scores."""
    print("toy_synergy, seed 0: AUROC on the test split (0.5 is chance)")
    for name, (placement, architecture) in MODELS.items():
        config = resolve_config("toy_synergy", placement, architecture)
        score = evaluate(train(config, root), "test")["auroc"]
        streams = name.split()[0]
        print(f"  {name:30} {score:.3f}   ceiling {config.task.make().ceiling(streams):.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs"))
