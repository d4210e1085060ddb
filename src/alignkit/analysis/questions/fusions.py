"""H3: whether alignment rises across co-attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.analysis.questions.answer import Answer
from alignkit.analysis.questions.evidence import Evidence
from alignkit.analysis.questions.verdicts import with_verdicts
from alignkit.models.pairs import Pair, around_fusions, equal_depth
from alignkit.models.schedule import input_site, sites
from alignkit.runs import Run

if TYPE_CHECKING:
    import pandas as pd

TITLE = "H3: does alignment rise across co-attention?"


@dataclass(frozen=True)
class Step:
    """From just before a fusion to the first layer after it, in both streams."""

    before: Pair
    after: Pair


@dataclass(frozen=True)
class Crossed:
    """One fusion of a run: the sites around it, and the step that contains it, if there is one."""

    before: Pair
    after: Pair
    step: Step | None


def does_alignment_rise(evidence: Evidence) -> Answer:
    """Compare alignment after a fusion with before, and with the same depth without one."""
    crossed = {str(run.path): _comparable(run, evidence.options.pool) for run in evidence.runs}
    values = _values(evidence, crossed)
    across = [
        _across(evidence, task, metric, crossed, values)
        for task in evidence.tasks
        for metric in evidence.metrics
    ]
    against = [
        _against(evidence, task, metric, crossed, values)
        for task in evidence.tasks
        for metric in evidence.metrics
    ]
    across, against = (with_verdicts(rows, directed="change") for rows in (across, against))
    settings = evidence.settings | {
        "scheme": "across: signs of placements' mean changes are flipped; against none: "
        "placements' changes are exchanged as a whole, seeds that all have",
        "left_out": "under cls, fusions at the embeddings: the first token is still the same for "
        "every sample",
    }
    return Answer(
        "h3",
        TITLE,
        {"across": across, "against_none": against},
        settings,
        {"changes": _changes(evidence, crossed, values)},
    )


def fusions_of(run: Run) -> list[Crossed]:
    """Return the fusions of a run with the sites around them."""
    schedule = run.schedule()
    around = around_fusions(schedule)
    crossings = []
    for before, after in zip(around[::2], around[1::2], strict=True):
        pair = (before["text"], before["vision"])
        layers = tuple(_next_layer(sites(schedule, s), after[s]) for s in ("text", "vision"))
        step = Step(pair, (layers[0], layers[1])) if layers[0] and layers[1] else None
        crossings.append(Crossed(pair, (after["text"], after["vision"]), step))
    return crossings


def _comparable(run: Run, pool: str) -> list[Crossed]:
    """Return the fusions before which there is something to compare.

    At the embeddings the first token is the same for every sample, so ``cls`` says nothing.
    """
    inputs = {input_site(stream) for stream in ("text", "vision")}
    return [
        crossed
        for crossed in fusions_of(run)
        if not (pool == "cls" and inputs & set(crossed.before))
    ]


def _next_layer(recorded: Sequence[str], site: str) -> str:
    """Return the layer right after a fusion's site; empty where no layer follows."""
    following = recorded[recorded.index(site) + 1 :][:1]
    return following[0] if following and "." not in following[0] else ""


def standing(run: Run, step: Step) -> str:
    """Return whether a run has a fusion within a step.

    ``fused`` in both streams, ``partly`` in one, ``free`` in none; ``absent`` where the run
    lacks the sites.
    """
    schedule = run.schedule()
    inside = []
    for stream, first, last in zip(("text", "vision"), step.before, step.after, strict=True):
        recorded = sites(schedule, stream)
        if first not in recorded or last not in recorded:
            return "absent"
        inside.append(recorded.index(last) - recorded.index(first) > 1)
    return "fused" if all(inside) else "partly" if any(inside) else "free"


def _values(evidence: Evidence, crossed: dict[str, list[Crossed]]) -> dict[tuple[str, ...], float]:
    """Return the values by run, metric and pair of sites, for everything that is compared."""
    steps = {task: _steps(evidence, task, crossed) for task in evidence.tasks}

    def layers(run: Run) -> list[str]:
        wanted = {pair for step in steps[run.task] for pair in (step.before, step.after)}
        wanted -= set(equal_depth(run.schedule()))
        known = set(sites(run.schedule()))
        single = [f"{x},{y}" for x, y in sorted(wanted) if {x, y} <= known]
        return ["same", *(["fusions"] if crossed[str(run.path)] else []), *single]

    return {
        (row.run, row.metric, row.x, row.y): evidence.sign(row.metric) * row.value
        for row in evidence.at_layers(layers).itertuples()
    }


def _steps(evidence: Evidence, task: str, crossed: dict[str, list[Crossed]]) -> list[Step]:
    """Return every step of a task in which some run has a fusion."""
    return list(
        dict.fromkeys(
            crossing.step
            for run in evidence.runs
            if run.task == task
            for crossing in crossed[str(run.path)]
            if crossing.step is not None
        )
    )


