"""Whether alignment depends on placement, and on which property of a placement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.analysis.formatting import p_text
from alignkit.analysis.questions.answer import Answer, counted, listed, why_not, with_holm
from alignkit.analysis.questions.evidence import Evidence
from alignkit.models.placement import Placement

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Does alignment depend on placement?"
DESCRIPTORS = {
    "text_depth": "mean index in the text stream, as a share of its depth",
    "vision_depth": "mean index in the vision stream, as a share of its depth",
    "blocks": "number of fusions",
    "asymmetry": "text depth less vision depth",
    "after_last": "share of layers that follow the last fusion, mean of both streams",
}


def does_alignment_depend_on_placement(evidence: Evidence) -> Answer:
    """Compare the variance between placements with that of seeds, and test descriptors."""
    import pandas as pd

    joined = evidence.joined()
    variance = with_holm(
        [
            _variance(evidence, joined, task, name)
            for task in evidence.tasks
            for name in (*evidence.metrics, "score")
        ]
    )
    described = _described(evidence, joined)
    against = with_holm(
        [
            _against(evidence, described, task, metric, descriptor)
            for task in evidence.tasks
            for metric in evidence.metrics
            for descriptor in DESCRIPTORS
        ]
    )
    settings = evidence.settings | {
        "scheme": "runs are exchanged between placements; descriptors: placements are permuted",
        "descriptors": DESCRIPTORS,
    }
    return Answer(
        "placement",
        TITLE,
        f"{_variance_words(variance)} {_descriptor_words(against)}",
        {"variance": pd.DataFrame(variance), "descriptors": pd.DataFrame(against)},
        settings,
        {"units": described, "runs": joined},
    )


def describe(placement: Placement, depths: dict[str, int]) -> dict[str, float]:
    """Describe a placement in numbers, see ``DESCRIPTORS``; depths are NaN without fusions."""
    if not len(placement):
        nothing = dict.fromkeys(DESCRIPTORS, float("nan"))
        return nothing | {"blocks": 0.0}
    text, vision = (
        float(np.mean(getattr(placement, stream))) / depths[stream] for stream in ("text", "vision")
    )
    after = [
        (depths[stream] - getattr(placement, stream)[-1]) / depths[stream]
        for stream in ("text", "vision")
    ]
    return {
        "text_depth": text,
        "vision_depth": vision,
        "blocks": float(len(placement)),
        "asymmetry": text - vision,
        "after_last": float(np.mean(after)),
    }


def _variance(evidence: Evidence, joined: pd.DataFrame, task: str, name: str) -> dict[str, Any]:
    from alignkit.statistics.variance.decomposition import intraclass_correlation, permutation_anova

    part = joined[joined["task"] == task].dropna(subset=[name])
    values, groups = part[name].to_numpy(float), part["unit"].to_numpy()
    share = permutation_anova(values, groups, evidence.permutations, evidence.seed)
    icc = intraclass_correlation(values, groups) if share.p is not None else None
    reason = share.reason if len(part) else f"{task} has no {name}"
    return {
        "task": task,
        "metric": name,
        "placements": share.groups,
        "runs": share.n,
        "eta_squared": share.eta_squared,
        "chance": share.chance,
        "icc": icc and icc[0],
        "icc_low": icc and icc[1],
        "icc_high": icc and icc[2],
        "p": share.p,
        "reason": reason,
    }


def _described(evidence: Evidence, joined: pd.DataFrame) -> pd.DataFrame:
    """Units with their descriptors; up is more aligned."""
    columns = [*evidence.metrics, "score"]
    numbers = {
        str(run.path): describe(run.config.placement, run.config.architecture.make().depths())
        for run in evidence.runs
    }
    table = joined.copy()
    for name in DESCRIPTORS:
        table[name] = [numbers[run][name] for run in table["run"]]
    units = evidence.units(table, [*columns, *DESCRIPTORS])
    for metric in evidence.metrics:
        units[metric] *= evidence.sign(metric)
    return units


def _against(
    evidence: Evidence, units: pd.DataFrame, task: str, metric: str, descriptor: str
) -> dict[str, Any]:
    from dataclasses import asdict

    from alignkit.statistics.association import associate

    part = units[units["task"] == task]
    association = associate(
        part[descriptor].to_numpy(float),
        part[metric].to_numpy(float),
        evidence.permutations,
        evidence.seed,
    )
    return {"task": task, "metric": metric, "descriptor": descriptor, **asdict(association)}


def _variance_words(rows: list[dict[str, Any]]) -> str:
    tested = [row for row in rows if row["p"] is not None and row["metric"] != "score"]
    if not tested:
        alignment = [row for row in rows if row["metric"] != "score"]
        return f"Whether alignment depends on placement is not testable: {why_not(alignment)}."
    parts = []
    for row in tested[:6]:
        icc = "" if row["icc"] is None else f", ICC {row['icc']:.2f}"
        parts.append(
            f"{row['metric']} on {row['task']} {row['eta_squared']:.0%} ({row['chance']:.0%} at "
            f"chance{icc}, p {p_text(row['p'], True)})"
        )
    different = [row for row in tested if row["verdict"] == "supported"]
    return (
        f"Of the variance of alignment between runs, placement accounts for: {'; '.join(parts)}. "
        f"After Holm correction, placements differ by more than their seeds in {len(different)} of "
        f"{counted(len(tested), 'test')}."
    )


def _descriptor_words(rows: list[dict[str, Any]]) -> str:
    tested = [row for row in rows if row["p"] is not None]
    if not tested:
        return f"Alignment cannot be tested against descriptors of placements: {why_not(rows)}."
    most = min(tested, key=lambda row: (row["p"], -abs(row["pearson"])))
    kept = [row for row in tested if row["verdict"] == "supported"]
    names = listed(f"{row['metric']} with {row['descriptor']} on {row['task']}" for row in kept)
    return (
        f"Of the descriptors of a placement, {most['descriptor']} "
        f"({DESCRIPTORS[most['descriptor']]}) is most strongly associated with alignment: "
        f"{most['metric']} on {most['task']}, r = {most['pearson']:+.2f} over "
        f"{counted(most['n'], 'placement')}, p {p_text(most['p'], True)}. "
        + (
            f"Significant after Holm correction over {counted(len(tested), 'test')}: {names}."
            if kept
            else f"None is significant after Holm correction over {counted(len(tested), 'test')}."
        )
    )
