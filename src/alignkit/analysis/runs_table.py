"""The tidy table that correlate reads: one row per run, joined from alignment and scores."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alignkit.alignment.runs import measure_run
from alignkit.chain.evaluate import evaluate
from alignkit.errors import DataError, UsageError
from alignkit.models.pairs import equal_depth
from alignkit.models.schedule import layer_site, sites
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run

if TYPE_CHECKING:
    import pandas as pd

RULES = ("last", "max", "max-pair", "mean", "all")
NULL = 20


@dataclass(frozen=True)
class Join:
    """How runs become rows.

    Attributes
    ----------
    metrics : tuple of str
        Specs; each becomes a column.
    layer : str
        ``last``, ``mean``, ``max`` over pairs of equal depth (the best value: the smallest
        of a distance), ``max-pair`` over the grid, the index of a layer, a pair of sites such
        as ``t.f0:v.f0``, or ``all``: every pair that all runs of a task have, each a column.
    outcome : str or None
        A score or ``loss``; the task's primary score when None.
    split, pool : str
    samples, seed : int
        As for ``measure``.
    calibrated : bool
        (value - null mean) / (best - null mean) instead of the value; a maximum against the
        null of maxima.
    null : int
        Permutations of rows where no chance level is known in closed form, and for maxima.
    """

    metrics: tuple[str, ...]
    layer: str = "last"
    outcome: str | None = None
    split: str = "test"
    pool: str = "cls"
    samples: int | None = None
    seed: int = 0
    calibrated: bool = False
    null: int = NULL

    def __post_init__(self) -> None:
        if self.layer not in RULES and not self.layer.isdigit() and self.pair is None:
            raise UsageError(
                f"unknown layer rule '{self.layer}'; known: {', '.join(RULES)}, the index of a "
                "layer, or a pair of sites such as t.f0:v.f0"
            )
        if self.null < 0:
            raise UsageError(f"--null is {self.null}; it must be at least 0")

    @property
    def pair(self) -> tuple[str, str] | None:
        """The pair of sites, where the layer rule is one."""
        found = re.fullmatch(r"(t[^:*?\[]+):(v[^:*?\[]+)", self.layer)
        return (found[1], found[2]) if found else None


def runs_table(runs: Sequence[Run], join: Join, reporter: Reporter = SILENT) -> pd.DataFrame:
    """Join alignment and performance over runs; what is missing is made first.

    Returns
    -------
    DataFrame
        Columns ``task``, ``placement``, ``seed``, ``unit``, ``run``, the outcome, and one
        column per metric, or per metric and pair of sites (``cka@t03:v05``). A run without
        the outcome, or without the sites, has a missing value there.

    Raises
    ------
    UsageError
        When no run has such an outcome or such sites, or when alignment that is not
        calibrated was measured on different numbers of samples.
    """
    import pandas as pd

    if join.outcome is not None:
        _check_outcome(runs, join, reporter)
    rows: list[tuple[Run, dict[str, object], dict[str, float]]] = []
    counts: dict[tuple[str, str], set[int]] = {}
    with reporter.progress("join runs", len(runs)) as bar:
        for run in runs:
            named = _named(run, join, reporter)
            values: dict[str, float] = {}
            for spec in join.metrics:
                found, n = _values(run, spec, join, reporter)
                values |= found
                counts.setdefault((run.task, spec), set()).add(n)
            rows.append((run, named, values))
            bar.advance()
    if not join.calibrated:
        _check_counts(counts)
    if join.pair and not any(_has(run, join.pair) for run in runs):
        raise UsageError(f"--layer {join.layer}: no run has these sites; see: alignkit show")
    shared = _shared(rows) if join.layer == "all" else None
    return pd.DataFrame(
        [
            named | {k: v for k, v in values.items() if shared is None or k in shared[run.task]}
            for run, named, values in rows
        ]
    )


def _named(run: Run, join: Join, reporter: Reporter) -> dict[str, object]:
    """The run and its outcome; missing where the run cannot be scored."""
    row: dict[str, object] = {
        "task": run.task,
        "placement": run.placement,
        "seed": run.seed,
        "unit": run.unit,
        "run": str(run.path),
    }
    try:
        scores = evaluate(run, join.split, reporter=reporter)
    except DataError as error:
        reporter.note(f"{run.path} has no performance on {join.split}: {error}")
        scores = {}
    outcome = join.outcome or str(run.performance()["primary"])
    return row | {"outcome": outcome, outcome: scores.get(outcome, float("nan"))}


def _check_outcome(runs: Sequence[Run], join: Join, reporter: Reporter) -> None:
    """Refuse an outcome that no run has; a run that cannot be scored has none."""
    known: dict[str, None] = {}
    for run in runs:
        try:
            known |= dict.fromkeys(evaluate(run, join.split, reporter=reporter))
        except DataError:
            continue
    names = [name for name in known if name != "n"]
    if known and join.outcome not in names:
        others = ", like every other run," if len(runs) > 1 else ""
        raise UsageError(
            f"{runs[0].path}{others} has no outcome '{join.outcome}'; it has: {', '.join(names)}"
        )


def summary(run: Run, spec: str, join: Join, reporter: Reporter = SILENT) -> float:
    """One number per run: a metric over pairs of layers, reduced by the layer rule.

    Returns
    -------
    float
        NaN when the metric is undefined on every pair, or the run lacks the sites.
    """
    return _values(run, spec, join, reporter)[0].get(spec, float("nan"))


def _values(run: Run, spec: str, join: Join, reporter: Reporter) -> tuple[dict[str, float], int]:
    """Columns of a metric, and the number of samples that it was measured on."""
    if join.pair and not _has(run, join.pair):
        return {spec: float("nan")}, 0
    if join.layer in ("max", "max-pair") and join.calibrated:
        best = measure_run(
            run,
            [spec],
            split=join.split,
            pool=join.pool,
            layers=join.layer,
            samples=join.samples,
            seed=join.seed,
            null=join.null,
            reporter=reporter,
        ).iloc[0]
        return {spec: float(best["calibrated"])}, int(best["n"])
    table = _measured(run, spec, join, reporter)
    n = int(table["n"].iloc[0])
    values = table["calibrated" if join.calibrated else "value"].astype(float)
    if join.layer == "all":
        pairs = zip(table["x"], table["y"], values, strict=True)
        return {f"{spec}@{x}:{y}": float(value) for x, y, value in pairs}, n
    values = values.dropna()
    if values.empty:
        return {spec: float("nan")}, n
    if join.layer in ("max", "max-pair"):
        from alignkit.metrics import resolve

        return {spec: float(values.max() if resolve(spec).higher_is_better else values.min())}, n
    return {spec: float(values.mean())}, n


def _measured(run: Run, spec: str, join: Join, reporter: Reporter) -> pd.DataFrame:
    """Measured pairs; with permuted rows only where calibration knows no closed form."""
    options = {
        "split": join.split,
        "pool": join.pool,
        "layers": _layers(run, join),
        "samples": join.samples,
        "seed": join.seed,
        "reporter": reporter,
    }
    table = measure_run(run, [spec], **options)  # type: ignore[arg-type]
    unknown = table["calibrated"].isna() & table["value"].notna()
    if join.calibrated and join.null and unknown.any():
        return measure_run(run, [spec], null=join.null, **options)  # type: ignore[arg-type]
    return table


def _layers(run: Run, join: Join) -> str:
    rule, schedule = join.layer, run.schedule()
    if join.pair:
        return ",".join(join.pair)
    if rule == "last":
        return "last"
    if rule in ("max-pair", "all"):
        return "all"
    if rule.isdigit():
        pair = (layer_site("text", int(rule)), layer_site("vision", int(rule)))
        if pair not in equal_depth(schedule):
            raise UsageError(
                f"--layer {rule}: {run.path} has layers 0 to {len(equal_depth(schedule)) - 1}"
            )
        return rule
    return "same"


def _has(run: Run, pair: tuple[str, str]) -> bool:
    return set(pair) <= set(sites(run.schedule()))


def _check_counts(counts: dict[tuple[str, str], set[int]]) -> None:
    """Values on other numbers of samples have other chance levels, and are not pooled."""
    for (task, spec), found in counts.items():
        several = sorted(found - {0})
        if len(several) > 1:
            raise UsageError(
                f"{task}: {spec} was measured on {' and '.join(map(str, several))} samples, which "
                f"cannot be compared; measure all runs alike with --samples {several[0]}"
            )


def _shared(rows: Sequence[tuple[Run, dict[str, object], dict[str, float]]]) -> dict[str, set[str]]:
    """The columns that all runs of a task have."""
    shared: dict[str, set[str]] = {}
    for run, _, values in rows:
        shared[run.task] = shared.get(run.task, set(values)) & set(values)
    return shared
