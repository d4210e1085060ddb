"""Probes of models, and how they go with alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from alignkit.analysis.comparison.models import Model
from alignkit.analysis.layer_values import layer_values
from alignkit.analysis.options import TableOptions, canonical_specs
from alignkit.analysis.probing.probes import ProbeOptions, probe_layers
from alignkit.analysis.probing.with_alignment import (
    points_of,
    pooled_over_placements,
    within_models,
)
from alignkit.analysis.stream_layers import Stream
from alignkit.analysis.tabled import Tabled
from alignkit.bounds.counts import check_count
from alignkit.models.pairs import equal_depth
from alignkit.progress import SILENT, Reporter

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Probes(Tabled):
    """Probes of models, and how they go with alignment.

    Attributes
    ----------
    layers : DataFrame
        One row per layer and draw of training samples, see ``probe_layers``.
    means : DataFrame
        Over the seeds and draws of a unit: ``value``, ``sd``, ``chance``, ``fits``.
    points : DataFrame
        One row per run, stream, metric and depth: probe and alignment, see ``points_of``.
    within : DataFrame
        Their correlations over the layers of each unit.
    pooled : DataFrame
        Over all placements, with a test.
    streams : list of Stream
        What was probed, with where fusions stand.
    settings : dict
    """

    layers: pd.DataFrame
    means: pd.DataFrame
    points: pd.DataFrame
    within: pd.DataFrame
    pooled: pd.DataFrame
    streams: list[Stream]
    settings: dict[str, Any]

    shown: ClassVar = ("layers", "within", "pooled")

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name, the first of which has one row per layer and draw."""
        return {
            "layers": self.layers,
            "means": self.means,
            "points": self.points,
            "within": self.within,
            "pooled": self.pooled,
        }


def probe(
    models: Sequence[Model],
    options: ProbeOptions,
    alignment: TableOptions,
    permutations: int = 9999,
    reporter: Reporter = SILENT,
) -> Probes:
    """Probe every layer of models, and correlate the probes of runs with their alignment.

    Parameters
    ----------
    models : sequence of Model
        Read on train, validation and test.
    options : ProbeOptions
    alignment : TableOptions
        The metrics, and how alignment is measured.
    permutations : int
        Number of permutations of placements to draw where there are too many to enumerate.
    reporter : Reporter
    """
    check_count("permutations", permutations, 1)
    layers, streams = probe_layers(models, options, reporter)
    probed = set(layers["model"])
    runs = {
        str(s.model.run.path): s.model.run
        for s in streams
        if s.model.run is not None and str(s.model.run.path) in probed
    }
    deep = [run for run in runs.values() if len(equal_depth(run.schedule())) > 1]
    values = layer_values(deep, alignment, lambda _: ["same"], reporter=reporter)
    points = points_of(layers, values, _directions(layers, streams))
    return Probes(
        layers,
        _means(layers),
        points,
        within_models(points),
        pooled_over_placements(points, permutations, alignment.seed),
        streams,
        asdict(options)
        | {"metrics": list(canonical_specs(alignment.metrics)), "permutations": permutations},
    )


def _directions(layers: pd.DataFrame, streams: Sequence[Stream]) -> dict[tuple[str, str], bool]:
    """Return whether higher is better, by task and score, as the runs' tasks declare it."""
    runs = {s.columns["task"]: s.model.run for s in streams if s.model.run is not None}
    known = layers.dropna(subset=["seed"])[["task", "score"]].drop_duplicates()
    return {
        (task, score): runs[task].higher_is_better(score)
        for task, score in known.itertuples(index=False)
    }


def _means(layers: pd.DataFrame) -> pd.DataFrame:
    keys = ["task", "placement", "unit", "stream", "layer", "depth", "score"]
    grouped = layers.groupby(keys, sort=False)
    means = grouped["value"].agg(value="mean", sd="std", fits="size")
    means["chance"] = grouped["chance"].mean()
    return means.reset_index()
