"""The work of measuring: metrics one after the other, over pairs, each stored as it grows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.alignment.compute import LayerSource, complete, complete_maxima
from alignkit.alignment.options import MeasureOptions
from alignkit.alignment.table import AlignmentTable
from alignkit.chain.extract import extract
from alignkit.errors import UsageError
from alignkit.models.pairs import MAXIMA, Pair
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.files import locked
from alignkit.runs.run import POOLS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from alignkit.metrics import Metric, Representation


@dataclass
class Work:
    """Metrics over groups of pairs.

    Attributes
    ----------
    metrics : sequence of Metric
    sides : LayerSource
    groups : mapping
        Pairs by their pair of streams.
    layers : str
        As it was given; ``max`` and ``max-pair`` reduce each group to its best value.
    stored : callable
        ``stored(metric) -> Stored``.
    n : int
        Samples.
    label : str
        For progress bars.
    force, lenient, reporter
        As for ``measure_run``.
    folder : Path, optional
        To be locked while anything is written.
    behind : callable, optional
        Whether ``done`` is to be caught up with, though nothing is missing.
    done : callable, optional
        What to do once something was written, also a part.
    """

    metrics: Sequence[Metric]
    sides: LayerSource
    groups: Mapping[str, Sequence[Pair]]
    layers: str
    stored: Callable[[Metric], AlignmentTable]
    n: int
    label: str = ""
    force: bool = False
    lenient: bool = False
    reporter: Reporter = SILENT
    folder: Path | None = None
    behind: Callable[[], bool] = field(default=lambda: False)
    done: Callable[[], None] = field(default=lambda: None)

    def table(self) -> pd.DataFrame:
        """Measure what is missing; give the rows of all.

        Raises
        ------
        UsageError
            Where a metric cannot take the data; if lenient, where none can.
        """
        import pandas as pd

        if not self.lenient:
            for metric in self.metrics:
                check_k(metric, self.n)
        tables: list[pd.DataFrame] = []
        left_out: dict[str, UsageError] = {}
        total = len(self.metrics) * len(_all_pairs(self.groups))
        writes = self._writes()
        held = locked(self.folder) if self.folder is not None and writes else nullcontext()
        with held, self.reporter.progress(f"measure {self.label}".rstrip(), total) as bar:
            try:
                for metric in self.metrics:
                    bar.describe(" ".join(["measure", *self.label.split(), metric.spec]))
                    try:
                        tables.append(self._one(metric, bar))
                    except UsageError as error:
                        if not self.lenient:
                            raise
                        left_out[metric.spec] = error
            finally:
                if writes:
                    self.done()
        if not tables:
            raise next(iter(left_out.values()))
        for spec, reason in left_out.items():
            self.reporter.note(f"note: {spec} is left out: {reason}")
        return pd.concat(tables, ignore_index=True)

    def _one(self, metric: Metric, bar: Any) -> pd.DataFrame:
        stored, keys = self.stored(metric), keys_of(self.layers, self.groups)
        if self.force:
            stored.forget(keys)
        if self.layers in MAXIMA:
            complete_maxima(stored, self.sides, self.layers, self.groups, bar)
        else:
            complete(stored, self.sides, keys, bar)
        return stored.rows(keys)

    def _writes(self) -> bool:
        """Whether anything will be written: else the files need neither a lock nor a look."""
        keys = keys_of(self.layers, self.groups)
        missing = (self.stored(metric).missing(keys) for metric in self.metrics)
        return self.force or any(missing) or self.behind()


def keys_of(layers: str, groups: Mapping[str, Sequence[Pair]]) -> list[Pair]:
    """What rows are told apart by: pairs of sites, or for a maximum its rule and streams."""
    if layers in MAXIMA:
        return [(layers, streams) for streams in groups]
    return _all_pairs(groups)


def _all_pairs(groups: Mapping[str, Sequence[Pair]]) -> list[Pair]:
    return list(dict.fromkeys(pair for pairs in groups.values() for pair in pairs))


class RunLayers:
    """The representations of a run on a split, each opened once, for all metrics."""

    def __init__(self, run: Run, split: str, pool: str, rows: Any, asked: MeasureOptions) -> None:
        self.run, self.split, self.pool, self.rows = run, split, pool, rows
        self.options = {"dtype": asked.precision, "device": asked.device}
        self._opened: dict[str, Representation] = {}

    def __call__(self, site: str) -> Representation:
        if site not in self._opened:
            whole = self.run.representation(site, self.split, self.pool, **self.options)
            self._opened[site] = whole if self.rows is None else whole[self.rows]
        return self._opened[site]

    @property
    def n(self) -> int:
        """Number of samples."""
        if self.rows is not None:
            return len(self.rows)
        index = self.run.representation_index(self.split)
        assert index is not None
        return index["n"]


def extracted(run: Run, split: str, pool: str, reporter: Reporter) -> dict[str, Any]:
    """The index of a run's representations, made first where they are missing."""
    index = run.representation_index(split)
    if index is None or pool not in index["pools"]:
        reporter.note(f"{run.path}: representations on {split} are made first")
        index = extract(run, split, sorted({pool, *POOLS}), reporter=reporter)
    return index


def draw_rows(n: int, samples: int | None, seed: int, reporter: Reporter) -> np.ndarray | None:
    """Rows of a seeded draw, in their order; None for all of them.

    Raises
    ------
    UsageError
        For fewer than two samples.
    """
    import numpy as np

    if samples is None:
        return None
    if samples < 2:
        raise UsageError(f"--samples is {samples}; it must be at least 2")
    if samples >= n:
        if samples > n:
            reporter.note(f"there are {n} samples, fewer than --samples {samples}: all are used")
        return None
    return np.sort(np.random.default_rng(seed).choice(n, samples, replace=False))


def stores(
    folder: Path | None,
    layers: str,
    asked: MeasureOptions,
    rows: Any,
    split: str = "",
    pool: str = "",
) -> Callable[[Metric], AlignmentTable]:
    """How a metric's values are stored: a file of its own in a folder; without one, not at all."""
    drawn = [] if rows is None else [f"n{len(rows)}s{asked.seed}"]
    maxima = layers in MAXIMA
    key = ("layers", "streams") if maxima else ("x", "y")

    def stored(metric: Metric) -> AlignmentTable:
        file = None
        if folder is not None:
            spec = metric.spec.replace(":", "-").replace("/", "_")
            name = ".".join([spec, *([pool] if pool else []), *drawn, "csv"])
            file = (folder / "maxima" if maxima else folder) / name
        return AlignmentTable(metric, asked, file, key, split=split, pool=pool)

    return stored


def resolved_metrics(specs: Sequence[str]) -> list[Metric]:
    from alignkit.metrics import resolve

    return [resolve(spec) for spec in specs]


def check_k(metric: Metric, n: int) -> None:
    """Refuse k >= n before any work is done."""
    k = metric.parameters.get("k")
    if isinstance(k, int) and not 1 <= k < n:
        raise UsageError(f"{metric.spec}: k={k} needs 1 <= k < n, and there are n={n} samples")
