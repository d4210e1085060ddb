"""H1: do tasks prefer different placements, and does alignment go with score differently?"""

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

    found = interaction(
        evidence.scores,
        "score",
        standardise=evidence.standardise,
        n_permutations=evidence.permutations,
        seed=evidence.seed,
    )
    placements = _interaction_rows(evidence, found)
    alignment = _difference_rows(evidence)
    settings = evidence.settings | {
        "standardise": evidence.standardise,
        "scale": found.scale,
        "scheme": "vectors of a placement and seed over tasks, less their mean, are exchanged "
        "between placements; for correlations, tasks are swapped within placements",
        "runs_left_out": found.left_out,
    }
    return Answer(
        "h1",
        TITLE,
        f"{_placement_words(evidence, found)} {_alignment_words(alignment)}",
        {"placement_x_task": pd.DataFrame(placements), "correlations": pd.DataFrame(alignment)},
        settings,
        {"scores": evidence.scores},
    )


def _interaction_rows(evidence: Evidence, found: Interaction) -> list[dict[str, Any]]:
    row: dict[str, Any] = {
        "tasks": ", ".join(evidence.tasks),
        "placements": found.share.groups,
        "seeds": found.seeds,
        "eta_squared": found.share.eta_squared,
        "chance": found.share.chance,
        "f": found.share.f,
        "p": found.share.p,
        "reversed_pairs": found.reversed_pairs,
        "pairs": found.pairs,
        "reason": found.share.reason,
    }
    return with_holm([row])


def _difference_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per pair of tasks and metric, over the placements that both have."""
    import pandas as pd

    from alignkit.statistics.comparison.nonoverlapping import compare_nonoverlapping

    rows: list[dict[str, Any]] = []
    if len(evidence.tasks) < 2:
        return rows
    means = _by_placement(evidence)
    for one, other in combinations(evidence.tasks, 2):
        for metric in evidence.metrics:
            first, second = (
                means.loc[task, [metric, "score"]] * [evidence.sign(metric), evidence.outcome_sign]
                for task in (one, other)
            )
            both = pd.concat([first, second], axis=1, join="inner").dropna().to_numpy(float)
            found = compare_nonoverlapping(
                both[:, :2], both[:, 2:], evidence.permutations, evidence.seed
            )
            rows.append(
                {
                    "task": one,
                    "other": other,
                    "metric": metric,
                    "n": found.n,
                    "r": found.r_first,
                    "r_other": found.r_second,
                    "difference": found.difference,
                    "low": found.low,
                    "high": found.high,
                    "p": found.p,
                    "exact": found.exact,
                    "reason": found.reason,
                }
            )
    return with_holm(rows)


def _by_placement(evidence: Evidence) -> pd.DataFrame:
    """Means by task and placement; the name is what tasks share, the unit's hash is not."""
    columns = [*evidence.metrics, "score"]
    return evidence.joined().groupby(["task", "placement"])[columns].mean()


def _placement_words(evidence: Evidence, found: Interaction) -> str:
    share = found.share
    if share.p is None:
        return f"Whether tasks prefer different placements is not testable: {share.reason}."
    assert share.eta_squared is not None
    assert share.chance is not None
    unit = "in standard deviations of each task's runs" if evidence.standardise else "as they stand"
    said = (
        f"Over {counted(share.groups, 'placement')} on {listed(evidence.tasks)} "
        f"({counted(found.seeds, 'placement and seed')} in common, scores {unit}), what a "
        f"placement does to one task and not to another accounts for {share.eta_squared:.0%} of "
        f"the variance that task and placement leave ({share.chance:.0%} at chance), "
        f"p {p_text(share.p, True)}: "
    )
    if share.p >= 0.05:
        said += "no difference in preference is shown, which is not to say that there is none."
    elif found.reversed_pairs:
        said += "tasks prefer different placements."
    else:
        said += "placement matters more for one task than for another, in the same order."
    best = _best(evidence, found.means)
    return (
        f"{said} {found.reversed_pairs} of {found.pairs} pairs of placements change order. {best}"
    )


def _best(evidence: Evidence, means: pd.DataFrame) -> str:
    sign = evidence.outcome_sign
    raw = evidence.scores.groupby(["task", "placement"])["score"].mean()
    parts = []
    for task in means.columns:
        name = (sign * means[task]).idxmax()
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
        f"Alignment goes with score most differently for {most['metric']}: r = {most['r']:+.2f} on "
        f"{most['task']} and {most['r_other']:+.2f} on {most['other']}, difference "
        f"{most['difference']:+.2f}{interval_words(most['low'], most['high'])}, "
        f"p {p_text(most['p'], True)}, p {p_text(most['p_holm'], True)} after Holm over "
        f"{counted(len(tested), 'comparison')}; "
    )
    different = [row for row in tested if row["verdict"] == "supported"]
    if different:
        names = listed(dict.fromkeys(row["metric"] for row in different))
        return said + f"the association differs between tasks for {names}."
    return said + "for no metric is a difference between tasks shown."
