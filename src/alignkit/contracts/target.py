"""What a target gives: a loss with a gradient, and scores as declared."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.contracts.guard import Guarded, plain
from alignkit.contracts.loss import check_scalar
from alignkit.plugins.calls import Owner, PluginCall, described
from alignkit.tasks import Binary, MultiLabel, Score, SingleLabel, Split, Target

if TYPE_CHECKING:
    import torch


class GuardedTarget(Guarded):
    """A target whose loss and scores are checked whenever they are computed."""

    what = "its target"

    @property
    def _of(self) -> str:
        return "" if is_registered(self._owner) else super()._of

    def _call_for(self, part: str, expected: str) -> PluginCall:
        return self._call(part_of_target(self._owner, part), expected)

    @property
    def n_outputs(self) -> int:
        """The number of logits per sample."""
        call = self._call_for("`n_outputs`", "a whole number from 0")
        n = self._read(call, "n_outputs")
        if not isinstance(n, int) or isinstance(n, bool) or n < 0:
            raise call.gave(n)
        return n

    @property
    def primary(self) -> str:
        """The name of the score that selects the best epoch."""
        call = self._call_for("`primary`", "the name of a score")
        primary = self._read(call, "primary")
        if not isinstance(primary, str):
            raise call.gave(primary)
        return primary

    def loss(self, logits: torch.Tensor, targets: torch.Tensor, *more: Any) -> torch.Tensor:
        """Return the mean loss over a batch, with a gradient where the logits have one."""
        call = self._call_for("loss", "a tensor that holds one floating-point number")
        return check_scalar(call, self._ask(call, "loss", logits, targets, *more), logits)

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        """Return every score by name."""
        call = self._call_for("scores", "numbers by the name of a score")
        return check_scores(call, self._ask(call, "scores", targets, logits), self)

    def class_weights(self, targets: np.ndarray) -> torch.Tensor:
        """Return weights that balance the labels."""
        import torch

        call = self._call_for("class weights", "a tensor of finite numbers")
        weights = self._ask(call, "class_weights", targets)
        if not isinstance(weights, torch.Tensor) or not bool(torch.isfinite(weights).all()):
            raise call.gave(weights)
        return weights

    def declared_scores(self) -> tuple[Score, ...]:
        """Return the direction and range of the scores."""
        call = self._call_for("`declared_scores`", "a tuple of alignkit.Score")
        declared = self._ask(call, "declared_scores")
        if not isinstance(declared, tuple | list):
            raise call.gave(declared)
        for score in declared:
            if not isinstance(score, Score):
                raise call.failed(f"gave {described(score)} among them")
            if not score.low < score.high:
                raise call.failed(
                    f"gave '{score.name}' the empty range [{score.low}, {score.high}]"
                )
        return tuple(declared)


def guarded_target(made: Any, owner: Owner | str) -> Target:
    """Return a target that a plugin made, guarded.

    Raises
    ------
    PluginError
        If it is none.
    """
    if not isinstance(made, Target):
        raise PluginCall(owner, "a target for labels", "an alignkit.Target").gave(made)
    return GuardedTarget(made, owner)  # type: ignore[return-value]


def is_registered(owner: Owner | str) -> bool:
    """Return whether the owner of a target is the target itself, and not the task that has it."""
    return getattr(owner, "kind", "") == "targets"


def part_of_target(owner: Owner | str, part: str) -> str:
    """Return what is asked of a target, as messages name it after its owner.

    >>> part_of_target("task 'mine'", "loss"), part_of_target("task 'mine'", "`primary`")
    ('the loss of its target', '`primary` of its target')
    """
    if is_registered(owner):
        return f"its {part}"
    return f"{part} of its target" if part.startswith("`") else f"the {part} of its target"


def check_targets(call: PluginCall, split: Split, target: Target) -> Split:
    """Return a split whose targets go with the target, whole numbers as int64.

    What targets of one's own hold is known to them only: these are numbers, and finite.

    Raises
    ------
    PluginError
        If labels are beyond those of the target, or not of its form.
    """
    targets, own = split.targets, plain(target)
    assert targets is not None
    if targets.dtype.kind not in "biuf":
        raise call.failed(f"gave {described(targets)}; expected numbers")
    if not np.isfinite(targets).all():
        raise call.failed(f"gave NaN or infinite values{_where(split, ~np.isfinite(targets))}")
    if keeps_loss(own, MultiLabel):
        return _check_columns(call, split, own.n_outputs)
    if keeps_loss(own, SingleLabel):
        return _check_classes(call, split, own.n_outputs)
    if keeps_loss(own, Binary):
        return _check_classes(call, split, 2)
    return split


def keeps_loss(target: Target, kind: type[Target]) -> bool:
    """Return whether a target reads its targets as one of alignkit's own does."""
    return isinstance(target, kind) and type(target).loss is kind.loss


def _check_classes(call: PluginCall, split: Split, n: int) -> Split:
    targets = split.targets
    assert targets is not None
    if targets.ndim != 1 or not (targets.astype(np.int64) == targets).all():
        raise call.failed(f"gave {described(targets)}; expected one whole number per sample")
    beyond = (targets < 0) | (targets >= n)
    if beyond.any():
        value = int(targets[beyond][0])
        raise call.failed(f"gave the label {value}{_where(split, beyond)}; labels are 0 to {n - 1}")
    return replace(split, targets=targets.astype(np.int64, copy=False))


def _check_columns(call: PluginCall, split: Split, n: int) -> Split:
    targets = split.targets
    assert targets is not None
    if targets.ndim != 2 or targets.shape[1] != n:
        raise call.failed(f"gave {described(targets)}; expected shape ({len(split)}, {n})")
    wrong = (targets != 0) & (targets != 1)
    if wrong.any():
        value = float(targets[wrong][0])
        raise call.failed(f"gave {value:g}{_where(split, wrong)}; expected zeros and ones")
    return split


def _where(split: Split, wrong: np.ndarray) -> str:
    rows = wrong.reshape(len(split), -1).any(axis=1)
    return f" to sample '{split.ids[int(rows.argmax())]}' ({int(rows.sum())} of {len(split)})"


def check_scores(call: PluginCall, scores: Any, target: GuardedTarget) -> dict[str, float]:
    """Return the scores of a target as plain numbers.

    Raises
    ------
    PluginError
        If a score is no finite number, lies outside its range, or is declared and not given.
    """
    if not isinstance(scores, Mapping):
        raise call.gave(scores)
    call = call.without_expected()
    found: dict[str, float] = {}
    for name, value in scores.items():
        if not isinstance(name, str) or not isinstance(value, numbers.Real):
            raise call.failed(f"gave {described(value)} as {name!r}; expected a number")
        found[name] = float(value)
    declared = {score.name: score for score in target.declared_scores()}
    for name in (target.primary, *declared):
        if name and name not in found:
            which = "`primary`" if name == target.primary else "declared"
            raise call.failed(f"gave {', '.join(found) or 'none'}, without '{name}', its {which}")
    for name, value in found.items():
        score = declared.get(name) or Score.undeclared(name)
        if not math.isfinite(value):
            raise call.failed(
                f"gave {value:g} as '{name}'; expected a finite number, or alignkit.DataError "
                "where it is undefined"
            )
        if not score.allows(value):
            bounds = f"[{score.low:g}, {score.high:g}]"
            hint = (
                "its declared range"
                if name in declared
                else f"which is assumed of a score that `declared_scores` leaves out: add "
                f"alignkit.Score({name!r}, higher_is_better=..., low=..., high=...)"
            )
            raise call.failed(f"gave {value:g} as '{name}', outside {bounds}, {hint}")
    return found
