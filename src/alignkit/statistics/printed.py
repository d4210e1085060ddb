"""Correlations as others printed them: which cannot be, and what would put them right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from alignkit.errors import UsageError
from alignkit.statistics.consistency import Triple, judge_triple, p_fits, possible_range, triples

COLUMNS = ("group", "x", "y", "z", "r_xy", "r_xz", "r_yz", "low", "high", "verdict")


@dataclass
class Checked:
    """What ``check`` found.

    Attributes
    ----------
    triples : DataFrame
        One row per three variables of a group: their correlations, the range that r_xz and
        r_yz leave for r_xy, and a verdict: ``possible``, ``border`` or ``impossible``.
    p : DataFrame
        The rows that have p and n, with ``fits``.
    said : list of str
        The same in words.
    """

    triples: pd.DataFrame
    p: pd.DataFrame
    said: list[str]


def check(printed: pd.DataFrame, digits: int | None = 3) -> Checked:
    """Check printed correlations against each other, and against their p where n is known.

    Parameters
    ----------
    printed : DataFrame
        ``x``, ``y``, ``r``; optionally ``group`` (only correlations of one group are about the
        same data), ``n`` and ``p``.
    digits : int or None
        Decimal places to which r and p are printed; exact when None.

    Raises
    ------
    UsageError
        When a column is missing, r is no correlation, or a pair stands twice in a group.
    """
    for column in ("x", "y", "r"):
        if column not in printed:
            raise UsageError(f"the table has no column '{column}'; it needs x, y and r")
    if not pd.api.types.is_numeric_dtype(printed["r"]):
        raise UsageError("column 'r' of the table is not numeric")
    if not printed["r"].dropna().between(-1, 1).all():
        raise UsageError("column 'r' of the table holds values beyond -1 and 1")
    groups = printed["group"].astype(str) if "group" in printed else pd.Series("", printed.index)
    found: list[Triple] = []
    for group, part in printed.dropna(subset=["r"]).groupby(groups, sort=False):
        found += triples(_pairs(part, str(group)), str(group), digits)
    table = pd.DataFrame([_row(one) for one in found], columns=list(COLUMNS))
    said = _triples_in_words(found, digits)
    fitting = _fits(printed, digits)
    if len(fitting):
        fit = int(fitting["fits"].sum())
        said.append(f"{fit} of {len(fitting)} printed p fit their r and n within rounding")
    return Checked(table, fitting, said)


def _pairs(part: pd.DataFrame, group: str) -> dict[tuple[str, str], float]:
    pairs: dict[tuple[str, str], float] = {}
    for x, y, r in zip(part["x"].astype(str), part["y"].astype(str), part["r"], strict=True):
        if (x, y) in pairs or (y, x) in pairs:
            where = f" in group {group}" if group else ""
            raise UsageError(
                f"{x} with {y} stands twice{where}; correlations of different data need a column "
                "'group'"
            )
        pairs[x, y] = float(r)
    return pairs


def _row(one: Triple) -> dict[str, object]:
    low, high = possible_range(one.r_xz, one.r_yz)
    return asdict(one) | {"low": low, "high": high}


def _triples_in_words(found: Sequence[Triple], digits: int | None) -> list[str]:
    if not found:
        return ["no three variables have all three correlations; there is nothing to compare"]
    impossible = sum(one.verdict == "impossible" for one in found)
    border = sum(one.verdict == "border" for one in found)
    if not impossible and not border:
        return [f"all {len(found)} triples are possible"]
    edge = f", {border} more only within rounding" if border else ""
    said = [f"{impossible} of {len(found)} triples are impossible{edge}: no data have them"]
    return said + _remedy(found, digits)


def _remedy(found: Sequence[Triple], digits: int | None) -> list[str]:
    """The pairs of variables whose turned sign would make every triple possible.

    Turning r(x, y) is the same as turning all the other correlations of x, or of y.
    """
    bad = [one for one in found if one.verdict != "possible"]
    sides = {frozenset(side) for one in bad for side in _sides(one)}
    cures = sorted(
        ", ".join(sorted(side))
        for side in sides
        if all(_turned(one, side, digits) == "possible" for one in found)
        and all(side in map(frozenset, _sides(one)) for one in bad)
    )
    if not cures:
        return []
    which = (
        f"r({cures[0]})"
        if len(cures) == 1
        else "any one of " + ", ".join(f"r({side})" for side in cures)
    )
    return [
        f"with the sign of {which} turned, or of every other correlation of one of the two, all "
        "are possible: one of the two was taken with the other sign"
    ]


def _sides(one: Triple) -> tuple[tuple[str, str], ...]:
    return (one.x, one.y), (one.x, one.z), (one.y, one.z)


def _turned(one: Triple, side: frozenset[str], digits: int | None) -> str:
    r_xy, r_xz, r_yz = (
        -r if frozenset(pair) == side else r
        for pair, r in zip(_sides(one), (one.r_xy, one.r_xz, one.r_yz), strict=True)
    )
    return judge_triple(r_xz, r_yz, r_xy, digits)


def _fits(printed: pd.DataFrame, digits: int | None) -> pd.DataFrame:
    if not {"n", "p"} <= set(printed):
        return printed.head(0).assign(fits=pd.Series(dtype=bool))
    known = printed.dropna(subset=["r", "n", "p"])
    places = 12 if digits is None else digits
    fits = [
        p_fits(float(r), float(p), int(n), places, places)
        for r, p, n in zip(known["r"], known["p"], known["n"], strict=True)
    ]
    return known.assign(fits=pd.Series(fits, index=known.index, dtype=bool))
