"""Numbers of tests as text: p-values, correlations, intervals."""

from __future__ import annotations


def p_text(p: float, sign: bool = False, fraction: str | None = None) -> str:
    """Return a p-value as text, never 0.000.

    Parameters
    ----------
    p : float
        0 to 1.
    sign : bool
        Whether to write it as the right-hand side of ``p``: ``= 0.012``, ``< 0.001``.
    fraction : str, optional
        The exact fraction, such as ``17/40320``, to write where three digits do not suffice.
    """
    if p < 0.001 and fraction is not None:
        return f"= {fraction}" if sign else fraction
    if p < 0.001:
        return "< 0.001" if sign else "<0.001"
    return f"= {p:.3f}" if sign else f"{p:.3f}"


def r_text(r: float | None) -> str:
    """Return a correlation as text: signed, two digits; a dash where there is none."""
    return "-" if r is None or r != r else f"{r:+.2f}"


def spread_text(mean: float | None, sd: float | None) -> str:
    """Return a mean with its standard deviation, of one number there is none; three digits."""
    if mean is None or mean != mean:
        return "-"
    return f"{mean:.3f}" if sd is None or sd != sd else f"{mean:.3f} ± {sd:.3f}"


def range_text(low: float | None, high: float | None) -> str:
    """Return an interval of correlations as text; a dash where there is none."""
    return "-" if low is None or low != low else f"{r_text(low)}..{r_text(high)}"


def factor_text(value: float | None) -> str:
    """Return a Bayes factor as text; a dash where there is none."""
    if value is None or value != value:
        return "-"
    return f"{value:.1f}" if value >= 0.1 else ("<0.01" if value < 0.01 else f"{value:.2f}")


def beyond_controls(control: str | None) -> str:
    """Return what a prediction says beyond which variables; nothing without controls."""
    return f", beyond what {control} predicts" if control else ""
