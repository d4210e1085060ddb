"""Image-text contrast and its retrieval against plain computations, with equal samples and ties."""

import itertools
import math

import numpy as np
import pytest
import torch

import alignkit
from alignkit_losses.itc import LOWEST_TEMPERATURE, ImageTextContrast
from alignkit_losses.plugin import RECALLS
from alignkit_losses.retrieval import AT, both_ways, recall, recall_both_ways


def _samples(texts, images):
    return alignkit.ObjectiveSamples(torch.tensor(texts), torch.tensor(images))


def _made(width=5, **options):
    torch.manual_seed(0)
    return ImageTextContrast(alignkit.ObjectiveContext(4, 6), width=width, **options)


def _sides(n, seed=0):
    rng = np.random.default_rng(seed)
    return [torch.tensor(rng.standard_normal((n, width)), dtype=torch.float32) for width in (4, 6)]


def _loss(similar, right):
    """The mean of both ways of minus the log probability of a right one, a sample at a time."""
    losses = []
    for rows, own in ((similar, right), (similar.T, right.T)):
        for row, mask in zip(rows, own, strict=True):
            p = np.exp(row) / np.exp(row).sum()
            losses.append(-math.log(p[mask].sum()))
    return np.mean(losses)


@pytest.mark.parametrize(
    ("texts", "images"),
    [
        (range(6), range(6)),
        ([0, 0, 1, 2, 3, 3], range(6)),
        ([0, 1, 2, 3, 0, 4], [0, 1, 2, 3, 4, 0]),
    ],
)
def test_the_loss_equals_its_definition_and_takes_no_equal_sample_for_a_wrong_one(texts, images):
    made, (text, vision) = _made(), _sides(6)
    pairs = set(zip(texts, images, strict=True))
    right = np.array([[(t, v) in pairs for v in images] for t in texts])
    with torch.no_grad():
        queries, keys = made.text(text), made.vision(vision)
        cosines = torch.cosine_similarity(queries[:, None], keys[None], dim=2).double().numpy()
        found = float(made(text, vision, _samples(list(texts), list(images))))
    assert found == pytest.approx(_loss(cosines / 0.07, right), rel=1e-5)


def test_what_belongs_together_is_found_through_other_samples():
    # Text 0 occurs with pictures 0 and 1, picture 1 also with text 5.
    right = both_ways(_samples([0, 0, 5, 7], [0, 1, 1, 2])).tolist()
    assert right == [
        [True, True, True, False],
        [True, True, True, False],
        [False, True, True, False],
        [False, False, False, True],
    ]


def test_where_all_texts_are_equal_nothing_is_wrong():
    made, (text, vision) = _made(), _sides(5)
    loss = made(text, vision, _samples([3] * 5, range(5)))
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    scores = made.eval().scores(text, vision, _samples([3] * 5, list(range(5))))
    assert scores["text_to_image_recall_at_1"] == scores["image_to_text_recall_at_1"] == 1


def test_the_temperature_is_learned_and_stays_above_its_lowest_value():
    made, (text, vision) = _made(temperature=0.02), _sides(8)
    optimizer = torch.optim.SGD(made.parameters(), lr=5.0)
    samples = _samples(range(8), range(8))
    for _ in range(50):
        optimizer.zero_grad()
        made(text, vision, samples).backward()
        assert made.log_scale.grad is not None
        optimizer.step()
    made(text, vision, samples)
    assert float((-made.log_scale.detach()).exp()) >= LOWEST_TEMPERATURE * (1 - 1e-6)


def _brute_force(similar, right, k):
    """The mean over all orders of the candidates, sorted by similarity alone."""
    hits = []
    for row, own in zip(similar, right, strict=True):
        orders = list(itertools.permutations(range(len(row))))
        first = [sorted(order, key=lambda i: -row[i])[:k] for order in orders]
        hits.append(np.mean([any(own[i] for i in chosen) for chosen in first]))
    return np.mean(hits)


@pytest.mark.parametrize("seed", range(6))
def test_recall_is_the_mean_over_all_orders_of_ties(seed, monkeypatch):
    monkeypatch.setattr("alignkit_losses.retrieval.AT", (1, 2, 3))
    rng = np.random.default_rng(seed)
    n = 6
    # Few directions, so that most candidates tie; few texts and pictures, so that many are equal.
    bank = np.eye(3)
    images, texts = rng.integers(0, 6, n), rng.integers(0, 4, n)
    of_image, of_text = bank[rng.integers(0, 3, 6)], bank[rng.integers(0, 3, 4)]
    queries, keys = torch.tensor(of_text[texts]), torch.tensor(of_image[images])
    found = recall(queries, keys, torch.tensor(texts), torch.tensor(images))
    kinds = np.unique(images)
    pairs = set(zip(texts, images, strict=True))
    similar = np.array([[of_text[t] @ of_image[v] for v in kinds] for t in texts])
    right = np.array([[(t, v) in pairs for v in kinds] for t in texts])
    expected = [_brute_force(similar, right, k) for k in (1, 2, 3)]
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_recall_without_ties_is_that_of_sorting(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, 300, 8))  # more than are compared at once
    x, y = (m / np.linalg.norm(m, axis=1, keepdims=True) for m in (x, x + 0.5 * y))
    samples = _samples(range(300), range(300))
    found = recall_both_ways(torch.tensor(x), torch.tensor(y), samples)
    assert tuple(found) == RECALLS
    ranks = (x @ y.T > np.diag(x @ y.T)[:, None]).sum(1)
    for k in AT:
        assert found[f"text_to_image_recall_at_{k}"] == pytest.approx((ranks < k).mean())
    other = recall_both_ways(torch.tensor(y), torch.tensor(x), samples)
    assert list(other.values()) == pytest.approx([*found.values()][3:] + [*found.values()][:3])


def test_a_model_that_tells_nothing_apart_is_at_chance():
    one = torch.ones(40, 3, dtype=torch.float64) / math.sqrt(3)
    one = one + 1e-9 * torch.randn(40, 3, dtype=torch.float64)  # but for rounding
    found = recall_both_ways(one, one, _samples(range(40), range(40)))
    assert list(found.values()) == pytest.approx([k / 40 for k in (1, 5, 10)] * 2)


def test_fewer_candidates_than_k_are_all_found():
    x = torch.eye(4, dtype=torch.float64)
    found = recall_both_ways(x, x.flip(0), _samples(range(4), range(4)))
    assert found["text_to_image_recall_at_1"] == 0
    assert found["text_to_image_recall_at_5"] == found["image_to_text_recall_at_10"] == 1


def test_scores_do_not_depend_on_the_order_of_the_samples():
    made, (text, vision) = _made().eval(), _sides(30)
    texts, images = torch.arange(30) // 2, torch.arange(30) // 3
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    scores = made.scores(text, vision, alignkit.ObjectiveSamples(texts, images))
    turned = alignkit.ObjectiveSamples(texts[order], images[order])
    assert made.scores(text[order], vision[order], turned) == pytest.approx(scores)
    mean = (scores["text_to_image_recall_at_1"] + scores["image_to_text_recall_at_1"]) / 2
    assert scores["accuracy"] == mean
