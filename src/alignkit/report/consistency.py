"""What a check of printed correlations says, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from alignkit.statistics.consistency import PrintedCheck


def consistency_lines(checked: PrintedCheck) -> list[str]:
    """Return how many triples are impossible, what would resolve them, and how many p fit.

    Parameters
    ----------
    checked : PrintedCheck
        As by ``check_printed``.

    Returns
    -------
    list of str
        One line each, without a final period.
    """
    lines = [_triples_line(checked)]
    if checked.sign_flips:
        lines.append(_sign_line(checked.sign_flips))
    if len(checked.p):
        fitting = int(checked.p["fits"].sum())
        lines.append(f"{fitting} of {len(checked.p)} printed p fit their r and n within rounding")
    return lines


def _triples_line(checked: PrintedCheck) -> str:
    verdicts = checked.triples["verdict"]
    if not len(verdicts):
        return "no three variables have all three correlations; there is nothing to compare"
    impossible = int((verdicts == "impossible").sum())
    border = int((verdicts == "border").sum())
    if not impossible and not border:
        return f"all {len(verdicts)} triples are possible"
    verb = "is" if border == 1 else "are"
    rounding = f", {border} more {verb} possible only within rounding" if border else ""
    return (
        f"{impossible} of {len(verdicts)} triples are impossible{rounding}: no data have these "
        "correlations"
    )


def _sign_line(flips: Sequence[tuple[str, str]]) -> str:
    names = [f"r({', '.join(pair)})" for pair in flips]
    which = names[0] if len(names) == 1 else f"any one of {', '.join(names)}"
    return (
        f"every triple becomes possible if the sign of {which} is flipped, or equivalently the "
        "signs of all other correlations of one of its two variables: one of the two variables "
        "was probably recorded with the opposite sign"
    )
