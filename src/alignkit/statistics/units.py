"""From rows of runs to units: the mean over a placement's seeds."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd

from alignkit.errors import UsageError

UNITS = ("placement", "run")


def checked_table(table: pd.DataFrame, outcome: str, metrics: Sequence[str]) -> pd.DataFrame:
    """Refuse a table that lacks a column, or holds text where numbers belong.

    Raises
    ------
    UsageError
        With the nearest name of a column.
    """
    for column in ("task", "placement", "seed", outcome, *metrics):
        if column not in table:
            close = get_close_matches(column, [str(name) for name in table], n=1)
            hint = f"did you mean '{close[0]}'? " if close else ""
            raise UsageError(
                f"the table has no column '{column}'; {hint}It has: {', '.join(map(str, table))}"
            )
    for column in (outcome, *metrics):
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise UsageError(f"column '{column}' of the table is not numeric")
    return table


def without_duplicates(
    table: pd.DataFrame, columns: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Leave out rows that repeat a run: the same task, placement, seed and numbers."""
    keys = ["task", "placement", "seed", *columns]
    repeated = table.duplicated(keys, keep="first")
    if not repeated.any():
        return table, []
    first = table[repeated].iloc[0]
    return table[~repeated], [
        f"{int(repeated.sum())} row(s) repeat a run and are left out, first: task {first['task']}, "
        f"placement {first['placement']}, seed {first['seed']}"
    ]


def unit_means(table: pd.DataFrame, unit: str, columns: Sequence[str]) -> pd.DataFrame:
    """One row per unit: ``task``, ``unit``, ``placement``, ``runs`` and the means of columns.

    Runs of a placement that differ in more than the seed (column ``unit`` of a joined table)
    are units of their own.

    Raises
    ------
    UsageError
        For an unknown unit.
    """
    if unit not in UNITS:
        raise UsageError(f"unknown unit '{unit}'; known: {', '.join(UNITS)}")
    table = table.assign(_unit=_unit_names(table, unit))
    table = table.replace([np.inf, -np.inf], np.nan)
    grouped = table.groupby(["task", "_unit"], sort=True)
    means = grouped[list(columns)].mean()
    means.insert(0, "runs", grouped.size())
    means.insert(0, "placement", grouped["placement"].first())
    return means.reset_index().rename(columns={"_unit": "unit"})


def _unit_names(table: pd.DataFrame, unit: str) -> pd.Series:
    if unit == "run":
        return pd.Series([f"run {i}" for i in range(len(table))], index=table.index)
    if "unit" not in table:
        return table["placement"].astype(str)
    kinds = table.groupby(["task", "placement"])["unit"].transform("nunique")
    told_apart = table["placement"].astype(str) + "-" + table["unit"].astype(str).str[:8]
    return table["placement"].astype(str).where(kinds == 1, told_apart)
