"""Alignment by depth, of any task, metric, run, split and pooling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from alignkit.report.charts.chart import Chart, Selector
from alignkit.report.charts.choices import (
    EVERY_PLACEMENT,
    MEAN,
    in_turn,
    left_out_note,
    seed_name,
    with_choices,
)
from alignkit.report.charts.curves import MOST_ROWS, PANELS, SEEDS_AND_FUSIONS, curves, fusions_of
from alignkit.report.content import Content, equal_depth

_COLUMNS = [
    "task",
    "metric",
    "split",
    "pooling",
    "run",
    "placement",
    "depth",
    "value",
    "chance",
    "n",
    "fusion",
]
_ABOUT = (
    "Alignment of text layer i with vision layer i; the dotted line is the chance level. "
    + SEEDS_AND_FUSIONS
)


def depth_chart(content: Content, pictures: Sequence[str] = ()) -> Chart | None:
    """Return the curves of all runs; None where there are fewer than two depths."""
    parts, room, left_out = [], MOST_ROWS, 0
    for part in _parts(content):
        if part["depth"].nunique() < 2:
            continue
        if len(part) > room:
            left_out += len(part)
            continue
        room -= len(part)
        parts.append(part)
    if not parts:
        return None
    shown = pd.concat(parts, ignore_index=True)
    drawn = set(shown["task"])
    tasks = [task for task in content.tasks if task in drawn]
    fusions = [fusions_of(content, task) for task in tasks]
    rows = in_turn(pd.concat([shown, *fusions], ignore_index=True), content)
    rows = rows.sort_values(
        ["task", "metric", "split", "pooling", "placement", "run", "depth"],
        kind="stable",
        ignore_index=True,
    )
    return Chart(
        "depth",
        f"Alignment by depth{content.drawn}",
        _ABOUT,
        rows.reindex(columns=_COLUMNS),
        curves(list(content.look)),
        (
            Selector("task"),
            Selector("metric"),
            Selector("split"),
            Selector("pooling"),
            Selector("run", every="means and single runs"),
            EVERY_PLACEMENT,
        ),
        PANELS,
        names=("placement", "run", "depth"),
        note=left_out_note(left_out, "single runs"),
        pictures=pictures,
    )


def _parts(content: Content) -> Iterator[pd.DataFrame]:
    """Yield curves, the most important first: means, other splits, single runs."""
    kinds = [
        (task, metric, content.split, content.pool, content.values(task, metric))
        for metric in content.metrics
        for task in content.tasks
    ]
    if not content.elsewhere.empty:
        grouped = content.elsewhere.groupby(["task", "label", "split", "pool"], sort=False)
        kinds += [(*map(str, kind), values) for kind, values in grouped]
    drawn = [(equal_depth(values), *kind) for *kind, values in kinds]
    for values, task, metric, split, pool in drawn:
        grouped = values.groupby(["placement", "depth"], sort=False)
        means = grouped.agg(value=("value", "mean"), chance=("chance", "mean"), n=("n", "min"))
        yield with_choices(means.reset_index().assign(run=MEAN), task, metric, split, pool)
    if not content.has_seeds:
        return
    for values, task, metric, split, pool in drawn:
        single = values.assign(run=values["seed"].map(seed_name), chance=float("nan"))
        yield with_choices(single, task, metric, split, pool)
