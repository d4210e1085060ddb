"""A row of the table of simulated error rates, with its Monte Carlo interval."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import binomtest

SEED = 2025


@dataclass(frozen=True)
class Row:
    """How often something happened in simulated studies.

    Attributes
    ----------
    case : str
        What was simulated: the design, and what is true in it.
    counted : str
        What is counted, such as ``"p < 0.05"`` or ``"verdict supported"``.
    times, studies : int
        In how many of how many studies it happened.
    limit : str
        What is allowed, such as ``"0.04 to 0.06"`` or ``"at most 0.06"``; of a power, what it
        is compared with. Empty where the row is for comparison only.
    before : float or None
        The rate of the former definition, where there was one.
    """

    case: str
    counted: str
    times: int
    studies: int
    limit: str = ""
    before: float | None = None

    @property
    def rate(self) -> float:
        """Return the share of studies, 0 to 1."""
        return self.times / self.studies

    def interval(self) -> tuple[float, float]:
        """Return the 95 % Monte Carlo interval of the rate (Clopper and Pearson)."""
        low, high = binomtest(self.times, self.studies).proportion_ci(0.95)
        return float(low), float(high)

    def line(self) -> str:
        """Return the row as a line of a Markdown table."""
        low, high = self.interval()
        before = "" if self.before is None else f"{self.before:.3f}"
        return (
            f"| {self.case} | {self.counted} | {before} | {self.rate:.3f} ({low:.3f} to {high:.3f})"
            f" | {self.limit} |"
        )
