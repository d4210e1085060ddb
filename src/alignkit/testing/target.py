"""Checks that a target's loss can be learnt from, and that its scores are as declared."""

from __future__ import annotations

import math
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.contracts.guard import plain, whose
from alignkit.contracts.target import GuardedTarget, is_registered, keeps_loss, part_of_target
from alignkit.errors import UsageError
from alignkit.plugins.calls import Owner, PluginCall
from alignkit.runs.targets import choose_target
from alignkit.tasks import Binary, MultiLabel, SingleLabel, Target
from alignkit.testing.faults import as_failures, owner_of

if TYPE_CHECKING:
    import torch

SAMPLES = 64  # made up; and no more of given ones are learnt
NUMBERS_OF_LABELS = (4, 2)  # those that are tried
STEPS, RATE = 100, 0.2  # of the descent that shows which scores are better
TOLERANCE = 1e-6


def check_target(
    target: str | Target, targets: np.ndarray | None = None, *, seed: int = 0, of: Owner | str = ""
) -> dict[str, float]:
    """Compute a target's loss and scores on made-up logits, and learn logits by its loss.

    Parameters
    ----------
    target : str or Target
        A registered target, as ``name:key=value``, which is made for labels that are made up; or
        the thing itself.
    targets : ndarray (n,) or (n, n_labels), optional
        Those of a split. They can be left out of a registered target, and where the target reads
        them as ``SingleLabel``, ``Binary`` or ``MultiLabel`` does; some are then made up.
    seed : int
        Of the logits.
    of : Owner or str
        Whose it is, for messages.

    Returns
    -------
    dict of str to float
        The scores of logits that the loss has taught: near their best values.

    Raises
    ------
    AssertionError
        When the loss, with the weights of classes or without, is not one finite number, has no
        gradient, or is not the mean over samples; when a score is no number, leaves its range, is
        declared and not given, or does not repeat; when the primary score falls as the loss is
        learnt; or when the target writes to its input.
    UsageError
        When targets are needed.
    """
    rng = np.random.default_rng(seed)
    with as_failures():
        if isinstance(target, str):
            target, made_up = _registered(target, rng)
            targets = made_up if targets is None else targets
        owner = of or _owner_of(target)
        guarded: Any = GuardedTarget(plain(target), owner)
        rows = _made_up(target, rng) if targets is None else np.asarray(targets)
        logits = rng.standard_normal((len(rows), guarded.n_outputs)).astype(np.float32)
        random = _scores(guarded, rows, logits, owner)
        few = rng.permutation(len(rows))[: max(SAMPLES, 2)]
        _check_loss(guarded, rows[few], logits[few], owner)
        weights = _class_weights(guarded, rows)
        if weights is not None:
            _check_loss(guarded, rows[few], logits[few], owner, weights)
        taught = _learn(guarded, rows, logits)
        learnt = _scores(guarded, rows, taught, owner)
        primary = guarded.declaration(guarded.primary)
        before, after = random[primary.name], learnt[primary.name]
        if primary.is_better(before, after):
            better = "higher" if primary.higher_is_better else "lower"
            raise PluginCall(owner, f"its primary score '{primary.name}'").failed(
                f"goes from {before:.4g} to {after:.4g} as its loss is learnt, though {better} is "
                "better; `declared_scores` may tell the wrong direction"
            )
        return learnt


def _owner_of(target: Target) -> Owner | str:
    """Return whose a target is: its registered name where it has one."""
    owner = whose(target)
    return owner if is_registered(owner) else owner_of("targets", target)


def _registered(spec: str, rng: np.random.Generator) -> tuple[Target, np.ndarray]:
    """Return a registered target for made-up labels, and targets of the form that it declares.

    Labels are numbers, as grades are, and as many as the target takes.
    """
    chosen = choose_target(spec)
    if chosen.reads == "number":
        return chosen.make(["number"]), rng.standard_normal(SAMPLES).astype(np.float32)
    refused: UsageError | None = None
    for count in NUMBERS_OF_LABELS:
        try:
            target = chosen.make([str(grade) for grade in range(count)])
        except UsageError as error:
            refused = refused or error
            continue
        if chosen.reads == "labels":
            return target, rng.integers(0, 2, (SAMPLES, count))
        return target, rng.permutation(np.arange(SAMPLES) % count)
    assert refused is not None
    raise refused


