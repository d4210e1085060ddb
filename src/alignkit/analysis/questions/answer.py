"""An answer: its tables, and what is needed to repeat it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.runs.files import write_results

if TYPE_CHECKING:
    import pandas as pd


TABLE_TITLES = {
    "placement_x_task": "Scores by placement and task",
    "correlations": "Alignment and score, task by task",
    "against_last": "Other layers against the last",
    "best_layer": "The single best layer",
    "across": "Change of alignment across fusions",
    "against_none": "Change against the same depth without a fusion",
    "quadratic": "Score over alignment, with a quadratic term",
    "variance": "Variance between placements",
    "descriptors": "Alignment against where the fusions stand",
    "values": "Alignment with cls and with mean pooling",
    "scores": "Correlation with the score, by pooling",
}


@dataclass(frozen=True)
class Answer:
    """The answer to a question.

    Attributes
    ----------
    question : str
        ``h1``, ``h2``, ...
    title : str
        The question in words.
    rows : dict of str to list of dict
        The rows of each table; a row that is tested has a ``verdict``, and a ``reason`` where
        it is ``not testable``.
    settings : dict
        Scheme, number and seed of every resampling, and what was left out.
    data : dict of str to DataFrame
        What figures show beyond the tables.
    """

    question: str
    title: str
    rows: dict[str, list[dict[str, Any]]]
    settings: dict[str, Any]
    data: dict[str, pd.DataFrame] = field(default_factory=dict)

    @staticmethod
    def table_title(name: str) -> str:
        """Return what a table shows, in words."""
        return TABLE_TITLES.get(name, name.replace("_", " "))

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The rows as tables, by name."""
        import pandas as pd

        return {name: pd.DataFrame(rows) for name, rows in self.rows.items()}


def all_tables(answers: Iterable[Answer]) -> pd.DataFrame:
    """Return the rows of all tables as one, which begin with ``question`` and ``table``."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"question": answer.question, "table": name, **row}
            for answer in answers
            for name, rows in answer.rows.items()
            for row in rows
        ]
    )


def write_tables(answers: Iterable[Answer], folder: Path) -> None:
    """Write every table that has rows as ``<question>-<table>.csv``."""
    for answer in answers:
        for name, table in answer.tables.items():
            if len(table):
                write_results(folder / f"{answer.question}-{name}.csv", table)
