"""The status of a run's steps, read from its folder: a step that is done is never repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alignkit.models.pairs import AT_FUSIONS
from alignkit.models.schedule import Fuse
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
    """Whether representations of a split are stored for all of these poolings."""
    index = run.representation_index(split) if run.is_trained else None
    return index is not None and set(pools) <= set(index["pools"])


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

    from alignkit.alignment.options import MeasureOptions
    from alignkit.alignment.selection import PairSelection
    from alignkit.alignment.tables import AlignmentTables
    from alignkit.metrics import resolve

    if not run.is_trained:
        return None
    if selects_nothing(run.config, measure):
        return pd.DataFrame()
    options = MeasureOptions(null=measure.null)
    selection = PairSelection.of_run(run, measure.layers, measure.streams)
    columns = ["metric", "parameters", "x", "y", "n", "value"]
    for subset in _subsets(run, measure.samples, split):
        tables = AlignmentTables(options, run.alignment_folder(split), subset, split, pool)
        every = [
            tables.table(metric, selection.is_maximum) for metric in map(resolve, measure.metrics)
        ]
        if not any(table.missing(selection.keys) for table in every):
            return pd.concat([table.rows(selection.keys)[columns] for table in every])
    return None


def selects_nothing(config: RunConfig, measure: Measure) -> bool:
    """Whether a study measures at fusions only, and the run has none."""
    if measure.layers not in AT_FUSIONS:
        return False
    steps = config.architecture.make().schedule(config.placement)
    return not any(isinstance(step, Fuse) for step in steps)


def _subsets(run: Run, samples: int | None, split: str) -> list[int | None]:
    """Return the subsets of samples that the values may be of; None is all samples of the split.

    As for measuring, all samples are used where there are no more than are asked for. Where
    their number is not known any more, either may have been measured.
    """
    n = run.number_of_samples(split)
    if samples is None or (n is not None and samples >= n):
        return [None]
    return [samples] if n is not None else [samples, None]
