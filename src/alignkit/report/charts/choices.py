"""What a reader chooses in every chart of alignment, from its task to its run."""

from __future__ import annotations

import pandas as pd

from alignkit.report.charts.chart import Selector
from alignkit.report.content import Content

MEAN = "mean over seeds"
EVERY_PLACEMENT = Selector("placement", every="all placements")
SELECTORS = (
    Selector("task"),
    Selector("metric"),
    Selector("split"),
    Selector("pooling"),
    Selector("run"),
    EVERY_PLACEMENT,
)


def seed_name(seed: int) -> str:
    """Return what a run of a placement is called, by its seed."""
    return f"seed {seed}"


def with_choices(
    values: pd.DataFrame, task: str, metric: str, split: str, pooling: str
) -> pd.DataFrame:
    """Return values of one kind with the columns that choose them."""
    return values.assign(task=task, metric=metric, split=split, pooling=pooling)


def in_turn(rows: pd.DataFrame, content: Content) -> pd.DataFrame:
    """Make columns of choices categories, in the order of the report: what it is about first."""
    seeds = sorted(set(content.scores["seed"]))
    order = {
        "task": content.tasks,
        "metric": content.metrics,
        "split": [content.split],
        "pooling": [content.pool],
        "run": [MEAN, *map(seed_name, seeds)],
        "placement": list(content.look),
    }
    columns = {}
    for name, first in order.items():
        if name in rows:
            present = list(rows[name].dropna().unique())
            known = [value for value in first if value in present]
            others = [value for value in present if value not in known]
            columns[name] = pd.Categorical(rows[name], [*known, *others], ordered=True)
    for name in ("x", "y"):
        if name in rows and rows[name].dtype == object:
            columns[name] = rows[name].astype("category")
    return rows.assign(**columns)


def left_out_note(left_out: int, what: str) -> str:
    """Say what a page leaves out, so that it stays small; nothing where it leaves out nothing."""
    if not left_out:
        return ""
    return (
        f"This page leaves out {left_out:,} values of {what}, so that it stays small. "
        "alignment.csv and tracking.csv of each run have them all; "
        "alignkit report --metric NAME makes a page of fewer metrics, with everything."
    )
