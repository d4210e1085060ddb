"""Measure pairs of models: the grid of their layers, and the best pair with its own null."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from alignkit.alignment.designs import Facts
from alignkit.alignment.encoders import pair_folder
from alignkit.alignment.job import measure_pairs
from alignkit.alignment.layers import LayerSource
from alignkit.alignment.options import MeasureOptions
from alignkit.alignment.selection import PairSelection
from alignkit.alignment.table import UNKNOWN
from alignkit.alignment.tables import AlignmentTables
from alignkit.analysis.comparison.models import Layers, Model
from alignkit.analysis.comparison.samples import Joined, join_samples
from alignkit.errors import PluginError, UsageError
from alignkit.metrics import Metric, resolve
from alignkit.models.pairs import MAXIMA, Pair, select_array_pairs
from alignkit.plugins import registry
from alignkit.progress import SILENT, Reporter
from alignkit.runs.files import locked

# Which of two models has random weights instead of its own, in controls.
NEITHER, A, B = "", "a", "b"
BEST = "max-pair"


@dataclass(frozen=True)
class CompareOptions:
    """How models are compared.

    Attributes
    ----------
    metrics : sequence of str
        Specs; the default metric when empty, and every metric that accepts the data for ``all``.
    layers : str
        Which pairs of layers: ``all``, ``same``, ``last``, indices, or glob patterns of names.
    measure : MeasureOptions
        ``null`` and ``interval`` are those of the best pair; a grid has a null where the metric
        has no chance level in closed form.
    """

    metrics: Sequence[str] = ()
    layers: str = "all"
    measure: MeasureOptions = field(default_factory=lambda: MeasureOptions(null=200, interval=200))

    def __post_init__(self) -> None:
        if self.layers.strip() in MAXIMA:
            raise UsageError(
                f"`layers={self.layers}`: the best pair is always shown; name the layers to look at"
            )
        resolve_metrics(self.metrics)  # a name that is not known, before anything is encoded


@dataclass(frozen=True)
class Compared:
    """What the comparison of models has found, as it is stored.

    Attributes
    ----------
    values : DataFrame
        One row per pair of models, metric and pair of layers: ``a``, ``b``, ``random_weights``
        (empty; in controls ``a`` or ``b``, which has them instead of its own), ``a_pool``,
        ``b_pool``, and the columns of an alignment table.
    best : DataFrame
        One row per pair of models and metric: the best pair of layers with the null of maxima,
        its ``chance`` alone, and ``identical``, what identical input scores.
    metrics : sequence of Metric
    """

    values: pd.DataFrame
    best: pd.DataFrame
    metrics: Sequence[Metric]


@dataclass(frozen=True)
class Measured(Compared):
    """What was measured between models, with the samples and options.

    Attributes
    ----------
    models : DataFrame
        One row per model: ``model``, ``kind``, ``stream``, ``data``, ``source``, ``layers``,
        ``samples``, ``left_out``, ``random``.
    joined : Joined
    options : CompareOptions
    """

    models: pd.DataFrame
    joined: Joined
    options: CompareOptions


def measure_models(
    a: Sequence[Model],
    b: Sequence[Model] = (),
    options: CompareOptions | None = None,
    *,
    random: Mapping[str, Model] | None = None,
    reporter: Reporter = SILENT,
) -> Measured:
    """Measure every model of a against every one of b, or every two of a where b is empty.

    Parameters
    ----------
    a, b : sequence of Model
    options : CompareOptions, optional
    random : mapping of str to Model, optional
        By label of a model, its version with random weights: a control, against each model of
        the other side.
    reporter : Reporter

    Raises
    ------
    UsageError
        When models share no samples, or nothing can be measured.
    """
    options = options or CompareOptions()
    pairs = list(_pairs(a, b, random or {}))
    models = list({m.label: m for p in pairs for m in (p.x, p.y)}.values())
    joined = join_samples(models)
    comparer = _Comparer(models, joined, options, reporter)
    metrics, lenient = resolve_metrics(options.metrics)
    values: list[pd.DataFrame] = []
    best: list[pd.DataFrame] = []
    left_out: dict[str, UsageError | PluginError] = {}
    for pair in pairs:
        for metric in metrics:
            if metric.spec in left_out:
                continue
            try:
                tables = comparer.measure(pair.x, pair.y, metric)
            except (UsageError, PluginError) as error:
                if isinstance(error, UsageError) and not lenient:
                    raise
                left_out[metric.spec] = error
            else:
                for grid, maximum in tables:
                    values.append(_labelled(grid, pair))
                    best.append(_labelled(maximum, pair))
    if not values:
        raise next(iter(left_out.values()))
    reporter.unmeasured(left_out, lenient)
    return Measured(
        pd.concat(values, ignore_index=True),
        pd.concat(best, ignore_index=True),
        [metric for metric in metrics if metric.spec not in left_out],
        _table(models, joined),
        joined,
        options,
    )


@dataclass(frozen=True)
class _Pair:
    """Two models that are measured: x and y are a and b, or one of them with random weights."""

    a: str
    b: str
    random: str
    x: Model
    y: Model


def _pairs(a: Sequence[Model], b: Sequence[Model], random: Mapping[str, Model]) -> Iterator[_Pair]:
    """Yield the pairs of models, each followed by its controls."""
    if not b:
        some = [(x, y) for at, x in enumerate(a) for y in a[at + 1 :]]
    else:
        some = [(x, y) for x in a for y in b]
    if not some:
        raise UsageError("there is only one model; name another to compare it with")
    for x, y in some:
        yield _Pair(x.label, y.label, NEITHER, x, y)
        if x.label in random:
            yield _Pair(x.label, y.label, A, random[x.label], y)
        if y.label in random:
            yield _Pair(x.label, y.label, B, x, random[y.label])


def resolve_metrics(specs: Sequence[str]) -> tuple[list[Metric], bool]:
    """Return the metrics, and whether those that cannot be computed may be left out."""
    return [resolve(spec) for spec in registry().meant("metrics", specs)], "all" in specs


def _labelled(table: pd.DataFrame, pair: _Pair) -> pd.DataFrame:
    """Name the models of a table, and the poolings of their layers."""
    first = {
        "a": pair.a,
        "b": pair.b,
        "random_weights": pair.random,
        "a_pool": [pair.x.pools.get(name, "") for name in table["x"]],
        "b_pool": [pair.y.pools.get(name, "") for name in table["y"]],
    }
    rest = table.drop(columns=["pool", "split", "layers", "streams"], errors="ignore")
    return rest.assign(**first)[[*first, *rest.columns]]


def _table(models: Sequence[Model], joined: Joined) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "model": model.label,
                "kind": model.kind,
                "stream": model.stream,
                "data": model.data,
                "source": model.source,
                "layers": len(model.layers),
                "samples": model.n,
                "left_out": joined.left_out.get(model.label, 0),
                "random": model.is_random,
            }
            for model in models
        ]
    )


class _Comparer:
    """Measures pairs of models on the samples that all of them have."""

    def __init__(
        self, models: Sequence[Model], joined: Joined, options: CompareOptions, reporter: Reporter
    ) -> None:
        self.joined, self.layers, self.reporter = joined, options.layers.strip(), reporter
        self.options = options.measure
        if self.options.dtype == "auto" and len({model.dtype for model in models}) > 1:
            self.options = replace(self.options, dtype="float64")
        self.drawn = self.options.draw_rows(joined.n, reporter)
        self._opened: dict[str, Layers] = {}

    def measure(
        self, x: Model, y: Model, metric: Metric
    ) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
        """Return the grid of two models and their best pair of layers; within classes, too."""
        designs = [replace(self.options, within="")]
        designs += [self.options] if self.options.within else []
        return [self._measure(x, y, metric, options) for options in designs]

    def _measure(
        self, x: Model, y: Model, metric: Metric, options: MeasureOptions
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        same, label = x is y, f"{x.label} {y.label}"
        indices = select_array_pairs(x.layers, y.layers, self.layers)
        pairs = [(x.layers[i], y.layers[j]) for i, j in indices]
        design, columns = self._facts(x, y).design(options, self.drawn)
        subset = None if self.drawn is None else len(self.drawn)
        n, order = subset or self.joined.n, list(x.layers) if same else ()
        source = LayerSource(self._layers(x), self._layers(y), n, order, design)
        with self._folder(x, y) as folder:
            split = "" if folder is None else folder.name
            digests = UNKNOWN if folder is None else (_digests(x), _digests(y))
            tables = AlignmentTables(
                options, folder, subset, split, x.asked_pool, digests=digests, **columns
            )
            grid = self._grid(metric, source, pairs, tables, label)
            # The best over some layers is not that over all, which has this name.
            whole = self.layers == "all" and x.is_whole and y.is_whole and not same
            candidates = [pair for pair in pairs if not same or pair[0] != pair[1]]
            maximum = measure_pairs(
                [metric],
                source,
                PairSelection(BEST, {f"{x.stream}-{y.stream}": candidates or pairs}),
                tables if whole else replace(tables, folder=None),
                label=label,
                reporter=self.reporter,
            )
        return grid, _with_chance(maximum, grid, metric)

    def _grid(
        self,
        metric: Metric,
        source: LayerSource,
        pairs: Sequence[Pair],
        tables: AlignmentTables,
        label: str,
    ) -> pd.DataFrame:
        """Measure all pairs; permutations are drawn only where chance is not known without."""
        selection = PairSelection(self.layers, {"": pairs})
        plain = replace(tables.options, null=0, interval=0)
        grid = measure_pairs(
            [metric],
            source,
            selection,
            replace(tables, options=plain),
            label=label,
            reporter=self.reporter,
        )
        unknown = grid["value"].notna() & grid["null_mean"].isna()
        if not (tables.options.null and unknown.any()):
            return grid
        drawn = replace(tables, options=replace(tables.options, interval=0))
        return measure_pairs(
            [metric], source, selection, drawn, label=label, reporter=self.reporter
        )

    def _layers(self, model: Model) -> Layers:
        if model.label not in self._opened:
            rows = self.joined.rows[model.label]
            if self.drawn is not None:
                rows = self.drawn if rows is None else rows[self.drawn]
            self._opened[model.label] = model.opened(self.options, rows)
        return self._opened[model.label]

    def _facts(self, x: Model, y: Model) -> Facts:
        """Return the facts of the samples, of whichever model stores them."""
        knowing = next((model for model in (x, y) if model.fact is not None), None)

        def stored(column: str) -> list[str]:
            assert knowing is not None
            assert knowing.fact is not None
            values = list(knowing.fact(column))
            rows = self.joined.rows[knowing.label]
            return values if rows is None else [values[row] for row in rows]

        return Facts(self.joined.ids, self.joined.n, stored if knowing is not None else None)

    @contextmanager
    def _folder(self, x: Model, y: Model) -> Iterator[Path | None]:
        """Yield the folder of the values between two encoders, locked; None where none fits.

        Values are stored with the encoders if they are those of all samples of the same data.
        """
        both = [*x.stores, *y.stores]
        data = {(store.task, store.fingerprint) for store, _ in both}
        splits = [[split for _, split in model.stores] for model in (x, y)]
        rows = [self.joined.rows[model.label] for model in (x, y)]
        alike = splits[0] == splits[1] and x.asked_pool == y.asked_pool and len(data) == 1
        if not (x.stores and y.stores and alike) or any(part is not None for part in rows):
            yield None
            return
        folder = pair_folder(x.stores[0][0], y.stores[0][0]) / "+".join(splits[0])
        with locked(folder):
            yield folder


def _digests(model: Model) -> dict[str, str]:
    """Return the digests of an encoder's representations by site, over all of its splits."""
    by_split = [store.digests(split, model.asked_pool) for store, split in model.stores]
    common = set.intersection(*map(set, by_split))
    return {site: "+".join(digests[site] for digests in by_split) for site in common}


def _with_chance(maximum: pd.DataFrame, grid: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Add the chance level of the best pair alone, and what identical input scores."""
    chances = {
        (x, y): chance for x, y, chance in zip(grid["x"], grid["y"], grid["null_mean"], strict=True)
    }
    keys = zip(maximum["x"], maximum["y"], strict=True)
    own = maximum["self_score"]
    return maximum.assign(
        chance=[chances.get(key, np.nan) for key in keys], identical=own.fillna(metric.best)
    )
