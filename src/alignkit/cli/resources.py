"""Options that say what a measurement may use: precision, device, memory."""

import re

from alignkit.errors import UsageError

_UNITS = {"": 1, "b": 1} | {
    f"{letter}{ending}": base**power
    for power, letter in enumerate("kmgt", start=1)
    for ending, base in (("", 1000), ("b", 1000), ("ib", 1024))
}


def bytes_of(text: str) -> int:
    """Read a size: ``2GB``, ``500 MB``, ``1.5GiB``, or bytes.

    Raises
    ------
    UsageError
        When it is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if found is None or found[2] not in _UNITS:
        raise UsageError(f"--memory {text} is no size; write it as 500MB, 2GB, 1.5GiB, or in bytes")
    return int(float(found[1]) * _UNITS[found[2]])


def use_memory(text: str | None) -> None:
    """Bound what kept views and blocks may take; half of what is free if nothing is said."""
    from alignkit.metrics import set_memory

    set_memory(None if text is None else bytes_of(text))


def check_device(name: str) -> str:
    """Refuse a device that is not there, or that cannot compute in float64.

    Raises
    ------
    UsageError
    """
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device '{name}'; known: cpu, cuda, cuda:0, ...") from None
    try:
        torch.ones(1, dtype=torch.float64, device=device).sum().item()
    except (RuntimeError, AssertionError, TypeError, NotImplementedError):
        raise UsageError(
            f"device '{name}' is not there, or does not compute in float64; use --device cpu"
        ) from None
    return name
