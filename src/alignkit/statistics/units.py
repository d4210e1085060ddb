"""From rows of runs to units: the mean over a placement's seeds."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd

from alignkit.errors import UsageError

UNITS = ("placement", "run")
KEYS = ("task", "placement", "seed")


def checked_table(table: pd.DataFrame, outcome: str, metrics: Sequence[str]) -> pd.DataFrame:
    """Refuse a table that lacks a column, holds text for numbers, or mixes splits.

    Raises
    ------
    UsageError
        With the nearest name of a column.
    """
    for column in (*KEYS, outcome, *metrics):
        if column not in table:
            close = get_close_matches(column, [str(name) for name in table], n=1)
            hint = f"did you mean '{close[0]}'? " if close else ""
            raise UsageError(
                f"the table has no column '{column}'; {hint}It has: {', '.join(map(str, table))}"
            )
    for column in (outcome, *metrics):
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise UsageError(f"column '{column}' of the table is not numeric")
    if outcome in metrics:
        raise UsageError(f"'{outcome}' is the outcome and cannot be a metric too")
    if table.empty:
        raise UsageError("the table has no rows; expected one row per run")
    splits = sorted(map(str, table["split"].dropna().unique())) if "split" in table else []
    if len(splits) > 1:
        raise UsageError(
            f"the table mixes the splits {', '.join(splits)}, whose rows must not be averaged; "
            "choose one with --split"
        )
    return table


def named_rows(table: pd.DataFrame, columns: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Drop rows that name no task or placement, and say so; infinite numbers become missing."""
    nameless = table[["task", "placement"]].isna().any(axis=1)
    table = table[~nameless].reset_index(drop=True)
    for column in columns:
        values = table[column].astype(float)
        table[column] = values.mask(~np.isfinite(values))
    if not nameless.any():
        return table, []
    return table, [f"{int(nameless.sum())} row(s) name no task or placement and are left out"]


def missing_values(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Say which columns lack values, and in how many runs."""
    lines = []
    for column in columns:
        missing = table[column].isna()
        if missing.any():
            tasks = sorted(map(str, table.loc[missing, "task"].unique()))
            lines.append(
                f"{column} is missing in {int(missing.sum())} of {len(table)} runs, which are "
                f"left out (task {', '.join(tasks)})"
            )
    return lines


def without_duplicates(
    table: pd.DataFrame, columns: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Leave out rows that repeat a run; report those that may.

    A row with the task, placement, seed and numbers of another repeats it. A row with the
    numbers of another under other names is kept, and so are two rows of one seed with other
    numbers; both are reported.
    """
    keys = [key for key in (*KEYS, "unit") if key in table]
    repeated = table.duplicated([*keys, *columns], keep="first")
    warnings = []
    if repeated.any():
        warnings.append(
            f"{int(repeated.sum())} row(s) repeat a run and are left out, first: "
            + _named(table[repeated].iloc[0])
        )
        table = table[~repeated]
    again = table.duplicated(keys, keep="first") & table["seed"].notna()
    if again.any():
        warnings.append(
            f"{int(again.sum())} row(s) share task, placement and seed with another but not its "
            f"numbers, first: {_named(table[again].iloc[0])}; they count as further runs"
        )
    for copy, original in repeated_numbers(table, columns):
        warnings.append(
            f"the run {_named(table.loc[copy])} has the very numbers of "
            f"{_named(table.loc[original])}; is one run listed twice?"
        )
    return table, warnings


def repeated_numbers(table: pd.DataFrame, columns: Sequence[str]) -> list[tuple[int, int]]:
    """Rows whose numbers are those of an earlier row of the task: ``(row, earlier row)`` labels.

    At least two columns are needed: one number may well come twice.
    """
    known = table.dropna(subset=list(columns))
    if len(columns) < 2 or known.empty:
        return []
    first = known.groupby(["task", *columns], sort=False)[columns[0]].transform(
        lambda group: group.index[0]
    )
    return [(row, int(origin)) for row, origin in first.items() if row != origin]


def _named(row: pd.Series) -> str:
    return f"task {row['task']}, placement {row['placement']}, seed {row['seed']}"


def unit_means(table: pd.DataFrame, unit: str, columns: Sequence[str]) -> pd.DataFrame:
    """One row per unit: ``task``, ``unit``, ``placement``, ``runs`` and the means of columns.

    Runs of a placement that differ in more than the seed (column ``unit`` of a joined table)
    are units of their own.

    Raises
    ------
    UsageError
        For an unknown unit.
    """
    table = with_units(table, unit).replace([np.inf, -np.inf], np.nan)
    grouped = table.groupby(["task", "_unit"], sort=True)
    means = grouped[list(columns)].mean()
    means.insert(0, "runs", grouped.size())
    means.insert(0, "placement", grouped["placement"].first())
    return means.reset_index().rename(columns={"_unit": "unit"})


def with_units(table: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Name the unit of every run in a column ``_unit``.

    Raises
    ------
    UsageError
        For an unknown unit.
    """
    if unit not in UNITS:
        raise UsageError(f"unknown unit '{unit}'; known: {', '.join(UNITS)}")
    return table.assign(_unit=_unit_names(table, unit))


def _unit_names(table: pd.DataFrame, unit: str) -> pd.Series:
    if unit == "run":
        return pd.Series([f"run {i}" for i in range(len(table))], index=table.index)
    if "unit" not in table:
        return table["placement"].astype(str)
    kinds = table.groupby(["task", "placement"])["unit"].transform("nunique")
    told_apart = table["placement"].astype(str) + "-" + table["unit"].astype(str).str[:8]
    return table["placement"].astype(str).where(kinds == 1, told_apart)
