"""The head of a report: whether alignment rises across fusions, and the power of the rest."""

import pandas as pd
import pytest

from alignkit.analysis.options import TableOptions
from alignkit.analysis.questions import Answer, Evidence, ask
from alignkit.chain.evaluate import evaluate
from alignkit.report.results import report_runs
from alignkit.report.rise import rise_sentences
from alignkit.report.sentences import power_sentences

TESTED = {
    "task": "t",
    "metric": "m",
    "placements": 7,
    "change": 0.3,
    "low": 0.18,
    "high": 0.41,
    "p": 0.0156,
    "p_adjusted": 0.0156,
    "verdict": "supported",
    "reason": "",
}
UNTESTED = TESTED | {"change": None, "low": None, "high": None, "p": None, "reason": "too few"}
UNTESTED |= {"p_adjusted": None, "verdict": "not testable"}
AGAINST = TESTED | {"change": 0.21, "low": None, "high": None, "p": 0.0004, "p_adjusted": 0.0004}


def _said(across, against):
    return rise_sentences(Answer("h3", "", {"across": [across], "against_none": [against]}, {}))


def test_a_rise_is_said_with_its_numbers():
    assert _said(TESTED, AGAINST) == [
        "t: alignment is higher after a fusion than before it. Across fusions, m changes by +0.30 "
        "(95 % interval +0.18 to +0.41, p = 0.016), over 7 placements; across a layer that "
        "follows a fusion, it changes by +0.21 (p < 0.001) more than at the same depth without "
        "a fusion."
    ]


@pytest.mark.parametrize(
    ("change", "opening"),
    [
        ({"verdict": "contradicted", "change": -0.3}, "alignment is lower after a fusion than"),
        ({"verdict": "inconclusive", "p": 0.3}, "it is not shown that alignment differs"),
        ({"verdict": "not testable"}, "whether alignment rises across fusions cannot be tested"),
    ],
)
def test_nothing_else_is_called_a_rise(change, opening):
    (said,) = _said(TESTED | change, UNTESTED)
    assert said.startswith(f"t: {opening}")
    assert "higher" not in said


def test_a_corrected_p_is_said_where_it_differs():
    (said,) = _said(TESTED | {"p_adjusted": 0.031}, UNTESTED)
    assert "p = 0.016, corrected p = 0.031), over 7 placements." in said


def test_what_cannot_be_tested_has_its_reason():
    assert _said(UNTESTED, UNTESTED) == [
        "t: whether alignment rises across fusions cannot be tested (too few)."
    ]


def test_the_power_is_said_per_task_that_can_be_tested():
    tasks = pd.DataFrame(
        {
            "task": ["a", "b"],
            "n": [8, 3],
            "tests": [2, 2],
            "power": [0.54, None],
            "power_corrected": [0.42, None],
        }
    )
    assert power_sentences(tasks) == [
        "a: over 8 units, a true correlation of 0.7 is found with a probability of 0.54 in a "
        "single test, and of 0.42 when corrected for 2 tests."
    ]
    (alone,) = power_sentences(tasks.assign(tests=1))
    assert alone.endswith("0.54 in a single test.")


def test_a_report_starts_with_the_answer(own_runs, tmp_path):
    runs = [run for run in own_runs[1] if run.task == "toy_match"]
    for run in runs:
        evaluate(run)
    metrics = ("cka", "mknn:k=5")
    options = TableOptions(metrics, layer="max")
    report_runs(runs, tmp_path / "r", options, permutations=9, measure=True)
    head = (tmp_path / "r" / "report.md").read_text().partition("\n## ")[0]
    asked = head.partition("**Does alignment rise across co-attention?**")[2]
    first = asked.split("\n- ")[1].partition("\n")[0]
    (answer,) = ask(["h3"], Evidence(runs, TableOptions(metrics), 9))
    page = (tmp_path / "r" / "report.html").read_text()
    assert [f"<h3>{asked}: " in page for asked in ("H1", "H2", "H3")] == [True] * 3
    changes = pd.read_csv(tmp_path / "r" / "figures" / "h3-across.csv")
    assert list(changes["metric"]) == list(metrics)
    shown = [row["change"] for row in answer.rows["across"]]
    assert list(changes["change"]) == pytest.approx(shown)
    assert 'id="chart-agreement"' in page
    (expected,) = rise_sentences(answer)
    assert first.replace("\\", "") == expected
    assert answer.rows["across"][0]["change"] is not None
