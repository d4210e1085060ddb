"""What runs hold, gathered into plain tables for figures and pages."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from alignkit.errors import AlignkitError
from alignkit.report.sites import depth_of
from alignkit.report.style import Look, looks
from alignkit.runs import Run


@dataclass
class Content:
    """Everything that pages and figures need of the runs.

    Attributes
    ----------
    runs : list of Run
        In the order of the report.
    alignment : DataFrame
        Cross-modal values of the split and pooling asked for, with ``task``, ``placement``,
        ``seed`` and ``label`` (the metric as the user writes it).
    scores : DataFrame
        One row per run: ``task``, ``placement``, ``seed``, ``score`` (its name), ``value``, ``n``.
    history : DataFrame
        ``task``, ``placement``, ``seed``, ``epoch``, ``split``, ``loss``, ``value``, ``score``.
    placements : dict
        Task to placement to its layer indices.
    look : dict
        Placement to colour and marker, the same in every figure.
    split, pool : str
    """

    runs: list[Run]
    alignment: pd.DataFrame
    scores: pd.DataFrame
    history: pd.DataFrame
    placements: dict[str, dict[str, Mapping[str, Sequence[int]]]]
    look: dict[str, Look]
    split: str
    pool: str

    @property
    def tasks(self) -> list[str]:
        return list(self.placements)

    @property
    def metrics(self) -> list[str]:
        return list(dict.fromkeys(self.alignment["label"]))

    def values(self, task: str, metric: str) -> pd.DataFrame:
        """The alignment of one task under one metric."""
        table = self.alignment
        return table[(table["task"] == task) & (table["label"] == metric)]


def gather(runs: Sequence[Run], metrics: Sequence[str] | None, split: str, pool: str) -> Content:
    """Read what runs hold.

    Raises
    ------
    DataError
        When a run is not measured yet.
    """
    ordered = sorted(runs, key=_by_depth)
    labels = _labels(ordered)
    alignment = pd.concat([_alignment(run, labels[run.path], split, pool) for run in ordered])
    if metrics is not None:
        order = {spec_of(metric): i for i, metric in reversed(list(enumerate(metrics)))}
        alignment = alignment[alignment["label"].isin(order)]
        alignment = alignment.sort_values("label", key=lambda s: s.map(order), kind="stable")
    placements: dict[str, dict[str, Any]] = {}
    for run in ordered:
        placements.setdefault(run.task, {})[labels[run.path]] = run.stored["placement"]
    return Content(
        runs=ordered,
        alignment=alignment.reset_index(drop=True),
        scores=pd.DataFrame([_score(run, labels[run.path], split) for run in ordered]),
        history=pd.concat([_history(run, labels[run.path]) for run in ordered]),
        placements=placements,
        look=looks(labels[run.path] for run in sorted(ordered, key=lambda r: _by_depth(r)[1:])),
        split=split,
        pool=pool,
    )


def _by_depth(run: Run) -> tuple[Any, ...]:
    """Tasks by name; placements from none over early to late, which is how they are read."""
    indices = [*run.stored["placement"]["text"], *run.stored["placement"]["vision"]]
    mean = sum(indices) / len(indices) if indices else -1.0
    return run.task, mean, run.placement, run.unit, run.seed, str(run.path)


def _labels(runs: Sequence[Run]) -> dict[Path, str]:
    """Names of units: the placement, told apart where runs differ in more than the seed."""
    units: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        units.setdefault((run.task, run.placement), set()).add(run.unit)
    several = {key for key, found in units.items() if len(found) > 1}
    return {
        run.path: unit_name(run.placement, run.unit, (run.task, run.placement) in several)
        for run in runs
    }


def unit_name(placement: str, unit: str, several: bool) -> str:
    """The name that the correlations, too, give to the runs of a placement."""
    return f"{placement}-{unit[:8]}" if several else placement


def _alignment(run: Run, label: str, split: str, pool: str) -> pd.DataFrame:
    table = run.alignment()
    cross = table["x"].str.startswith("t") & table["y"].str.startswith("v")
    table = table[(table["split"] == split) & (table["pool"] == pool) & cross].copy()
    table["parameters"] = table["parameters"].fillna("")
    # Another number of samples is another measurement: keep the largest.
    largest = table.groupby(["metric", "parameters"])["n"].transform("max")
    table = table[table["n"] == largest].astype({"value": float, "chance": float})
    table["chance"] = table["chance"].fillna(table["null_mean"].astype(float))
    spelled = table["metric"] + (":" + table["parameters"]).where(table["parameters"] != "", "")
    table["label"] = spelled.map({spec: spec_of(spec) for spec in spelled.unique()})
    return table.assign(task=run.task, placement=label, seed=run.seed)


def spec_of(spec: str) -> str:
    """A metric as the user writes it: parameters that stand at their default are left out."""
    metric = known_metric(spec)
    return spec if metric is None else metric.spec


def known_metric(spec: str) -> Any:
    """A metric by its spec; None where its plugin is not installed here."""
    from alignkit.metrics import resolve

    try:
        return resolve(spec)
    except AlignkitError:
        return None


def _score(run: Run, label: str, split: str) -> dict[str, Any]:
    performance = run.performance()
    primary = performance["primary"]
    scores = performance["splits"].get(split, {})
    return {
        "task": run.task,
        "placement": label,
        "seed": run.seed,
        "score": primary,
        "value": float(scores.get(primary, "nan")),
        "n": scores.get("n"),
    }


def _history(run: Run, label: str) -> pd.DataFrame:
    primary = run.performance()["primary"]
    history = run.history()
    return pd.DataFrame(
        {
            "task": run.task,
            "placement": label,
            "seed": run.seed,
            "epoch": history["epoch"],
            "split": history["split"],
            "loss": history["loss"],
            "value": history[primary] if primary in history else float("nan"),
            "score": primary,
        }
    )


def score_means(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over seeds: ``mean``, ``sd``, ``seeds``."""
    grouped = scores.groupby(["task", "placement", "score"], sort=False)["value"]
    return grouped.agg(mean="mean", sd="std", seeds="count").reset_index()


def grid_means(values: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of every pair of sites; the reason where there is no value."""
    grouped = values.groupby(["placement", "x", "y"], sort=False)
    means = grouped.agg(
        value=("value", "mean"),
        seeds=("value", "count"),
        n=("n", "min"),
        chance=("chance", "mean"),
        reason=("reason", "first"),
    )
    return means.reset_index()


def equal_depth(values: pd.DataFrame) -> pd.DataFrame:
    """Pairs of layers of equal depth: ``placement``, ``seed``, ``depth``, ``value``, ``chance``."""
    x, y = (values[side].map(depth_of).astype(float) for side in ("x", "y"))
    same = values[x == y].assign(depth=x[x == y].astype(int))
    return same[["placement", "seed", "depth", "value", "chance", "n", "reason"]].sort_values(
        ["placement", "seed", "depth"], kind="stable"
    )


def shown_paths(runs: Sequence[Run]) -> list[str]:
    """Paths of runs from the folder that holds them all, wherever that stands."""
    roots = {str(Path(os.path.abspath(run.path)).parents[2]) for run in runs}
    root = os.path.commonpath(roots)
    return [Path(os.path.relpath(os.path.abspath(run.path), root)).as_posix() for run in runs]
