"""The status of a run's steps, read from its folder: a step that is done is never repeated."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from alignkit.alignment.designs import is_file
from alignkit.alignment.index import recalled, remember, remembered
from alignkit.alignment.rows import Key
from alignkit.alignment.table import AlignmentTable
from alignkit.models.pairs import AT_FUSIONS
from alignkit.models.schedule import Fuse
from alignkit.runs import Run, RunConfig
from alignkit.runs.files import state_of
from alignkit.runs.inputs import change_of_pictures, change_of_representations
from alignkit.studies.tables import Measure

# Tables with the keys of the rows that count.
Tables = list[tuple[AlignmentTable, list[Key]]]
FORMAT = 1  # of what is remembered of a run
EVIDENCE = ("metric", "parameters", "x", "y", "n", "value")


class Asked:
    """What a study measures on its runs: is it all there, and what is it?

    A run is looked at once. The answer is remembered with the run, for the files that it was given
    for: by their sizes and times, as nothing is read here but to skip what is done.

    Parameters
    ----------
    measure : Measure
        With its metrics named.
    """

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        self._of_files = any(map(is_file, filter(None, (measure.within, measure.groups))))
        self._keys: dict[Path, str] = {}
        self._known: dict[Path, dict[tuple[str, str], Tables | None]] = {}

    @cached_property
    def _asked(self) -> str:
        from alignkit.metrics import resolve

        metrics = [resolve(spec) for spec in self.measure.metrics]
        return repr((self.measure, [(m.spec, m.parameters, m.version, m.code) for m in metrics]))

    def is_measured(self, run: Run, config: RunConfig, split: str, pool: str) -> bool:
        """Whether every metric has a value, or the reason for a missing one, on every pair.

        Values of representations of other weights, or of other pictures, do not count.
        """
        if not run.is_trained:
            return False
        key = self._key(run, config)
        known = self._recalled(run, key)
        if known is not None:
            return not change_of_pictures(run, split, known["data"].get(split, ""))
        index = run.representation_index(split)
        if index is not None and change_of_representations(run, split, index):
            return False
        return self._tables(run)[split, pool] is not None

    def digest(self, run: Run, config: RunConfig) -> str:
        """Return a hash of the values of a run; without those that are missing."""
        key = self._key(run, config)
        known = self._recalled(run, key)
        if known is not None:
            return str(known["digest"])
        parts = list(self._tables(run).values()) if run.is_trained else []
        digest = _digest(run, parts)
        pictures = self._pictures(run)
        if key and parts and None not in parts and pictures is not None:
            remember(run.path, "measured", key, json.dumps({"digest": digest, "data": pictures}))
        return digest

    def _pictures(self, run: Run) -> dict[str, str] | None:
        """Return the digests of the pictures that are measured, by split; None for other ones."""
        pictures = {}
        for split in self.measure.splits:
            index = run.representation_index(split) or {}
            if change_of_representations(run, split, index):
                return None
            pictures[split] = str(index.get("data", ""))
        return pictures

    def _recalled(self, run: Run, key: str) -> dict[str, Any] | None:
        """Return what a run remembers: the hash of its values, and the pictures by split."""
        text = recalled(run.path, "measured", key) if key else None
        return None if text is None else dict(json.loads(text))

    def _tables(self, run: Run) -> dict[tuple[str, str], Tables | None]:
        """Return the tables of every split and pooling, which are read once."""
        if run.path not in self._known:
            self._known[run.path] = {
                (split, pool): _measured(run, self.measure, split, pool)
                for split in self.measure.splits
                for pool in self.measure.pools
            }
        return self._known[run.path]

    def _key(self, run: Run, config: RunConfig) -> str:
        """Return a hash of all that the answer follows from; empty where further files decide.

        It is that of the files as they were when it was first asked for.
        """
        if run.path not in self._keys:
            self._keys[run.path] = "" if self._of_files else self._key_now(run, config)
        return self._keys[run.path]

    def _key_now(self, run: Run, config: RunConfig) -> str:
        files = [run.path / "config.json", run.train_manifest, run.performance_file]
        folders = []
        for split in self.measure.splits:
            files.append(run.representations_folder(split) / "index.json")
            folders += [run.alignment_folder(split), run.alignment_folder(split) / "maxima"]
        schedule = config.architecture.make().schedule(config.placement)
        states = [*map(state_of, files), *(_states_in(folder) for folder in folders)]
        content = repr((FORMAT, self._asked, schedule, states))
        return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()


def _states_in(folder: Path) -> list[tuple[Any, ...]]:
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return []
    return [(file.name, *state_of(file)) for file in files]


def evidence_of(
    run: Run, config: RunConfig, splits: Sequence[str], asked: Asked | None
) -> dict[str, Any]:
    """Return what the results of analyses depend on in a run, as plain values.

    Its identity, its scores, and a hash of the alignment that the study measures; values that
    analyses measure in addition are not included.
    """
    scores = run.performance()["splits"]
    return {
        "identity": run.stored["identity"],
        "scores": {split: scores.get(split) for split in splits},
        "alignment": asked.digest(run, config) if asked else _digest(run, []),
    }


def _digest(run: Run, parts: Sequence[Tables | None]) -> str:
    """Return a hash of measured values."""

    def digest() -> str:
        return hashlib.sha256("".join(map(_text, parts)).encode()).hexdigest()

    made_of = [
        [(table.digest, sorted(table.fixed.items()), keys) for table, keys in part or ()]
        if part is None or part
        else "nothing"
        for part in parts
    ]
    key = hashlib.sha256(repr(made_of).encode()).hexdigest()
    return remembered(run.path, "evidence", key, digest)


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