def _made_up(target: Target, rng: np.random.Generator) -> np.ndarray:
    """Return targets of the form that one of alignkit's own targets reads."""
    own = plain(target)
    for kind in (SingleLabel, MultiLabel, Binary):
        if keeps_loss(own, kind):
            break
    else:
        raise UsageError(
            f"the target {type(own).__name__} has a loss of its own; give `targets` that it reads"
        )
    if kind is MultiLabel:
        return rng.integers(0, 2, (SAMPLES, own.n_outputs))
    return rng.permutation(np.arange(SAMPLES) % (own.n_outputs if kind is SingleLabel else 2))


def _scores(target: Any, rows: np.ndarray, logits: np.ndarray, owner: Any) -> dict[str, float]:
    call = PluginCall(owner, part_of_target(owner, "scores"))
    given = rows.copy(), logits.copy()
    scores: dict[str, float] = target.scores(*given)
    if not (np.array_equal(given[0], rows) and np.array_equal(given[1], logits)):
        raise call.failed("writes to its input")
    if target.scores(rows, logits) != scores:
        raise call.failed("gave others for the same logits when asked again")
    for name, value in scores.items():
        if not math.isfinite(value):
            raise call.failed(f"gave {value} as '{name}' of random logits")
    return scores


def _class_weights(target: Any, rows: np.ndarray) -> torch.Tensor | None:
    """Return the weights of the classes; None where there are none, or the loss takes none."""
    own = type(plain(target))
    if own.class_weights is Target.class_weights or "weights" not in signature(own.loss).parameters:
        return None
    try:
        weights: torch.Tensor = target.class_weights(rows)
    except UsageError:
        return None
    return weights


def _check_loss(
    target: Any, rows: np.ndarray, logits: np.ndarray, owner: Any, *weights: torch.Tensor
) -> None:
    """Check that the loss, with or without weights, has a gradient and is a mean over samples."""
    import torch

    part = "loss with `class_weights`" if weights else "loss"
    call = PluginCall(owner, part_of_target(owner, part))
    leaf = torch.from_numpy(logits).double().requires_grad_()
    labels = torch.from_numpy(rows)
    loss = target.loss(leaf, labels, *weights)
    whole = float(loss.detach())
    if not math.isfinite(whole):
        raise call.failed(f"gave {whole} for random logits")
    (gradient,) = torch.autograd.grad(loss, leaf, allow_unused=True)
    if gradient is None or not bool(gradient.any()) or not bool(torch.isfinite(gradient).all()):
        raise call.failed("gave a value without a finite gradient that is not zero")
    if len(rows) < 2:
        return
    cut = len(rows) // 3 or 1
    halves = (slice(None, cut), slice(cut, None))
    parts = [float(target.loss(leaf[each].detach(), labels[each], *weights)) for each in halves]
    mean = (cut * parts[0] + (len(rows) - cut) * parts[1]) / len(rows)
    if abs(mean - whole) > TOLERANCE * max(1.0, abs(mean)):
        raise call.failed(
            f"gave {whole:.6g} for {len(rows)} samples and {mean:.6g} as the mean of two "
            "parts; expected the mean over samples, so that batches of any size weigh the same"
        )


def _learn(target: Any, rows: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return logits after some steps down the loss."""
    import torch

    leaf = torch.from_numpy(logits.copy()).requires_grad_()
    labels = torch.from_numpy(rows)
    optimizer = torch.optim.Adam([leaf], RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        target.loss(leaf, labels).backward()
        optimizer.step()
    return leaf.detach().numpy()
