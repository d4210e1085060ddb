"""How tables of layers become figures by depth."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from alignkit.analysis.stream_layers import Stream
from alignkit.models.placement import STREAMS
from alignkit.report.figures.depth_curves import Placements


def by_stream(table: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Return the rows of every task and stream, with an ending for file names and for labels."""
    return [
        (
            "".join(f"-{each}" for each in (task, stream) if each),
            f", {stream} stream" if stream else "",
            part,
        )
        for (task, stream), part in table.groupby(["task", "stream"], sort=False)
    ]


def curves_of(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return one column of a table of layers as ``depth_curves`` takes it."""
    values = rows[["unit", "seed", "layer", "depth", column]].rename(
        columns={"unit": "placement", column: "value"}
    )
    values["value"] = values["value"].astype(float)
    return values.assign(seed=values["seed"].fillna(0).astype(int), chance=float("nan"))


def fusions_of_units(streams: Sequence[Stream], rows: pd.DataFrame) -> Placements:
    """Return where the fusions of each unit stand, as ``depth_curves`` takes them.

    Parameters
    ----------
    streams : sequence of Stream
    rows : DataFrame
        ``task``, ``stream`` and ``unit``, of one task; of one stream, or of both where it is
        ``text-vision`` or ``both``.
    """
    task, shown = rows.iloc[0][["task", "stream"]]
    found: dict[str, dict[str, list[float]]] = {
        unit: {name: [] for name in STREAMS} for unit in dict.fromkeys(rows["unit"])
    }
    for stream in streams:
        unit, own = str(stream.columns["unit"]), str(stream.columns["stream"])
        if stream.columns["task"] == task and unit in found and own in _streams(shown):
            # The curve marks index k between layers k - 1 and k.
            found[unit][own] = [place + 0.5 for place in stream.fusions]
    return found


def _streams(shown: str) -> list[str]:
    return list(STREAMS) if shown == "both" else [name for name in shown.split("-") if name]
