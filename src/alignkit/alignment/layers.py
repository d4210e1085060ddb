"""Where the layers of pairs come from: how a representation is opened by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alignkit.alignment.designs import Facts
from alignkit.alignment.options import MeasureOptions
from alignkit.models.pairs import Pair
from alignkit.progress import Reporter
from alignkit.runs import Run
from alignkit.runs.inputs import change_of_representations
from alignkit.runs.listing import found
from alignkit.runs.representations import RepresentationStore
from alignkit.runs.run import POOLS

if TYPE_CHECKING:
    import numpy as np

    from alignkit.metrics import Design, Metric, Representation


@dataclass(frozen=True)
class LayerSource:
    """The layers on both sides of pairs, opened by name.

    Attributes
    ----------
    left, right : callable
        ``left(name) -> Representation``; opened once, so that metrics share its views.
    n : int
        Number of samples.
    order : sequence of str
        Names of layers where both sides are the same set of layers. Then a symmetric metric
        is measured on one of ``(x, y)`` and ``(y, x)``, always the same, and mirrored.
    design : Design, optional
        The classes and groups of the samples.
    """

    left: Callable[[str], Representation]
    right: Callable[[str], Representation]
    n: int
    order: Sequence[str] = ()
    design: Design | None = None

    def canonical_pair(self, metric: Metric, pair: Pair) -> Pair:
        """Return the pair, or its mirror image, that is measured for a pair."""
        if not metric.symmetric or not set(pair) <= set(self.order):
            return pair
        return min(pair, pair[::-1], key=lambda names: self.order.index(names[0]))

    def distinct(self, metric: Metric, pairs: Iterable[Pair]) -> list[Pair]:
        """Return the pairs that are measured for pairs, each once."""
        return list(dict.fromkeys(self.canonical_pair(metric, pair) for pair in pairs))

    def precision(self, pair: Pair) -> str:
        """Return the lower precision of the two layers: ``float32`` or ``float64``."""
        layers = (self.left(pair[0]), self.right(pair[1]))
        return min(str(layer.dtype).removeprefix("torch.") for layer in layers)


class StoredLayers:
    """The representations of a run or an encoder on a split, each opened once for all metrics.

    Parameters
    ----------
    store : RepresentationStore
    split : str
    pool : str
        Empty for the default pooling of each site.
    options : MeasureOptions
    rows : ndarray, optional
        Samples to keep, in this order; all of them when None.
    """

    def __init__(
        self,
        store: RepresentationStore,
        split: str,
        pool: str,
        options: MeasureOptions,
        rows: np.ndarray | None,
    ) -> None:
        self.store, self.split, self.pool, self.options = store, split, pool, options
        self.rows = rows
        self._opened: dict[str, Representation] = {}

    def __call__(self, site: str) -> Representation:
        """Return the representation at a site, ``(samples, width)``."""
        if site not in self._opened:
            options = self.options
            pool = self.pool or next(iter(self.store.pools(site, self.split)), "")
            layer = self.store.representation(
                site, self.split, pool, dtype=options.precision, device=options.device
            )
            self._opened[site] = layer if self.rows is None else layer[self.rows]
        return self._opened[site]


def joined_source(
    sides: Sequence[tuple[RepresentationStore, str]],
    pool: str,
    options: MeasureOptions,
    facts: Facts,
    reporter: Reporter,
) -> tuple[LayerSource, int | None, dict[str, str]]:
    """Join two runs or encoders by their sample ids.

    Parameters
    ----------
    sides : two of (RepresentationStore, str)
        Each with its split.
    pool : str
        Empty for the default pooling of each site.
    options : MeasureOptions
    facts : Facts
        Of the samples of the first side.
    reporter : Reporter

    Returns
    -------
    LayerSource, int or None, dict
        The layers of both; the size of the random subset of samples; the names of classes and
        groups in tables.

    Raises
    ------
    UsageError
        When the two do not hold the same samples.
    """
    from alignkit.metrics.joining import rows_of

    (x, x_split), (y, y_split) = sides
    ids = x.ids(x_split)
    joined = rows_of(ids, y.ids(y_split), *(f"{side.path} on {split}" for side, split in sides))
    rows = options.draw_rows(len(ids), reporter)
    subset = None if rows is None else len(rows)
    design, columns = facts.design(options, rows)
    left = StoredLayers(x, x_split, pool, options, rows)
    right = StoredLayers(y, y_split, pool, options, joined if rows is None else joined[rows])
    return LayerSource(left, right, subset or len(ids), design=design), subset, columns


def extracted(
    run: Run, split: str, pool: str, reporter: Reporter, sites: Iterable[str] = ()
) -> Mapping[str, Any]:
    """Return the index of a run's representations; extract them first where some are missing."""
    index = run.representation_index(split)
    if (
        index is None
        or pool not in index["pools"]
        or not set(sites) <= set(index["sites"])
        or change_of_representations(run, split, index)
    ):
        from alignkit.chain.extract import extract  # with torch, which takes seconds to import

        reporter.note(f"{run.path}: extracting representations on {split} first")
        index = extract(run, split, sorted({pool, *POOLS}), reporter=reporter)
    return index


def check_extracted(run: Run, split: str, pool: str, reporter: Reporter) -> None:
    """Extract the representations of a run where they are needed, and open them.

    A run whose alignment is measured, of which they may be gone, is not looked at.

    Raises
    ------
    DataError
        When they cannot be extracted, or cannot be read.
    """
    if found(run.alignment_folder(split), f"*.{pool}.*csv"):
        return
    for site in extracted(run, split, pool, reporter)["sites"]:
        run.representation(site, split, pool)
