"""H2: does alignment at intermediate layers go with score more than at the last?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.analysis.formatting import p_text
from alignkit.analysis.questions.answer import Answer, counted, interval_words, why_not, with_holm
from alignkit.analysis.questions.evidence import Evidence, layer_count

if TYPE_CHECKING:
    import pandas as pd

TITLE = "H2: do intermediate layers tell more than the last?"
RULES = ("max", "mean", "half")


def do_intermediate_layers_tell_more(evidence: Evidence) -> Answer:
    """Compare dependent correlations with the same score: another rule against the last layer.

    It is supported where the correlations differ and the intermediate one is the stronger,
    whatever its sign.
    """
    import pandas as pd

    tables = {rule: evidence.joined(rule) for rule in ("last", *RULES)}
    rows = [
        _row(evidence, task, metric, rule, tables)
        for task in evidence.tasks
        for metric in evidence.metrics
        for rule in RULES
    ]
    rows = with_holm(rows, directed="stronger_by")
    best = with_holm(_best_layers(evidence))
    settings = evidence.settings | {
        "rules": list(RULES),
        "scheme": "Williams for p, Zou for the interval; the best layer against the best of "
        "every permutation of placements",
    }
    return Answer(
        "h2",
        TITLE,
        f"{_words(rows)} {_best_words(best)}",
        {"against_last": pd.DataFrame(rows), "best_layer": pd.DataFrame(best)},
        settings,
    )


def _row(
    evidence: Evidence, task: str, metric: str, rule: str, tables: dict[str, pd.DataFrame]
) -> dict[str, Any]:
    from alignkit.statistics.comparison.overlapping import compare_overlapping

    last, other, score = _units(evidence, task, metric, tables["last"], tables[rule])
    found = compare_overlapping(other, last, score)
    stronger = None
    if found.r_first is not None and found.r_second is not None:
        stronger = abs(found.r_first) - abs(found.r_second)
    return {
        "task": task,
        "metric": metric,
        "rule": rule,
        "n": found.n,
        "r_last": found.r_second,
        "r_rule": found.r_first,
        "r_between": found.r_between,
        "stronger_by": stronger,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "t": found.t,
        "p": found.p,
        "reason": found.reason,
    }


def _units(
    evidence: Evidence, task: str, metric: str, last: pd.DataFrame, other: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means over seeds of both alignments and the score; up is more aligned, and better."""
    both = last.assign(other=other[metric])
    units = evidence.units(both[both["task"] == task], [metric, "other", "score"]).dropna()
    sign = evidence.sign(metric)
    return (
        sign * units[metric].to_numpy(float),
        sign * units["other"].to_numpy(float),
        evidence.outcome_sign * units["score"].to_numpy(float),
    )


def _best_layers(evidence: Evidence) -> list[dict[str, Any]]:
    """The layer with the largest correlation, against the null of that choice."""
    from alignkit.statistics.association import strongest_column
    from alignkit.statistics.comparison.overlapping import compare_overlapping

    values = evidence.values("same")
    depth = values.groupby(["run", "metric"]).cumcount()
    wide = values.assign(depth=depth).pivot(
        index=["metric", "run"], columns="depth", values="value"
    )
    layers = list(range(layer_count(evidence.runs)))
    rows = []
    for task in evidence.tasks:
        for metric in evidence.metrics:
            by_layer = wide.loc[metric, layers].rename(columns=str)
            columns = list(by_layer)
            table = evidence.scores.join(by_layer, on="run")
            units = evidence.units(table[table["task"] == task], [*columns, "score"])
            units = units.dropna(subset=[*columns, "score"])
            row: dict[str, Any] = {
                "task": task,
                "metric": metric,
                "layers": len(layers),
                "n": len(units),
                "layer": None,
                "r": None,
                "p": None,
            }
            x = evidence.sign(metric) * units[columns].to_numpy(float)
            y = evidence.outcome_sign * units["score"].to_numpy(float)
            row["reason"] = next(
                (why for one in x.T if (why := compare_overlapping(one, one, y).reason)), ""
            )
            if not row["reason"]:
                row["layer"], row["r"], row["p"] = strongest_column(
                    x, y, evidence.permutations, evidence.seed
                )
            rows.append(row)
    return rows


def _words(rows: list[dict[str, Any]]) -> str:
    tested = [row for row in rows if row["p"] is not None]
    if not tested:
        return f"Whether intermediate layers tell more is not testable: {why_not(rows)}."
    supported = [row for row in tested if row["verdict"] == "supported"]
    contradicted = [row for row in tested if row["verdict"] == "contradicted"]
    stronger = sum(row["stronger_by"] > 0 for row in tested)
    most = min(tested, key=lambda row: row["p"])
    said = (
        f"In {stronger} of {counted(len(tested), 'comparison')} intermediate layers correlate more "
        f"strongly with score than the last layer. The clearest difference is {most['rule']} of "
        f"{most['metric']} on {most['task']} over {counted(most['n'], 'placement')}: "
        f"r = {most['r_rule']:+.2f} against {most['r_last']:+.2f}, difference "
        f"{most['difference']:+.2f}{interval_words(most['low'], most['high'])}, "
        f"Williams p {p_text(most['p'], True)}, p {p_text(most['p_holm'], True)} after Holm. "
    )
    if supported or contradicted:
        found = []
        if supported:
            found.append(f"intermediate layers tell more in {len(supported)}")
        if contradicted:
            found.append(f"the last layer tells more in {len(contradicted)}")
        return said + f"After correction {' and '.join(found)} of {len(tested)}."
    return said + "After correction no difference is shown."


def _best_words(rows: list[dict[str, Any]]) -> str:
    """The maximum is held against its own null."""
    tested = [row for row in rows if row["p"] is not None]
    if not tested:
        return ""
    said = "; ".join(
        f"{row['metric']} on {row['task']}: layer {row['layer']}, r = {row['r']:+.2f}, "
        f"p {p_text(row['p'], True)}"
        for row in sorted(tested, key=lambda row: row["p"])[:3]
    )
    return (
        f"The single layer with the largest r, against the null of choosing the largest of "
        f"{rows[0]['layers']}: {said}."
    )
