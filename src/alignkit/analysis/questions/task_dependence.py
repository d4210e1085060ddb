"""H1: whether tasks differ in their best placement, and in how alignment relates to scores."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from alignkit.analysis.questions.answer import Answer
from alignkit.analysis.questions.evidence import Evidence
from alignkit.analysis.questions.verdicts import with_power, with_verdicts
from alignkit.statistics.detection import power_of_difference, power_of_groups

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics.variance.interaction import Interaction

TITLE = "H1: does the effect of placement depend on the task?"


def does_the_task_matter(evidence: Evidence) -> Answer:
    """Test the interaction of placement and task, and the difference of their correlations."""
    from alignkit.statistics.variance.interaction import interaction

    result = interaction(
        _turned(evidence),
        "score",
        standardise=evidence.standardise,
        n_permutations=evidence.permutations,
        seed=evidence.seed,
    )
    placements = _interaction_rows(evidence, result)
    alignment = _difference_rows(evidence)
    settings = evidence.settings | {
        "standardise": evidence.standardise,
        "scale": result.scale,
        "scheme": "vectors of a placement and seed over tasks, less their mean, are compared "
        "within seeds by a Welch statistic, against simulated studies with the noise of each "
        "placement; a reversal is what isotonic regression of two tasks along one order leaves "
        "over; for correlations, tasks are swapped within placements",
        "runs_left_out": result.left_out,
    }
    return Answer(
        "h1",
        TITLE,
        {"placement_x_task": placements, "correlations": alignment},
        settings,
        {"scores": evidence.scores, "best": _best_placements(evidence, result)},
    )


def _turned(evidence: Evidence) -> pd.DataFrame:
    """Return the scores with their sign turned where lower is better, so that higher is better."""
    signs = {task: evidence.outcome_sign(task) for task in evidence.tasks}
    scores = evidence.scores
    return scores.assign(score=scores["score"] * scores["task"].map(signs))


def _interaction_rows(evidence: Evidence, result: Interaction) -> list[dict[str, Any]]:
    row: dict[str, Any] = {
        "tasks": ", ".join(evidence.tasks),
        "placements": result.share.groups,
        "seeds": result.seeds,
        "eta_squared": result.share.eta_squared,
        "chance": result.share.chance,
        "f": result.share.f,
        "p": result.share.p,
        "reversed_pairs": result.reversed_pairs,
        "pairs": result.pairs,
        "p_reversal": result.p_reversal,
        "reason": result.share.reason,
        "least_p": None if result.share.p is None else 1 / (1 + evidence.permutations),
    }
    return with_power(
        with_verdicts([row]),
        "an interaction that accounts for half of what the main effects leave",
        lambda row: power_of_groups(
            row["placements"], row["seeds"], max(1, len(evidence.tasks) - 1)
        ),
    )


def _difference_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Compare every pair of tasks under every metric, over the placements that both have."""
    import pandas as pd

    from alignkit.statistics.attainable import least_flip_p, least_units_to_flip
    from alignkit.statistics.comparison.nonoverlapping import compare_nonoverlapping

    rows: list[dict[str, Any]] = []
    if len(evidence.tasks) < 2:
        return rows
    means = _by_placement(evidence)
    for task, other in combinations(evidence.tasks, 2):
        for metric in evidence.metrics:
            first, second = (
                means.loc[name, [metric, "score"]]
                * [evidence.sign(metric), evidence.outcome_sign(name)]
                for name in (task, other)
            )
            both = pd.concat([first, second], axis=1, join="inner").dropna().to_numpy(float)
            compared = compare_nonoverlapping(
                both[:, :2], both[:, 2:], evidence.permutations, evidence.seed
            )
            rows.append(
                {
                    "task": task,
                    "other": other,
                    "metric": metric,
                    "n": compared.n,
                    "r": compared.r_first,
                    "r_other": compared.r_second,
                    "difference": compared.difference,
                    "low": compared.low,
                    "high": compared.high,
                    "p": compared.p,
                    "exact": compared.exact,
                    "reason": compared.reason,
                    "least_p": None
                    if compared.p is None
                    else least_flip_p(compared.n, evidence.permutations),
                }
            )
    return with_power(
        with_verdicts(rows, needed=least_units_to_flip),
        "r = 0.7 in one task against r = 0 in the other",
        lambda row: power_of_difference(row["n"]),
    )


def _by_placement(evidence: Evidence) -> pd.DataFrame:
    """Return means by task and placement."""
    columns = [*evidence.metrics, "score"]
    return evidence.joined().groupby(["task", "placement"])[columns].mean()


def _best_placements(evidence: Evidence, result: Interaction) -> pd.DataFrame:
    """Return the placement with the best mean score of each task, with that score."""
    import pandas as pd

    raw = evidence.scores.groupby(["task", "placement"])["score"].mean()
    rows = []
    for task in result.means.columns:
        placement = result.means[task].idxmax()
        outcome = evidence.outcome_name(str(task))
        rows.append(
            {
                "task": task,
                "placement": placement,
                "outcome": outcome,
                "score": float(raw[task, placement]),
            }
        )
    return pd.DataFrame(rows)
