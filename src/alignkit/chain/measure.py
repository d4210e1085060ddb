"""Measure the alignment of a run: one file per metric, written once, resumable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.chain.extract import extract
from alignkit.chain.layers import Pair, select_pairs
from alignkit.chain.talk import SILENT, Talk
from alignkit.errors import DataError
from alignkit.plugins.options import format_spec
from alignkit.runs import Run
from alignkit.runs.files import locked, write_csv

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.metrics import Metric

COLUMNS = (
    "split", "metric", "parameters", "pool", "x", "y", "n", "value", "reason", "chance",
    "permutations", "null_mean", "p", "calibrated", "self_score",
)  # fmt: skip
NUMBERS = ("n", "value", "chance", "permutations", "null_mean", "p", "calibrated",
           "self_score")  # fmt: skip


def measure_run(
    run: Run,
    metrics: Sequence[str],
    *,
    split: str = "test",
    pool: str = "cls",
    layers: str = "all",
    streams: str = "cross",
    samples: int | None = None,
    seed: int = 0,
    null: int = 0,
    force: bool = False,
    talk: Talk = SILENT,
) -> pd.DataFrame:
    """Measure metrics over pairs of a run's sites; what is measured already is kept.

    Parameters
    ----------
    run : Run
    metrics : sequence of str
        Specs such as ``cka`` or ``svcca:dims=10``.
    split, pool, layers, streams
        Which representations, and which pairs of sites.
    samples, seed : int
        Measure on a seeded draw of so many samples; all when None.
    null : int
        Permutations of rows for the null, its p and the calibrated value.

    Returns
    -------
    DataFrame
        One row per metric and pair, with the columns ``COLUMNS``.
    """
    import pandas as pd

    from alignkit.metrics import resolve

    resolved = [resolve(spec) for spec in metrics]
    pairs = select_pairs(run.schedule(), layers, streams)
    index = run.representation_index(split)
    if index is None or pool not in index["pools"] or force:
        talk.note(f"{run.path}: representations on {split} are made first")
        index = extract(run, split, force=force, talk=talk)
    rows = draw_rows(index["n"], samples, seed, talk)
    tables = []
    with locked(run.path), talk.progress(f"measure {run.path}", len(resolved) * len(pairs)) as bar:
        for metric in resolved:
            bar.describe(f"measure {metric.spec}")
            work = _Work(run, metric, split, pool, rows, seed, null)
            tables.append(work.pairs(pairs, force, bar))
        rebuild_alignment(run)
    return pd.concat(tables, ignore_index=True)


class _Work:
    """One metric on one set of representations: what its file holds, and what is missing."""

    def __init__(
        self, run: Run, metric: Metric, split: str, pool: str, rows: Any, seed: int, null: int
    ) -> None:
        self.run, self.metric, self.split, self.pool = run, metric, split, pool
        self.rows, self.seed, self.null = rows, seed, null
        drawn = "" if rows is None else f".n{len(rows)}s{seed}"
        spec = metric.spec.replace(":", "-").replace("/", "_")
        self.file = run.alignment_folder(split) / f"{spec}.{pool}{drawn}.csv"
        self._opened: dict[str, Any] = {}

    def pairs(self, pairs: Sequence[Pair], force: bool, bar: Any) -> pd.DataFrame:
        """Give the rows of these pairs; measure those that the file lacks."""
        import pandas as pd

        stored = read_alignment(self.file) if self.file.is_file() and not force else None
        done = self._done(stored)
        missing = [pair for pair in pairs if pair not in done]
        bar.advance(len(pairs) - len(missing))
        if missing:
            fresh = pd.DataFrame(self._measure(missing, bar), columns=list(COLUMNS))
            kept = [] if stored is None else [_without(stored, missing)]
            stored = _ordered(pd.concat([*kept, fresh]) if kept else fresh)
            write_csv(self.file, stored)
            stored = read_alignment(self.file)
        assert stored is not None
        wanted = pd.MultiIndex.from_tuples(pairs)
        return stored.set_index(["x", "y"], drop=False).loc[wanted].reset_index(drop=True)

    def _done(self, stored: pd.DataFrame | None) -> set[Pair]:
        if stored is None:
            return set()
        enough = stored[stored["permutations"] >= self.null]
        return set(zip(enough["x"], enough["y"], strict=True))

    def _measure(self, missing: Sequence[Pair], bar: Any) -> list[dict[str, Any]]:
        from alignkit.metrics import grid

        xs = list(dict.fromkeys(x for x, _ in missing))
        ys = list(dict.fromkeys(y for _, y in missing))
        numbers = [(xs.index(x), ys.index(y)) for x, y in missing]
        values = grid(
            self.metric, [self._open(x) for x in xs], [self._open(y) for y in ys],
            pairs=numbers, null=self.null, seed=self.seed, progress=bar.advance,
        )  # fmt: skip
        return [self._row(value) for value in values]

    def _open(self, site: str) -> Any:
        if site not in self._opened:
            representation = self.run.representation(site, self.split, self.pool)
            self._opened[site] = representation if self.rows is None else representation[self.rows]
        return self._opened[site]

    def _row(self, value: Any) -> dict[str, Any]:
        parameters = format_spec("", self.metric.parameters).removeprefix(":")
        row = asdict(value)
        return {
            "split": self.split, "metric": self.metric.name, "parameters": parameters,
            "pool": self.pool, "permutations": self.null,
        } | {key: row[key] for key in COLUMNS if key in row}  # fmt: skip


def read_alignment(file: Path) -> pd.DataFrame:
    """Read an alignment table so that writing it again gives the same bytes."""
    import pandas as pd

    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    for column in NUMBERS:
        if column not in table:
            raise DataError(f"{file} lacks the column '{column}'; measure again with --force")
        # Python reads a float back exactly; pandas does so in some versions only.
        table[column] = [float(text) if text else float("nan") for text in table[column]]
    return table.astype({"n": int, "permutations": int})


def rebuild_alignment(run: Run) -> None:
    """Derive ``alignment.csv`` from the files of all metrics and splits."""
    import pandas as pd

    files = sorted((run.path / "alignment").glob("*/*.csv"))
    if files:
        write_csv(run.alignment_file, _ordered(pd.concat([read_alignment(f) for f in files])))


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    keys = ["split", "metric", "parameters", "pool", "n", "x", "y"]
    return table[list(COLUMNS)].sort_values(keys, kind="stable").reset_index(drop=True)


def _without(table: pd.DataFrame, pairs: Sequence[Pair]) -> pd.DataFrame:
    again = set(pairs)
    keep = [(x, y) not in again for x, y in zip(table["x"], table["y"], strict=True)]
    return table[keep]


def draw_rows(n: int, samples: int | None, seed: int, talk: Talk) -> Any:
    """Rows of a seeded draw, in their order; None for all of them."""
    import numpy as np

    if samples is None:
        return None
    if samples >= n:
        if samples > n:
            talk.note(f"the split has {n} samples, fewer than --samples {samples}: all are used")
        return None
    return np.sort(np.random.default_rng(seed).choice(n, samples, replace=False))
