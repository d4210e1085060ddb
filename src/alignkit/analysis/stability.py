"""How stable a metric is: against the number of samples, against k, and between halves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from alignkit.alignment.layers import extracted
from alignkit.analysis.tabled import Tabled
from alignkit.bounds.counts import check_count, check_seed
from alignkit.errors import DataError, UsageError
from alignkit.models.pairs import equal_depth
from alignkit.progress import SILENT, Reporter, of_each
from alignkit.runs import Run

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.metrics import Metric, Representation

DEFAULT_K = (5, 10, 20, 50)
LEAST_SAMPLES = 32


@dataclass(frozen=True)
class Layers:
    """The layers of one model: pairs of representations of equal depth."""

    name: str
    xs: Sequence[Representation]
    ys: Sequence[Representation]

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.xs[0].n


@dataclass(frozen=True)
class Stability(Tabled):
    """Metrics measured at several settings.

    Attributes
    ----------
    table : DataFrame
        One row per model, metric and setting, see ``measure_settings``.
    summary : DataFrame
        Means over models, see ``summarise``.
    plan : Plan
        What was varied.
    settings : dict
        The plan, and the models with their numbers of layers.
    """

    table: pd.DataFrame
    summary: pd.DataFrame
    plan: Plan
    settings: dict[str, Any] = field(default_factory=dict)

    shown: ClassVar = ("summary",)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name."""
        return {"summary": self.summary, "models": self.table}

    def without_seconds(self) -> Stability:
        """Return the same without durations, which are never the same twice."""
        table = self.table.drop(columns="seconds")
        return replace(self, table=table, summary=summarise(table))


@dataclass(frozen=True)
class Plan:
    """The settings at which metrics are measured.

    Attributes
    ----------
    samples : tuple of int
        Sizes of nested draws; the others are compared with the largest.
    k : tuple of int
        Neighbours, for metrics that take k, at the largest number of samples.
    splits : int
        Random splits into halves.
    null : int
        Permutations of rows for the chance level of metrics without a closed form.
    seed : int
        Of draws and splits.
    """

    samples: tuple[int, ...]
    k: tuple[int, ...]
    splits: int = 5
    null: int = 10
    seed: int = 0


def layers_of_runs(
    runs: Sequence[Run], split: str, pool: str, reporter: Reporter = SILENT
) -> list[Layers]:
    """Open the layers of equal depth of runs, after extracting them where they are missing.

    Runs whose files cannot be read are left out and named, as long as there is one other.
    """

    def opened(run: Run) -> Layers:
        extracted(run, split, pool, reporter)
        pairs = equal_depth(run.schedule())
        xs, ys = ([run.representation(pair[i], split, pool) for pair in pairs] for i in (0, 1))
        return Layers(str(run.path), xs, ys)

    found = of_each(runs, opened, lambda run: str(run.path), reporter, errors=DataError)
    return [layers for _, layers in found]


