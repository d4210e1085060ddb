"""Checks that a score is a number in its range, whatever the order of the samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from alignkit.chain.extra_scores import ExtraScore, choose_score
from alignkit.tasks import Binary, MultiLabel, Predictions, SingleLabel, Target
from alignkit.tasks.score import ROUNDING

SAMPLES = 60
_TARGETS = (Binary(), SingleLabel(("a", "b", "c")), MultiLabel(("a", "b", "c")))


def check_score(score: str) -> dict[str, float]:
    """Compute a score on made-up predictions of each kind of target that it is for.

    Whatever fact it asks for, the samples belong to three groups.

    Parameters
    ----------
    score : str
        A registered score, as ``name:key=value``.

    Returns
    -------
    dict of str to float
        The score of random predictions, by the class of the target.

    Raises
    ------
    AssertionError
        When it depends on the order of the samples, does not repeat, writes to its input, is not
        better for right predictions than for wrong or random ones, or is for none of these targets.
    UsageError
        When it needs options.
    PluginError
        When it fails, is no finite number, or is outside the range that it declares.
    """
    chosen = choose_score(score)
    found = {
        target.__class__.__name__: _checked(chosen, target)
        for target in _TARGETS
        if chosen.fits(target)
    }
    if not found:
        named = " or ".join(chosen.targets)
        raise AssertionError(f"score '{score}' is for {named}, which alignkit lacks")
    return found


class _Facts(Mapping[str, Sequence[str]]):
    """Three groups under any name."""

    def __init__(self, groups: Sequence[str]) -> None:
        self.groups = groups

    def __getitem__(self, name: str) -> Sequence[str]:
        return self.groups

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(("group",))

    def __len__(self) -> int:
        return 1


def _checked(score: ExtraScore, target: Target) -> float:
    rng = np.random.default_rng(0)
    n = target.n_outputs
    shape, classes = ((SAMPLES, n), 2) if isinstance(target, MultiLabel) else (SAMPLES, max(n, 2))
    targets = rng.integers(0, classes, shape)
    # Every class occurs in every group.
    targets[: 3 * classes] = np.repeat(np.arange(classes), 3).reshape(-1, *[1] * (targets.ndim - 1))
    groups = [f"g{row % 3}" for row in range(SAMPLES)]
    ids = [f"sample{row}" for row in range(SAMPLES)]
    logits = rng.standard_normal((SAMPLES, n)).astype(np.float32)

    def of(logits: np.ndarray, order: np.ndarray) -> float:
        facts = _Facts([groups[row] for row in order])
        given = targets[order].copy(), logits[order].copy()
        kept = [each.copy() for each in given]
        own = Predictions(*given, [ids[row] for row in order], facts, target.labels)
        value = score.of(own)
        if not all(np.array_equal(a, b) for a, b in zip(given, kept, strict=True)):
            raise AssertionError(f"{label}: it writes to its input")
        return value

    label = f"score '{score.name}' on {target.__class__.__name__}"
    straight = np.arange(SAMPLES)
    value, again = of(logits, straight), of(logits, straight)
    if value != again:
        raise AssertionError(f"{label}: {value:.6g}, then {again:.6g} for the same predictions")
    shuffled = of(logits, rng.permutation(SAMPLES))
    if abs(value - shuffled) > 1e-6 * max(1.0, abs(value)) + ROUNDING:
        raise AssertionError(f"{label}: {value:.6g}, {shuffled:.6g} in another order of samples")
    right = 4 * (np.eye(n)[targets] if targets.ndim == 1 and n > 1 else _column(targets)) - 2
    best, worst = of(right.astype(np.float32), straight), of(-right.astype(np.float32), straight)
    # A difference between groups is 0 for both the right and the wrong ones.
    is_better, others = score.declaration.is_better, (worst, value)
    if any(is_better(it, best) for it in others) or not any(is_better(best, it) for it in others):
        raise AssertionError(
            f"{label}: {best:.6g} for right predictions is not better than {worst:.6g} for wrong "
            f"and {value:.6g} for random ones"
        )
    return value


def _column(targets: np.ndarray) -> np.ndarray:
    return targets[:, None] if targets.ndim == 1 else targets
