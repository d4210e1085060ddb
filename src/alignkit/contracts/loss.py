"""What a loss gives: one number, with a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from alignkit.plugins.calls import PluginCall

if TYPE_CHECKING:
    from torch import Tensor


def check_scalar(call: PluginCall, value: Any, *inputs: Tensor) -> Tensor:
    """Return a loss if it is one number that has a gradient where its inputs have one.

    Raises
    ------
    PluginError
        If it is not a tensor, holds several numbers or whole ones, or is detached.
    """
    import torch

    if not isinstance(value, torch.Tensor) or value.numel() != 1 or not value.is_floating_point():
        raise call.gave(value)
    plain = call.without_expected()
    needs = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs)
    if needs and not value.requires_grad:
        raise plain.failed("gave a value without a gradient, from which nothing can be learnt")
    return value.reshape(()) if value.ndim else value


def check_loss_once(call: PluginCall, function: Callable[..., Any], *sides: Tensor) -> None:
    """Compute a loss of two representations once, and check what it gives and what it leaves.

    Parameters
    ----------
    call : PluginCall
    function : callable
        With its options bound.
    *sides : Tensor (n, width)
        Two representations of the same samples; they are copied.

    Raises
    ------
    PluginError
        If the value is not one finite number, no gradient reaches either side, or the function
        writes to its input.
    """
    import torch

    plain = call.without_expected()
    with torch.enable_grad():
        leaves = [side.detach().clone().requires_grad_() for side in sides]
        given = [leaf * 1 for leaf in leaves]  # as in training, where they are results themselves
        with call:
            value = function(*given)
        if not all(map(torch.equal, given, leaves)):
            raise plain.failed("writes to its input")
        value = check_scalar(call, value, *leaves)
        if not bool(torch.isfinite(value)):
            raise plain.failed(f"gave {float(value.detach())}; expected a finite number")
        gradients = torch.autograd.grad(value, leaves, allow_unused=True)
    if not any(gradient is not None for gradient in gradients):
        raise plain.failed("gave a value whose gradient reaches neither text nor vision")
    if not all(bool(torch.isfinite(g).all()) for g in gradients if g is not None):
        raise plain.failed("gave a gradient that is not finite")
