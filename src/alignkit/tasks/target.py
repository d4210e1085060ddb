"""Targets: how labels become a loss and scores. Scores are scikit-learn's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alignkit.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import torch

_NO_LABELS = "the task has pairs without labels: it is for pretraining, and has no scores"


@dataclass(frozen=True)
class Target:
    """What a task predicts. Use one of the subclasses.

    Attributes
    ----------
    labels : sequence of str
        Names, in the order of the model's outputs; stored with every run.
    primary : str
        The score that early stopping and ``correlate`` use. All scores lie in [0, 1],
        higher is better.
    """

    labels: Sequence[str]
    primary: str = "accuracy"

    @property
    def n_outputs(self) -> int:
        return len(self.labels)

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean loss over a batch; ``logits`` is ``(batch, n_outputs)``."""
        raise NotImplementedError

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        """Every score of the target by name, from ``(n, n_outputs)`` logits."""
        raise NotImplementedError


@dataclass(frozen=True)
class SingleLabel(Target):
    """One of several classes: cross-entropy, accuracy and macro F1."""

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        import torch.nn.functional as F

        return F.cross_entropy(logits, targets)

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        from sklearn.metrics import accuracy_score, f1_score

        predicted = logits.argmax(axis=1)
        return {
            "accuracy": float(accuracy_score(targets, predicted)),
            "macro_f1": float(f1_score(targets, predicted, average="macro", zero_division=0)),
        }


@dataclass(frozen=True)
class Binary(Target):
    """Yes or no, one logit: binary cross-entropy, AUROC and accuracy at 0.5."""

    labels: Sequence[str] = ("no", "yes")
    primary: str = "auroc"

    @property
    def n_outputs(self) -> int:
        return 1

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        import torch.nn.functional as F

        return F.binary_cross_entropy_with_logits(logits[:, 0], targets.to(logits.dtype))

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        from sklearn.metrics import accuracy_score, roc_auc_score

        if targets.min() == targets.max():
            raise DataError(
                f"every label of the split is '{self.labels[int(targets[0])]}': AUROC is "
                "undefined; a split needs samples of both labels"
            )
        return {
            "auroc": float(roc_auc_score(targets, logits[:, 0])),
            "accuracy": float(accuracy_score(targets, logits[:, 0] > 0)),
        }


@dataclass(frozen=True)
class MultiLabel(Target):
    """Any subset of the labels: binary cross-entropy; micro and macro F1 at 0.5."""

    primary: str = "macro_f1"

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        import torch.nn.functional as F

        return F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype))

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        from sklearn.metrics import f1_score

        predicted = logits > 0
        return {
            "macro_f1": float(f1_score(targets, predicted, average="macro", zero_division=0)),
            "micro_f1": float(f1_score(targets, predicted, average="micro", zero_division=0)),
            "per_label_accuracy": float((targets.astype(bool) == predicted).mean()),
        }


@dataclass(frozen=True)
class Pairs(Target):
    """Nothing: images and their texts without labels, for pretraining."""

    labels: Sequence[str] = ()
    primary: str = ""

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        raise DataError(_NO_LABELS)

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        raise DataError(_NO_LABELS)
