"""What of a run is done, read from its folder: whoever did it, it is not done again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alignkit.runs import Run, RunConfig
from alignkit.studies.tables import Measure

if TYPE_CHECKING:
    import pandas as pd


def is_trained(run: Run, config: RunConfig) -> bool:
    """Whether this very run is trained; another one in its place is not."""
    return run.is_trained and run.stored.get("identity") == config.identity


def is_evaluated(run: Run, split: str) -> bool:
    """Whether there are scores on a split."""
    return run.is_trained and split in run.performance()["splits"]


def is_extracted(run: Run, split: str, pools: list[str]) -> bool:
    """Whether all of these poolings are stored."""
    index = run.representation_index(split) if run.is_trained else None
    return index is not None and set(pools) <= set(index["pools"])


def is_measured(run: Run, measure: Measure, split: str, pool: str) -> bool:
    """Whether every metric has a value, or a reason for none, on every pair of sites."""
    return measured(run, measure, split, pool) is not None


def evidence_of(run: Run, splits: Sequence[str], measure: Measure | None) -> dict[str, Any]:
    """What a study's steps have made of a run, as analyses see it: plain values.

    What analyses themselves measure further is not in it.
    """
    scores = run.performance()["splits"]
    asked = [(split, pool) for split in measure.splits for pool in measure.pools] if measure else []
    tables = [measured(run, measure, *one) for one in asked if measure]
    text = "".join("" if table is None else table.to_csv(index=False) for table in tables)
    return {
        "identity": run.stored["identity"],
        "scores": {one: scores.get(one) for one in splits},
        "alignment": hashlib.sha256(text.encode()).hexdigest(),
    }


def measured(run: Run, measure: Measure, split: str, pool: str) -> pd.DataFrame | None:
    """The values that a study asks for; None if any is missing."""
    import pandas as pd

    from alignkit.alignment.options import MeasureOptions
    from alignkit.alignment.selection import PairSelection
    from alignkit.alignment.tables import AlignmentTables
    from alignkit.metrics import resolve

    if not run.is_trained:
        return None
    n = run.stored["data"]["n"].get(split)
    subset = measure.samples
    if subset is not None and n is not None and subset >= n:
        subset = None
    options = MeasureOptions(null=measure.null)
    selection = PairSelection.of_run(run, measure.layers, measure.streams)
    tables = AlignmentTables(options, run.alignment_folder(split), subset, split, pool)
    values = []
    for metric in map(resolve, measure.metrics):
        table = tables.table(metric, selection.is_maximum)
        if table.missing(selection.keys):
            return None
        values.append(table.rows(selection.keys)[["metric", "parameters", "x", "y", "n", "value"]])
    return pd.concat(values)