def _changes(
    evidence: Evidence, crossed: dict[str, list[Crossed]], values: dict[tuple[str, ...], float]
) -> pd.DataFrame:
    """Return one row per run, metric and fusion: alignment before and after it."""
    import pandas as pd

    rows = [
        {
            "task": run.task,
            "placement": run.placement,
            "unit": run.placement,
            "seed": run.seed,
            "run": str(run.path),
            "metric": metric,
            "fusion": j,
            "before": values[str(run.path), metric, *crossing.before],
            "after": values[str(run.path), metric, *crossing.after],
        }
        for run in evidence.runs
        for metric in evidence.metrics
        for j, crossing in enumerate(crossed[str(run.path)])
    ]
    columns = ["task", "placement", "unit", "seed", "run", "metric", "fusion", "before", "after"]
    return pd.DataFrame(rows, columns=columns)


def _across(
    evidence: Evidence,
    task: str,
    metric: str,
    crossed: dict[str, list[Crossed]],
    values: dict[tuple[str, ...], float],
) -> dict[str, Any]:
    """Test before against after, with one mean per placement over fusions and seeds."""
    from alignkit.statistics.fusions import mean_change

    table = _changes(evidence, crossed, values)
    table = table[(table["task"] == task) & (table["metric"] == metric)].copy()
    table["change"] = table["after"] - table["before"]
    table = table.dropna(subset=["change"])
    per_run = table.groupby(["task", "placement", "unit", "seed"])[["before", "after", "change"]]
    units = evidence.units(per_run.mean().reset_index(), ["before", "after", "change"]).dropna()
    change = mean_change(units["change"].to_numpy(float), evidence.permutations, evidence.seed)
    known = len(units) > 0
    return {
        "task": task,
        "metric": metric,
        "placements": change.n,
        "fusions": len(table),
        "before": float(units["before"].mean()) if known else None,
        "after": float(units["after"].mean()) if known else None,
        "change": change.mean,
        "low": change.low,
        "high": change.high,
        "p": change.p,
        "exact": change.exact,
        "reason": change.reason,
    }


def _against(
    evidence: Evidence,
    task: str,
    metric: str,
    crossed: dict[str, list[Crossed]],
    values: dict[tuple[str, ...], float],
) -> dict[str, Any]:
    """Compare steps with a fusion with the same steps of runs of the same task and seed without."""
    from alignkit.statistics.fusions import fusion_contrast

    steps = _steps(evidence, task, crossed)
    units, left_out = _shared_seeds([run for run in evidence.runs if run.task == task])
    row: dict[str, Any] = {
        "task": task,
        "metric": metric,
        "placements": 0,
        "steps": len(steps),
        "runs_left_out": left_out,
        "with_fusion": None,
        "without": None,
        "change": None,
        "low": None,
        "high": None,
        "p": None,
        "exact": False,
    }
    if not steps:
        return row | {"reason": "no run has a fusion with a layer after it"}
    if not units:
        return row | {"reason": "no seed was run on every placement"}
    where = np.array([[standing(runs[0], step) for step in steps] for runs in units])
    change = np.array(
        [
            [np.mean([_over(values, run, metric, step) for run in runs]) for step in steps]
            for runs in units
        ]
    )
    some = np.isfinite(change).any(axis=0)  # a step that is undefined in all runs says nothing
    defined = np.isfinite(change[:, some]).all(axis=1)
    where, change = where[defined][:, some], change[defined][:, some]
    fused, free = where == "fused", where == "free"
    difference = fusion_contrast(change, fused, free, evidence.permutations, evidence.seed)
    usable = fused & (free.sum(axis=0) > 0)
    undefined = not (some.any() and defined.any())
    reason = f"{metric} is undefined around fusions" if undefined else difference.reason
    if usable.any():
        row |= {
            "with_fusion": float(change[usable].mean()),
            "without": float(change[free & usable.any(axis=0)].mean()),
        }
    return row | {
        "placements": difference.n,
        "change": difference.mean,
        "low": difference.low,
        "high": difference.high,
        "p": difference.p,
        "exact": difference.exact,
        "reason": reason,
    }


def _over(values: dict[tuple[str, ...], float], run: Run, metric: str, step: Step) -> float:
    """Return the change of alignment over a step; NaN where a run has no such sites."""
    ends = [
        values.get((str(run.path), metric, *pair), np.nan) for pair in (step.before, step.after)
    ]
    return ends[1] - ends[0]


def _shared_seeds(runs: Sequence[Run]) -> tuple[list[list[Run]], int]:
    """Return runs by placement with the seeds that all of them have, and the number left out."""
    units: dict[str, dict[int, Run]] = {}
    for run in runs:
        units.setdefault(run.placement, {})[run.seed] = run
    shared = set.intersection(*(set(by_seed) for by_seed in units.values()))
    kept = [[by_seed[seed] for seed in sorted(shared)] for by_seed in units.values()]
    return (kept if shared else []), len(runs) - sum(map(len, kept))
