"""Checks that a training objective lowers its loss, and gives the scores that it declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alignkit.contracts.objective import (
    check_objective_loss,
    check_objective_once,
    check_objective_scores,
    require_objective,
)
from alignkit.errors import UsageError
from alignkit.plugins.calls import Owner, PluginCall
from alignkit.plugins.options import parse_spec
from alignkit.runs.training import OBJECTIVES, OWN, objective_entry
from alignkit.testing.faults import as_failures
from alignkit.training.protocols import ObjectiveContext, ObjectiveSamples

if TYPE_CHECKING:
    from torch import Tensor, nn

STEPS, RATE = 30, 0.05  # of the descent
TOLERANCE = 1e-4


def check_objective(
    objective: str | Callable[..., Any],
    *,
    samples: int = 32,
    widths: tuple[int, int] = (16, 12),
    seed: int = 0,
    scores: tuple[str, ...] = (),
) -> dict[str, float]:
    """Compute a training objective on made-up representations, and train these by it.

    Parameters
    ----------
    objective : str or callable
        A registered objective, as ``name:key=value``; or the class itself, or a function that
        returns one.
    samples : int
        At least 8; some have the same text or the same picture.
    widths : (int, int)
        Of the representations of texts and of pictures.
    seed : int
    scores : tuple of str
        For a class: the scores that it declares.

    Returns
    -------
    dict of str to float
        The loss of ``random`` representations, and of ``trained`` ones, after some steps of
        gradient descent on them and on the parameters; and the ``accuracy`` of the latter.

    Raises
    ------
    AssertionError
        When it is no ``torch.nn.Module`` with ``forward`` and ``scores``; when the loss is not one
        finite number, has no gradient, depends on the order of the samples, does not repeat, or is
        not lowered by training; when the scores are not those that are declared, or not in [0, 1];
        or when it writes to its input.
    UsageError
        For an unknown name or option, fewer than 8 samples, or an objective of alignkit itself.
    """
    import torch

    if samples < 8 or min(widths) < 1:
        raise UsageError(
            f"`samples` is {samples} and `widths` is {widths}; they must be at least 8 and 1"
        )
    with as_failures():
        torch.manual_seed(seed)
        subject = _subject(objective, ObjectiveContext(*widths), scores)
        generator = torch.Generator().manual_seed(seed)
        text, vision = (torch.randn(samples, width, generator=generator) for width in widths)
        # Two texts of a picture, and two pictures of a text.
        same = ObjectiveSamples(
            torch.arange(samples).clamp(min=1), torch.arange(samples).clamp(max=samples - 2)
        )
        sides = _Sides(text, vision, same)
        check_objective_once(subject.owner, subject.made, sides.text, sides.vision, sides.samples)
        value, turned = subject.loss(sides), subject.loss(sides.reversed())
        if abs(turned - value) > TOLERANCE * max(1.0, abs(value)):
            raise PluginCall(subject.owner, "its loss").failed(
                f"gave {value:.6g}, and {turned:.6g} with the samples in another order"
            )
        trained = subject.train(sides)
        if not trained < value:
            raise PluginCall(subject.owner, "its loss").failed(
                f"goes from {value:.6g} to {trained:.6g} in training that should lower it"
            )
        found = subject.scores(sides)
        for name, other in subject.scores(sides.reversed()).items():
            if abs(other - found[name]) > TOLERANCE:
                raise PluginCall(subject.owner, "its scores").failed(
                    f"gave {name} {found[name]:.6g}, and {other:.6g} with the samples in another "
                    "order"
                )
        return {"random": value, "trained": trained, "accuracy": found["accuracy"]}


@dataclass(frozen=True)
class _Sides:
    text: Tensor
    vision: Tensor
    samples: ObjectiveSamples

    def reversed(self) -> _Sides:
        """Return the samples in the opposite order."""
        same = ObjectiveSamples(self.samples.texts.flip(0), self.samples.images.flip(0))
        return _Sides(self.text.flip(0), self.vision.flip(0), same)


@dataclass(frozen=True)
class _Subject:
    """An objective, whose it is, and the scores that it declares."""

    owner: Owner | str
    made: nn.Module
    declared: tuple[str, ...]

    def loss(self, sides: _Sides) -> float:
        """Return its loss."""
        with PluginCall(self.owner, "its loss"):
            value = self.made(sides.text.clone(), sides.vision.clone(), sides.samples)
        return float(check_objective_loss(self.owner, value).detach())

    def train(self, sides: _Sides) -> float:
        """Train both representations and the parameters in place; return the loss at the end."""
        import torch

        for side in (sides.text, sides.vision):
            side.requires_grad_()
        own = (sides.text, sides.vision, *self.made.parameters())
        optimizer = torch.optim.Adam(own, RATE)
        for _ in range(STEPS):
            optimizer.zero_grad()
            with PluginCall(self.owner, "its loss"):
                value = self.made(sides.text * 1, sides.vision * 1, sides.samples)
            check_objective_loss(self.owner, value, *own[:2]).backward()
            optimizer.step()
        for side in (sides.text, sides.vision):
            side.requires_grad_(False)
        return self.loss(sides)

    def scores(self, sides: _Sides) -> dict[str, float]:
        """Return its scores, as in validation."""
        import torch

        self.made.eval()
        with torch.inference_mode(), PluginCall(self.owner, "its scores"):
            given = self.made.scores(sides.text, sides.vision, sides.samples)  # type: ignore[operator]
        return check_objective_scores(self.owner, given, self.declared)


def _subject(
    objective: str | Callable[..., Any], context: ObjectiveContext, scores: tuple[str, ...]
) -> _Subject:
    if not isinstance(objective, str):
        owner = f"objective '{getattr(objective, '__name__', type(objective).__name__)}'"
        with PluginCall(owner, "an objective with its options"):
            made = objective(context)
        return _Subject(owner, require_objective(made, owner), scores)
    from alignkit.training.step_objectives import make_objective

    if scores:
        raise UsageError(f"'{objective}' is registered with its declarations; leave out `scores`")
    name, given = parse_spec(objective)
    if name.removeprefix(f"{OWN}/") in OBJECTIVES:
        raise UsageError(f"objective '{name}' is alignkit's own; this checks those of plugins")
    entry = objective_entry(name)
    declared = tuple(entry.declarations.get("scores", ()))
    return _Subject(entry, make_objective(entry, given, context), declared)
