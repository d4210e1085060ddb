"""What is asked of every value, and how it is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alignkit.errors import UsageError

if TYPE_CHECKING:
    import torch

DTYPES = ("auto", "float32", "float64")


@dataclass(frozen=True)
class MeasureOptions:
    """What is asked of every value, and how it is computed.

    Attributes
    ----------
    null, interval : int
        Permutations of rows, and resamples of samples; 0 for none.
    seed : int
    dtype : str
        ``auto`` (the arrays' own precision), ``float32`` or ``float64``.
    device : str
    drawn : bool
        Whether the samples are a draw by the same seed.

    Raises
    ------
    UsageError
        For a number out of range or an unknown precision.
    """

    null: int = 0
    interval: int = 0
    seed: int = 0
    dtype: str = "auto"
    device: str = "cpu"
    drawn: bool = False

    def __post_init__(self) -> None:
        for name, value in (("null", self.null), ("seed", self.seed)):
            if value < 0:
                raise UsageError(f"--{name} is {value}; it must be at least 0")
        if self.interval < 0 or self.interval == 1:
            raise UsageError(f"--interval is {self.interval}; it must be 0 or at least 2")
        if self.dtype not in DTYPES:
            raise UsageError(f"unknown precision '{self.dtype}'; known: {', '.join(DTYPES)}")

    @property
    def precision(self) -> torch.dtype | None:
        """The dtype as torch knows it; None for the arrays' own."""
        import torch

        return None if self.dtype == "auto" else getattr(torch, self.dtype)
