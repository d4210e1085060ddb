"""Whether alignment depends on placement, and on which property of a placement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.analysis.questions.answer import Answer
from alignkit.analysis.questions.evidence import Evidence
from alignkit.analysis.questions.verdicts import with_power, with_verdicts
from alignkit.models.placement import Placement
from alignkit.statistics.attainable import least_partition_p
from alignkit.statistics.detection import power_of_correlation, power_of_groups

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Does alignment depend on placement?"
DESCRIPTORS = {
    "text_depth": "mean index in the text stream, as a fraction of its depth",
    "vision_depth": "mean index in the vision stream, as a fraction of its depth",
    "blocks": "number of fusions",
    "asymmetry": "text depth minus vision depth",
    "after_last": "share of layers after the last fusion, mean of both streams",
}


def does_alignment_depend_on_placement(evidence: Evidence) -> Answer:
    """Compare the variance between placements with that of seeds, and test descriptors."""
    joined = evidence.joined()
    variance = with_verdicts(
        [
            _variance(evidence, joined, task, name)
            for task in evidence.tasks
            for name in (*evidence.metrics, "score")
        ]
    )
    variance = with_power(
        variance,
        "placements that account for half of the variance",
        lambda row: power_of_groups(row["placements"], row["runs"]),
    )
    described = _described(evidence, joined)
    against = with_verdicts(
        [
            _against(evidence, described, task, metric, descriptor)
            for task in evidence.tasks
            for metric in evidence.metrics
            for descriptor in DESCRIPTORS
        ]
    )
    against = with_power(against, "r = 0.7", lambda row: power_of_correlation(row["n"]))
    settings = evidence.settings | {
        "scheme": "runs are exchanged between placements; descriptors: placements are permuted",
        "descriptors": DESCRIPTORS,
    }
    return Answer(
        "placement",
        TITLE,
        {"variance": variance, "descriptors": against},
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
        "least_p": None
        if share.p is None
        else least_partition_p(list(part["unit"].value_counts()), evidence.permutations),
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
