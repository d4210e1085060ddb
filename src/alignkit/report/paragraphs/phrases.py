"""Phrases that the paragraphs share: counts, lists, intervals and reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alignkit.report.formatting import p_text


def interval_words(low: float | None, high: float | None, sign: str = "+") -> str:
    """Return a 95 % interval as running text; empty where there is none."""
    if low is None or high is None:
        return ""
    return f", 95 % interval {low:{sign}.2f} to {high:{sign}.2f}"


def listed(names: Iterable[str], most: int = 6) -> str:
    """Return names as running text, the first few of many."""
    names = list(names)
    if len(names) > most:
        return ", ".join(names[:most]) + f" and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def counted(n: int, what: str) -> str:
    """Return a count with its noun: ``1 run``, ``2 runs``."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def counted_units(n: int, settings: Mapping[str, Any]) -> str:
    """Return a count of units of analysis: ``7 placements``, ``3 values of learning_rate``.

    Parameters
    ----------
    n : int
    settings : mapping
        Of an answer, with its ``unit``.
    """
    unit = settings["unit"]
    if unit in ("placement", "variant"):
        return counted(n, unit)
    return f"{counted(n, 'value')} of {unit}"


def why_not(rows: Sequence[dict[str, Any]]) -> str:
    """Return why rows are not testable, each reason once, and the power where there is one."""
    said = [row["reason"] for row in rows if row.get("reason")]
    said += [power_words(row) for row in rows if row.get("power") and row.get("p") is not None]
    return "; ".join(dict.fromkeys(said))


def power_words(row: Mapping[str, Any]) -> str:
    """Return the power of a row's test: ``power to detect r = 0.7: 0.54 in a single test``."""
    return f"power to detect {row['detects']}: {row['power']:.2f} in a single test"


def p_phrase(row: Mapping[str, Any]) -> str:
    """Return the p-value of a row before and after correction."""
    return f"p {p_text(row['p'], True)}, {corrected_phrase(row)}"


def corrected_phrase(row: Mapping[str, Any]) -> str:
    """Return the corrected p-value of a row: ``p = 0.012 corrected by max-T``."""
    return f"p {p_text(row['p_adjusted'], True)} corrected by {row['adjustment']}"


def testable(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with a test that can succeed."""
    return [row for row in rows if row["verdict"] != "not testable"]


def out_of_reach(rows: Sequence[dict[str, Any]]) -> str:
    """Return how many rows are not testable and why, as a sentence; empty where all are."""
    rest = [row for row in rows if row["verdict"] == "not testable"]
    if not rest:
        return ""
    return f" Not testable: {len(rest)} of {len(rows)} ({why_not(rest)})."
