"""Targets: how labels become a loss and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alignkit.errors import DataError
from alignkit.tasks.score import Score

if TYPE_CHECKING:
    import numpy as np
    import torch

_NO_LABELS = "the task has pairs without labels: it is for pretraining and has no scores"


@dataclass(frozen=True)
class Target:
    """What a task predicts. Use one of the subclasses, or define your own.

    Attributes
    ----------
    labels : sequence of str
        Names, in the order of the model's outputs; stored with every run.
    primary : str
        The name of the score by which training selects the best epoch, and which
        ``correlate`` uses unless told otherwise.
    """

    labels: Sequence[str]
    primary: str = "accuracy"

    @property
    def n_outputs(self) -> int:
        """The number of logits that a model returns per sample."""
        return len(self.labels)

    def loss(
        self, logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the mean loss over a batch.

        Parameters
        ----------
        logits : Tensor (batch, n_outputs)
        targets : Tensor (batch,) or (batch, n_labels)
            Rows of a split's ``targets``.
        weights : Tensor, optional
            The result of ``class_weights``. The mean is over samples, not over their
            weights, so the mean over several batches is that over their union.
        """
        raise NotImplementedError

    def class_weights(self, targets: np.ndarray) -> torch.Tensor:
        """Return weights that balance the labels, from the targets of the training split."""
        raise NotImplementedError

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        """Return every score of the target by name.

        Parameters
        ----------
        targets : ndarray (n,) or (n, n_labels)
        logits : ndarray (n, n_outputs)

        Raises
        ------
        DataError
            If a score is undefined on these targets.
        """
        raise NotImplementedError

    def declared_scores(self) -> tuple[Score, ...]:
        """Return the direction and the range of this target's scores.

        A score that is not among them is assumed to lie in [0, 1], with higher values being
        better; if its name contains a word such as loss or error, lower values are better.
        """
        return ()

    def declaration(self, name: str) -> Score:
        """Return the direction and range of one score, as declared or as assumed."""
        for score in self.declared_scores():
            if score.name == name:
                return score
        return Score.undeclared(name)


