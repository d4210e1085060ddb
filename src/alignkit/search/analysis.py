"""What is read from the trials of a search: one object for tables, figures and JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass
class Analysis:
    """Everything that is read off a study.

    Attributes
    ----------
    study : str
    objectives : list of dict
        ``name`` and ``direction`` (``maximize`` or ``minimize``).
    states : dict of str to int
        Trials by state.
    duplicates, retried : int
        Trials whose value is another's, and trials that were started again.
    table : DataFrame
        One row per trial: ``number``, ``state``, ``duplicate_of``, the parameters and the
        objectives.
    parameters : list of str
    correlations : list of dict
        ``parameter``, ``objective``, ``spearman``, ``p``, ``n``, ``p_adjusted``,
        ``p_parametric`` (by the t approximation), ``reason``.
    importances : list of dict
        ``parameter``, ``objective``, ``importance`` (in sum 1), ``evaluator``, ``n``,
        ``reason``.
    pareto : list of dict
        Trials that no other betters in every objective; of one objective, the best.
    notes : list of str
    """

    study: str
    objectives: list[dict[str, str]]
    states: dict[str, int]
    duplicates: int
    retried: int
    table: pd.DataFrame
    parameters: list[str]
    correlations: list[dict[str, Any]] = field(default_factory=list)
    importances: list[dict[str, Any]] = field(default_factory=list)
    pareto: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Names of the objectives."""
        return [objective["name"] for objective in self.objectives]

    def own(self, *names: str) -> pd.DataFrame:
        """Trials with a finite value of their own in these objectives, or in all of them."""
        own = (self.table["state"] == "COMPLETE") & self.table["duplicate_of"].isna()
        return self.table[own & self.table[list(names or self.names)].notna().all(axis=1)]

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "study": self.study,
            "objectives": self.objectives,
            "trials": self.states,
            "duplicates": self.duplicates,
            "retried": self.retried,
            "correlations": self.correlations,
            "importances": self.importances,
            "pareto": self.pareto,
            "notes": self.notes,
        }
