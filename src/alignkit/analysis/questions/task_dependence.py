"""H1: whether tasks differ in their best placement, and in how alignment relates to scores."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from alignkit.analysis.formatting import p_text
from alignkit.analysis.questions.answer import (
    Answer,
    counted,
    interval_words,
    listed,
    why_not,
    with_holm,
)
from alignkit.analysis.questions.evidence import Evidence

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics.variance.interaction import Interaction

TITLE = "H1: does it depend on the task?"


def does_the_task_matter(evidence: Evidence) -> Answer:
    """Test the interaction of placement and task, and the difference of their correlations."""
    import pandas as pd

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
        "scheme": "vectors of a placement and seed over tasks, less their mean, are exchanged "
        "between placements; for correlations, tasks are swapped within placements",
        "runs_left_out": result.left_out,
    }
    return Answer(
        "h1",
        TITLE,
        f"{_placement_words(evidence, result)} {_alignment_words(alignment)}",
        {"placement_x_task": pd.DataFrame(placements), "correlations": pd.DataFrame(alignment)},
        settings,
        {"scores": evidence.scores},
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
        "reason": result.share.reason,
    }
    return with_holm([row])


def _difference_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Compare every pair of tasks under every metric, over the placements that both have."""
    import pandas as pd

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
                }
            )
    return with_holm(rows)


def _by_placement(evidence: Evidence) -> pd.DataFrame:
    """Return means by task and placement; tasks share its name, but not the hash of the unit."""
    columns = [*evidence.metrics, "score"]
    return evidence.joined().groupby(["task", "placement"])[columns].mean()


def _placement_words(evidence: Evidence, result: Interaction) -> str:
    share = result.share
    if share.p is None:
        return f"Whether tasks prefer different placements is not testable: {share.reason}."
    assert share.eta_squared is not None
    assert share.chance is not None
    unit = (
        "in standard deviations of each task's runs" if evidence.standardise else "not standardised"
    )
    said = (
        f"Over {counted(share.groups, 'placement')} on {listed(evidence.tasks)} "
        f"({counted(result.seeds, 'placement and seed')} in common, scores {unit}), the "
        f"interaction of placement and task accounts for {share.eta_squared:.0%} of "
        f"the variance that their main effects leave ({share.chance:.0%} at chance), "
        f"p {p_text(share.p, True)}: "
    )
    if share.p >= 0.05:
        said += "no difference in preference is shown, which does not mean that there is none."
    elif result.reversed_pairs:
        said += "tasks prefer different placements."
    else:
        said += "placement matters more for one task than for another, in the same order."
    best = _best(evidence, result.means)
    return (
        f"{said} {result.reversed_pairs} of {result.pairs} pairs of placements change order. {best}"
    )


def _best(evidence: Evidence, means: pd.DataFrame) -> str:
    raw = evidence.scores.groupby(["task", "placement"])["score"].mean()
    parts = []
    for task in means.columns:
        name = means[task].idxmax()
        parts.append(f"{name} on {task} ({evidence.outcome_name(str(task))} {raw[task, name]:.3f})")
    return f"The best placement is {listed(parts)}."


def _alignment_words(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "With one task there are no correlations to compare."
    tested = [row for row in rows if row["p"] is not None]
    if not tested:
        return f"Correlations of alignment with score cannot be compared: {why_not(rows)}."
    most = min(tested, key=lambda row: (row["p"], -abs(row["difference"])))
    said = (
        f"The correlation of alignment with the score differs most for {most['metric']}: "
        f"r = {most['r']:+.2f} on {most['task']} and {most['r_other']:+.2f} on {most['other']}, "
        f"difference {most['difference']:+.2f}{interval_words(most['low'], most['high'])}, "
        f"p {p_text(most['p'], True)}, p {p_text(most['p_holm'], True)} after Holm over "
        f"{counted(len(tested), 'comparison')}; "
    )
    different = [row for row in tested if row["verdict"] == "supported"]
    if different:
        names = listed(dict.fromkeys(row["metric"] for row in different))
        return said + f"the association differs between tasks for {names}."
    return said + "no metric shows a difference between tasks."
