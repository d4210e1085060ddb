"""The tables of the page, as rows of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from alignkit.report.content import Content, known_metric, score_means, spec_of
from alignkit.report.formatting import factor_text, p_text, spread_text
from alignkit.report.summary_lines import summary_lines

Row = dict[str, str]

INFLATED = "; inflated by few samples for the width"


def score_rows(content: Content) -> list[dict[str, Any]]:
    """One row per placement: its fusions, and for each task the score over seeds."""
    means = score_means(content.scores).set_index(["task", "placement"])
    rows = []
    for placement in content.look:
        tasks = [task for task in content.tasks if placement in content.placements[task]]
        indices = content.placements[tasks[0]][placement]
        cells = [
            _score(means.loc[(task, placement)]) if task in tasks else {"value": "", "seeds": ""}
            for task in content.tasks
        ]
        rows.append(
            {
                "placement": placement,
                "text": _indices(indices["text"]),
                "vision": _indices(indices["vision"]),
                "cells": cells,
            }
        )
    return rows


def score_heads(content: Content) -> list[Row]:
    """The columns of the table of scores: each task with the score that was asked for."""
    names = content.scores.groupby("task")["score"].first()
    return [{"task": task, "score": _directed(content, task, names)} for task in content.tasks]


def _directed(content: Content, task: str, names: pd.Series) -> str:
    return f"{names[task]} (lower is better)" if content.lower_is_better(task) else str(names[task])


def _score(row: Any) -> Row:
    if pd.isna(row["mean"]):
        return {"value": "not scored", "seeds": "0"}
    return {"value": spread_text(row["mean"], row["sd"]), "seeds": str(int(row["seeds"]))}


def _indices(indices: Any) -> str:
    return " ".join(map(str, indices)) or "–"


def correlation_rows(table: pd.DataFrame, content: Content) -> list[Row]:
    """The table of correlations, rounded for reading; the chance level is the measured one."""
    return [_correlation(row, content) for _, row in table.iterrows()]


def _correlation(row: Any, content: Content) -> Row:
    reason = row.get("reason")
    because = f" ({reason})" if isinstance(reason, str) and reason else ""
    return {
        "task": str(row["task"]),
        "metric": str(row["metric"]),
        "n": str(row["n"]),
        "runs": str(row.get("runs", "")),
        "r": _number(row, "pearson") + _beside(row),
        "interval": _range(row, "low", "high"),
        "rho": _number(row, "spearman"),
        "p": _p(row, "p"),
        "adjusted": _p(row, "p_adjusted"),
        "least": _least(row),
        "studentised": _p(row, "p_studentised"),
        "by_ranks": _p(row, "p_spearman_adjusted"),
        "turn": _p(row, "p_turn"),
        "absent": "" if row.get("absence") == "not testable" else _p(row, "p_equivalence"),
        "factor": factor_text(row["bayes_factor"]) if pd.notna(row.get("bayes_factor")) else "",
        "left_out_r2": _number(row, "r2_left_out"),
        "without": _number(row, "without_none"),
        "left_out": _range(row, "leave_one_out_low", "leave_one_out_high"),
        "within": _number(row, "within"),
        "family": str(row.get("family", "")),
        "chance": _chance(content.values(str(row["task"]), spec_of(str(row["metric"])))),
        "verdict": f"{row['verdict']}{because}",
        "direction": str(row.get("direction", "")),
    }


def _beside(row: Any) -> str:
    """Return r of plain values, and r without the noise of seeds, where they are known."""
    plain, latent = _number(row, "pearson_plain"), _number(row, "disattenuated")
    above = ", above the ceiling" if latent and abs(row["disattenuated"]) > 1 else ""
    said = [f"plain {plain}"] if plain else []
    said += [f"without noise of seeds {latent}{above}"] if latent else []
    return f" ({'; '.join(said)})" if said else ""


def _number(row: Any, name: str) -> str:
    return f"{row[name]:+.2f}" if pd.notna(row.get(name)) else ""


def _range(row: Any, low: str, high: str) -> str:
    ends = _number(row, low), _number(row, high)
    return " to ".join(ends) if all(ends) else ""


def _p(row: Any, name: str) -> str:
    if pd.isna(row.get(name)):
        return ""
    fraction = row.get("p_fraction") if name == "p" else None
    return p_text(row[name], fraction=fraction if isinstance(fraction, str) else None)


def _least(row: Any) -> str:
    """Return the least p that could be attained, and after correction where that is larger."""
    if pd.isna(row.get("least_p")):
        return ""
    least, corrected = row["least_p"], row.get("least_p_adjusted")
    beside = f" ({p_text(corrected)})" if pd.notna(corrected) and corrected > least else ""
    return p_text(least) + beside


def heads(correlations: Any) -> list[str]:
    """What was correlated in each task, over how many units, and what that can find."""
    lines: list[str] = []
    for task in _records(correlations.tasks):
        rows = _records(correlations.table[correlations.table["task"] == task["task"]])
        if rows:
            lines.append("; ".join(summary_lines(task, rows, correlations.settings)))
    return lines


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries, in which what is missing is None."""
    return [
        {k: None if pd.api.types.is_scalar(v) and pd.isna(v) else v for k, v in row.items()}
        for row in table.to_dict(orient="records")
    ]


