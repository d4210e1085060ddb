"""How stable is a metric: against the number of samples, against k, and between halves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.chain.extract import extract
from alignkit.errors import UsageError
from alignkit.models.pairs import equal_depth
from alignkit.progress import SILENT, Reporter
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
        return self.xs[0].n


@dataclass(frozen=True)
class Plan:
    """What is varied.

    Attributes
    ----------
    samples : tuple of int
        Sizes of nested draws; the largest is what others are compared with.
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


def layers_of_run(run: Run, split: str, pool: str, reporter: Reporter = SILENT) -> Layers:
    """Open the layers of equal depth of a run; extract them first if they are not there."""
    index = run.representation_index(split)
    if index is None or pool not in index["pools"]:
        reporter.note(f"{run.path}: representations on {split} are made first")
        extract(run, split, reporter=reporter)
    pairs = equal_depth(run.schedule())
    xs, ys = ([run.representation(pair[i], split, pool) for pair in pairs] for i in (0, 1))
    return Layers(str(run.path), xs, ys)


def plan(
    models: Sequence[Layers],
    samples: Sequence[int] | None,
    k: Sequence[int] | None,
    splits: int,
    null: int,
    seed: int,
) -> Plan:
    """Fill in what was not asked for: halvings of all samples, and common values of k.

    Raises
    ------
    UsageError
        For more samples than some model has, or a number that makes no sense.
    """
    least = min(models, key=lambda one: one.n)
    sizes = sorted(set(samples)) if samples else _halvings(least.n)
    if sizes[-1] > least.n:
        raise UsageError(f"--samples {sizes[-1]}: {least.name} has {least.n} samples")
    if sizes[0] < 4:
        raise UsageError(f"--samples {sizes[0]}; at least 4 are needed")
    if splits < 1:
        raise UsageError(f"--splits is {splits}; it must be at least 1")
    if null < 0:
        raise UsageError(f"--null is {null}; it must be at least 0")
    neighbours = sorted(set(k)) if k else [one for one in DEFAULT_K if one < sizes[-1] // 2]
    for one in neighbours:
        if not 1 <= one < sizes[-1]:
            raise UsageError(f"--k {one}; with {sizes[-1]} samples it must be 1 to {sizes[-1] - 1}")
    return Plan(tuple(sizes), tuple(neighbours), splits, null, seed)


def stability(
    models: Sequence[Layers],
    metrics: Sequence[str],
    wanted: Plan,
    *,
    lenient: bool = False,
    reporter: Reporter = SILENT,
) -> pd.DataFrame:
    """Measure every model at every setting.

    Parameters
    ----------
    models : sequence of Layers
    metrics : sequence of str
    wanted : Plan
    lenient : bool
        Leave out, with a note, a metric that cannot take the data.

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
                    rows += _of_model(model, spec, wanted)
                except UsageError as error:
                    if not lenient:
                        raise
                    reporter.left_out(spec, error)
                    rows = [row for row in rows if row["metric"] != spec]
                    bar.advance(len(models))
                    break
                bar.advance()
    if not rows:
        raise UsageError("no metric can take these data; see the notes above")
    return pd.DataFrame(rows)


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Means over models, with the standard deviation of the agreement."""
    keys = ["metric", "varied", "samples", "k"]
    numbers = [c for c in ("value", "chance", "agreement", "reliability", "seconds") if c in table]
    grouped = table.groupby(keys, sort=False, dropna=False)
    found = grouped[numbers].mean()
    found.insert(3, "agreement_sd", grouped["agreement"].std())
    found.insert(0, "models", grouped.size())
    found["reason"] = grouped["reason"].agg(lambda given: next((g for g in given if g), ""))
    return found.reset_index()


def _of_model(model: Layers, spec: str, wanted: Plan) -> list[dict[str, Any]]:
    """All settings of one metric on one model, compared with the largest of each kind."""
    from alignkit.metrics import resolve

    metric = resolve(spec)
    k = metric.parameters.get("k")
    if isinstance(k, int) and k >= wanted.samples[-1]:
        raise UsageError(f"{spec} needs more than {wanted.samples[-1]} samples")
    order = np.random.default_rng(wanted.seed).permutation(model.n)
    series = [[_setting(model, metric, order[:n], "samples", wanted) for n in wanted.samples]]
    if k is not None and wanted.k:
        chosen = [_with_k(metric, k) for k in wanted.k]
        largest = order[: wanted.samples[-1]]
        series.append([_setting(model, one, largest, "k", wanted) for one in chosen])
    return [row for part in series for row in _compared(part, spec, model)]


def _with_k(metric: Metric, k: int) -> Metric:
    from alignkit.metrics import resolve
    from alignkit.plugins.options import format_spec

    return resolve(format_spec(metric.name, {**_changed(metric), "k": k}))


def _changed(metric: Metric) -> dict[str, Any]:
    from alignkit.plugins.options import changed

    return changed(metric.target, metric.parameters)


def _setting(
    model: Layers, metric: Metric, rows: np.ndarray, varied: str, wanted: Plan
) -> dict[str, Any]:
    """One setting: values by layer, and how well halves agree."""
    started = time.perf_counter()
    profile, chance, reason = _profile(model, metric, rows)
    seconds = time.perf_counter() - started
    if profile is not None and chance is None and wanted.null:
        chance = _permuted(model, metric, rows, wanted)
    return {
        "varied": varied,
        "samples": len(rows),
        "k": metric.parameters.get("k"),
        "profile": profile,
        "chance": chance,
        "seconds": seconds,
        "reason": reason,
        "reliability": None if profile is None else _reliability(model, metric, rows, wanted),
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


def _permuted(model: Layers, metric: Metric, rows: np.ndarray, wanted: Plan) -> float:
    """The chance level as the mean over permuted rows and layers."""
    from alignkit.metrics import grid

    xs, ys = _drawn(model, rows)
    values = grid(
        metric, xs, ys, pairs=[(i, i) for i in range(len(xs))], null=wanted.null, seed=wanted.seed
    )
    return float(np.mean([value.null_mean for value in values]))


def _drawn(model: Layers, rows: np.ndarray) -> tuple[list[Representation], list[Representation]]:
    """Some samples of every layer, in the order of the split, as every command draws."""
    chosen = np.sort(rows)
    return [one[chosen] for one in model.xs], [one[chosen] for one in model.ys]


def _reliability(model: Layers, metric: Metric, rows: np.ndarray, wanted: Plan) -> float | None:
    """Profiles of two halves of the samples, over several splits."""
    from alignkit.statistics.variance.reliability import split_half

    rng = np.random.default_rng([wanted.seed, len(rows)])
    half = len(rows) // 2
    halves = []
    for _ in range(wanted.splits):
        order = rng.permutation(rows)
        both = [_profile(model, metric, part)[0] for part in (order[:half], order[half : 2 * half])]
        if any(one is None for one in both):
            return None
        halves.append(both)
    return split_half(np.array(halves, dtype=float))


def _compared(rows: list[dict[str, Any]], spec: str, model: Layers) -> list[dict[str, Any]]:
    """Agreement over layers with the largest setting that has values."""
    from alignkit.statistics.variance.reliability import rank_agreement

    last = next((row["profile"] for row in reversed(rows) if row["profile"] is not None), None)
    found = []
    for row in rows:
        profile = row.pop("profile")
        found.append(
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
    return found


def _halvings(n: int) -> list[int]:
    sizes = [n]
    while sizes[-1] // 2 >= LEAST_SAMPLES:
        sizes.append(sizes[-1] // 2)
    return sizes[::-1]
