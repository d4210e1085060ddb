"""The result of analysing a search: counts, correlations, importances, Pareto front."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass
class Analysis:
    """The result of analysing a study.

    Attributes
    ----------
    study : str
    objectives : list of dict
        ``name`` and ``direction`` (``maximize`` or ``minimize``).
    states : dict of str to int
        Number of trials by state.
    duplicates, retried : int
        Number of trials that took the value of an equal one, and of those that repeat a
        trial whose worker died.
    table : DataFrame
        One row per trial: ``number``, ``state``, ``duplicate_of``, the parameters and the
        objectives; values that are not finite are missing.
    parameters : list of str
    correlations : list of dict
        ``parameter``, ``objective``, ``spearman``, ``p``, ``n``, ``p_adjusted``,
        ``p_parametric`` (by the t approximation), ``reason``.
    importances : list of dict
        ``parameter``, ``objective``, ``importance`` (they sum to 1), ``evaluator``, ``n``,
        ``reason``.
    pareto : list of dict
        Trials that no other trial dominates; with a single objective, the best.
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

    def distinct_trials(self, *names: str) -> pd.DataFrame:
        """Return the trials with finite values in some or all objectives, without duplicates."""
        distinct = (self.table["state"] == "COMPLETE") & self.table["duplicate_of"].isna()
        return self.table[distinct & self.table[list(names or self.names)].notna().all(axis=1)]

    def to_json(self) -> dict[str, Any]:
        """Return what ``alignkit search analyse --json`` prints."""
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
