"""The collapse of a stream: how far its dimension drops at a fusion, against before it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.analysis.over_placements import sign_flip_row
from alignkit.analysis.questions.verdicts import with_verdicts
from alignkit.analysis.stream_layers import Stream
from alignkit.models.pairs import around_fusions
from alignkit.models.schedule import sites
from alignkit.statistics.attainable import least_units_to_flip

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics.joint import JointTest

FUSION_COLUMNS = (
    "task",
    "placement",
    "unit",
    "stream",
    "fusion",
    "depth",
    "quantity",
    "runs",
    "before",
    "after",
    "drop",
    "drop_sd",
    "drop_over_layer",
    "drop_without",
)
_KEYS = ["task", "placement", "unit", "stream", "fusion", "depth", "quantity"]
_CHANGES = [*_KEYS, "seed", "before", "after", "over_layer", "without"]


def drops_at_fusions(
    streams: Sequence[Stream], layers: pd.DataFrame, quantities: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the dimension right after each fusion with that right before it.

    Parameters
    ----------
    streams : sequence of Stream
    layers : DataFrame
        One row per layer, with the quantities as columns.
    quantities : sequence of str

    Returns
    -------
    DataFrame
        ``FUSION_COLUMNS``, means over the seeds of a placement: ``before`` and ``after`` the
        fusion; ``drop``, 1 - after / before, and its standard deviation over seeds;
        ``drop_over_layer``, that from before the fusion to the first layer after it; and
        ``drop_without``, over the same layer in runs of the same task that have no fusion there
        in this stream. Missing where a site was not looked at, or the quantity is undefined.
    DataFrame
        The same of every run and fusion.
    """
    import pandas as pd

    values = {
        (row["model"], row["stream"], row["layer"], quantity): row[quantity]
        for row in layers.to_dict(orient="records")
        for quantity in quantities
    }
    rows = [
        row | {"quantity": quantity} | _compared(stream, around, quantity, values, streams)
        for stream in streams
        if stream.model.run is not None
        for row, around in _fusions(stream)
        for quantity in quantities
    ]
    changes = pd.DataFrame(rows, columns=_CHANGES)
    changes = changes.dropna(subset=["before", "after"]).reset_index(drop=True)
    number = dict.fromkeys(["before", "after", "over_layer", "without"], float)
    changes = changes.astype(number)
    changes["drop"] = 1 - changes["after"] / changes["before"]
    grouped = changes.groupby(_KEYS, sort=False)
    table = grouped[["before", "after", "drop"]].mean()
    table["runs"] = grouped.size()
    table["drop_sd"] = grouped["drop"].std()
    table["drop_over_layer"] = grouped["over_layer"].mean()
    table["drop_without"] = grouped["without"].mean()
    return table.reset_index()[list(FUSION_COLUMNS)], changes


def _fusions(stream: Stream) -> list[tuple[dict[str, Any], tuple[str, str, str]]]:
    """Return each fusion, with the sites before and after it and the first layer after it."""
    run = stream.model.run
    assert run is not None
    schedule, own = run.schedule(), str(stream.columns["stream"])
    recorded = sites(schedule, own)
    around = around_fusions(schedule)
    found = []
    for j, (before, after) in enumerate(zip(around[::2], around[1::2], strict=True)):
        following = recorded[recorded.index(after[own]) + 1 :][:1]
        layer = following[0] if following and "." not in following[0] else ""
        columns = {name: stream.columns[name] for name in ("task", "placement", "unit", "seed")}
        row = {**columns, "stream": own, "fusion": j, "depth": stream.fusions[j]}
        found.append((row, (before[own], after[own], layer)))
    return found


def _compared(
    stream: Stream,
    around: tuple[str, str, str],
    quantity: str,
    values: dict[tuple[str, str, str, str], Any],
    streams: Sequence[Stream],
) -> dict[str, Any]:
    before, after, layer = around

    def value(other: Stream, site: str) -> float:
        known = values.get((other.columns["model"], other.columns["stream"], site, quantity))
        return np.nan if known is None else float(known)

    without = [
        1 - value(other, layer) / value(other, before)
        for other in streams
        if layer and _adjacent(stream, other, before, layer)
    ]
    defined = [drop for drop in without if np.isfinite(drop)]
    return {
        "before": value(stream, before),
        "after": value(stream, after),
        "over_layer": 1 - value(stream, layer) / value(stream, before),
        "without": float(np.mean(defined)) if defined else np.nan,
    }


def _adjacent(stream: Stream, other: Stream, before: str, layer: str) -> bool:
    """Whether another run of the task has the two sites, and no fusion between them."""
    run = other.model.run
    if run is None or any(stream.columns[c] != other.columns[c] for c in ("task", "stream")):
        return False
    recorded = sites(run.schedule(), str(other.columns["stream"]))
    return (before, layer) in pairwise(recorded)


def drops_over_placements(changes: pd.DataFrame, permutations: int, seed: int) -> pd.DataFrame:
    """Test whether the dimension of a stream drops at fusions, over placements.

    The change is the logarithm of before over after, averaged over the fusions and the runs of
    a placement. Signs of placements are flipped, one for all tests (max-T).

    Parameters
    ----------
    changes : DataFrame
        From ``drops_at_fusions``: one row per run, fusion and quantity.
    permutations, seed : int
        Combinations of signs where there are too many to enumerate.

    Returns
    -------
    DataFrame
        One row per task, stream and quantity: ``placements``, ``drop`` (the share that is lost,
        of the geometric mean over placements), its 95 % interval ``low`` to ``high``, ``p``,
        ``p_adjusted``, ``least_p``, ``power``, ``verdict`` and ``reason``. A drop above 0
        supports a collapse.
    """
    import pandas as pd

    from alignkit.statistics.fusions import sign_flips

    table = changes.assign(change=np.log(changes["before"] / changes["after"]))
    units = table.groupby(["task", "stream", "quantity", "placement"], sort=False)["change"].mean()
    placements = sorted(table["placement"].unique())
    signs, exact = sign_flips(len(placements), permutations, seed)
    made = []
    for key, part in units.groupby(["task", "stream", "quantity"], sort=False):
        own = part.droplevel(["task", "stream", "quantity"])
        places = [placements.index(name) for name in own.index]
        made.append(_tested(key, own.to_numpy(float), signs[:, places], exact))
    rows = with_verdicts(
        [row for row, _ in made],
        directed="drop",
        tests=[test for _, test in made],
        needed=lambda tests: least_units_to_flip(tests, joint=True),
    )
    return pd.DataFrame(rows)


def _tested(
    key: Any, changes: np.ndarray, signs: np.ndarray, exact: bool
) -> tuple[dict[str, Any], JointTest | None]:
    row, test = sign_flip_row(changes, signs, exact)
    row |= {name: _share(row[name]) for name in ("change", "low", "high")}
    row = {"drop" if name == "change" else name: value for name, value in row.items()}
    return dict(zip(("task", "stream", "quantity"), key, strict=True)) | row, test


def _share(log: float | None) -> float | None:
    """Return the share that is lost where the logarithm falls by so much."""
    return None if log is None else float(-np.expm1(-log))
