"""Tables of alignment: what was measured, one file per metric, and what of it still holds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.errors import DataError
from alignkit.plugins.options import format_spec
from alignkit.runs import Run
from alignkit.runs.files import write_csv

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.alignment.options import MeasureOptions
    from alignkit.metrics import Metric, Value

COLUMNS = (
    "split",
    "metric",
    "parameters",
    "pool",
    "x",
    "y",
    "n",
    "value",
    "reason",
    "chance",
    "permutations",
    "null_mean",
    "null_std",
    "p",
    "calibrated",
    "resamples",
    "low",
    "high",
    "self_score",
    "dtype",
    "draw_seed",
    "warning",
)
# Of the best value over pairs: which pairs, and how many.
MAXIMA_COLUMNS = ("layers", "streams", "pairs", *COLUMNS)
COUNTS = ("n", "permutations", "resamples", "pairs")
NUMBERS = (
    *COUNTS,
    "value",
    "chance",
    "null_mean",
    "null_std",
    "p",
    "calibrated",
    "low",
    "high",
    "self_score",
)
# What tables hold that were written before a column was there.
ADDED = {
    "null_std": "",
    "resamples": "0",
    "low": "",
    "high": "",
    "self_score": "",
    "dtype": "float64",
    "draw_seed": "",
    "warning": "",
}

Key = tuple[str, str]


class AlignmentTable:
    """The values of one metric: those of its file, and those that are measured now.

    Parameters
    ----------
    metric : Metric
    asked : MeasureOptions
    file : Path, optional
        Without one, nothing is stored.
    key : (str, str)
        Columns that tell rows apart: ``x`` and ``y``, or ``layers`` and ``streams`` of maxima.
    **fixed
        Columns that are the same in every row: ``split``, ``pool``.
    """

    def __init__(
        self,
        metric: Metric,
        asked: MeasureOptions,
        file: Path | None = None,
        key: Key = ("x", "y"),
        **fixed: str,
    ) -> None:
        self.metric, self.asked, self.file, self.key = metric, asked, file, key
        parameters = format_spec("", metric.parameters).removeprefix(":")
        self.fixed = {"metric": metric.name, "parameters": parameters} | fixed
        self._rows: dict[Key, dict[str, Any]] = {}
        if file is not None and file.is_file():
            # A default that has changed since leaves rows of other parameters behind.
            self._rows = {
                self._key(row): row
                for row in read_alignment(file).to_dict("records")
                if row["parameters"] == parameters
            }

    def missing(self, keys: Iterable[Key]) -> list[Key]:
        """Keys without a value that has at least the null, interval and precision asked for."""
        return [key for key in keys if key not in self._rows or not self._holds(self._rows[key])]

    def forget(self, keys: Iterable[Key]) -> None:
        """Drop rows, to be measured again."""
        for key in keys:
            self._rows.pop(key, None)

    def required_draws(self, keys: Iterable[Key]) -> tuple[int, int]:
        """The most permutations and resamples asked for, now or when ``keys`` were stored.

        What is measured again for one of them must not lose the other.
        """
        rows = [self._rows[key] for key in keys if key in self._rows]
        null = max([self.asked.null, *(int(row["permutations"]) for row in rows)])
        return null, max([self.asked.interval, *(int(row["resamples"]) for row in rows)])

    def add(self, key: Key, value: Value, null: int, interval: int, **more: Any) -> None:
        """Take in a value; ``write`` stores it."""
        drawn = null or interval or self.asked.drawn
        row = (
            asdict(value)
            | self.fixed
            | {
                "permutations": null,
                "resamples": interval,
                "draw_seed": str(self.asked.seed) if drawn else "",
            }
        )
        self._rows[key] = row | more | dict(zip(self.key, key, strict=True))

    def write(self) -> None:
        """Store everything that was taken in."""
        if self.file is not None:
            write_csv(self.file, ordered(self._table(self._rows.values())))

    def rows(self, keys: Sequence[Key]) -> pd.DataFrame:
        """The rows of keys, in their order."""
        return self._table([self._rows[key] for key in keys])

    def _table(self, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        import pandas as pd

        columns = COLUMNS if self.key == ("x", "y") else MAXIMA_COLUMNS
        table = pd.DataFrame(list(rows)).reindex(columns=list(columns))
        for column in columns:
            if column in NUMBERS:
                table[column] = table[column].astype(float)
            else:
                table[column] = table[column].fillna("").astype(str)
        return table.astype({column: int for column in COUNTS if column in columns})

    def _key(self, row: Mapping[str, Any]) -> Key:
        return row[self.key[0]], row[self.key[1]]

    def _holds(self, row: Mapping[str, Any]) -> bool:
        asked = self.asked
        drawn = asked.null or asked.interval
        return (
            row["permutations"] >= asked.null
            and row["resamples"] >= asked.interval
            and asked.dtype in ("auto", "float32", row["dtype"])
            and (not drawn or row["draw_seed"] == str(asked.seed))
        )


def read_alignment(file: Path) -> pd.DataFrame:
    """Read an alignment table so that writing it again gives the same bytes.

    Columns that came later are filled in.

    Raises
    ------
    DataError
        When the file is no such table.
    """
    import pandas as pd

    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        columns = MAXIMA_COLUMNS if "layers" in table else COLUMNS
        for column in columns:
            if column not in table:
                table[column] = ADDED[column]
        for column in set(NUMBERS) & set(columns):
            # Python reads a float back exactly; pandas does so in some versions only.
            table[column] = [float(text) if text else float("nan") for text in table[column]]
        table = table.astype({column: int for column in COUNTS if column in columns})
    except KeyError as error:
        raise DataError(f"{file} lacks the column {error}; remove it and measure again") from None
    except ValueError as error:
        raise DataError(f"{file} cannot be read: {error}; remove it and measure again") from None
    return table[list(columns)]


def is_behind(run: Run) -> bool:
    """Whether ``alignment.csv`` may lack what the files of metrics hold: one was written later.

    After a kill between the two, or a copy. Where nothing can be written it is left as it is.
    """
    folder = run.path / "alignment"
    files = list(folder.glob("*/*.csv"))
    if not files or not os.access(run.path, os.W_OK):
        return False
    if not run.alignment_file.is_file():
        return True
    written = run.alignment_file.stat().st_mtime_ns
    folders = {folder, *(file.parent for file in files)}  # of which one knows what was removed
    return any(path.stat().st_mtime_ns >= written for path in (*files, *folders))


def rebuild_alignment(run: Run) -> None:
    """Derive ``alignment.csv`` from the files of all metrics and splits.

    The run must be held: whoever reads its files while another adds one would lose that.
    """
    import pandas as pd

    files = sorted((run.path / "alignment").glob("*/*.csv"))
    if files:
        table = ordered(pd.concat([read_alignment(file) for file in files]))
        text = table.to_csv(index=False, lineterminator="\n")
        if not run.alignment_file.is_file() or run.alignment_file.read_bytes() != text.encode():
            write_csv(run.alignment_file, table)
        else:
            os.utime(run.alignment_file)  # it is not behind any more


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Sort rows, so that a table does not depend on the order in which it grew."""
    keys = ["split", "metric", "parameters", "pool", "n", "x", "y", "draw_seed"]
    if "layers" in table:
        keys = ["layers", "streams", *keys]
    return table.sort_values(keys, kind="stable").reset_index(drop=True)
