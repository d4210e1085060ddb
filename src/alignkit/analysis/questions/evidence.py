"""What the questions are asked of: runs with their scores and their alignment by layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alignkit.analysis.layer_values import RUN_COLUMNS, check_samples
from alignkit.analysis.options import TableOptions, canonical_specs
from alignkit.analysis.runs_table import MeasuredRuns
from alignkit.analysis.scores import outcome_sign
from alignkit.analysis.units import label_units, report_pooled_placements
from alignkit.bounds.counts import check_count
from alignkit.errors import UsageError
from alignkit.models.pairs import equal_depth
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.units import refuse_variants, unit_labels

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics.permutation import UnitPermutations


class Evidence:
    """Runs, how they are read, and how they are tested.

    Parameters
    ----------
    runs : sequence of Run
    options : TableOptions
        Its seed is also that of every permutation.
    permutations : int
        Number of permutations to draw where there are too many to enumerate.
    standardise : bool
        Compare scores of tasks in standard deviations of their runs.
    unit : str
        ``placement``, ``variant`` or an option, see ``alignkit.runs.units``.

    Raises
    ------
    UsageError
        For a layer rule that gives more than one value, fewer than one permutation, or an
        unknown unit; or where runs of one unit and placement differ in their options.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        options: TableOptions,
        permutations: int = 9999,
        standardise: bool = True,
        reporter: Reporter = SILENT,
        unit: str = "placement",
    ) -> None:
        if options.layer == "all":
            raise UsageError("`layer` is all, which gives many values per run; choose one rule")
        check_count("permutations", permutations, 1)
        check_independent(unit)
        if unit == "placement":
            refuse_variants(runs)
        self.unit, self._labels = unit, unit_labels(runs, unit)
        report_pooled_placements(runs, self._labels, unit, reporter)
        options = replace(options, metrics=canonical_specs(options.metrics))
        self.runs, self.options, self.standardise = runs, options, standardise
        self.permutations, self.seed = permutations, options.seed
        self.measured = MeasuredRuns(runs, options, reporter)
        self._arrangements: dict[tuple[str, ...], UnitPermutations] = {}

    @property
    def metrics(self) -> tuple[str, ...]:
        """The specs of the metrics."""
        return self.options.metrics

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks, sorted."""
        return sorted({run.task for run in self.runs})

    @property
    def settings(self) -> dict[str, Any]:
        """What every answer records."""
        return {
            "runs": len(self.runs) - len(self.measured.unread),
            "unit": self.unit,
            "metrics": list(self.metrics),
            "layer": self.options.layer,
            "outcome": self.options.outcome or "primary",
            "split": self.options.split,
            "pool": self.options.pool,
            "samples": self.options.samples,
            "seed": self.seed,
            "permutations": self.permutations,
        }

    @property
    def scores(self) -> pd.DataFrame:
        """One row per run with its ``score`` and the name of its unit, see ``scores_table``."""
        labelled = label_units(self.measured.scores, self._labels, self.unit)
        return labelled[[*RUN_COLUMNS, "outcome", "score"]]

    def values(self, pool: str | None = None) -> pd.DataFrame:
        """Return the alignment of all runs at pairs of equal depth, see ``layer_values``."""
        table = self.measured.by_layer("mean", pool)
        for _, part in table.groupby("task"):
            check_samples(part)
        return table

    def at_layers(self, layers: Callable[[Run], Sequence[str]]) -> pd.DataFrame:
        """Return the alignment of all runs over selections of layers of their own."""
        return self.measured.at_layers(layers)

    def is_stored(self, layers: Callable[[Run], Sequence[str]]) -> bool:
        """Return whether nothing has to be measured for selections of layers of each run."""
        from alignkit.alignment.stored import stored_rows

        options = self.options
        return all(
            stored_rows(
                run,
                options.metrics,
                split=options.split,
                pool=options.pool,
                layers=selected,
                samples=options.samples,
                seed=options.seed,
                within=options.within,
                groups=options.groups,
            )
            is not None
            for run in self.runs
            for selected in layers(run)
        )

    def joined(self, rule: str | None = None, pool: str | None = None) -> pd.DataFrame:
        """Return the scores with one column per metric, its layers reduced by a rule."""
        return self.scores.join(self.measured.values(rule, pool), on="run")

    def units(self, joined: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
        """Return means over runs: ``task``, ``unit``, ``placement``, ``runs`` and the columns."""
        from alignkit.statistics.correlation.units import unit_means

        return unit_means(joined, "unit", list(columns))

    def arrangements(self, units: Sequence[str]) -> UnitPermutations:
        """Return the permutations of units, shared by all tests on the same units."""
        from alignkit.statistics.permutation import UnitPermutations

        names = tuple(map(str, units))
        if names not in self._arrangements:
            made = UnitPermutations(names, self.permutations, self.seed)
            self._arrangements[names] = made
        return self._arrangements[names]

    def sign(self, metric: str) -> int:
        """Return -1 for a distance, so that higher values are more aligned."""
        from alignkit.metrics import resolve

        return 1 if resolve(metric).higher_is_better else -1

    def outcome_sign(self, task: str) -> int:
        """Return -1 where lower scores of a task are better, so that higher values are better."""
        name = self.scores.loc[self.scores["task"] == task, "outcome"].iloc[0]
        return outcome_sign(str(name), [run for run in self.runs if run.task == task])

    def outcome_name(self, task: str) -> str:
        """Return the name of a task's score, with its direction where lower is better."""
        name = str(self.scores.loc[self.scores["task"] == task, "outcome"].iloc[0])
        return f"{name} (lower is better)" if self.outcome_sign(task) < 0 else name


def check_independent(unit: str) -> None:
    """Refuse runs as units: those of a placement are not independent, and nothing corrects that.

    Raises
    ------
    UsageError
        When the unit is ``run``.
    """
    if unit == "run":
        raise UsageError(
            "`unit` is run, but the runs of a placement are not independent, so hypotheses "
            "cannot be tested on them; choose placement, variant or an option such as "
            "learning_rate"
        )


def layer_count(runs: Sequence[Run]) -> int:
    """Return the number of layers of equal depth that all runs have."""
    return min(len(equal_depth(run.schedule())) for run in runs)