def metric_rows(content: Content) -> list[Row]:
    """What each metric is: all its parameters, its range and direction, its chance level."""
    rows = []
    for label in content.metrics:
        metric = known_metric(label)
        part = content.alignment[content.alignment["label"] == label]
        rows.append(
            {
                "metric": label,
                "parameters": part["parameters"].iloc[0].replace(",", ", ") or "none",
                "range": f"{metric.range[0]:g} to {metric.range[1]:g}" if metric else "",
                "direction": direction(label),
                "chance": _chance(part) + (INFLATED if _inflated(metric) else ""),
                "n": ", ".join(str(n) for n in sorted(set(part["n"]))),
                "paper": str(metric.declared.get("paper", "")) if metric else "",
            }
        )
    return rows


def _inflated(metric: Any) -> bool:
    return metric is not None and bool(metric.declared.get("inflated"))


def direction(label: str) -> str:
    """Which way a metric goes; nothing where its plugin is not installed."""
    metric = known_metric(label)
    if metric is None:
        return ""
    return "higher is more aligned" if metric.higher_is_better else "lower is more aligned"


def _chance(values: pd.DataFrame) -> str:
    """The span of the chance level over layers and runs."""
    known = values["chance"].dropna()
    if known.empty:
        return "not known"
    low, high = f"{known.min():.3f}", f"{known.max():.3f}"
    return low if low == high else f"{low} to {high}"


def run_rows(content: Content, paths: list[str]) -> list[Row]:
    """Every run: where it lies, and how many samples it was trained and scored on."""
    rows = []
    for run, path, score in zip(content.runs, paths, content.scores.itertuples(), strict=True):
        counts = run.stored.get("data", {}).get("n", {})
        n = ", ".join(f"{count} {split}" for split, count in counts.items())
        scored = "" if pd.isna(score.n) else f"{int(score.n)} {content.split}"
        rows.append(
            {
                "path": path,
                "seed": str(run.seed),
                "n": ", ".join(filter(None, [n, scored])),
                "value": "" if pd.isna(score.value) else f"{score.value:.3f}",
            }
        )
    return rows


def settings(content: Content, correlations: Any) -> dict[str, Any]:
    """What the numbers depend on: the analysis, and what all runs share."""
    chosen: dict[str, Any] = dict(correlations.settings) if correlations is not None else {}
    chosen |= {"split": content.options.split, "pool": content.options.pool}
    for key in ("training", "architecture", "versions"):
        chosen[key] = _shared([run.stored.get(key, {}) for run in content.runs])
    return chosen


def _shared(settings: list[Any]) -> Any:
    same = all(setting == settings[0] for setting in settings)
    return settings[0] if same else "differs between runs; see their config.json"


def flat(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Settings as pairs of dotted name and value."""
    for key, value in nested.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}.")
        else:
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)
