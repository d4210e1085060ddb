"""Numbers of tests in print."""

from __future__ import annotations


def p_text(p: float, sign: bool = False, counted: str | None = None) -> str:
    """A p-value in print, never 0.000.

    Parameters
    ----------
    p : float
    sign : bool
        As the right side of ``p``: ``= 0.012``, ``< 0.001``.
    counted : str, optional
        An exact fraction such as ``17/40320``, which stands where three digits do not reach.
    """
    if p < 0.001 and counted is not None:
        return f"= {counted}" if sign else counted
    if p < 0.001:
        return "< 0.001" if sign else "<0.001"
    return f"= {p:.3f}" if sign else f"{p:.3f}"


def r_text(r: float | None) -> str:
    """A correlation in print: signed, two digits; a dash where there is none."""
    return "-" if r is None or r != r else f"{r:+.2f}"


def range_text(low: float | None, high: float | None) -> str:
    """An interval in print."""
    return "-" if low is None or low != low else f"{r_text(low)}..{r_text(high)}"
