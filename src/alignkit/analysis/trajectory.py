"""Trajectories: how representations change from layer to layer, within and across streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

from alignkit.analysis.comparison.models import Model
from alignkit.analysis.jumps import Jumps, find_jumps
from alignkit.analysis.layer_values import layer_values
from alignkit.analysis.options import TableOptions, canonical_specs
from alignkit.analysis.stream_layers import MODEL_COLUMNS, Stream, chosen_streams
from alignkit.analysis.tabled import Tabled
from alignkit.bounds.counts import check_count
from alignkit.errors import UsageError
from alignkit.progress import SILENT, Reporter, of_each
from alignkit.runs import Run
from alignkit.tasks import SPLITS

if TYPE_CHECKING:
    import pandas as pd

# Of each layer: with the next, with the last, and with that of the other stream.
NEXT, LAST, ACROSS = "next", "to-last", "across"
# The pair of streams, where a value is of both.
BOTH = "text-vision"
COLUMNS = (
    *MODEL_COLUMNS,
    "metric",
    "relation",
    "x",
    "y",
    "depth",
    "n",
    "value",
    "reason",
    "fusion",
)


@dataclass(frozen=True)
class Trajectory(Tabled):
    """How representations change with depth.

    Attributes
    ----------
    values : DataFrame
        One row per model, metric and pair of layers, with ``COLUMNS``. ``relation`` is ``next``,
        ``to-last`` or, of the two streams at one depth, ``across``; ``depth`` where it stands:
        between the layers for ``next``, else at the layer. ``fusion`` says whether there is a
        fusion between the two layers of ``next``.
    means : DataFrame
        The same over the seeds of a unit: ``value``, ``sd``, ``runs``.
    jumps : Jumps
        Changes where a fusion stands, against others.
    streams : list of Stream
        What was looked at, with where fusions stand.
    settings : dict
    """

    values: pd.DataFrame
    means: pd.DataFrame
    jumps: Jumps
    streams: list[Stream]
    settings: dict[str, Any]

    shown: ClassVar = ("means", "placements", "within", "against")

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name, the first of which has one row per pair of layers."""
        return {
            "values": self.values,
            "means": self.means,
            "steps": self.jumps.steps,
            "placements": self.jumps.placements,
            "within": self.jumps.within,
            "against": self.jumps.against,
        }


def trajectories(
    models: Sequence[Model],
    options: TableOptions,
    permutations: int = 9999,
    reporter: Reporter = SILENT,
) -> Trajectory:
    """Measure layers of models with their neighbours in depth; values of runs are stored.

    Parameters
    ----------
    models : sequence of Model
        Those that cannot be read, or have one layer only, are left out and named, as long as
        there is one that can.
    options : TableOptions
        Its layer rule and outcome are not used.
    permutations : int
        Number of rearrangements of placements to draw where there are too many to enumerate.
    reporter : Reporter

    Raises
    ------
    UsageError
        When no model has two layers, for a metric that cannot be computed, or a number out of
        range.
    AlignkitError
        When no model can be read.
    """
    import pandas as pd

    check_count("permutations", permutations, 1)
    if any(model.run is not None for model in models) and options.split not in SPLITS:
        raise UsageError(f"unknown split '{options.split}'; known: {', '.join(SPLITS)}")
    streams = _with_two_layers(chosen_streams(models, reporter=reporter), reporter)
    runs = {str(s.model.run.path): s.model.run for s in streams if s.model.run is not None}
    parts = [_of_runs(list(runs.values()), streams, options, reporter)] if runs else []
    others = [stream for stream in streams if stream.model.run is None]
    parts += _of_others(others, options, reporter, alone=not runs)
    values = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    return Trajectory(
        values,
        _means(values),
        find_jumps(values, streams, permutations, options.seed),
        streams,
        {
            "metrics": list(canonical_specs(options.metrics)),
            "split": options.split,
            "pool": options.pool,
            "samples": options.samples,
            "seed": options.seed,
            "permutations": permutations,
        },
    )


def _with_two_layers(streams: Sequence[Stream], reporter: Reporter) -> list[Stream]:
    kept = [stream for stream in streams if len(stream.layers) > 1]
    single = [stream for stream in streams if len(stream.layers) < 2]
    errors = [
        (stream.model.source or stream.model.label, "it has one layer, and a trajectory needs two")
        for stream in single
    ]
    if not kept:
        raise UsageError(": ".join(errors[0]))
    for name, reason in errors:
        reporter.left_out(name, UsageError(reason))
    return kept


