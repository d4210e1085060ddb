"""One table of runs: a row per run with its score and one value per metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from alignkit.analysis.layer_rules import (
    check_rule,
    layers_to_measure,
    pair_at_depth,
    reduce_layers,
    site_pair,
)
from alignkit.analysis.layer_values import check_samples, layer_values
from alignkit.analysis.options import TableOptions
from alignkit.analysis.scores import scores_table
from alignkit.errors import UsageError
from alignkit.models.pairs import MAXIMA
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.config import fingerprint_once

if TYPE_CHECKING:
    import pandas as pd


def runs_table(
    runs: Sequence[Run], options: TableOptions, reporter: Reporter = SILENT
) -> pd.DataFrame:
    """Join the scores and the alignment of runs; missing ones are computed first.

    Returns
    -------
    DataFrame
        Columns ``task``, ``placement``, ``seed``, ``unit``, ``run``, ``outcome`` (its name),
        the outcome, and one column per metric, or per metric and pair of sites
        (``cka@t03:v05``). A value is missing where the run has no such outcome or sites, or
        where the metric is undefined.

    Raises
    ------
    UsageError
        When no run has such an outcome or such sites, or when alignment that is not
        calibrated was measured on different numbers of samples.
    """
    return MeasuredRuns(runs, options, reporter).table()


def run_value(run: Run, options: TableOptions, reporter: Reporter = SILENT) -> float:
    """Return a run's alignment under the first metric of the options as one number.

    NaN when the metric is undefined on every pair of layers, or the run lacks the sites.

    Raises
    ------
    UsageError
        When the layer rule gives many values, or names a layer that the run does not have.
    """
    if options.layer == "all":
        raise UsageError("`layer` is all, which gives many values per run; choose one rule")
    if not layers_to_measure(options.layer, run):
        return float("nan")
    values = MeasuredRuns([run], options, reporter).values()
    return float(values.iloc[0, 0]) if len(values) else float("nan")


class MeasuredRuns:
    """Runs with their scores and their alignment, of which each is read once.

    Parameters
    ----------
    runs : sequence of Run
    options : TableOptions

    Attributes
    ----------
    unread : set of str
        The paths of runs that were left out so far, as their files cannot be read.
    """

    def __init__(
        self, runs: Sequence[Run], options: TableOptions, reporter: Reporter = SILENT
    ) -> None:
        self.runs, self.options, self.reporter = runs, options, reporter
        self.unread: set[str] = set()
        self._by_layer: dict[tuple[str, ...], pd.DataFrame] = {}

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The scores of the runs, see ``scores_table``."""
        return scores_table(self.runs, self.options.outcome, self.options.split, self.reporter)

    def by_layer(self, rule: str, pool: str | None = None) -> pd.DataFrame:
        """Return the values of the pairs of layers that a rule needs, see ``layer_values``."""
        pool = pool or self.options.pool
        rule = "mean" if rule == "max" else rule  # over the same pairs
        if (rule, pool) not in self._by_layer:
            self._by_layer[rule, pool] = self._measured(rule, pool)
        return self._by_layer[rule, pool]

    def values(
        self, rule: str | None = None, pool: str | None = None, calibrated: bool | None = None
    ) -> pd.DataFrame:
        """Return one value per run and metric, by the path of the run.

        Parameters
        ----------
        rule, pool, calibrated
            Those of the options when None.

        Raises
        ------
        UsageError
            When values that are not calibrated were measured on different numbers of samples
            within a task.
        """
        rule = rule or self.options.layer
        calibrated = self.options.calibrated if calibrated is None else calibrated
        check_rule(rule)
        if calibrated and rule in MAXIMA:
            by_layer = self._maxima(rule, pool or self.options.pool)
        else:
            by_layer = self.by_layer(rule, pool)
        if not calibrated:
            for _, part in by_layer.groupby("task"):
                check_samples(part)
        reduced = reduce_layers(by_layer, rule, "calibrated" if calibrated else "value")
        if rule == "all":
            return reduced
        return reduced.reindex(columns=list(dict.fromkeys(self.options.metrics)))

    def table(self, rule: str | None = None, pool: str | None = None) -> pd.DataFrame:
        """Return the rows of ``runs_table``."""
        import pandas as pd

        rule = rule or self.options.layer
        scores = self.scores  # first: an unknown outcome is refused before anything is measured
        values = self.values(rule, pool)
        columns = self._columns(values, rule)
        rows = []
        for row in scores.to_dict("records"):
            score = row.pop("score")
            mine: dict[str, Any] = {column: float("nan") for column in columns[row["task"]]}
            if row["run"] in values.index:
                mine = values.loc[row["run"], columns[row["task"]]].to_dict()
            rows.append(row | {row["outcome"]: score} | mine)
        return pd.DataFrame(rows)

    def _columns(self, values: pd.DataFrame, rule: str) -> dict[str, list[str]]:
        """Return the columns of every task: of single pairs, those that all its runs have."""
        columns = {task: list(values) for task in self.scores["task"]}
        if rule == "all":
            measured = self.by_layer(rule)
            for task, part in measured.groupby("task"):
                runs = part.groupby(["metric", "x", "y"], sort=False)["run"].nunique()
                shared = runs[runs == part["run"].nunique()].index
                names = {f"{metric}@{x}:{y}" for metric, x, y in shared}
                columns[task] = [name for name in values if name in names]
        return columns

    def _measured(self, rule: str, pool: str) -> pd.DataFrame:
        at_depth = rule == "half" or rule.isdigit()
        if at_depth and ("mean", pool) in self._by_layer:
            values = self._by_layer["mean", pool]
            wanted = {str(run.path): pair_at_depth(rule, run) for run in self.runs}
            pairs = zip(values["run"], values["x"], values["y"], strict=True)
            return values[[wanted[run] == (x, y) for run, x, y in pairs]]
        layers = {run.path: layers_to_measure(rule, run) for run in self.runs}
        if site_pair(rule) and not any(layers.values()):
            raise UsageError(
                f"`layer` is {rule}, but no run has these sites; list them with: alignkit show"
            )
        return self._measure(lambda run: layers[run.path], pool)

    def _maxima(self, rule: str, pool: str) -> pd.DataFrame:
        """Return the best values with their own null: that of the best of permuted rows."""
        if ("maxima", rule, pool) not in self._by_layer:
            null = self.options.null
            self._by_layer["maxima", rule, pool] = self._measure(lambda _: [rule], pool, null)
        return self._by_layer["maxima", rule, pool]

    def at_layers(self, layers: Callable[[Run], Sequence[str]]) -> pd.DataFrame:
        """Return the values of selections of layers of each run, see ``layer_values``."""
        return self._measure(layers, self.options.pool)

    def _measure(
        self, layers: Callable[[Run], Sequence[str]], pool: str, null: int = 0
    ) -> pd.DataFrame:
        options = replace(self.options, pool=pool)
        with fingerprint_once():
            values = layer_values(self.runs, options, layers, null, self.reporter)
        read = set(values["run"])  # undefined values have rows too
        missing = [run for run in self.runs if str(run.path) not in read]
        self.unread |= {str(run.path) for run in missing if layers(run)}
        return values
