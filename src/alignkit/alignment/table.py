"""Tables of alignment values: one file per metric, and ``alignment.csv``, derived from them."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.alignment.columns import Columns
from alignkit.alignment.index import indexed
from alignkit.alignment.rows import Key, Rows
from alignkit.errors import DamagedError, DataError
from alignkit.plugins.options import format_spec
from alignkit.progress import current_reporter
from alignkit.runs import Run
from alignkit.runs.files import discard, locked, read_once, state_of
from alignkit.runs.listing import found
from alignkit.runs.manifests import inputs_of_table, manifest_of_table, settle, write_table

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
    "within",
    "groups",
    "version",
    "code",
)
# For the best value over pairs: over which pairs, and how many.
MAXIMA_COLUMNS = ("layers", "streams", "pairs", *COLUMNS)
COUNTS = ("n", "permutations", "resamples", "pairs", "version")
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
# What is filled in where a table was written before a column was added.
ADDED = {
    "null_std": "",
    "resamples": "0",
    "low": "",
    "high": "",
    "self_score": "",
    "dtype": "float64",
    "draw_seed": "",
    "warning": "",
    "within": "",
    "groups": "",
    "version": "1",
    "code": "",  # not known
}
# Columns that are not written where they say nothing, so that earlier tables keep their bytes.
OPTIONAL = ("within", "groups", "version", "code")

# The SHA-256 of the representation of every site, of either side of the pairs.
Digests = tuple[Mapping[str, str], Mapping[str, str]]
UNKNOWN: Digests = ({}, {})
SIDES = ("x", "y")
# What tells whether a value is as it is wanted.
HELD = ("version", "code", "permutations", "resamples", "dtype", "draw_seed")
# An entry of the index made with other columns is another one.
_LAYOUT = repr((MAXIMA_COLUMNS, COUNTS, NUMBERS, ADDED)).encode()


class AlignmentTable:
    """The values of one metric: those of its file, and those that are being measured.

    Parameters
    ----------
    metric : Metric
    options : MeasureOptions
    file : Path, optional
        Without one, nothing is stored.
    key : (str, str)
        Columns that identify a row: ``x`` and ``y``, or ``layers`` and ``streams`` of maxima.
    is_subset : bool
        Whether values are measured on a random subset of the samples.
    digests : (mapping, mapping)
        Of the representations on either side as they are now, by site. Stored values of others
        are dropped.
    **fixed
        Columns that are the same in every row: ``split``, ``pool``, ``within``, ``groups``.

    Attributes
    ----------
    stale : int
        How many stored values were dropped.
    """

    def __init__(
        self,
        metric: Metric,
        options: MeasureOptions,
        file: Path | None = None,
        key: Key = ("x", "y"),
        is_subset: bool = False,
        digests: Digests = UNKNOWN,
        **fixed: str,
    ) -> None:
        self.metric, self.options, self.file, self.key = metric, options, file, key
        self.digests, self.stale = digests, 0
        self._made_from: Mapping[str, Mapping[str, str]] = {}
        self.is_subset = is_subset
        parameters = format_spec("", metric.parameters).removeprefix(":")
        self.fixed = {"metric": metric.name, "parameters": parameters} | fixed
        self._rows = Rows(key)
        if file is not None and file.is_file():
            # Where a default has changed since, the file also holds rows of other parameters.
            self._made_from = _inputs(file)
            self._rows = Rows(key, _read(file), parameters)
            stale = self._stale_keys()
            self.forget(stale)
            self.stale = len(stale)

    def missing(self, keys: Sequence[Key]) -> list[Key]:
        """Return the keys that lack a value with the null, interval and precision wanted."""
        alike = self._rows.alike(HELD)
        if alike is not None:
            places = self._rows.places if self._holds(alike) else {}
            if all(map(places.__contains__, keys)):  # nearly always, and looked up at once
                return []
            return [key for key in keys if key not in places]
        return [key for key in keys if key not in self._rows or not self._holds(self._rows[key])]

    def pairs(self, key: Key) -> int:
        """Return over how many pairs the best value of a key was taken; 0 if it is not known."""
        return int(self._rows[key]["pairs"]) if key in self._rows else 0

    def outdated(self, keys: Iterable[Key]) -> list[int]:
        """Return the versions of the values that another version of the metric gave."""
        alike = self._rows.alike(("version",))
        if alike is not None and alike["version"] == self.metric.version:
            return []
        versions = (int(self._rows[key]["version"]) for key in keys if key in self._rows)
        return [version for version in versions if version != self.metric.version]

    def of_other_code(self, keys: Iterable[Key]) -> int:
        """Return how many values were computed by other code of the metric's plugin."""
        alike = self._rows.alike(("code",))
        if alike is not None and self._is_of_this_code(alike):
            return 0
        rows = (self._rows[key] for key in keys if key in self._rows)
        return sum(not self._is_of_this_code(row) for row in rows)

    def may_hold_text(self, names: Sequence[str]) -> bool:
        """Return whether a row may have text in one of some columns, without a look at each."""
        alike = self._rows.alike(names)
        return alike is None or any(alike[name] for name in names)

    def forget(self, keys: Iterable[Key]) -> None:
        """Drop rows, so that they are measured again."""
        for key in keys:
            self._rows.pop(key, None)

    def required_draws(self, keys: Iterable[Key]) -> tuple[int, int]:
        """Return the permutations and resamples to draw: no fewer than ``keys`` have already.

        A value that is measured again for its null must not lose its interval.
        """
        rows = [self._rows[key] for key in keys if key in self._rows]
        null = max([self.options.null, *(int(row["permutations"]) for row in rows)])
        return null, max([self.options.interval, *(int(row["resamples"]) for row in rows)])

    def add(self, key: Key, value: Value, null: int, interval: int, **more: Any) -> None:
        """Add a value with its permutations and resamples; ``write`` stores it."""
        uses_seed = null or interval or self.is_subset
        row = (
            asdict(value)
            | self.fixed
            | {
                "permutations": null,
                "resamples": interval,
                "version": self.metric.version,
                "code": self.metric.code,
                "draw_seed": str(self.options.seed) if uses_seed else "",
            }
        )
        self._rows[key] = row | more | dict(zip(self.key, key, strict=True))

    def write(self) -> None:
        """Store all rows in the file."""
        if self.file is not None:
            write_table(self.file, as_written(self.columns(list(self._rows))), self._inputs_now())

    def rows(self, keys: Sequence[Key]) -> pd.DataFrame:
        """Return the rows of keys, in their order."""
        return frame(self.columns(keys))

    def columns(
        self, keys: Sequence[Key], names: Sequence[str] | None = None
    ) -> dict[str, list[Any]]:
        """Return the rows of keys, in their order, column by column.

        With ``names``, only the columns that these name.
        """
        every = COLUMNS if self.key == ("x", "y") else MAXIMA_COLUMNS
        names = every if names is None else [name for name in every if name in names]
        stored = self._rows.stored
        if stored is not None and not self._rows.changed:
            places = [self._rows.places[key] for key in keys]
            return {name: stored.chosen(name, places) for name in names}
        rows = [self._rows[key] for key in keys]
        return {name: _plain(name, [row.get(name) for row in rows]) for name in names}

    def _stale_keys(self) -> list[Key]:
        """Return the keys of rows that are of other representations than those stored now."""
        changed = []
        for side, now in zip(SIDES, self.digests, strict=True):
            then = self._made_from.get(side, {})
            changed.append({site for site in then if now.get(site, then[site]) != then[site]})
        if not any(changed):
            return []
        if self.key != SIDES:  # the best over many sites
            return list(self._rows)
        return [key for key in self._rows if key[0] in changed[0] or key[1] in changed[1]]

    def _inputs_now(self) -> dict[str, dict[str, str]]:
        """Return the digests of the representations that the rows are of, by side and site."""
        inputs = {}
        for place, (side, now) in enumerate(zip(SIDES, self.digests, strict=True)):
            known = {**self._made_from.get(side, {}), **now}
            used = {key[place] for key in self._rows} if self.key == SIDES else set(known)
            inputs[side] = {site: known[site] for site in sorted(used & set(known))}
        return {side: sites for side, sites in inputs.items() if sites}

    @property
    def digest(self) -> str:
        """The SHA-256 of what the file holds; empty without one."""
        return "" if self._rows.stored is None else self._rows.stored.source

    def _is_of_this_code(self, row: Mapping[str, Any]) -> bool:
        """Whether a value is of the code that is there; true where either is not known."""
        return not (row["code"] and self.metric.code) or row["code"] == self.metric.code

    def _holds(self, row: Mapping[str, Any]) -> bool:
        options = self.options
        uses_seed = options.null or options.interval
        return bool(
            row["version"] == self.metric.version
            and self._is_of_this_code(row)
            and row["permutations"] >= options.null
            and row["resamples"] >= options.interval
            and options.dtype in ("auto", "float32", row["dtype"])
            and (not uses_seed or row["draw_seed"] == str(options.seed))
        )


