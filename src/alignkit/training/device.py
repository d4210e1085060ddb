"""The device on which a model runs, and the precision of training."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from alignkit.errors import UsageError, first_line

# On a CPU, casting weights costs more than it saves for streams narrower than this.
WIDE = 512
TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of this name; ``auto`` is a GPU if there is one, else the CPU.

    Raises
    ------
    UsageError
        For a device that torch does not know or this machine does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = first_line(error)
        raise UsageError(
            f"`device={name}` is not available here ({reason}); use `device=auto` or `device=cpu`"
        ) from None
    return device


def choose_precision(name: str, device: torch.device, width: int) -> str:
    """Return the precision of training; ``auto`` becomes bf16 where that pays off.

    Parameters
    ----------
    name : str
        ``float32``, ``bf16``, ``fp16`` or ``auto``: bf16 on a GPU that supports it natively,
        and on a CPU that does if the model is wide enough; float32 otherwise.
    device : torch.device
    width : int
        The width of the wider stream.
    """
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type == "cpu" and width >= WIDE and _bf16_is_native():
        return "bf16"
    return "float32"


def mixed_precision(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context of a forward pass: products in this precision, weights in float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=TYPES[precision])


def _bf16_is_native() -> bool:
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
