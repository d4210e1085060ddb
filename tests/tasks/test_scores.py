"""Scores of targets against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from alignkit.tasks import MultiLabel, SingleLabel


@pytest.mark.parametrize("seed", range(20))
def test_scores_of_classes_are_those_of_scikit_learn(seed):
    """Also where classes are never true, never predicted, or neither."""
    rng = np.random.default_rng(seed)
    targets = rng.choice([0, 1, 1, 3, 5], 40)
    logits = rng.standard_normal((40, 7)) + 2 * (np.arange(7) == targets[:, None])
    logits[:, 6] = -9
    predicted = logits.argmax(axis=1)
    assert SingleLabel("abcdefg").scores(targets, logits) == {
        "accuracy": accuracy_score(targets, predicted),
        "macro_f1": f1_score(targets, predicted, average="macro", zero_division=0),
    }


@pytest.mark.parametrize("seed", range(20))
def test_scores_of_several_labels_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    targets = (rng.random((40, 5)) < [0.5, 0.2, 0.02, 0, 1]).astype(int)
    logits = rng.standard_normal((40, 5)) + targets - [0, 0, 2, 9, 0]
    predicted = logits > 0
    assert MultiLabel("abcde").scores(targets, logits) == pytest.approx(
        {
            "macro_f1": f1_score(targets, predicted, average="macro", zero_division=0),
            "micro_f1": f1_score(targets, predicted, average="micro", zero_division=0),
            "per_label_accuracy": (targets == predicted).mean(),
        },
        abs=1e-15,
    )
