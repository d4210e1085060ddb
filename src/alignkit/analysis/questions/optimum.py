"""Whether there is an optimal alignment."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from alignkit.analysis.questions.answer import Answer
from alignkit.analysis.questions.evidence import Evidence
from alignkit.analysis.questions.verdicts import add_corrections, with_power, with_verdicts
from alignkit.statistics.detection import power_of_curve
from alignkit.statistics.requirements import LEVEL

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics.joint import JointTest

TITLE = "Is there an optimal alignment?"


def is_there_an_optimum(evidence: Evidence) -> Answer:
    """Fit score on alignment with a quadratic term, task by task."""
    units = evidence.units(evidence.joined(), [*evidence.metrics, "score"])
    rows, robust, ordinary = [], [], []
    for task in evidence.tasks:
        for metric in evidence.metrics:
            row, tests = _row(evidence, units, task, metric)
            rows.append(row)
            robust.append(tests and tests[0])
            ordinary.append(tests and tests[1])
    opposite = [row | {"p": row["p_lowest"]} for row in rows]
    add_corrections(opposite, [test and _of_a_minimum(test) for test in robust])
    _correct_bent(rows, ordinary)
    rows = with_power(
        with_verdicts(rows, tests=robust),
        "a curve that explains half of what a line leaves",
        lambda row: power_of_curve(row["n"]),
    )
    for row, other in zip(rows, opposite, strict=True):
        row["p_lowest_adjusted"] = other["p_adjusted"]
        row["verdict"] = _verdict(row)
    settings = evidence.settings | {
        "scheme": "residuals of the linear fit are permuted over units, jointly in all tests on "
        "the same units; the quadratic term is studentised (p: HC4; bent: its ordinary standard "
        "error) and tested one-sided; both sides by what monotone curves leave of a parabola "
        "around the turning point; Fieller's interval"
    }
    return Answer("optimum", TITLE, {"quadratic": rows}, settings, {"units": units})


def _row(
    evidence: Evidence, units: pd.DataFrame, task: str, metric: str
) -> tuple[dict[str, Any], tuple[JointTest, JointTest] | None]:
    """Return a row, and its tests for a maximum: for unequal noise, and for equal noise."""
    from alignkit.statistics.attainable import least_permutation_p
    from alignkit.statistics.joint import JointTest
    from alignkit.statistics.quadratic import curvature_tests, quadratic_fit

    part = units[units["task"] == task].dropna(subset=[metric, "score"])
    x = part[metric].to_numpy(float)
    y = evidence.outcome_sign(task) * part["score"].to_numpy(float)
    permutations = evidence.arrangements(list(part["unit"]))
    fitted = quadratic_fit(x, y, permutations)
    row = {"task": task, "metric": metric} | asdict(fitted)
    row["kind"] = {"highest": "best", "lowest": "worst"}.get(fitted.kind, "")
    row["seen_low"], row["seen_high"] = (
        (float(x.min()), float(x.max())) if len(part) else (None, None)
    )
    fit = row.pop("coefficients")
    row |= {f"b{i}": evidence.outcome_sign(task) * fit[i] if fit else None for i in range(3)}
    if fitted.p is None:
        return row, None
    row["least_p"] = least_permutation_p(fitted.n, evidence.permutations, sides=1)
    robust, ordinary = (
        JointTest(-t, -null, fitted.n - 3, id(permutations), permutations.exact)
        for t, null in curvature_tests(x, y, permutations.indices)
    )
    return row, (robust, ordinary)


def _of_a_minimum(test: JointTest) -> JointTest:
    return replace(test, evidence=-test.evidence, null=-test.null)


def _correct_bent(rows: list[dict[str, Any]], tests: list[JointTest | None]) -> None:
    """Let ``bent`` hold after correction for all rows."""
    from alignkit.statistics.joint import max_t

    tested = [(row, test) for row, test in zip(rows, tests, strict=True) if test is not None]
    for kind, turned in (("best", lambda test: test), ("worst", _of_a_minimum)):
        for (row, _), p in zip(tested, max_t([turned(t) for _, t in tested]), strict=True):
            if row["kind"] == kind:
                row["bent"] = p < LEVEL


def _verdict(row: dict[str, Any]) -> str:
    """Support an optimum only where the score rises and falls within the observed range."""
    if row["verdict"] == "not testable":
        return "not testable"
    if not (row["bent"] and row["within"] and row["both_sides"]):
        return "inconclusive"
    return "supported" if row["kind"] == "best" else "contradicted"
