"""Class weights: from the targets of the training split, averaged over samples."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from alignkit.tasks import Binary, MultiLabel, SingleLabel

RNG = np.random.default_rng(0)


def test_a_yes_weighs_as_many_as_there_are_noes_to_it():
    targets = np.array([0] * 6 + [1] * 2)
    assert Binary().class_weights(targets).tolist() == [3.0]


def test_labels_without_examples_weigh_one():
    targets = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]])
    assert MultiLabel(["a", "b", "c"]).class_weights(targets).tolist() == [3.0, 1.0, 1.0]


def test_classes_weigh_one_on_average_over_samples():
    targets = np.array([0] * 6 + [1] * 3 + [3])
    weights = SingleLabel(["a", "b", "c", "d"]).class_weights(targets)
    assert float(weights[targets].mean()) == pytest.approx(1)
    counts = np.bincount(targets, minlength=4)
    assert (weights.numpy() * counts)[[0, 1, 3]] == pytest.approx(10 / 3)
    assert weights[2] == 1


@pytest.mark.parametrize("target", [Binary(), SingleLabel(["a", "b", "c"]), MultiLabel(["a", "b"])])
def test_the_loss_is_a_mean_over_samples(target):
    """So the losses of two batches average to that of their union, weighted or not."""
    n, k = 12, target.n_outputs
    logits = torch.tensor(RNG.standard_normal((n, k)))
    shape = (n, k) if isinstance(target, MultiLabel) else (n,)
    high = 3 if isinstance(target, SingleLabel) else 2
    targets = RNG.integers(0, high, shape)
    held = torch.from_numpy(targets)
    weights = target.class_weights(targets)
    for more in ((), (weights,)):
        whole = target.loss(logits, held, *more)
        parts = [target.loss(logits[a:b], held[a:b], *more) * (b - a) for a, b in ((0, 5), (5, n))]
        assert float(whole) == pytest.approx(float(sum(parts)) / n)


def test_the_weighted_loss_of_yes_and_no_is_torchs():
    logits, targets = torch.tensor([[0.3], [-1.2]]), torch.tensor([1, 0])
    expected = F.binary_cross_entropy_with_logits(
        logits[:, 0], targets.float(), pos_weight=torch.tensor([2.5])
    )
    assert Binary().loss(logits, targets, torch.tensor([2.5])) == expected
