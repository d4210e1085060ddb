"""The status of a run's steps, read from its folder: a step that is done is never repeated."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Sequence
from typing import Any

from alignkit.alignment.index import remembered
from alignkit.alignment.rows import Key
from alignkit.alignment.table import AlignmentTable
from alignkit.errors import DamagedError
from alignkit.models.pairs import AT_FUSIONS
from alignkit.models.schedule import Fuse, sites
from alignkit.runs import Run, RunConfig
from alignkit.runs.inputs import change_of_representations, change_of_scores
from alignkit.studies.tables import Measure

# Tables with the keys of the rows that count.
Tables = list[tuple[AlignmentTable, list[Key]]]
EVIDENCE = ("metric", "parameters", "x", "y", "n", "value")


def is_trained(run: Run, config: RunConfig) -> bool:
    """Whether the folder holds exactly this run, and it is trained."""
    return run.is_trained and run.stored.get("identity") == config.identity


def is_evaluated(run: Run, split: str) -> bool:
    """Whether the run has scores on a split, of its weights and of the pictures as they are."""
    return (
        run.is_trained and split in run.performance()["splits"] and not change_of_scores(run, split)
    )


def is_extracted(run: Run, split: str, pools: list[str]) -> bool:
    """Whether representations of all sites on a split are stored for all of these poolings."""
    index = run.representation_index(split) if run.is_trained else None
    if index is None or not set(pools) <= set(index["pools"]):
        return False
    if change_of_representations(run, split, index):
        return False
    return set(sites(run.schedule())) <= set(index["sites"])


def is_measured(run: Run, measure: Measure, split: str, pool: str) -> bool:
    """Whether every metric has a value, or the reason for a missing one, on every pair of sites."""
    index = run.representation_index(split) if run.is_trained else None
    if index is not None and change_of_representations(run, split, index):
        return False
    return run.is_trained and _measured(run, measure, split, pool) is not None


def evidence_of(run: Run, splits: Sequence[str], measure: Measure | None) -> dict[str, Any]:
    """Return what the results of analyses depend on in a run, as plain values.

    Its identity, its scores, and a hash of the alignment that the study measures; values that
    analyses measure in addition are not included.
    """
    scores = run.performance()["splits"]
    parts = [
        _measured(run, measure, split, pool) if run.is_trained else None
        for split in (measure.splits if measure else ())
        for pool in (measure.pools if measure else ())
        if measure
    ]

    def digest() -> str:
        return hashlib.sha256("".join(map(_text, parts)).encode()).hexdigest()

    made_of = [
        [(table.digest, sorted(table.fixed.items()), keys) for table, keys in part or ()]
        if part is None or part
        else "nothing"
        for part in parts
    ]
    key = hashlib.sha256(repr(made_of).encode()).hexdigest()
    return {
        "identity": run.stored["identity"],
        "scores": {split: scores.get(split) for split in splits},
        "alignment": remembered(run.path, "evidence", key, digest),
    }


def _measured(run: Run, measure: Measure, split: str, pool: str) -> Tables | None:
    """Return the tables that a study measures on a run, with their keys.

    None if any value is missing, or a table is damaged, which measuring then names; empty where
    it measures nothing on this run.
    """
    from alignkit.alignment.stored import stored_tables

    if selects_nothing(run.config, measure):
        return []
    every: Tables = []
    for within in measure.designs:
        try:
            stored = stored_tables(
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
        except DamagedError:
            return None
        if stored is None:
            return None
        every += [(table, stored[1]) for table in stored[0]]
    return every


def _text(part: Tables | None) -> str:
    """Return the measured values as CSV, as hashes of earlier versions were taken of."""
    if not part:
        return "" if part is None else "\n"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=os.linesep)
    writer.writerow(EVIDENCE)
    for table, keys in part:
        columns = table.columns(keys)
        columns["value"] = ["" if value != value else value for value in columns["value"]]
        writer.writerows(zip(*(columns[name] for name in EVIDENCE), strict=True))
    return text.getvalue()


def selects_nothing(config: RunConfig, measure: Measure) -> bool:
    """Whether a study measures at fusions only, and the run has none."""
    if measure.layers not in AT_FUSIONS:
        return False
    steps = config.architecture.make().schedule(config.placement)
    return not any(isinstance(step, Fuse) for step in steps)
