"""Where a model runs, and in which precision it is trained."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from alignkit.errors import UsageError

# On a CPU, casting weights costs more than it saves below this width of a stream.
WIDE = 512
TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: str = "auto") -> torch.device:
    """Resolve ``auto`` to a GPU if there is one, and refuse a device that is not there.

    Raises
    ------
    UsageError
        For a device that torch does not know or that this machine does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(
            f"--device {name} cannot be used here ({reason}); use --device auto or cpu"
        ) from None
    return device


def choose_precision(name: str, device: torch.device, width: int) -> str:
    """Resolve ``auto`` for a device and the width of the wider stream."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type == "cpu" and width >= WIDE and _bf16_is_native():
        return "bf16"
    return "float32"


def mixed(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """The context of a forward pass: matrix products in the precision, weights in float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=TYPES[precision])


def _bf16_is_native() -> bool:
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
