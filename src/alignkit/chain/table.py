"""The tidy table that correlate reads: one row per run, joined from alignment and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alignkit.chain.evaluate import evaluate
from alignkit.chain.layers import equal_depth
from alignkit.chain.measure import measure_run
from alignkit.chain.talk import SILENT, Talk
from alignkit.errors import UsageError
from alignkit.models.schedule import layer_site
from alignkit.runs import Run

if TYPE_CHECKING:
    import pandas as pd

RULES = ("last", "max", "max-pair", "mean")


@dataclass(frozen=True)
class Join:
    """How runs become rows.

    Attributes
    ----------
    metrics : tuple of str
        Specs; each becomes a column.
    layer : str
        ``last``, ``mean``, ``max`` over pairs of equal depth (the best value: the smallest
        of a distance), ``max-pair`` over the grid, or the index of a layer.
    outcome : str or None
        A score or ``loss``; the task's primary score when None.
    split, pool : str
    samples, seed : int
        As for ``measure``.
    """

    metrics: tuple[str, ...]
    layer: str = "last"
    outcome: str | None = None
    split: str = "test"
    pool: str = "cls"
    samples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.layer not in RULES and not self.layer.isdigit():
            raise UsageError(
                f"unknown layer rule '{self.layer}'; known: {', '.join(RULES)}, "
                "or the index of a layer"
            )


def runs_table(runs: Sequence[Run], join: Join, talk: Talk = SILENT) -> pd.DataFrame:
    """Join alignment and performance over runs; what is missing is made first.

    Returns
    -------
    DataFrame
        Columns ``task``, ``placement``, ``seed``, ``unit``, ``run``, the outcome, and one
        column per metric.

    Raises
    ------
    UsageError
        When a run has no such outcome.
    """
    import pandas as pd

    rows = []
    with talk.progress("join runs", len(runs)) as bar:
        for run in runs:
            rows.append(_row(run, join, talk))
            bar.advance()
    return pd.DataFrame(rows)


def _row(run: Run, join: Join, talk: Talk) -> dict[str, object]:
    scores = evaluate(run, join.split, talk=talk)
    outcome = join.outcome or run.performance()["primary"]
    if outcome not in scores:
        known = ", ".join(name for name in scores if name != "n")
        raise UsageError(f"{run.path} has no outcome '{outcome}'; it has: {known}")
    row: dict[str, object] = {
        "task": run.task, "placement": run.placement, "seed": run.seed, "unit": run.unit,
        "run": str(run.path), "outcome": outcome, outcome: scores[outcome],
    }  # fmt: skip
    return row | {spec: summary(run, spec, join, talk) for spec in join.metrics}


def summary(run: Run, spec: str, join: Join, talk: Talk = SILENT) -> float:
    """One number per run: a metric over pairs of layers, reduced by the layer rule.

    Returns
    -------
    float
        NaN when the metric is undefined on every pair.
    """
    from alignkit.metrics import resolve

    table = measure_run(
        run, [spec], split=join.split, pool=join.pool, layers=_layers(run, join.layer),
        samples=join.samples, seed=join.seed, talk=talk,
    )  # fmt: skip
    values = table["value"].astype(float).dropna()
    if values.empty:
        return float("nan")
    if join.layer in ("max", "max-pair"):
        return float(values.max() if resolve(spec).higher_is_better else values.min())
    return float(values.mean())


def _layers(run: Run, rule: str) -> str:
    schedule = run.schedule()
    if rule == "last":
        return "last"
    if rule == "max-pair":
        return "all"
    if rule.isdigit():
        pair = (layer_site("text", int(rule)), layer_site("vision", int(rule)))
        if pair not in equal_depth(schedule):
            raise UsageError(
                f"--layer {rule}: {run.path} has layers 0 to {len(equal_depth(schedule)) - 1}"
            )
        return rule
    return "same"