def plan_settings(
    models: Sequence[Layers],
    samples: Sequence[int] | None,
    k: Sequence[int] | None,
    splits: int,
    null: int,
    seed: int,
) -> Plan:
    """Complete the settings: by default, all samples halved repeatedly, and common values of k.

    Raises
    ------
    UsageError
        For more samples than a model has, or a number that is out of range.
    """
    least = min(models, key=lambda model: model.n)
    sizes = sorted(set(samples)) if samples else _halvings(least.n)
    if sizes[-1] > least.n:
        raise UsageError(f"`samples` is {sizes[-1]}, but {least.name} has {least.n} samples")
    if sizes[0] < 4:
        raise UsageError(f"`samples` is {sizes[0]}; at least 4 are needed")
    check_count("splits", splits, 1)
    check_count("null", null, 0)
    check_seed(seed)
    neighbours = sorted(set(k)) if k else [count for count in DEFAULT_K if count < sizes[-1] // 2]
    for count in neighbours:
        if not 1 <= count < sizes[-1]:
            raise UsageError(
                f"`k` is {count}; with {sizes[-1]} samples it must be 1 to {sizes[-1] - 1}"
            )
    return Plan(tuple(sizes), tuple(neighbours), splits, null, seed)


def stability(
    models: Sequence[Layers],
    metrics: Sequence[str],
    plan: Plan,
    *,
    lenient: bool = False,
    reporter: Reporter = SILENT,
) -> Stability:
    """Measure every model at every setting, and summarise over models.

    Parameters
    ----------
    models : sequence of Layers
    metrics : sequence of str
        Specs.
    plan : Plan
    lenient : bool
        Leave out, with a note, a metric that cannot be computed on these data.

    Raises
    ------
    UsageError
        When a metric cannot be computed on these data; if lenient, when none can.
    """
    table = measure_settings(models, metrics, plan, lenient=lenient, reporter=reporter)
    settings = {
        "samples": plan.samples,
        "k": plan.k,
        "splits": plan.splits,
        "null": plan.null,
        "seed": plan.seed,
        "models": [model.name for model in models],
        "layers": [len(model.xs) for model in models],
    }
    return Stability(table, summarise(table), plan, settings)


def measure_settings(
    models: Sequence[Layers],
    metrics: Sequence[str],
    plan: Plan,
    *,
    lenient: bool = False,
    reporter: Reporter = SILENT,
) -> pd.DataFrame:
    """Measure every model at every setting.

    Parameters
    ----------
    models : sequence of Layers
    metrics : sequence of str
    plan : Plan
    lenient : bool
        As for ``stability``.

    Returns
    -------
    DataFrame
        One row per model, metric and setting: ``varied`` (``samples`` or ``k``), ``samples``,
        ``k``, ``value`` and ``chance`` (means over layers), ``agreement`` (Spearman over
        layers with the largest setting), ``reliability`` (split halves, stepped up),
        ``seconds`` and ``reason``.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    total = len(models) * len(metrics)
    with reporter.progress("measure settings", total) as bar:
        for spec in metrics:
            bar.describe(f"measure {spec}")
            for model in models:
                try:
                    rows += _of_model(model, spec, plan)
                except UsageError as error:
                    if not lenient:
                        raise
                    reporter.left_out(spec, error)
                    rows = [row for row in rows if row["metric"] != spec]
                    bar.advance(len(models))
                    break
                bar.advance()
    if not rows:
        raise UsageError("no metric can be computed on these data; see the notes above")
    return pd.DataFrame(rows)


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Means over models, with the standard deviation of the agreement."""
    keys = ["metric", "varied", "samples", "k"]
    numbers = [c for c in ("value", "chance", "agreement", "reliability", "seconds") if c in table]
    grouped = table.groupby(keys, sort=False, dropna=False)
    summary = grouped[numbers].mean()
    summary.insert(3, "agreement_sd", grouped["agreement"].std())
    summary.insert(0, "models", grouped.size())
    summary["reason"] = grouped["reason"].agg(lambda given: next((g for g in given if g), ""))
    return summary.reset_index()


def _of_model(model: Layers, spec: str, plan: Plan) -> list[dict[str, Any]]:
    """All settings of one metric on one model, compared with the largest of each kind."""
    from alignkit.metrics import resolve

    metric = resolve(spec)
    k = metric.parameters.get("k")
    if isinstance(k, int) and k >= plan.samples[-1]:
        raise UsageError(f"{spec} needs more than {plan.samples[-1]} samples")
    order = np.random.default_rng(plan.seed).permutation(model.n)
    series = [[_setting(model, metric, order[:n], "samples", plan) for n in plan.samples]]
    if k is not None and plan.k:
        chosen = [_with_k(metric, k) for k in plan.k]
        largest = order[: plan.samples[-1]]
        series.append([_setting(model, with_k, largest, "k", plan) for with_k in chosen])
    return [row for part in series for row in _compared(part, spec, model)]


def _with_k(metric: Metric, k: int) -> Metric:
    from alignkit.metrics import resolve
    from alignkit.plugins.options import format_spec

    return resolve(format_spec(metric.name, {**_changed(metric), "k": k}))


def _changed(metric: Metric) -> dict[str, Any]:
    from alignkit.plugins.options import changed

    return changed(metric.target, metric.parameters)


def _setting(
    model: Layers, metric: Metric, rows: np.ndarray, varied: str, plan: Plan
) -> dict[str, Any]:
    """One setting: values by layer, and how well halves agree."""
    started = time.perf_counter()
    profile, chance, reason = _profile(model, metric, rows)
    seconds = time.perf_counter() - started
    if profile is not None and chance is None and plan.null:
        chance = _permuted(model, metric, rows, plan)
    return {
        "varied": varied,
        "samples": len(rows),
        "k": metric.parameters.get("k"),
        "profile": profile,
        "chance": chance,
        "seconds": seconds,
        "reason": reason,
        "reliability": None if profile is None else _reliability(model, metric, rows, plan),
    }


def _profile(
    model: Layers, metric: Metric, rows: np.ndarray
) -> tuple[np.ndarray | None, float | None, str]:
    """Values by layer, the mean chance level, and why there are none."""
    from alignkit.metrics import grid

    k = metric.parameters.get("k")
    if isinstance(k, int) and k >= len(rows):
        return None, None, f"k={k} needs more than {len(rows)} samples"
    xs, ys = _drawn(model, rows)
    values = grid(metric, xs, ys, pairs=[(i, i) for i in range(len(xs))])
    reasons = [value.reason for value in values if value.value is None]
    levels = [value.chance for value in values if value.chance is not None]
    chance = float(np.mean(levels)) if levels else None
    if reasons:
        return None, chance, reasons[0]
    return np.array([value.value for value in values], dtype=float), chance, ""


def _permuted(model: Layers, metric: Metric, rows: np.ndarray, plan: Plan) -> float:
    """Return the chance level: the mean over permuted rows and layers."""
    from alignkit.metrics import grid

    xs, ys = _drawn(model, rows)
    values = grid(
        metric, xs, ys, pairs=[(i, i) for i in range(len(xs))], null=plan.null, seed=plan.seed
    )
    return float(np.mean([value.null_mean for value in values]))


def _drawn(model: Layers, rows: np.ndarray) -> tuple[list[Representation], list[Representation]]:
    """Return some samples of every layer, in the order of the split, as all commands draw them."""
    chosen = np.sort(rows)
    return [layer[chosen] for layer in model.xs], [layer[chosen] for layer in model.ys]


def _reliability(model: Layers, metric: Metric, rows: np.ndarray, plan: Plan) -> float | None:
    """Profiles of two halves of the samples, over several splits."""
    from alignkit.statistics.variance.reliability import split_half

    rng = np.random.default_rng([plan.seed, len(rows)])
    half = len(rows) // 2
    halves = []
    for _ in range(plan.splits):
        order = rng.permutation(rows)
        both = [_profile(model, metric, part)[0] for part in (order[:half], order[half : 2 * half])]
        if any(profile is None for profile in both):
            return None
        halves.append(both)
    return split_half(np.array(halves, dtype=float))


def _compared(rows: list[dict[str, Any]], spec: str, model: Layers) -> list[dict[str, Any]]:
    """Agreement over layers with the largest setting that has values."""
    from alignkit.statistics.variance.reliability import rank_agreement

    last = next((row["profile"] for row in reversed(rows) if row["profile"] is not None), None)
    compared = []
    for row in rows:
        profile = row.pop("profile")
        compared.append(
            {
                "metric": spec,
                "model": model.name,
                **row,
                "value": float(profile.mean()) if profile is not None else None,
                "agreement": None
                if profile is None or last is None
                else rank_agreement(profile, last),
            }
        )
    return compared


def _halvings(n: int) -> list[int]:
    sizes = [n]
    while sizes[-1] // 2 >= LEAST_SAMPLES:
        sizes.append(sizes[-1] // 2)
    return sizes[::-1]
