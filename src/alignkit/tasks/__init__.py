"""What a task is: splits of image-text pairs, their targets, a loss and a score."""

from alignkit.tasks.split import SPLITS, Split, Task, fingerprint_of
from alignkit.tasks.target import Binary, MultiLabel, SingleLabel, Target

__all__ = [
    "SPLITS",
    "Binary",
    "MultiLabel",
    "SingleLabel",
    "Split",
    "Target",
    "Task",
    "fingerprint_of",
]
