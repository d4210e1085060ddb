"""H3: whether alignment rises across co-attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.analysis.over_placements import exchange_row, sign_flip_row
from alignkit.analysis.questions.answer import Answer
from alignkit.analysis.questions.evidence import Evidence
from alignkit.analysis.questions.verdicts import with_verdicts
from alignkit.models.pairs import Pair, around_fusions, equal_depth
from alignkit.models.schedule import input_site, sites
from alignkit.runs import Run
from alignkit.statistics.attainable import least_units_to_flip, least_units_to_permute

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics.joint import JointTest

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
    readable = {run for run, *_ in values}
    crossed = {run: own for run, own in crossed.items() if run in readable}
    pairs = [(task, metric) for task in evidence.tasks for metric in evidence.metrics]
    changes = _changes(evidence, crossed, values)
    across = _across_all(evidence, changes, pairs)
    against = [_against(evidence, task, metric, crossed, values) for task, metric in pairs]
    settings = evidence.settings | {
        "scheme": "across: signs of placements' mean changes are flipped; against none: "
        "placements' changes are exchanged as a whole, seeds that all have; both jointly over "
        "tasks and metrics (max-T)",
        "left_out": "under cls, fusions at the embeddings: the first token is still the same for "
        "every sample",
    }
    return Answer(
        "h3",
        TITLE,
        {
            "across": across,
            "against_none": with_verdicts(
                [row for row, _ in against],
                directed="change",
                tests=[test for _, test in against],
                needed=lambda tests: least_units_to_permute(tests, joint=True),
            ),
        },
        settings,
        {"changes": changes},
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


def layers_around_fusions(evidence: Evidence) -> Callable[[Run], list[str]]:
    """Return the selections of layers of each run whose values are compared."""
    crossed = {str(run.path): _comparable(run, evidence.options.pool) for run in evidence.runs}
    return _layers(evidence, crossed)


def _layers(evidence: Evidence, crossed: dict[str, list[Crossed]]) -> Callable[[Run], list[str]]:
    steps = {task: _steps(evidence, task, crossed) for task in evidence.tasks}

    def layers(run: Run) -> list[str]:
        wanted = {pair for step in steps[run.task] for pair in (step.before, step.after)}
        wanted -= set(equal_depth(run.schedule()))
        known = set(sites(run.schedule()))
        single = [f"{x},{y}" for x, y in sorted(wanted) if {x, y} <= known]
        return ["same", *(["fusions"] if crossed[str(run.path)] else []), *single]

    return layers


def _values(evidence: Evidence, crossed: dict[str, list[Crossed]]) -> dict[tuple[str, ...], float]:
    """Return the values by run, metric and pair of sites, for everything that is compared."""
    signs = {metric: evidence.sign(metric) for metric in evidence.metrics}
    table = evidence.at_layers(_layers(evidence, crossed))
    columns = (table[name].tolist() for name in ("run", "metric", "x", "y", "value"))
    return {
        (run, metric, x, y): signs[metric] * value
        for run, metric, x, y, value in zip(*columns, strict=True)
    }


def _steps(evidence: Evidence, task: str, crossed: dict[str, list[Crossed]]) -> list[Step]:
    """Return every step of a task in which some run has a fusion."""
    return list(
        dict.fromkeys(
            crossing.step
            for run in evidence.runs
            if run.task == task
            for crossing in crossed.get(str(run.path), ())
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
        for j, crossing in enumerate(crossed.get(str(run.path), ()))
    ]
    columns = ["task", "placement", "unit", "seed", "run", "metric", "fusion", "before", "after"]
    return pd.DataFrame(rows, columns=columns)


def _across_all(
    evidence: Evidence, changes: pd.DataFrame, pairs: Sequence[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Test before against after; one sign per placement serves all tasks and metrics."""
    from alignkit.statistics.fusions import sign_flips

    units = {pair: _units(evidence, changes, *pair) for pair in pairs}
    names = sorted({str(name) for part in units.values() for name in part["unit"]})
    signs, exact = sign_flips(len(names), evidence.permutations, evidence.seed)
    place = {name: i for i, name in enumerate(names)}
    made = [
        _across(pair, part, signs[:, [place[str(name)] for name in part["unit"]]], exact)
        for pair, part in units.items()
    ]
    return with_verdicts(
        [row for row, _ in made],
        directed="change",
        tests=[test for _, test in made],
        needed=lambda tests: least_units_to_flip(tests, joint=True),
    )


def _units(evidence: Evidence, changes: pd.DataFrame, task: str, metric: str) -> pd.DataFrame:
    """Return one mean change per placement, over fusions and seeds."""
    table = changes[(changes["task"] == task) & (changes["metric"] == metric)].copy()
    table["change"] = table["after"] - table["before"]
    table = table.dropna(subset=["change"])
    columns = ["before", "after", "change"]
    per_run = table.groupby(["task", "placement", "unit", "seed"])[columns]
    units = evidence.units(per_run.mean().reset_index(), columns).dropna()
    fusions = table.groupby("unit").size()
    return units.assign(fusions=[int(fusions[unit]) for unit in units["unit"]])


def _across(
    pair: tuple[str, str], units: pd.DataFrame, signs: np.ndarray, exact: bool
) -> tuple[dict[str, Any], JointTest | None]:
    tested, test = sign_flip_row(units["change"].to_numpy(float), signs, exact)
    known = len(units) > 0
    row = {
        "task": pair[0],
        "metric": pair[1],
        "placements": tested["placements"],
        "fusions": int(units["fusions"].sum()),
        "before": float(units["before"].mean()) if known else None,
        "after": float(units["after"].mean()) if known else None,
    }
    return row | tested, test


def _against(
    evidence: Evidence,
    task: str,
    metric: str,
    crossed: dict[str, list[Crossed]],
    values: dict[tuple[str, ...], float],
) -> tuple[dict[str, Any], JointTest | None]:
    """Compare steps with a fusion with the same steps of runs of the same task and seed without."""
    from alignkit.statistics.fusions import compared

    steps = _steps(evidence, task, crossed)
    runs = [run for run in evidence.runs if run.task == task and str(run.path) in crossed]
    units, left_out = _shared_seeds(runs)
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
        "power": None,
        "detects": "a difference of one standard deviation",
    }
    if not steps:
        return row | {"reason": "no run has a fusion with a layer after it"}, None
    if not units:
        return row | {"reason": "no seed was run on every placement"}, None
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
    names = [runs[0].placement for runs, kept in zip(units, defined, strict=True) if kept]
    entering = compared(fused, free)
    permutations = evidence.arrangements(
        [name for name, enters in zip(names, entering, strict=True) if enters]
    )
    tested, test = exchange_row(change, fused, free, permutations)
    if not (some.any() and defined.any()):
        tested["reason"] = f"{metric} is undefined around fusions"
    return row | tested, test


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
    shared = set.intersection(*map(set, units.values())) if units else set()
    kept = [[by_seed[seed] for seed in sorted(shared)] for by_seed in units.values()]
    return (kept if shared else []), len(runs) - sum(map(len, kept))
