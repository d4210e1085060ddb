"""Checks that an auxiliary loss can be trained on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from alignkit.contracts.loss import check_loss_once, check_scalar
from alignkit.errors import UsageError
from alignkit.plugins.calls import PluginCall
from alignkit.testing.faults import as_failures, owner_of

if TYPE_CHECKING:
    from torch import Tensor

STEPS, RATE = 30, 0.05  # of the descent
TOLERANCE = 1e-5


def check_loss(
    loss: str | Callable[..., Any],
    *,
    samples: int = 32,
    width: int = 16,
    seed: int = 0,
    maximise: bool = False,
) -> dict[str, float]:
    """Compute an auxiliary loss on made-up representations, and train these by it.

    Parameters
    ----------
    loss : str or callable
        A registered loss, as ``name:key=value``; or the function itself.
    samples, width, seed : int
        Of the representations; at least 8 samples.
    maximise : bool
        For a function: whether it is a similarity whose best value is 1.

    Returns
    -------
    dict of str to float
        Its values of ``random`` representations, of ``identical`` ones, and of ``trained`` ones:
        random ones after some steps of gradient descent on it.

    Raises
    ------
    AssertionError
        When the value is not one finite number, has no gradient, depends on the order of the
        samples, or does not repeat; when a similarity is above 1, or training by it does not
        improve it; or when the function writes to its input.
    UsageError
        For an unknown name or option, or fewer than 8 samples.
    """
    import torch

    if samples < 8 or width < 1:
        raise UsageError(
            f"`samples` is {samples} and `width` is {width}; they must be at least 8 and 1"
        )
    with as_failures():
        function, maximise = _bound(loss, maximise)
        call = PluginCall(
            owner_of("losses", loss), "its value", "a tensor that holds one floating-point number"
        )
        generator = torch.Generator().manual_seed(seed)
        text, vision = (torch.randn(samples, width, generator=generator) for _ in range(2))
        check_loss_once(call, function, text, vision)
        values = {
            "random": _value(call, function, text, vision),
            "identical": _value(call, function, text, text),
        }
        _check_repeats(call, function, text, vision, values["random"])
        values["trained"] = _trained(call, function, text, vision, maximise)
        _check_direction(call, values, maximise)
        return values


def _bound(loss: str | Callable[..., Any], maximise: bool) -> tuple[Callable[..., Any], bool]:
    """Return a loss with its options, and whether it is a similarity."""
    from alignkit.plugins import registry
    from alignkit.plugins.options import bind, parse_spec

    if not isinstance(loss, str):
        return loss, maximise
    if maximise:
        raise UsageError(f"'{loss}' is registered with its declarations; leave out `maximise`")
    name, given = parse_spec(loss)
    entry = registry().get("losses", name)
    function = entry.load()
    options = bind(function, given, f"loss '{name}'")
    return partial(function, **options), bool(entry.declarations.get("maximise", False))


def _value(call: PluginCall, function: Callable[..., Any], text: Tensor, vision: Tensor) -> float:
    with call:
        value = function(text.clone(), vision.clone())
    return float(check_scalar(call, value))


def _check_repeats(
    call: PluginCall, function: Callable[..., Any], text: Tensor, vision: Tensor, value: float
) -> None:
    again = _value(call, function, text, vision)
    if again != value:
        raise call.failed(f"gave {value!r}, then {again!r} for the same representations")
    turned = _value(call, function, text.flip(0), vision.flip(0))
    if abs(turned - value) > TOLERANCE * max(1.0, abs(value)):
        raise call.failed(f"gave {value:.6g}, and {turned:.6g} with the samples in another order")


def _trained(
    call: PluginCall, function: Callable[..., Any], text: Tensor, vision: Tensor, maximise: bool
) -> float:
    """Return the value after some steps of gradient descent on both representations."""
    import torch

    leaves = [side.clone().requires_grad_() for side in (text, vision)]
    optimizer = torch.optim.Adam(leaves, RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        with call:
            value = function(leaves[0] * 1, leaves[1] * 1)
        (-value if maximise else value).backward()
        optimizer.step()
    return _value(call, function, *(leaf.detach() for leaf in leaves))


def _check_direction(call: PluginCall, values: dict[str, float], maximise: bool) -> None:
    before, after = values["random"], values["trained"]
    if not (after > before if maximise else after < before):
        raise call.failed(
            f"goes from {before:.6g} to {after:.6g} in training that should "
            f"{'raise' if maximise else 'lower'} it"
        )
    highest = max(values.values())
    if maximise and highest > 1 + TOLERANCE:
        raise call.failed(f"gave {highest:.6g}; a similarity to maximise is at most 1")
