"""What the questions are asked of: runs with their scores and their alignment by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from alignkit.analysis.layer_values import layer_values, same_samples
from alignkit.chain.evaluate import evaluate
from alignkit.errors import DataError, UsageError
from alignkit.models.pairs import equal_depth
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run

if TYPE_CHECKING:
    import pandas as pd

RULES = ("last", "mean", "max", "half")


@dataclass
class Evidence:
    """Runs, and how they are read.

    Attributes
    ----------
    runs : sequence of Run
    metrics : sequence of str
        Specs.
    layer : str
        How a run's layers become one number: ``last``, ``mean``, ``max`` (the best value
        over layers of equal depth), ``half`` (the layer at half the depth), or an index.
    outcome : str or None
        A score or ``loss``; each task's primary score when None.
    split, pool : str
    samples, seed : int
        Of measuring, and of every permutation.
    permutations : int
        Drawn where there are too many to count.
    standardise : bool
        Compare scores of tasks in standard deviations of their runs.
    """

    runs: Sequence[Run]
    metrics: Sequence[str]
    layer: str = "last"
    outcome: str | None = None
    split: str = "test"
    pool: str = "cls"
    samples: int | None = None
    seed: int = 0
    permutations: int = 9999
    standardise: bool = True
    reporter: Reporter = SILENT
    notes: list[str] = field(default_factory=list)
    _measured: dict[tuple[str, ...], pd.DataFrame] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        from alignkit.metrics import resolve

        self.metrics = list(dict.fromkeys(resolve(spec).spec for spec in self.metrics))
        check_rule(self.layer)
        if self.permutations < 1:
            raise UsageError(f"--permutations is {self.permutations}; it must be at least 1")

    @property
    def tasks(self) -> list[str]:
        return sorted({run.task for run in self.runs})

    @property
    def settings(self) -> dict[str, Any]:
        """What every answer records."""
        return {
            "runs": len(self.runs),
            "metrics": list(self.metrics),
            "layer": self.layer,
            "outcome": self.outcome or "primary",
            "split": self.split,
            "pool": self.pool,
            "samples": self.samples,
            "seed": self.seed,
            "permutations": self.permutations,
        }

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per run: ``task``, ``placement``, ``unit``, ``seed``, ``outcome``, ``score``.

        A run that cannot be scored has none, and a note says why.
        """
        import pandas as pd

        return pd.DataFrame([self._scored(run) for run in self.runs])

    def values(self, layers: str, pool: str | None = None) -> pd.DataFrame:
        """Alignment of all runs over a selection of layers, see ``layer_values``."""
        key = (layers, pool or self.pool)
        if key not in self._measured:
            table = self.measured(self.runs, [layers], pool)
            for _, part in table.groupby("task"):
                same_samples(part)
            self._measured[key] = table
        return self._measured[key]

    def measured(
        self, runs: Sequence[Run], layers: Sequence[str], pool: str | None = None
    ) -> pd.DataFrame:
        """Alignment of some runs over selections of layers."""
        return layer_values(
            runs,
            self.metrics,
            layers=layers,
            split=self.split,
            pool=pool or self.pool,
            samples=self.samples,
            seed=self.seed,
            reporter=self.reporter,
        )

    def joined(self, rule: str | None = None, pool: str | None = None) -> pd.DataFrame:
        """Scores with one column per metric, its layers reduced by a rule."""
        rule = rule or self.layer
        table = self.scores.set_index("run")
        values = self.values("last" if rule == "last" else "same", pool=pool)
        for metric, part in values.groupby("metric", sort=False):
            table[str(metric)] = by_rule(part, rule, str(metric))
        return table.reset_index()

    def units(self, joined: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
        """Means over seeds: ``task``, ``unit``, ``placement``, ``runs`` and the columns."""
        from alignkit.statistics.correlation.units import unit_means

        return unit_means(joined, "placement", list(columns))

    def sign(self, metric: str) -> int:
        """-1 for a distance, so that up is more aligned."""
        from alignkit.metrics import resolve

        return 1 if resolve(metric).higher_is_better else -1

    @cached_property
    def outcome_sign(self) -> int:
        """-1 where the outcome is a loss, so that up is better."""
        return -1 if self.outcome and "loss" in self.outcome.lower() else 1

    def outcome_name(self, task: str) -> str:
        """The name of a task's score, with its direction where it is a loss."""
        names = self.scores.loc[self.scores["task"] == task, "outcome"]
        name = str(names.iloc[0])
        return f"{name} (lower is better)" if self.outcome_sign < 0 else name

    def _scored(self, run: Run) -> dict[str, Any]:
        row: dict[str, Any] = {
            "run": str(run.path),
            "task": run.task,
            "placement": run.placement,
            "unit": run.unit,
            "seed": run.seed,
            "outcome": self.outcome or run.performance()["primary"],
            "score": float("nan"),
        }
        try:
            scores = evaluate(run, self.split, reporter=self.reporter)
        except DataError as error:
            self._note(f"{run.task} has no score on {self.split}: {error}")
            return row
        if row["outcome"] not in scores:
            known = ", ".join(name for name in scores if name != "n")
            raise UsageError(f"{run.path} has no outcome '{row['outcome']}'; it has: {known}")
        return row | {"score": scores[row["outcome"]]}

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def check_rule(rule: str) -> None:
    """Refuse an unknown layer rule."""
    if rule not in RULES and not rule.isdigit():
        raise UsageError(
            f"unknown layer rule '{rule}'; known: {', '.join(RULES)}, or the index of a layer"
        )


def by_rule(values: pd.DataFrame, rule: str, metric: str) -> pd.Series:
    """One number per run from a metric's values over layers, indexed by run.

    Raises
    ------
    UsageError
        For the index of a layer that a run does not have.
    """
    from alignkit.metrics import resolve

    if rule in ("last", "mean", "max"):
        known = values.dropna(subset=["value"]).groupby("run")["value"]
        if rule != "max":
            return known.mean()
        return known.max() if resolve(metric).higher_is_better else known.min()
    at = {run: _index(rule, len(part), str(run)) for run, part in values.groupby("run")}
    depth = values.groupby("run").cumcount()
    chosen = values[depth == values["run"].map(at)]
    return chosen.set_index("run")["value"]


def layer_count(runs: Sequence[Run]) -> int:
    """The number of layers of equal depth that all runs have."""
    return min(len(equal_depth(run.schedule())) for run in runs)


def _index(rule: str, depth: int, run: str) -> int:
    index = depth // 2 if rule == "half" else int(rule)
    if index >= depth:
        raise UsageError(f"--layer {rule}: {run} has layers 0 to {depth - 1}")
    return index