def read_alignment(file: Path) -> pd.DataFrame:
    """Read an alignment table; columns that a later version added are filled in.

    Written again by way of ``as_written``, it has the same bytes.

    Raises
    ------
    DataError
        When the file is not such a table, or not as it was written.
    """
    return frame(_columns(file))


def _columns(file: Path) -> dict[str, Sequence[Any]]:
    """Return the columns of a table whose file is as its manifest says."""
    _inputs(file)
    stored = _read(file)
    return {name: stored.values(name) for name in stored.names}


def _inputs(file: Path) -> Mapping[str, Mapping[str, str]]:
    """Check a table against its manifest, and return the digests of what it was made from.

    Not to be changed; each state of the two is checked once.
    """
    manifest = manifest_of_table(file)
    return _inputs_of_states(file, state_of(file), state_of(manifest))


@lru_cache(maxsize=4096)
def _inputs_of_states(file: Path, *_states: tuple[int, ...]) -> Mapping[str, Mapping[str, str]]:
    return inputs_of_table(file)


@read_once
def _read(file: Path) -> Columns:
    """Return the columns of a table, not to be changed."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}; measure again") from None
    return indexed(
        file, hashlib.sha256(_LAYOUT + content).hexdigest(), lambda: _parsed(file, content)
    )


def _parsed(file: Path, content: bytes) -> Columns:
    try:
        reader = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
        named = {name: place for place, name in enumerate(next(reader, ()))}
        columns = MAXIMA_COLUMNS if "layers" in named else COLUMNS
        for column in columns:
            if column not in named and column not in ADDED:
                raise KeyError(column)
        rows = [row for row in reader if row]
        if any(len(row) < len(named) for row in rows):
            raise ValueError("a row has fewer values than there are columns")
        texts = {
            column: [row[named[column]] for row in rows]
            if column in named
            else [ADDED[column]] * len(rows)
            for column in columns
        }
        return Columns.of_values({column: _values(column, texts[column]) for column in columns})
    except KeyError as error:
        raise DamagedError(f"{file} lacks the column {error}") from None
    except (ValueError, OverflowError, csv.Error) as error:
        raise DamagedError(f"{file} is damaged: {error}") from None


def _values(column: str, texts: list[str]) -> Sequence[Any]:
    """Return the values of a column; equal texts are read once."""
    if column in COUNTS:
        counts = {text: int(float(text)) for text in set(texts)}
        return [counts[text] for text in texts]
    if column in NUMBERS:
        numbers = {text: float(text) if text else math.nan for text in set(texts)}
        return [numbers[text] for text in texts]
    return texts


def frame(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Return columns of a table as a data frame with their types."""
    import pandas as pd

    # Arrays and not series, whose indices would be compared.
    return pd.DataFrame({name: _typed(name, values).array for name, values in columns.items()})


