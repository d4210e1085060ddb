"""Comparisons that ``alignkit compare --output`` has written, read again."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from alignkit.alignment.table import NUMBERS
from alignkit.analysis.comparison.compare import Compared
from alignkit.documents import Form, read_json
from alignkit.errors import DataError
from alignkit.metrics import resolve
from alignkit.runs.files import read_results

COMMAND = "alignkit compare --output"
# What is read of the settings.
SETTINGS: Form = {"metrics": [str]}
TEXTS = (
    "a",
    "b",
    "random_weights",
    "a_pool",
    "b_pool",
    "metric",
    "parameters",
    "x",
    "y",
    "reason",
    "within",
)


def is_comparison(folder: Path) -> bool:
    """Whether a folder holds a comparison that was written, whole or not."""
    return any((folder / name).is_file() for name in ("compare.html", "best.csv"))


def read_comparison(folder: Path) -> Compared:
    """Read what ``Comparison.save`` has written.

    Raises
    ------
    DataError
        When a file of it is missing or damaged.
    UsageError
        For a metric that is no longer installed.
    """
    values, best = (_read(folder / f"{name}.csv") for name in ("values", "best"))
    settings = read_json(folder / "settings.json", SETTINGS)
    return Compared(values, best, [resolve(spec) for spec in settings["metrics"]])


def _read(path: Path) -> pd.DataFrame:
    command = f"{COMMAND} {path.parent}"
    table = read_results(path, command, texts=TEXTS)
    missing = [name for name in (*TEXTS, *NUMBERS) if name not in table and name != "pairs"]
    if missing:
        raise DataError(f"{path} has no column '{missing[0]}'; create it again with: {command}")
    for name in NUMBERS:
        if name in table and not pd.api.types.is_numeric_dtype(table[name]):
            raise DataError(
                f"{path} cannot be read: '{name}' is not a number throughout; create it again "
                f"with: {command}"
            )
    return table.fillna(dict.fromkeys(TEXTS, ""))
