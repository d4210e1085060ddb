"""An answer: tables, a paragraph, and what is needed to repeat it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.runs.files import write_csv

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05


@dataclass(frozen=True)
class Answer:
    """The answer to a question.

    Attributes
    ----------
    question : str
        ``h1``, ``h2``, ...
    title : str
        The question in words.
    paragraph : str
        The answer in plain words with its numbers: associations, never causes.
    tables : dict of str to DataFrame
        By name; each row has a ``verdict``, and a ``reason`` where it is ``not testable``.
    settings : dict
        Scheme, number and seed of every resampling, and what was left out.
    data : dict of str to DataFrame
        What figures show beyond the tables.
    """

    question: str
    title: str
    paragraph: str
    tables: dict[str, pd.DataFrame]
    settings: dict[str, Any]
    data: dict[str, pd.DataFrame] = field(default_factory=dict)


def write_tables(answers: Iterable[Answer], folder: Path) -> None:
    """Write every table that has rows as ``<question>-<table>.csv``."""
    for answer in answers:
        for name, table in answer.tables.items():
            if len(table):
                write_csv(folder / f"{answer.question}-{name}.csv", table)


def with_holm(rows: list[dict[str, Any]], directed: str = "") -> list[dict[str, Any]]:
    """Add ``p_holm`` over the rows that have a p, and the verdict that follows.

    Parameters
    ----------
    rows : list of dict
        With ``p`` (None where there is no test) and ``reason``.
    directed : str
        A column whose sign the hypothesis predicts: above 0 supports it, below 0
        contradicts it. Without one, a small p supports.
    """
    from alignkit.statistics.multiple_testing import holm

    p = np.array([np.nan if row["p"] is None else row["p"] for row in rows], dtype=float)
    for row, adjusted in zip(rows, holm(p), strict=True):
        row["p_holm"] = None if np.isnan(adjusted) else float(adjusted)
        row["verdict"] = _verdict(row, directed)
    return rows


def _verdict(row: dict[str, Any], directed: str) -> str:
    if row["p_holm"] is None:
        return "not testable"
    if row["p_holm"] >= LEVEL:
        return "inconclusive"
    return "contradicted" if directed and row[directed] < 0 else "supported"


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
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def why_not(rows: Sequence[dict[str, Any]]) -> str:
    """Return why rows are not testable, each reason once."""
    return "; ".join(dict.fromkeys(row["reason"] for row in rows if row.get("reason")))
