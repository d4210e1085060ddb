"""From one row per run to one row per unit: the mean over the seeds of a placement."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd

from alignkit.errors import UsageError

UNITS = ("placement", "run")
KEYS = ("task", "placement", "seed")
# Columns that name a model where a table has no placements.
MODEL_NAMES = ("model", "name", "run", "unit")


def check_table(
    table: pd.DataFrame, outcome: str, metrics: Sequence[str], control: Sequence[str] = ()
) -> None:
    """Refuse a table that lacks a column, has text in place of numbers, or mixes splits.

    Parameters
    ----------
    table : DataFrame
        One row per run.
    outcome : str
        The column of scores.
    metrics : sequence of str
        The columns of alignment.
    control : sequence of str
        The columns to control for, which may be text.

    Raises
    ------
    UsageError
        If a column is missing (the error names the nearest one), not numeric, or both
        outcome and metric, or also a control; if there are no rows; or if splits are mixed.
    """
    for column in (*KEYS, outcome, *metrics, *control):
        if column not in table:
            close = get_close_matches(column, [str(name) for name in table], n=1)
            known = f"did you mean '{close[0]}'? It has" if close else "it has"
            raise UsageError(
                f"the table has no column '{column}'; {known}: {', '.join(map(str, table))}"
            )
    for column in (outcome, *metrics):
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise UsageError(f"column '{column}' of the table is not numeric")
    if outcome in metrics:
        raise UsageError(f"'{outcome}' is the outcome and cannot be a metric too")
    for column in control:
        if column in (outcome, *metrics, "task", "placement", "seed", "unit"):
            raise UsageError(f"`control` is {column}, which is correlated or names a run")
    if table.empty:
        raise UsageError("the table has no rows; expected one row per run")
    splits = sorted(map(str, table["split"].dropna().unique())) if "split" in table else []
    if len(splits) > 1:
        raise UsageError(
            f"the table mixes the splits {', '.join(splits)}, whose rows must not be averaged; "
            "choose one with `split`"
        )


def with_keys(table: pd.DataFrame, task: str) -> tuple[pd.DataFrame, list[str]]:
    """Fill in the columns that a table with one row per model need not have.

    Without ``placement``, the models are named by the first of ``MODEL_NAMES``, or by their rows.

    Parameters
    ----------
    table : DataFrame
    task : str
        The name of the only task, where there is no column ``task``.

    Returns
    -------
    DataFrame, list of str
        The table with the columns ``KEYS``, and what was filled in.

    Raises
    ------
    UsageError
        When a model has several rows and there is no column ``seed``.
    """
    filled: list[str] = []
    if "task" not in table:
        table = table.assign(task=task)
        filled.append(f"all rows are of one task, '{task}'")
    if "placement" not in table:
        name = next((column for column in MODEL_NAMES if column in table), None)
        rows = [f"row {i + 1}" for i in range(len(table))]
        table = table.assign(placement=rows if name is None else table[name])
        named = "their rows" if name is None else f"column '{name}'"
        filled.append(f"the units are named by {named}")
    if "seed" not in table:
        twice = table[table.duplicated(["task", "placement"]) & table["placement"].notna()]
        if len(twice):
            raise UsageError(
                f"the table has no column 'seed', and '{twice['placement'].iloc[0]}' has several "
                "rows; add a column 'seed' that tells them apart"
            )
        table = table.assign(seed=0)
        filled.append("each row is one seed")
    return table, filled


def rows_with_unit(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows that name a task and a placement; infinite numbers become missing.

    Parameters
    ----------
    table : DataFrame
        One row per run.
    columns : sequence of str
        The columns of numbers.
    """
    nameless = table[["task", "placement"]].isna().any(axis=1)
    table = table[~nameless].reset_index(drop=True)
    for column in columns:
        values = table[column].astype(float)
        table[column] = values.mask(~np.isfinite(values))
    return table


def run_keys(table: pd.DataFrame) -> list[str]:
    """Return the columns that name a run: task, placement, seed, and unit if there is one."""
    return [key for key in (*KEYS, "unit") if key in table]


def repeated_rows(table: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Return which rows have the task, placement, seed and numbers of an earlier row.

    A row with the numbers of another under other names does not repeat it, and neither does
    a row of the same seed with other numbers.

    Parameters
    ----------
    table : DataFrame
        One row per run.
    columns : sequence of str
        The columns of numbers.
    """
    return table.duplicated([*run_keys(table), *columns], keep="first")


def repeated_numbers(table: pd.DataFrame, columns: Sequence[str]) -> list[tuple[int, int]]:
    """Find rows whose numbers are all those of an earlier row of the same task.

    Parameters
    ----------
    table : DataFrame
        One row per run.
    columns : sequence of str
        The columns of numbers; with fewer than two nothing is reported, because a single
        number may well occur twice.

    Returns
    -------
    list of (row, earlier row)
        Index labels.
    """
    known = table.dropna(subset=list(columns))
    if len(columns) < 2 or known.empty:
        return []
    first = known.groupby(["task", *columns], sort=False)[columns[0]].transform(
        lambda group: group.index[0]
    )
    return [(row, int(origin)) for row, origin in first.items() if row != origin]


def unit_means(table: pd.DataFrame, unit: str, columns: Sequence[str]) -> pd.DataFrame:
    """Average runs to units: ``task``, ``unit``, ``placement``, ``runs`` and the means of columns.

    Runs of a placement that differ in more than the seed (column ``unit`` of a table of runs)
    are units of their own.

    Parameters
    ----------
    table : DataFrame
        One row per run.
    unit : str
        ``placement``, ``run``, or a column that names the units.
    columns : sequence of str
        The columns to average; missing values are left out.

    Raises
    ------
    UsageError
        If the unit is unknown.
    """
    table = with_units(table, unit).replace([np.inf, -np.inf], np.nan)
    grouped = table.groupby(["task", "_unit"], sort=True)
    means = grouped[list(columns)].mean()
    means.insert(0, "runs", grouped.size())
    means.insert(0, "placement", grouped["placement"].agg(placements_of))
    return means.reset_index().rename(columns={"_unit": "unit"})


def with_units(table: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Add a column ``_unit`` that names the unit of every run.

    Parameters
    ----------
    table : DataFrame
        One row per run.
    unit : str
        ``placement``, ``run``, or a column that names the units.

    Raises
    ------
    UsageError
        If the unit is unknown.
    """
    if unit not in UNITS and (unit not in table or unit in KEYS):
        raise UsageError(f"unknown unit '{unit}'; known: {', '.join(UNITS)}")
    return table.assign(_unit=_unit_names(table, unit))


def placements_of(placements: pd.Series) -> str:
    """Return the placements of a unit's runs as one text."""
    return ", ".join(sorted(set(map(str, placements))))


def _unit_names(table: pd.DataFrame, unit: str) -> pd.Series:
    if unit == "run":
        return pd.Series([f"run {i}" for i in range(len(table))], index=table.index)
    if unit not in UNITS:
        return table[unit].astype(str)
    if "unit" not in table:
        return table["placement"].astype(str)
    groups = table.groupby(["task", "placement"])["unit"]
    placement, unit_of_run = table["placement"].astype(str), table["unit"].astype(str)
    # Older tables hold a hash of a run's options, which cannot be read: number them as they come.
    hashed = unit_of_run.str.fullmatch(r"[0-9a-f]{64}")
    number = groups.transform(lambda units: pd.factorize(units)[0] + 1).astype(int).astype(str)
    names = unit_of_run.where(~hashed, placement + ", variant " + number)
    return placement.where(groups.transform("nunique") == 1, names)
