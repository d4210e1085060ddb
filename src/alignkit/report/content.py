"""What a report says: tables and sentences made from runs, before any layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from alignkit.report.scatter import p_text
from alignkit.report.sites import depth_of
from alignkit.runs import Run


@dataclass
class Content:
    """Everything that pages and figures need.

    Attributes
    ----------
    alignment : DataFrame
        Cross-modal values of the split and pooling asked for, with ``task``, ``placement``,
        ``seed`` and ``label`` (the metric with its parameters).
    scores : DataFrame
        ``task``, ``placement``, ``seeds``, and mean and standard deviation of the score.
    history : DataFrame
        ``task``, ``placement``, ``seed``, ``epoch``, ``value`` of the validation score.
    placements : dict
        Task to placement to its layer indices.
    """

    runs: Sequence[Run]
    alignment: pd.DataFrame
    scores: pd.DataFrame
    history: pd.DataFrame
    placements: dict[str, dict[str, Mapping[str, Sequence[int]]]]

    @property
    def tasks(self) -> list[str]:
        return list(self.placements)

    @property
    def metrics(self) -> list[str]:
        return list(dict.fromkeys(self.alignment["label"]))


def gather(runs: Sequence[Run], metrics: Sequence[str] | None, split: str, pool: str) -> Content:
    """Read what runs hold.

    Raises
    ------
    DataError
        When a run is not measured yet.
    """
    runs = sorted(runs, key=_by_depth)
    labels = _labels(runs)
    alignment = pd.concat([_alignment(run, labels[run.path], split, pool) for run in runs])
    if metrics is not None:
        alignment = alignment[alignment["label"].isin(metrics)]
    placements: dict[str, dict[str, Any]] = {}
    for run in runs:
        placements.setdefault(run.task, {})[labels[run.path]] = run.stored["placement"]
    return Content(
        runs, alignment.reset_index(drop=True), _scores(runs, labels, split),
        pd.concat([_history(run, labels[run.path]) for run in runs]), placements,
    )  # fmt: skip


def _by_depth(run: Run) -> tuple[Any, ...]:
    """Tasks by name; placements from none over early to late, which is how they are read."""
    indices = [*run.stored["placement"]["text"], *run.stored["placement"]["vision"]]
    mean = sum(indices) / len(indices) if indices else -1.0
    return run.task, mean, run.placement, run.unit, run.seed


def _labels(runs: Sequence[Run]) -> dict[Any, str]:
    """Names of units: the placement, told apart where runs differ in more than the seed."""
    units: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        units.setdefault((run.task, run.placement), set()).add(run.unit)
    return {
        run.path: run.placement
        if len(units[run.task, run.placement]) == 1
        else f"{run.placement}-{run.unit[:8]}"
        for run in runs
    }


def _alignment(run: Run, label: str, split: str, pool: str) -> pd.DataFrame:
    table = run.alignment()
    cross = (table["x"].str[0] == "t") & (table["y"].str[0] == "v")
    table = table[(table["split"] == split) & (table["pool"] == pool) & cross].copy()
    # Another number of samples is another measurement: keep the largest.
    largest = table.groupby(["metric", "parameters"], dropna=False)["n"].transform("max")
    table = table[table["n"] == largest]
    table["label"] = [
        _spec(metric, parameters, run)
        for metric, parameters in zip(table["metric"], table["parameters"], strict=True)
    ]
    return table.assign(task=run.task, placement=label, seed=run.seed)


def _spec(metric: str, parameters: Any, run: Run) -> str:
    """The metric as the user writes it: parameters that stand at their default are left out."""
    from alignkit.metrics import resolve

    return resolve(f"{metric}:{parameters}" if isinstance(parameters, str) else metric).spec


def _scores(runs: Sequence[Run], labels: Mapping[Any, str], split: str) -> pd.DataFrame:
    rows = []
    for run in runs:
        performance = run.performance()
        primary = performance["primary"]
        scores = performance["splits"].get(split, {})
        rows.append({"task": run.task, "placement": labels[run.path], "score": primary,
                     "value": scores.get(primary), "n": scores.get("n")})  # fmt: skip
    table = pd.DataFrame(rows).astype({"value": float})
    grouped = table.groupby(["task", "placement", "score"], sort=False)["value"]
    return grouped.agg(mean="mean", sd="std", seeds="size").reset_index()


def _history(run: Run, label: str) -> pd.DataFrame:
    primary = run.performance()["primary"]
    history = run.history()
    history = history[history["split"] == "validation"]
    return pd.DataFrame({"task": run.task, "placement": label, "seed": run.seed,
                         "epoch": history["epoch"], "value": history[primary],
                         "score": primary})  # fmt: skip


def grid_means(content: Content, task: str, metric: str) -> pd.DataFrame:
    """Mean over seeds of every pair of sites; the reason where there is no value."""
    part = _part(content, task, metric)
    keys = ["placement", "x", "y"]
    means = part.groupby(keys, sort=False).agg(
        value=("value", "mean"), seeds=("value", "count"), n=("n", "first"),
        reason=("reason", "first"),
    )  # fmt: skip
    return means.reset_index()


def equal_depth_values(content: Content, task: str, metric: str) -> pd.DataFrame:
    """Pairs of layers of equal depth: ``placement``, ``seed``, ``depth``, ``value``, ``chance``."""
    part = _part(content, task, metric)
    depths = [(depth_of(x), depth_of(y)) for x, y in zip(part["x"], part["y"], strict=True)]
    equal = [x is not None and x == y for x, y in depths]
    part = part[equal].assign(depth=[x for (x, _), keep in zip(depths, equal, strict=True) if keep])
    return part[["placement", "seed", "depth", "value", "chance"]].sort_values(
        ["placement", "seed", "depth"]
    )


def _part(content: Content, task: str, metric: str) -> pd.DataFrame:
    table = content.alignment
    return table[(table["task"] == task) & (table["label"] == metric)]


def answers(rows: pd.DataFrame, settings: Mapping[str, Any]) -> list[str]:
    """What the correlations say, a sentence or two per task."""
    said = []
    for task, part in rows.groupby("task", sort=False):
        n, outcome = int(part["n"].max()), settings["outcome"]
        testable = part[part["p"].notna()]
        if testable.empty:
            reason = part["reason"].iloc[0]
            said.append(f"{task}: no test of alignment against {outcome} is possible ({reason}).")
            continue
        found = testable[testable["verdict"].isin(["supported", "contradicted"])]
        strongest = testable.loc[testable["pearson"].abs().idxmax()]
        detail = (
            f"the strongest association is that of {strongest['metric']} "
            f"(r = {strongest['pearson']:+.2f}, p = {p_text(strongest['p'])}, "
            f"corrected {p_text(strongest['p_adjusted'])})"
        )
        if found.empty:
            said.append(
                f"{task}: over {n} units, no metric's association with {outcome} stands after "
                f"correction; {detail}. With so few units this is not evidence of absence."
            )
        else:
            names = ", ".join(f"{row['metric']} ({row['verdict']})" for _, row in found.iterrows())
            said.append(
                f"{task}: over {n} units, alignment goes with {outcome} for {names}; {detail}. "
                "An association says nothing about cause."
            )
    return said


def score_sentences(scores: pd.DataFrame, split: str) -> list[str]:
    """Which placement scored best and worst, per task."""
    said = []
    for task, part in scores.dropna(subset=["mean"]).groupby("task", sort=False):
        best, worst = part.loc[part["mean"].idxmax()], part.loc[part["mean"].idxmin()]
        if len(part) > 1:
            said.append(
                f"{task}: the best {best['score']} on {split} is {best['mean']:.3f} "
                f"({best['placement']}), the lowest {worst['mean']:.3f} ({worst['placement']})."
            )
    return said