def _plain(column: str, values: Sequence[Any]) -> list[Any]:
    """Return a column of a table; missing texts are empty, missing numbers NaN."""
    if column in COUNTS:
        return list(values)
    if column in NUMBERS:
        return [math.nan if value is None else value for value in values]
    return ["" if value is None else str(value) for value in values]


def joined(tables: Sequence[Mapping[str, Sequence[Any]]]) -> dict[str, list[Any]]:
    """Join the columns of tables that have the same ones."""
    return {name: [v for table in tables for v in table[name]] for name in tables[0]}


def _typed(column: str, values: Sequence[Any]) -> pd.Series:
    import pandas as pd

    if column in COUNTS:
        return pd.Series(values, dtype="int64")
    if column in NUMBERS:
        return pd.Series(values, dtype="float64")
    return pd.Series(values, dtype=str)


def is_stale(run: Run) -> bool:
    """Return whether a metric's file was written after ``alignment.csv``, which may lack it.

    This happens when a process is killed between the two, or before the manifest of
    ``alignment.csv`` is settled, and when a run is copied. A run that cannot be written to is left
    as it is.
    """
    folder = run.path / "alignment"
    files = found(folder, "*/*.csv")
    if not files or not os.access(run.path, os.W_OK):
        return False
    folders = {folder, *(file.parent for file in files)}  # a folder changes when a file is removed
    manifest = manifest_of_table(run.alignment_file)
    try:
        written = run.alignment_file.stat().st_mtime_ns
        if manifest.is_file() and manifest.stat().st_mtime_ns < written:
            return True
        return any(path.stat().st_mtime_ns >= written for path in (*files, *folders))
    except FileNotFoundError:  # never written, or something was removed meanwhile
        return True


