"""Consistency of printed correlations: triples that no data can have, p-values against r and n."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import pandas as pd

from alignkit.errors import UsageError

Range = tuple[float, float]
TripleVerdict = Literal["possible", "border", "impossible"]

_COLUMNS = ("group", "x", "y", "z", "r_xy", "r_xz", "r_yz", "low", "high", "verdict")


@dataclass(frozen=True)
class Triple:
    """The three correlations among three variables of one group, and whether any data have them.

    Attributes
    ----------
    group : str
        The data that the correlations are about; empty where there is only one group.
    x, y, z : str
        Names of the variables.
    r_xy, r_xz, r_yz : float
        Their correlations.
    verdict : str
        ``possible``, ``border`` or ``impossible``, as by ``judge_triple``.
    """

    group: str
    x: str
    y: str
    z: str
    r_xy: float
    r_xz: float
    r_yz: float
    verdict: TripleVerdict

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The three pairs of variables, in the order of r_xy, r_xz, r_yz."""
        return (self.x, self.y), (self.x, self.z), (self.y, self.z)


@dataclass
class PrintedCheck:
    """The result of ``check_printed``.

    Attributes
    ----------
    triples : DataFrame
        One row per three variables of a group: their correlations, the range that r_xz and
        r_yz leave for r_xy, and a verdict: ``possible``, ``border`` or ``impossible``.
    p : DataFrame
        The rows that have p and n, with a column ``fits``.
    sign_flips : list of (str, str)
        Pairs of variables; flipping the sign of any one of them makes every triple possible.
    """

    triples: pd.DataFrame
    p: pd.DataFrame
    sign_flips: list[tuple[str, str]] = field(default_factory=list)


def check_printed(printed: pd.DataFrame, digits: int | None = 3) -> PrintedCheck:
    """Check printed correlations against each other, and against their p where n is known.

    Parameters
    ----------
    printed : DataFrame
        ``x``, ``y``, ``r``; optionally ``group`` (only correlations of one group are about the
        same data), ``n``, ``p``, and ``p_relation``: ``<``, ``>``, ``≤`` or ``≥`` where only a
        bound of p is printed, otherwise ``=``.
    digits : int or None
        Decimal places to which r and p are printed; exact when None.

    Returns
    -------
    PrintedCheck

    Raises
    ------
    UsageError
        If a column is missing, an r is not a correlation, a p no probability, an n no count, or
        a pair occurs twice in a group.
    """
    for column in ("x", "y", "r"):
        if column not in printed:
            raise UsageError(f"the table has no column '{column}'; it needs x, y and r")
    _check_numbers(printed)
    groups = printed["group"].astype(str) if "group" in printed else pd.Series("", printed.index)
    judged: list[Triple] = []
    for group, rows in printed.dropna(subset=["r"]).groupby(groups, sort=False):
        judged += triples(_pairs(rows, str(group)), str(group), digits)
    table = pd.DataFrame([_row(triple) for triple in judged], columns=list(_COLUMNS))
    return PrintedCheck(table, _fits(printed, digits), sign_flips(judged, digits))


def _check_numbers(printed: pd.DataFrame) -> None:
    for column, low, high in (("r", -1, 1), ("p", 0, 1), ("n", 1, math.inf)):
        if column not in printed:
            continue
        if not pd.api.types.is_numeric_dtype(printed[column]):
            raise UsageError(f"column '{column}' of the table is not numeric")
        known = printed[column].dropna()
        outside = known[~known.between(low, high)]
        if len(outside):
            bounds = f"outside {low} to {high}" if column != "n" else "below 1"
            raise UsageError(
                f"column '{column}' of the table has values {bounds} (first: {outside.iloc[0]:g})"
            )
    if "n" in printed and (printed["n"].dropna() % 1 != 0).any():
        raise UsageError("column 'n' of the table has values that are not whole numbers")


