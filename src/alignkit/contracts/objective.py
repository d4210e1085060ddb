"""What a training objective of a plugin is and gives: a torch module, its loss and its scores."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alignkit.contracts.loss import check_loss_once, check_scalar
from alignkit.plugins.calls import Owner, PluginCall, described

if TYPE_CHECKING:
    from torch import Tensor, nn

ACCURACY = "accuracy"
METHODS = ("forward", "scores")
LOSS = ("its loss", "a tensor that holds one floating-point number")


def require_objective(made: Any, owner: Owner | str) -> nn.Module:
    """Return what a plugin made if it is an objective.

    Raises
    ------
    PluginError
        If it is no ``torch.nn.Module``, lacks a method, or has one that cannot be called.
    """
    from torch import nn

    call = PluginCall(owner)
    if not isinstance(made, nn.Module):
        plain = type(made).__module__ == "builtins"
        what = described(made) if plain else f"of the class {type(made).__name__}"
        raise call.failed(f"is {what}; expected a torch.nn.Module")
    for name in METHODS:
        method = getattr(made, name, None)
        own = getattr(type(made), name, None)
        if method is None or own is nn.Module.forward:
            raise call.failed(f"is of the class {type(made).__name__}, without `{name}`")
        try:
            inspect.signature(method).bind(*range(3))  # text, vision and samples
        except TypeError as error:
            raise call.failed(
                f"has a `{name}` that cannot be called with text, vision and samples: {error}"
            ) from None
    return made


def check_objective_once(
    owner: Owner | str, module: nn.Module, text: Tensor, vision: Tensor, samples: Any
) -> None:
    """Compute an objective once, and check what it gives and what it leaves as it was.

    Parameters
    ----------
    owner : Owner or str
    module : nn.Module
        The objective, whose state is the same afterwards.
    text, vision : Tensor (n, width)
        Representations of the same samples; they are copied.
    samples : ObjectiveSamples

    Raises
    ------
    PluginError
        If the loss is not one finite number, no gradient reaches either side, it draws random
        numbers, or it writes to its input.
    """
    call = PluginCall(owner, *LOSS)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    values: list[Tensor] = []

    def loss(*sides: Tensor) -> Any:
        value = module(*sides, samples)
        values.append(value)
        return value

    for _ in range(2):
        check_loss_once(call, loss, text, vision)
        module.load_state_dict(before)
    first, again = (float(value.detach()) for value in values)
    if not math.isclose(first, again, rel_tol=1e-4, abs_tol=1e-6):
        raise call.without_expected().failed(
            f"gave {first:.6g}, then {again:.6g} for the same representations; an objective draws "
            "no random numbers"
        )


def check_objective_loss(owner: Owner | str, value: Any, *sides: Tensor) -> Tensor:
    """Return a loss if it is one number that has a gradient where its inputs have one."""
    return check_scalar(PluginCall(owner, *LOSS), value, *sides)


def check_objective_scores(
    owner: Owner | str, given: Any, declared: Sequence[str]
) -> dict[str, float]:
    """Return the scores of an objective as numbers by name.

    Raises
    ------
    PluginError
        If they are not ``accuracy`` and those that it declares, or not numbers in [0, 1].
    """
    call = PluginCall(owner, "its scores")
    names = (ACCURACY, *declared)
    if not isinstance(given, Mapping):
        raise call.failed(f"gave {described(given)}; expected numbers by name")
    missing = [name for name in names if name not in given]
    further = [str(name) for name in given if name not in names]
    if missing:
        raise call.failed(f"gave no {' and no '.join(missing)}; expected {', '.join(names)}")
    if further:
        raise call.failed(
            f"gave {', '.join(further)}, which it does not declare; register it with "
            f"scores=({', '.join(map(repr, [*declared, *further]))},)"
        )
    return {name: _share(call, name, given[name]) for name in names}


def _share(call: PluginCall, name: str, value: Any) -> float:
    """Return a score as a number in [0, 1]."""
    with call:
        number = float(value)
    if not 0 <= number <= 1:
        raise call.failed(f"gave {name} {number:.6g}; expected a number from 0 to 1")
    return number
