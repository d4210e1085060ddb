"""Which device and how much memory a measurement may use."""

import re
import sys

from alignkit.errors import UsageError

_UNITS = {"": 1, "b": 1} | {
    f"{letter}{ending}": base**power
    for power, letter in enumerate("kmgt", start=1)
    for ending, base in (("", 1000), ("b", 1000), ("ib", 1024))
}


def bytes_of(text: str) -> int:
    """Return a size such as ``2GB``, ``500 MB`` or ``1.5GiB`` in bytes.

    Raises
    ------
    UsageError
        When the text is not a size.
    """
    size = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if size is None or size[2] not in _UNITS:
        raise UsageError(
            f"--memory {text} is not a size; write it as 500MB, 2GB or 1.5GiB, or in bytes"
        )
    return int(float(size[1]) * _UNITS[size[2]])


def use_memory(text: str | None) -> None:
    """Limit the memory of cached views and blocks; to half of the free memory when None."""
    if text is None and "alignkit.metrics.views" not in sys.modules:
        return  # it is so from the beginning
    from alignkit.metrics import set_memory

    set_memory(None if text is None else bytes_of(text))


def check_device(name: str) -> str:
    """Return the name of a device; refuse one that cannot compute in float64.

    Raises
    ------
    UsageError
        When the device is unknown, not available, or lacks float64.
    """
    if name == "cpu":
        return name
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device '{name}'; known: cpu, cuda, cuda:0, ...") from None
    try:
        torch.ones(1, dtype=torch.float64, device=device).sum().item()
    except (RuntimeError, AssertionError, TypeError, NotImplementedError):
        raise UsageError(
            f"device '{name}' is not available, or does not support float64; use --device cpu"
        ) from None
    return name
