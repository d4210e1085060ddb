"""Checks that a task provides what training and evaluation need."""

from __future__ import annotations

from typing import Any

import numpy as np

from alignkit.tasks import SPLITS


def check_task(task: Any, splits: tuple[str, ...] = SPLITS) -> dict[str, int]:
    """Read a task's splits, open pictures, and score made-up logits.

    Parameters
    ----------
    task : str or Task
        As ``name:key=value``, or the thing itself.
    splits : tuple of str
        Those to check; a test split without labels is not an error.

    Returns
    -------
    dict of str to int
        Samples per split.

    Raises
    ------
    AssertionError
        When lists differ in length, ids repeat within or between splits, a picture is not
        RGB, targets do not go with the loss and scores, a score leaves its range, a declared
        score is missing, or the fingerprint or the order of the samples does not repeat.
    """
    from alignkit.runs.config import choose

    made = choose("tasks", task).make() if isinstance(task, str) else task
    seen: dict[str, str] = {}
    counts = {}
    for name in splits:
        split = made.split(name)
        _check_split(split, name, made.target)
        assert list(made.split(name).ids) == list(split.ids), f"{name}: another order each time"
        for sample in split.ids:
            assert sample not in seen, f"sample id '{sample}' is in both {seen[sample]} and {name}"
            seen[sample] = name
        counts[name] = len(split)
    print_ = made.fingerprint()
    assert isinstance(print_, str), "the fingerprint is not text"
    assert print_ == made.fingerprint(), "the fingerprint does not repeat"
    return counts


def _check_split(split: Any, name: str, target: Any) -> None:
    n = len(split.ids)
    assert n > 0, f"{name} is empty"
    assert len(split.texts) == n, f"{name}: {n} ids but {len(split.texts)} texts"
    assert all(isinstance(text, str) for text in split.texts), f"{name}: a text is not text"
    for i in {0, n // 2, n - 1}:
        picture = np.asarray(split.image(i))
        rgb = picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8
        assert rgb, f"{name}: picture {i} is {picture.dtype} {picture.shape}, not RGB"
    if split.targets is None:
        assert name == "test", f"{name} has no targets, which training and scoring need"
        return
    assert len(split.targets) == n, f"{name}: {n} ids but {len(split.targets)} targets"
    _check_target(np.asarray(split.targets), name, target)


def _check_target(targets: np.ndarray, name: str, target: Any) -> None:
    import torch

    rng = np.random.default_rng(0)
    logits = rng.standard_normal((len(targets), target.n_outputs))
    loss = float(target.loss(torch.from_numpy(logits), torch.from_numpy(targets)))
    assert np.isfinite(loss), f"{name}: the loss of random logits is {loss}"
    scores = target.scores(targets, logits)
    assert target.primary in scores, f"primary score '{target.primary}' is none of {list(scores)}"
    for score, value in scores.items():
        low, high = target.declaration(score).low, target.declaration(score).high
        assert low <= value <= high, f"{name}: {score} is {value}, outside [{low:g}, {high:g}]"
    missing = {declared.name for declared in target.declared_scores()} - set(scores)
    assert not missing, f"{name}: the target declares scores that it does not give: {missing}"
