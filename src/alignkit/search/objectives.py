"""Objectives of a search: scores, the number of parameters, alignment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from alignkit.errors import UndefinedError, UsageError
from alignkit.plugins import registry
from alignkit.plugins.options import parse_spec
from alignkit.runs import Run, RunConfig
from alignkit.tasks import Score

if TYPE_CHECKING:
    import numpy as np

    from alignkit.tasks import Target, Task

SPLIT = "validation"  # a search that saw the test split would have trained on it


@dataclass(frozen=True)
class Objective:
    """A number to optimise, and its direction.

    Attributes
    ----------
    task : str
        The task whose run gives the value.
    what : str
        The name of a score, ``loss``, ``parameters``, or the spec of a metric.
    layer : str
        The rule that reduces the layers of a metric to one value; empty for other objectives.
    higher_is_better : bool
    name : str
        Its name in tables.
    """

    task: str
    what: str
    layer: str
    higher_is_better: bool
    name: str

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """The direction as Optuna calls it."""
        return "maximize" if self.higher_is_better else "minimize"

    @property
    def is_score(self) -> bool:
        """Whether every validation computes it, so that trials can be pruned on it."""
        return not self.layer and self.what != "parameters"

    def of(self, runs: Mapping[str, Run]) -> float:
        """Return the value of trained runs, given by task.

        Raises
        ------
        UndefinedError
            When the value is not finite: the trial fails instead of getting a number.
        """
        run = runs[self.task]
        if self.layer:
            value = _alignment(run, self.what, self.layer)
        elif self.what == "parameters":
            value = float(_parameters(run))
        else:
            value = self.read(run.performance()["splits"][SPLIT])
        if not math.isfinite(value):
            raise UndefinedError(f"{self.name} is undefined on {run.path}")
        return value

    def read(self, scores: Mapping[str, float]) -> float:
        """Return the value among validation scores.

        Raises
        ------
        UsageError
            When the task has no such score.
        """
        if self.what not in scores:
            names = ", ".join(name for name in scores if name != "n")
            raise UsageError(f"task '{self.task}' has no score '{self.what}'; it has: {names}")
        return float(scores[self.what])


def parse_objectives(specs: Sequence[str], configs: Mapping[str, RunConfig]) -> list[Objective]:
    """Resolve objectives; one without a task stands for every task, ``parameters`` for the first.

    Parameters
    ----------
    specs : sequence of str
        ``score`` (by which training selects the best epoch), ``loss``, the name of a score,
        ``parameters`` or ``METRIC@LAYER``, each with ``TASK/`` before it for a single task;
        ``score`` when empty.
    configs : mapping of str to RunConfig
        By name of task.

    Raises
    ------
    UsageError
        For an unknown task, metric or layer rule, an objective that is given twice, or a score
        of a task that has none.
    """
    objectives: list[Objective] = []
    for spec in specs or ["score"]:
        task, slash, what = spec.rpartition("/")
        if slash and task not in configs:
            raise UsageError(
                f"objective '{spec}' names task '{task}'; this search has: {', '.join(configs)}"
            )
        tasks = [task] if slash else list(configs)[:1] if what == "parameters" else list(configs)
        objectives += [_objective(name, what, configs[name], len(configs) > 1) for name in tasks]
    names = [objective.name for objective in objectives]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"objective '{name}' is given twice")
    return objectives


def check_objectives(objectives: Sequence[Objective], configs: Mapping[str, RunConfig]) -> None:
    """Refuse a score that the task lacks, and a layer that the architecture lacks.

    Raises
    ------
    UsageError
        Before the first trial, since every trial would fail.
    """
    for objective in objectives:
        config = configs[objective.task]
        if objective.layer.isdigit():
            depth = min(config.architecture.make().depths().values())
            if int(objective.layer) >= depth:
                raise UsageError(f"objective '{objective.name}': the layers are 0 to {depth - 1}")
        elif objective.is_score:
            _check_score(objective, config)


def _check_score(objective: Objective, config: RunConfig) -> None:
    """Refuse a score that validation does not give."""
    from alignkit.training.validation import pretraining_scores

    known = dict.fromkeys([*pretraining_scores(config.training), "loss"], 0.0)
    if config.training.uses_labels and objective.what not in known:
        task: Task = config.task.make()
        targets = task.split(SPLIT).targets
        if objective.what == task.target.primary or targets is None:
            return
        known = _scores_of(task.target, targets) | known
    objective.read(known)


def _scores_of(target: Target, targets: np.ndarray) -> dict[str, float]:
    """Score labels against zeros: only scoring tells which scores a task has."""
    import numpy as np

    return target.scores(targets, np.zeros((len(targets), target.n_outputs)))


def _objective(task: str, what: str, config: RunConfig, several: bool) -> Objective:
    layer, higher = "", False
    if _is_metric(what):
        what, layer, higher = _metric(what)
    elif what != "parameters":
        score = _score(what, config)
        what, higher = score.name, score.higher_is_better
    label = f"{what}@{layer}" if layer else what
    name = f"{task}/{label}" if several and what != "parameters" else label
    return Objective(task, what, layer, higher, name)


def _score(name: str, config: RunConfig) -> Score:
    """Return the declaration of a score; ``score`` stands for that of the best epoch.

    Raises
    ------
    UsageError
        When the task has no labels, and its runs are to be trained on them all the same.
    """
    from alignkit.training.validation import primary_score

    task: Task = config.task.make()
    if config.training.uses_labels and (task.target is None or not task.target.n_outputs):
        raise UsageError(
            f"objective '{name}': task '{config.task.name}' has no labels and so no scores; "
            "pretrain on its pairs with the training option objectives=pretrain"
        )
    if name == "score":
        return primary_score(config.training, task.target)
    return task.target.declaration(name) if task.target else Score.undeclared(name)


def _is_metric(what: str) -> bool:
    return "@" in what or parse_spec(what)[0] in registry().names("metrics")


def _metric(what: str) -> tuple[str, str, bool]:
    from alignkit.analysis.options import TableOptions
    from alignkit.metrics import resolve

    spec, _, layer = what.partition("@")
    layer = layer or "last"
    TableOptions((spec,), layer)  # refuses an unknown rule
    if layer == "all":
        raise UsageError(f"objective '{what}' has many values per run; choose another layer rule")
    return spec, layer, bool(resolve(spec).higher_is_better)


def _alignment(run: Run, spec: str, layer: str) -> float:
    from alignkit.analysis.options import TableOptions
    from alignkit.analysis.runs_table import run_value

    return run_value(run, TableOptions((spec,), layer, split=SPLIT))


def _parameters(run: Run) -> int:
    from alignkit.chain.model import load, outputs_of

    model, _, _ = load(run, outputs_of(run.config.task.make()))
    return sum(parameter.numel() for parameter in model.parameters())
