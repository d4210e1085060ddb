"""The rows that describe a comparison: one per pair of models and metric, with its controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from alignkit.analysis.comparison.compare import NEITHER, A, B, Compared
from alignkit.metrics import Metric
from alignkit.plugins.options import format_spec

Row = dict[str, Any]


def of_metric(table: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return the rows of a table that are of a metric with its parameters."""
    parameters = format_spec("", metric.parameters).removeprefix(":")
    return table[(table["metric"] == metric.name) & (table["parameters"] == parameters)]


def pairs_of(compared: Compared) -> list[tuple[str, str]]:
    """Return the pairs of models that were compared, without controls, in their order."""
    rows = compared.best[compared.best["random_weights"] == NEITHER]
    return list(dict.fromkeys(zip(rows["a"], rows["b"], strict=True)))


def designs_of(compared: Compared) -> list[str]:
    """Return the classes that were measured within: none, and those asked for."""
    return list(dict.fromkeys(compared.best["within"]))


def grid_of(compared: Compared, metric: Metric, a: str, b: str, within: str = "") -> pd.DataFrame:
    """Return the values of all pairs of layers of two models."""
    rows = of_metric(compared.values, metric)
    same = (rows["a"] == a) & (rows["b"] == b) & (rows["within"] == within)
    return rows[same & (rows["random_weights"] == NEITHER)]


def shown_column(values: pd.DataFrame) -> str:
    """Return what a map shows: calibrated values where chance is known, else plain ones."""
    return "calibrated" if values["calibrated"].notna().any() else "value"


def best_rows(compared: Compared) -> list[Row]:
    """Return one row per metric and pair of models: the best pair of layers, and its controls.

    Returns
    -------
    list of dict
        Numbers are None where there are none. ``random_a`` and ``random_b`` are the rows with
        random weights in place of a and of b, or None.
    """
    rows: list[Row] = []
    for metric in compared.metrics:
        best = of_metric(compared.best, metric)
        plain = [_plain(row) for row in best.to_dict(orient="records")]
        known = {(row["random_weights"], *_key(row)): row for row in plain}
        rows += [
            row
            | {
                "spec": metric.spec,
                "random_a": known.get((A, *_key(row))),
                "random_b": known.get((B, *_key(row))),
            }
            for row in plain
            if row["random_weights"] == NEITHER
        ]
    return rows


def _key(row: Row) -> tuple[str, str, str]:
    return row["a"], row["b"], row["within"]


def _plain(row: Mapping[Any, Any]) -> Row:
    return {str(key): None if _missing(value) else value for key, value in row.items()}


def _missing(value: Any) -> bool:
    return isinstance(value, float) and value != value
