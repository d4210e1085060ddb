"""The status of a run's steps, read from its folder: a step that is done is never repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alignkit.models.pairs import AT_FUSIONS
from alignkit.models.schedule import Fuse, sites
from alignkit.runs import Run, RunConfig
from alignkit.studies.tables import Measure

if TYPE_CHECKING:
    import pandas as pd


def is_trained(run: Run, config: RunConfig) -> bool:
    """Whether the folder holds exactly this run, and it is trained."""
    return run.is_trained and run.stored.get("identity") == config.identity


def is_evaluated(run: Run, split: str) -> bool:
    """Whether the run has scores on a split."""
    return run.is_trained and split in run.performance()["splits"]


def is_extracted(run: Run, split: str, pools: list[str]) -> bool:
    """Whether representations of all sites on a split are stored for all of these poolings."""
    index = run.representation_index(split) if run.is_trained else None
    if index is None or not set(pools) <= set(index["pools"]) or not run.are_current(index):
        return False
    return set(sites(run.schedule())) <= set(index["sites"])


def is_measured(run: Run, measure: Measure, split: str, pool: str) -> bool:
    """Whether every metric has a value, or the reason for a missing one, on every pair of sites."""
    return measured_values(run, measure, split, pool) is not None


def evidence_of(run: Run, splits: Sequence[str], measure: Measure | None) -> dict[str, Any]:
    """Return what the results of analyses depend on in a run, as plain values.

    Its identity, its scores, and a hash of the alignment that the study measures; values that
    analyses measure in addition are not included.
    """
    scores = run.performance()["splits"]
    tables = [
        measured_values(run, measure, split, pool)
        for split in (measure.splits if measure else ())
        for pool in (measure.pools if measure else ())
        if measure
    ]
    text = "".join("" if table is None else table.to_csv(index=False) for table in tables)
    return {
        "identity": run.stored["identity"],
        "scores": {split: scores.get(split) for split in splits},
        "alignment": hashlib.sha256(text.encode()).hexdigest(),
    }


def measured_values(run: Run, measure: Measure, split: str, pool: str) -> pd.DataFrame | None:
    """Return the alignment that a study measures on a run; None if any value is missing."""
    import pandas as pd

    from alignkit.alignment.stored import stored_rows

    if not run.is_trained:
        return None
    if selects_nothing(run.config, measure):
        return pd.DataFrame()
    values = []
    for within in measure.designs:
        rows = stored_rows(
            run,
            measure.metrics,
            split=split,
            pool=pool,
            layers=measure.layers,
            streams=measure.streams,
            samples=measure.samples,
            null=measure.null,
            within=within,
            groups=measure.groups,
        )
        if rows is None:
            return None
        values.append(rows[["metric", "parameters", "x", "y", "n", "value"]])
    return pd.concat(values)


def selects_nothing(config: RunConfig, measure: Measure) -> bool:
    """Whether a study measures at fusions only, and the run has none."""
    if measure.layers not in AT_FUSIONS:
        return False
    steps = config.architecture.make().schedule(config.placement)
    return not any(isinstance(step, Fuse) for step in steps)
