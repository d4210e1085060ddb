"""Can these correlations come from any data at all? Triples, and p-values against r and n."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

Range = tuple[float, float]


def rounding(r: float, digits: int | None) -> Range:
    """What a printed number may have been before it was rounded to so many digits."""
    half = 0.5 * 10.0**-digits if digits is not None else 0.0
    return r - half, r + half


def possible_range(r_xz: float | Range, r_yz: float | Range, tolerance: float = 1e-9) -> Range:
    """Correlations of x with y that their correlations with z leave possible.

    A correlation matrix is positive semi-definite: with angles arccos r, the third lies
    between the difference and the sum of the other two.

    Parameters
    ----------
    r_xz, r_yz : float or (low, high)
        Exact, or ranges that rounding leaves open.
    tolerance : float
        Added at both ends, against rounding.
    """
    (a_low, a_high), (b_low, b_high) = (_angles(r) for r in (r_xz, r_yz))
    apart = max(0.0, a_low - b_high, b_low - a_high)
    low, high = a_low + b_low, a_high + b_high
    lowest = -1.0 if low <= math.pi <= high else min(math.cos(low), math.cos(high))
    return max(-1.0, lowest - tolerance), min(1.0, math.cos(apart) + tolerance)


def _angles(r: float | Range) -> Range:
    low, high = r if isinstance(r, tuple) else (r, r)
    return math.acos(min(1.0, max(-1.0, high))), math.acos(min(1.0, max(-1.0, low)))


def judge_triple(r_xz: float, r_yz: float, r_xy: float, digits: int | None = None) -> str:
    """Say whether three correlations can be those of three variables.

    Parameters
    ----------
    r_xz, r_yz, r_xy : float
    digits : int, optional
        Decimal places to which they are printed; exact when None.

    Returns
    -------
    str
        ``possible``; ``impossible``; or ``border``: impossible as printed, possible within
        rounding.
    """
    low, high = possible_range(r_xz, r_yz)
    if low <= r_xy <= high:
        return "possible"
    low, high = possible_range(rounding(r_xz, digits), rounding(r_yz, digits))
    least, most = rounding(r_xy, digits)
    return "border" if least <= high and most >= low else "impossible"


def parametric_p(r: float, n: int) -> float:
    """Two-sided p of a Pearson or Spearman correlation by Student's t with n - 2 degrees."""
    from scipy.stats import t as student

    if n < 3:
        return math.nan
    if abs(r) >= 1:
        return 0.0
    return float(2 * student.sf(abs(r) * math.sqrt((n - 2) / (1 - r * r)), n - 2))


def p_fits(r: float, p: float, n: int, r_digits: int = 3, p_digits: int = 3) -> bool:
    """Whether some r within rounding of the printed one gives the printed p over n units."""
    low, high = rounding(abs(r), r_digits)
    most, least = parametric_p(max(0.0, low), n), parametric_p(min(1.0, high), n)
    p_low, p_high = rounding(p, p_digits)
    slack = 1e-12
    return least <= p_high + slack and most >= p_low - slack


def implied_n(r: float, p: float, r_digits: int = 3, p_digits: int = 3, most: int = 1000) -> Range:
    """The fewest and the most units with which a printed r has the printed p.

    Returns
    -------
    (low, high)
        Both NaN where no number of units up to ``most`` fits.
    """
    fitting = [n for n in range(3, most + 1) if p_fits(r, p, n, r_digits, p_digits)]
    return (fitting[0], fitting[-1]) if fitting else (math.nan, math.nan)


@dataclass(frozen=True)
class Triple:
    """Three correlations among three variables of one group, and whether any data have them."""

    group: str
    x: str
    y: str
    z: str
    r_xy: float
    r_xz: float
    r_yz: float
    verdict: str


def triples(
    pairs: dict[tuple[str, str], float], group: str = "", digits: int | None = None
) -> Iterator[Triple]:
    """Judge every three variables of which all three correlations are given.

    Parameters
    ----------
    pairs : dict
        Correlations by two names, in either order.
    """
    known = {frozenset(names): r for names, r in pairs.items()}
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    for i, x in enumerate(names):
        for j, y in enumerate(names[i + 1 :], i + 1):
            if frozenset((x, y)) not in known:
                continue
            for z in names[j + 1 :]:
                sides = [known.get(frozenset(side)) for side in ((x, y), (x, z), (y, z))]
                if None in sides:
                    continue
                r_xy, r_xz, r_yz = (float(side) for side in sides if side is not None)
                word = judge_triple(r_xz, r_yz, r_xy, digits)
                yield Triple(group, x, y, z, r_xy, r_xz, r_yz, word)
