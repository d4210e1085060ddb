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
        score is missing, or the fingerprint, the digest of the content or the order of the
        samples does not repeat.
    """
    from alignkit.runs.config import choose

    made = choose("tasks", task).make() if isinstance(task, str) else task
    seen: dict[str, str] = {}
    counts = {}
    for name in splits:
        split = made.split(name)
        _check_split(split, name, made.target)
        if list(made.split(name).ids) != list(split.ids):
            raise AssertionError(f"{name}: another order each time")
        for sample in split.ids:
            if sample in seen:
                raise AssertionError(f"sample id '{sample}' is in both {seen[sample]} and {name}")
            seen[sample] = name
        counts[name] = len(split)
    print_ = made.fingerprint()
    if not isinstance(print_, str):
        raise AssertionError("the fingerprint is not text")
    if print_ != made.fingerprint():
        raise AssertionError("the fingerprint does not repeat")
    for name in splits if hasattr(made, "content_digest") else ():
        digest = made.content_digest(name)
        if not isinstance(digest, str | None):
            raise AssertionError(f"{name}: the digest of its content is neither text nor None")
        if digest != made.content_digest(name):
            raise AssertionError(f"{name}: the digest of its content does not repeat")
    return counts


def _check_split(split: Any, name: str, target: Any) -> None:
    n = len(split.ids)
    if not n:
        raise AssertionError(f"{name} is empty")
    if len(split.texts) != n:
        raise AssertionError(f"{name}: {n} ids but {len(split.texts)} texts")
    if not all(isinstance(text, str) for text in split.texts):
        raise AssertionError(f"{name}: a text is not text")
    for i in {0, n // 2, n - 1}:
        picture = np.asarray(split.image(i))
        rgb = picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8
        if not rgb:
            raise AssertionError(f"{name}: picture {i} is {picture.dtype} {picture.shape}, not RGB")
    if split.targets is None:
        if name != "test":
            raise AssertionError(f"{name} has no targets, which training and scoring need")
        return
    if len(split.targets) != n:
        raise AssertionError(f"{name}: {n} ids but {len(split.targets)} targets")
    _check_target(np.asarray(split.targets), name, target)


def _check_target(targets: np.ndarray, name: str, target: Any) -> None:
    import torch

    rng = np.random.default_rng(0)
    logits = rng.standard_normal((len(targets), target.n_outputs))
    loss = float(target.loss(torch.from_numpy(logits), torch.from_numpy(targets)))
    if not np.isfinite(loss):
        raise AssertionError(f"{name}: the loss of random logits is {loss}")
    scores = target.scores(targets, logits)
    if target.primary not in scores:
        raise AssertionError(f"primary score '{target.primary}' is none of {list(scores)}")
    for score, value in scores.items():
        low, high = target.declaration(score).low, target.declaration(score).high
        if not low <= value <= high:
            raise AssertionError(f"{name}: {score} is {value}, outside [{low:g}, {high:g}]")
    missing = {declared.name for declared in target.declared_scores()} - set(scores)
    if missing:
        raise AssertionError(f"{name}: the target declares scores that it does not give: {missing}")