def rebuild_alignment(run: Run) -> None:
    """Derive ``alignment.csv`` from the files of all metrics and splits.

    Damaged ones are named and left out; it stays stale as long as there are any. The run must be
    locked; otherwise a file that another process adds meanwhile would be lost.
    """
    files = found(run.path / "alignment", "*/*.csv")
    tables = [table for table in map(partial(_whole, run), files) if table is not None]
    if not tables:
        return
    text = as_written(joined(tables))
    if not _holds(run.alignment_file, text):
        _write_derived(run.alignment_file, text)
    if len(tables) == len(files):
        os.utime(run.alignment_file)  # it is up to date
        settle(run.alignment_file)
    else:
        os.utime(run.alignment_file, (0, 0))  # older than any of them


def _whole(run: Run, file: Path) -> Mapping[str, Sequence[Any]] | None:
    """Return the columns of a metric's table; None, and say so, where it is damaged."""
    try:
        return _columns(file)
    except DamagedError as error:
        current_reporter().complain(
            f"note: {error}; {run.alignment_file} lacks its values until they are measured again"
        )
        return None


def _holds(table: Path, text: str) -> bool:
    try:
        inputs_of_table(table)
        return table.read_bytes() == text.encode()
    except (DamagedError, FileNotFoundError):
        return False


def _write_derived(table: Path, text: str) -> None:
    """Write a table over what is there, whatever it is; others may read it meanwhile."""
    try:
        write_table(table, text)
    except DamagedError:
        discard(table)
        write_table(table, text)


def alignment_of(run: Run, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return what ``Run.alignment`` does; where ``alignment.csv`` is damaged, derive it anew first.

    Raises
    ------
    DataError
        When it cannot be derived, as a table of a metric is damaged too or nothing is measured.
    """
    try:
        return run.alignment(columns)
    except DamagedError:
        if not os.access(run.path, os.W_OK):
            raise
    with locked(run.path):
        rebuild_alignment(run)
    alignment = run.alignment(columns)
    current_reporter().complain(f"note: {run.alignment_file} was damaged, and is derived anew")
    return alignment


def as_written(columns: Mapping[str, Sequence[Any]]) -> str:
    """Return the text of a table: rows in order, without optional columns that say nothing.

    Rows are sorted, so that a table does not depend on the order in which it grew.
    """
    keys = ["split", "metric", "parameters", "pool", "within", "groups", "n", "x", "y", "draw_seed"]
    if "layers" in columns:
        keys = ["layers", "streams", *keys]
    rows = list(zip(*(columns[key] for key in keys), strict=True))
    order = sorted(range(len(rows)), key=rows.__getitem__)
    names = [
        name
        for name, values in columns.items()
        if name not in OPTIONAL or any(str(value) != ADDED[name] for value in values)
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*(_texts(name, columns[name], order) for name in names), strict=True))
    return text.getvalue()


def _texts(column: str, values: Sequence[Any], order: Sequence[int]) -> list[str]:
    """Return the texts of a column's values in an order; that of NaN is empty."""
    if column in COUNTS:
        return [str(int(values[row])) for row in order]
    if column in NUMBERS:
        numbers = [float(values[row]) for row in order]
        return ["" if math.isnan(number) else repr(number) for number in numbers]
    return [str(values[row]) for row in order]