@dataclass(frozen=True)
class SingleLabel(Target):
    """One of several classes: cross-entropy; accuracy and macro F1, both in [0, 1]."""

    def loss(
        self, logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the mean cross-entropy; ``targets`` are ``(batch,)`` class indices."""
        import torch.nn.functional as F

        if weights is None:
            return F.cross_entropy(logits, targets)
        weights = weights.to(logits.dtype)
        return F.cross_entropy(logits, targets, weights, reduction="sum") / len(logits)

    def class_weights(self, targets: np.ndarray) -> torch.Tensor:
        """Return n / (number of classes x count of the class), ``(n_outputs,)``.

        Weighted so, samples weigh 1 on average. A class without samples weighs 1.
        """
        import numpy as np
        import torch

        counts = np.bincount(targets, minlength=self.n_outputs)
        present = (counts > 0).sum()
        weights = np.where(counts > 0, len(targets) / (present * np.maximum(counts, 1)), 1.0)
        return torch.from_numpy(weights)

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        """Return ``accuracy`` and ``macro_f1`` of the class with the highest logit."""
        import numpy as np

        predicted = logits.argmax(axis=1)
        right = predicted == targets
        counts = [
            np.bincount(classes, minlength=self.n_outputs)
            for classes in (targets[right], targets, predicted)
        ]
        occurs = counts[1] + counts[2] > 0  # a class that is neither true nor predicted has no F1
        return {
            "accuracy": float(right.mean()),
            "macro_f1": float(_f1(*(count[occurs] for count in counts)).mean()),
        }


@dataclass(frozen=True)
class Binary(Target):
    """Yes or no from one logit: binary cross-entropy; AUROC and accuracy, both in [0, 1]."""

    labels: Sequence[str] = ("no", "yes")
    primary: str = "auroc"

    @property
    def n_outputs(self) -> int:
        """One logit, that of the second label."""
        return 1

    def loss(
        self, logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the mean binary cross-entropy; ``targets`` are ``(batch,)`` zeros and ones."""
        return _bernoulli_loss(logits[:, 0], targets, weights)

    def class_weights(self, targets: np.ndarray) -> torch.Tensor:
        """Return the weight of a positive sample, ``(1,)``: negatives per positive."""
        return _positive_weights(targets[:, None])

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        """Return ``auroc``, and ``accuracy`` at a probability of 0.5.

        Raises
        ------
        DataError
            If all samples have the same label, so that AUROC is undefined.
        """
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
    """Any subset of the labels: binary cross-entropy; micro and macro F1 at 0.5, in [0, 1]."""

    primary: str = "macro_f1"

    def loss(
        self, logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the binary cross-entropy, averaged over samples and labels.

        ``targets`` are ``(batch, n_labels)`` zeros and ones.
        """
        return _bernoulli_loss(logits, targets, weights)

    def class_weights(self, targets: np.ndarray) -> torch.Tensor:
        """Return the weight of having each label, ``(n_outputs,)``: negatives per positive."""
        return _positive_weights(targets)

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        """Return ``macro_f1``, ``micro_f1`` and ``per_label_accuracy`` at a probability of 0.5."""
        predicted, true = logits > 0, targets.astype(bool)
        counts = [rows.sum(axis=0) for rows in (true & predicted, true, predicted)]
        return {
            "macro_f1": float(_f1(*counts).mean()),
            "micro_f1": float(_f1(*(count.sum(keepdims=True) for count in counts))[0]),
            "per_label_accuracy": float((true == predicted).mean()),
        }


@dataclass(frozen=True)
class Pairs(Target):
    """Nothing: images and their texts without labels, for pretraining."""

    labels: Sequence[str] = ()
    primary: str = ""

    def loss(
        self, logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Raise ``DataError``: there is nothing to predict."""
        del logits, targets, weights
        raise DataError(_NO_LABELS)

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        """Raise ``DataError``: there is nothing to score."""
        del targets, logits
        raise DataError(_NO_LABELS)


def are_labels(target: Target, targets: np.ndarray) -> bool:
    """Return whether targets are labels of the target by their index, or sets of them.

    Others, such as numbers to predict or pairs of a label and a group, only the target can read.

    Parameters
    ----------
    target : Target
    targets : ndarray
        -1 stands for a label that is missing.
    """
    kinds = ((SingleLabel, Binary, Pairs), MultiLabel)
    one, several = (isinstance(target, kind) for kind in kinds)
    if targets.dtype.kind not in ("biuf" if one or several else "biu"):
        return False
    if targets.ndim == 1 and not several:
        highest, whole = len(target.labels) - 1, bool((targets == targets.astype(int)).all())
    elif targets.ndim == 2 and targets.shape[1] == len(target.labels) and not one:
        highest, whole = 1, bool(((targets == 0) | (targets == 1) | (targets == -1)).all())
    else:
        return False
    return whole and bool(((targets >= -1) & (targets <= highest)).all())


def _f1(hits: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return F1 from counts ``(labels,)`` of hits, true and predicted; 0 where there is none.

    Scikit-learn's values, in a hundredth of its time: a bootstrap asks for them 200 times.
    """
    import numpy as np

    f1: np.ndarray = 2 * hits / np.maximum(true + predicted, 1)
    return f1


def _bernoulli_loss(
    logits: torch.Tensor, targets: torch.Tensor, positive: torch.Tensor | None
) -> torch.Tensor:
    import torch.nn.functional as F

    weights = None if positive is None else positive.to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), pos_weight=weights)


def _positive_weights(targets: np.ndarray) -> torch.Tensor:
    """Return negatives per positive of every column; 1 where either is missing."""
    import numpy as np
    import torch

    positives = targets.sum(axis=0)
    negatives = len(targets) - positives
    both = (positives > 0) & (negatives > 0)
    return torch.from_numpy(np.where(both, negatives / np.maximum(positives, 1), 1.0))
