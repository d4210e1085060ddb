"""What a task is: splits of image-text pairs, their targets, a loss and scores."""

from alignkit.tasks.predictions import Predictions
from alignkit.tasks.root import default_root
from alignkit.tasks.score import Score, named_like_a_loss
from alignkit.tasks.split import SPLITS, Inspectable, Split, Task, fingerprint_of
from alignkit.tasks.target import Binary, MultiLabel, Pairs, SingleLabel, Target, are_labels

__all__ = [
    "SPLITS",
    "Binary",
    "Inspectable",
    "MultiLabel",
    "Pairs",
    "Predictions",
    "Score",
    "SingleLabel",
    "Split",
    "Target",
    "Task",
    "are_labels",
    "default_root",
    "fingerprint_of",
    "named_like_a_loss",
]
