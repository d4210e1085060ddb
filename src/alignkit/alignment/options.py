"""How values are measured: on which samples, with which null and interval, in which precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from alignkit.bounds.counts import check_count, check_seed
from alignkit.errors import UsageError
from alignkit.progress import Reporter

if TYPE_CHECKING:
    import numpy as np
    import torch

DTYPES = ("auto", "float32", "float64")


class MeasureKeywords(TypedDict, total=False):
    """``MeasureOptions`` as keywords of a function that measures."""

    null: int
    interval: int
    seed: int
    dtype: str
    device: str
    samples: int | None
    within: str
    groups: str


@dataclass(frozen=True)
class MeasureOptions:
    """How values are measured.

    Attributes
    ----------
    null : int
        Permutations of rows for the null distribution, its p and the calibrated value.
    interval : int
        Random halves of the samples for a 95 % interval; 0 for none.
    seed : int
        Of permutations, halves and the random subset of samples.
    dtype : str
        ``auto`` (the arrays' own precision), ``float32`` or ``float64``.
    device : str
        ``cpu`` or a device that torch knows.
    samples : int, optional
        Size of a random subset of the samples to measure on; all of them when None.
    within : str
        A fact of the samples, such as ``label``: values are those within its classes, and
        permutations stay within them. Or ``FILE.csv/COLUMN``, or a ``.npy`` file. Empty for none.
    groups : str
        A fact that tells which samples belong together, named likewise: they are not
        neighbours, and are permuted and resampled as a whole. Empty for none.

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
    samples: int | None = None
    within: str = ""
    groups: str = ""

    def __post_init__(self) -> None:
        check_count("null", self.null, 0)
        check_seed(self.seed)
        if self.interval < 0 or self.interval == 1:
            raise UsageError(f"`interval` is {self.interval}; it must be 0 or at least 2")
        check_count("interval", self.interval, 0)
        if self.samples is not None and self.samples < 2:
            raise UsageError(f"`samples` is {self.samples}; it must be at least 2")
        if self.dtype not in DTYPES:
            raise UsageError(f"unknown precision '{self.dtype}'; known: {', '.join(DTYPES)}")

    @property
    def precision(self) -> torch.dtype | None:
        """The dtype as torch knows it; None for the arrays' own."""
        import torch

        known = {"auto": None, "float32": torch.float32, "float64": torch.float64}
        return known[self.dtype]

    def draw_rows(self, n: int, reporter: Reporter) -> np.ndarray | None:
        """Return the rows of the random subset in ascending order; None for all ``n`` rows."""
        import numpy as np

        if self.samples is None:
            return None
        if self.samples >= n:
            if self.samples > n:
                reporter.note(
                    f"note: there are only {n} samples, fewer than `samples={self.samples}`; "
                    "all are used"
                )
            return None
        return np.sort(np.random.default_rng(self.seed).choice(n, self.samples, replace=False))
