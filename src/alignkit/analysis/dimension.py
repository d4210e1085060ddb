"""The dimension of representations by layer: spectra, components, participation ratio, TwoNN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from alignkit.alignment.options import MeasureOptions
from alignkit.analysis.collapse import drops_at_fusions, drops_over_placements
from alignkit.analysis.comparison.models import Model
from alignkit.analysis.stream_layers import MODEL_COLUMNS, Stream, chosen_streams
from alignkit.analysis.tabled import Tabled
from alignkit.bounds.counts import check_count
from alignkit.errors import UndefinedError
from alignkit.progress import SILENT, Progress, Reporter, of_each

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.metrics import Representation

# The shares of variance for which components are counted, by the column that holds the count.
CUTS = {"components_90": 0.90, "components_95": 0.95, "components_99": 0.99}
QUANTITIES = (*CUTS, "participation_ratio", "twonn")
LAYER_COLUMNS = (*MODEL_COLUMNS, "layer", "depth", "pool", "n", "width", *QUANTITIES, "reason")
SPECTRUM_COLUMNS = (*MODEL_COLUMNS, "layer", "depth", "component", "share", "cumulative")


@dataclass(frozen=True)
class Dimensions(Tabled):
    """The dimensions of models, layer by layer.

    Attributes
    ----------
    layers : DataFrame
        One row per layer, with ``LAYER_COLUMNS``.
    spectra : DataFrame
        One row per layer and principal component, with ``SPECTRUM_COLUMNS``; shares of the
        variance.
    fusions : DataFrame
        One row per placement, stream, fusion and quantity, see ``drops_at_fusions``.
    collapse : DataFrame
        One row per task, stream and quantity, see ``drops_over_placements``.
    streams : list of Stream
        What was looked at, with where fusions stand.
    settings : dict
    """

    layers: pd.DataFrame
    spectra: pd.DataFrame
    fusions: pd.DataFrame
    collapse: pd.DataFrame
    streams: list[Stream]
    settings: dict[str, Any]

    shown: ClassVar = ("layers", "fusions", "collapse")

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name, the first of which has one row per layer."""
        return {
            "layers": self.layers,
            "spectra": self.spectra,
            "fusions": self.fusions,
            "collapse": self.collapse,
        }


def dimensions(
    models: Sequence[Model],
    layers: str = "all",
    *,
    samples: int | None = None,
    permutations: int = 9999,
    seed: int = 0,
    reporter: Reporter = SILENT,
) -> Dimensions:
    """Return the dimensions of every layer of models.

    Parameters
    ----------
    models : sequence of Model
        Those that cannot be read are left out and named, as long as there is one that can.
    layers : str
        As for ``chosen_streams``.
    samples : int, optional
        Number of samples to draw; all when None.
    permutations : int
        Combinations of signs to draw where there are too many placements to enumerate them.
    seed : int
        Of the draw of samples and of signs.
    reporter : Reporter

    Raises
    ------
    UsageError
        When no model has such layers, or for a number out of range.
    AlignkitError
        When no model can be read.
    """
    import pandas as pd

    check_count("permutations", permutations, 1)
    options = MeasureOptions(samples=samples, seed=seed)
    streams = chosen_streams(models, layers, reporter)
    with reporter.progress("dimensions", sum(len(s.depths) for s in streams)) as bar:
        of = partial(_of_stream, options, bar, reporter)
        found = of_each(streams, of, attrgetter("name"), reporter)
    read = [stream for stream, _ in found]
    rows = [row for _, (own, _) in found for row in own]
    spectra = [shares for _, (_, own) in found for shares in own]
    table = pd.DataFrame(rows, columns=list(LAYER_COLUMNS))
    _warn_of_few_samples(table, reporter)
    fusions, changes = drops_at_fusions(read, table, QUANTITIES)
    return Dimensions(
        table,
        pd.concat(spectra, ignore_index=True)
        if spectra
        else pd.DataFrame(columns=list(SPECTRUM_COLUMNS)),
        fusions,
        drops_over_placements(changes, permutations, seed),
        read,
        {
            "layers": layers,
            "data": sorted({stream.model.data for stream in read} - {""}),
            "samples": samples,
            "seed": seed,
            "permutations": permutations,
        },
    )


def _of_stream(
    options: MeasureOptions, bar: Progress, reporter: Reporter, stream: Stream
) -> tuple[list[dict[str, Any]], list[pd.DataFrame]]:
    model = stream.model
    opened = model.opened(options, options.draw_rows(model.n, reporter))
    rows, spectra = [], []
    for name, depth in stream.depths.items():
        layer = opened(name)
        place = {**stream.columns, "layer": name, "depth": depth}
        quantities, shares = _of_layer(layer)
        pool = model.pools.get(name) or next(iter(model.pools.values()), "")
        rows.append(place | {"pool": pool, "n": layer.n, "width": layer.width} | quantities)
        if shares is not None:
            spectra.append(_spectrum(place, shares))
        bar.advance()
    return rows, spectra


def _of_layer(layer: Representation) -> tuple[dict[str, Any], np.ndarray | None]:
    """Return the quantities of a layer, with the reason where one is undefined; and its shares."""
    from alignkit.metrics.dimension import components, participation_ratio, twonn, variance_shares

    found: dict[str, Any] = dict.fromkeys(QUANTITIES)
    shares, reasons = None, []
    try:
        shares = variance_shares(layer)
        found |= {name: components(shares, share) for name, share in CUTS.items()}
        found["participation_ratio"] = participation_ratio(shares)
        found["twonn"] = twonn(layer)
    except UndefinedError as error:
        reasons.append(str(error))
    return found | {"reason": "; ".join(reasons)}, shares


def _spectrum(place: dict[str, Any], shares: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    own = {"component": np.arange(1, len(shares) + 1), "share": shares}
    return pd.DataFrame({**place, **own, "cumulative": np.cumsum(shares)})


def _warn_of_few_samples(table: pd.DataFrame, reporter: Reporter) -> None:
    """Say where the number of samples, rather than the representation, sets a bound."""
    bounded = table[table["n"] <= table["width"]]
    if len(bounded):
        first = bounded.iloc[0]
        reporter.note(
            f"note: {len(bounded)} of {len(table)} layer(s) with no more samples than columns "
            f"({first['n']} and {first['width']}): the number of samples bounds their "
            "components and participation ratio"
        )
    sizes = sorted(table["n"].unique())
    if len(sizes) > 1:
        reporter.note(
            f"note: dimensions are of different numbers of samples "
            f"({', '.join(map(str, sizes))}), on which they depend; give `samples={sizes[0]}` to "
            "compare them"
        )