def triples(
    correlations: dict[tuple[str, str], float], group: str = "", digits: int | None = None
) -> Iterator[Triple]:
    """Judge every three variables of which all three correlations are given.

    Parameters
    ----------
    correlations : dict
        By the names of two variables, in either order.
    group : str
        Name of the data that they are about.
    digits : int, optional
        Decimal places to which they are printed; exact when None.
    """
    known = {frozenset(pair): r for pair, r in correlations.items()}
    names = list(dict.fromkeys(name for pair in correlations for name in pair))
    for i, x in enumerate(names):
        for j, y in enumerate(names[i + 1 :], i + 1):
            if frozenset((x, y)) not in known:
                continue
            for z in names[j + 1 :]:
                pairs = [frozenset(pair) for pair in ((x, y), (x, z), (y, z))]
                if all(pair in known for pair in pairs):
                    r_xy, r_xz, r_yz = (float(known[pair]) for pair in pairs)
                    verdict = judge_triple(r_xz, r_yz, r_xy, digits)
                    yield Triple(group, x, y, z, r_xy, r_xz, r_yz, verdict)


def judge_triple(r_xz: float, r_yz: float, r_xy: float, digits: int | None = None) -> TripleVerdict:
    """Return whether three correlations can be those of three variables.

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
    low, high = possible_range(rounding_range(r_xz, digits), rounding_range(r_yz, digits))
    r_low, r_high = rounding_range(r_xy, digits)
    return "border" if r_low <= high and r_high >= low else "impossible"


def possible_range(r_xz: float | Range, r_yz: float | Range, tolerance: float = 1e-9) -> Range:
    """Return the range of r_xy that is possible given r_xz and r_yz.

    A correlation matrix is positive semi-definite: in angles arccos r, the third lies
    between the difference and the sum of the other two.

    Parameters
    ----------
    r_xz, r_yz : float or (low, high)
        Exact, or the ranges that rounding leaves open.
    tolerance : float
        Added at both ends, against floating-point rounding.
    """
    (a_low, a_high), (b_low, b_high) = (_angles(r) for r in (r_xz, r_yz))
    smallest = max(0.0, a_low - b_high, b_low - a_high)
    low, high = a_low + b_low, a_high + b_high
    lowest = -1.0 if low <= math.pi <= high else min(math.cos(low), math.cos(high))
    return max(-1.0, lowest - tolerance), min(1.0, math.cos(smallest) + tolerance)


def rounding_range(r: float, digits: int | None) -> Range:
    """Return the range of numbers that are printed as ``r`` with so many decimal places."""
    half = 0.5 * 10.0**-digits if digits is not None else 0.0
    return r - half, r + half


def sign_flips(judged: Sequence[Triple], digits: int | None) -> list[tuple[str, str]]:
    """Return the pairs of variables any one of whose sign flips makes every triple possible.

    Flipping r(x, y) is equivalent to flipping all the other correlations of x, or of y.

    Parameters
    ----------
    judged : sequence of Triple
    digits : int or None
        Decimal places to which correlations are printed; exact when None.
    """
    wrong = [triple for triple in judged if triple.verdict != "possible"]
    candidates = {frozenset(pair) for triple in wrong for pair in triple.pairs}
    flips = [
        pair
        for pair in candidates
        if all(_verdict_after_flip(triple, pair, digits) == "possible" for triple in judged)
        and all(pair in map(frozenset, triple.pairs) for triple in wrong)
    ]
    first_second = [tuple(sorted(pair)) for pair in flips]
    return sorted((pair[0], pair[1]) for pair in first_second)


def parametric_p(r: float, n: int) -> float:
    """Return the two-sided p of a correlation by Student's t with n - 2 degrees of freedom.

    Parameters
    ----------
    r : float
        A Pearson or Spearman correlation.
    n : int
        Number of units; with fewer than 3 the result is NaN.
    """
    from scipy.stats import t as student

    if n < 3:
        return math.nan
    if abs(r) >= 1:
        return 0.0
    return float(2 * student.sf(abs(r) * math.sqrt((n - 2) / (1 - r * r)), n - 2))


def p_fits(
    r: float, p: float, n: int, r_digits: int = 3, p_digits: int = 3, relation: str = "="
) -> bool:
    """Return whether some r that rounds to the printed one has the printed p over n units.

    Parameters
    ----------
    r, p : float
        As printed.
    n : int
        Number of units.
    r_digits, p_digits : int
        Decimal places to which they are printed.
    relation : str
        ``=``; or ``<``, ``≤``, ``>`` or ``≥`` where p is a bound.
    """
    low, high = rounding_range(abs(r), r_digits)
    largest, smallest = parametric_p(max(0.0, low), n), parametric_p(min(1.0, high), n)
    if relation in ("<", "≤"):
        return smallest < p or (relation == "≤" and smallest <= p)
    if relation in (">", "≥"):
        return largest > p or (relation == "≥" and largest >= p)
    p_low, p_high = rounding_range(p, p_digits)
    slack = 1e-12
    return smallest <= p_high + slack and largest >= p_low - slack


def implied_n(r: float, p: float, r_digits: int = 3, p_digits: int = 3, max_n: int = 1000) -> Range:
    """Return the smallest and the largest n with which a printed r has the printed p.

    Parameters
    ----------
    r, p : float
        As printed.
    r_digits, p_digits : int
        Decimal places to which they are printed.
    max_n : int
        The largest number of units to try.

    Returns
    -------
    (low, high)
        Both NaN where no number of units up to ``max_n`` fits.
    """
    fitting = [n for n in range(3, max_n + 1) if p_fits(r, p, n, r_digits, p_digits)]
    return (fitting[0], fitting[-1]) if fitting else (math.nan, math.nan)


def _angles(r: float | Range) -> Range:
    low, high = r if isinstance(r, tuple) else (r, r)
    return math.acos(min(1.0, max(-1.0, high))), math.acos(min(1.0, max(-1.0, low)))


def _pairs(rows: pd.DataFrame, group: str) -> dict[tuple[str, str], float]:
    correlations: dict[tuple[str, str], float] = {}
    for x, y, r in zip(rows["x"].astype(str), rows["y"].astype(str), rows["r"], strict=True):
        if (x, y) in correlations or (y, x) in correlations:
            where = f" in group {group}" if group else ""
            raise UsageError(
                f"{x} with {y} occurs twice{where}; if the correlations are about different "
                "data, tell them apart in a column 'group'"
            )
        correlations[x, y] = float(r)
    return correlations


def _row(triple: Triple) -> dict[str, object]:
    low, high = possible_range(triple.r_xz, triple.r_yz)
    return asdict(triple) | {"low": low, "high": high}


def _verdict_after_flip(
    triple: Triple, flipped: frozenset[str], digits: int | None
) -> TripleVerdict:
    r_xy, r_xz, r_yz = (
        -r if frozenset(pair) == flipped else r
        for pair, r in zip(triple.pairs, (triple.r_xy, triple.r_xz, triple.r_yz), strict=True)
    )
    return judge_triple(r_xz, r_yz, r_xy, digits)


def _fits(printed: pd.DataFrame, digits: int | None) -> pd.DataFrame:
    if not {"n", "p"} <= set(printed):
        return printed.head(0).assign(fits=pd.Series(dtype=bool))
    known = printed.dropna(subset=["r", "n", "p"])
    places = 12 if digits is None else digits
    relations = known["p_relation"] if "p_relation" in known else ["="] * len(known)
    fits = [
        p_fits(float(r), float(p), int(n), places, places, relation)
        for r, p, n, relation in zip(known["r"], known["p"], known["n"], relations, strict=True)
    ]
    return known.assign(fits=pd.Series(fits, index=known.index, dtype=bool))