def _of_runs(
    runs: Sequence[Run], streams: Sequence[Stream], options: TableOptions, reporter: Reporter
) -> pd.DataFrame:
    import pandas as pd

    own = {(str(s.columns["model"]), str(s.columns["stream"])): s for s in streams}
    within = layer_values(
        runs, options, lambda _: [NEXT, LAST], reporter=reporter, streams="text,vision"
    )
    both = [run for run in runs if all((str(run.path), s) in own for s in ("text", "vision"))]
    across = layer_values(both, options, lambda _: ["same"], reporter=reporter)
    rows = [
        row
        for stream in own.values()
        for row in _within_rows(stream, _looked_up(within, stream.columns["model"]))
    ]
    for run in dict.fromkeys(across["run"]):
        text = own[run, "text"]
        both_streams = {**text.columns, "stream": BOTH, "relation": ACROSS, "fusion": False}
        rows += [
            both_streams | {"metric": metric, "x": x, "y": y, "depth": text.places[x]} | value
            for (metric, x, y), value in _looked_up(across, run).items()
        ]
    return pd.DataFrame(rows)


def _looked_up(table: pd.DataFrame, run: Any) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Return the values of a run by metric and pair of layers."""
    part = table[table["run"] == run]
    return {
        (row.metric, row.x, row.y): {"n": row.n, "value": row.value, "reason": row.reason}
        for row in part.itertuples()
    }


def _within_rows(
    stream: Stream, found: Mapping[tuple[str, str, str], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the rows of one stream, of the values of its model."""
    following = dict(pairwise(stream.layers))
    last = list(stream.places)[-1]
    rows = []
    for (metric, x, y), value in found.items():
        places = [stream.places.get(x), stream.places.get(y)]
        if None in places:
            continue
        low, high = sorted(place for place in places if place is not None)
        own = dict(stream.columns) | {"metric": metric, "x": x, "y": y} | value
        if following.get(x) == y:
            fused = any(low < place < high for place in stream.fusions)
            between = {"relation": NEXT, "depth": (low + high) / 2, "fusion": fused}
            rows.append(own | between)
        if y == last:
            rows.append(own | {"relation": LAST, "depth": stream.places[x], "fusion": False})
    metrics = list(dict.fromkeys(metric for metric, _, _ in found))
    rows.sort(key=lambda r: (metrics.index(r["metric"]), r["relation"] == LAST, r["depth"]))
    return rows


def _of_others(
    streams: Sequence[Stream], options: TableOptions, reporter: Reporter, alone: bool
) -> list[pd.DataFrame]:
    """Measure encoders and arrays; nothing is stored."""
    import pandas as pd

    with reporter.progress("measure models", len(streams)) as bar:

        def rows_of(stream: Stream) -> list[dict[str, Any]]:
            rows = _within_rows(stream, _measured(stream, options, reporter))
            bar.advance()
            return rows

        found = of_each(streams, rows_of, attrgetter("name"), reporter, needed=alone)
    return [pd.DataFrame(rows) for _, rows in found]


def _measured(
    stream: Stream, options: TableOptions, reporter: Reporter
) -> dict[tuple[str, str, str], dict[str, Any]]:
    from alignkit.alignment.arrays import measure_arrays
    from alignkit.alignment.options import MeasureOptions

    opened = stream.model.opened(MeasureOptions(), None)
    layers = [opened(name) for name in stream.places]
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for metric in options.metrics:
        for selection in (NEXT, LAST):
            table = measure_arrays(
                layers,
                layers,
                [metric],
                layers=selection,
                lenient=options.lenient,
                samples=options.samples,
                seed=options.seed,
                reporter=reporter,
            )
            found |= {
                (metric, row.x, row.y): {"n": row.n, "value": row.value, "reason": row.reason}
                for row in table.itertuples()
            }
    return found


def _means(values: pd.DataFrame) -> pd.DataFrame:
    """Return means and standard deviations over the seeds of a unit."""
    keys = ["task", "placement", "unit", "stream", "metric", "relation", "x", "y", "depth"]
    grouped = values.groupby([*keys, "fusion"], sort=False)["value"]
    return grouped.agg(value="mean", sd="std", runs="size").reset_index()
