"""The page on statistics names the numbers that the code uses."""

from pathlib import Path

from alignkit.statistics.correlation.verdict import VERDICTS
from alignkit.statistics.requirements import MIN_UNITS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_fewest_units_of_a_test_are_those_of_the_code():
    assert f"fewer than {MIN_UNITS} units" in (DOCS / "statistics.md").read_text()
    number = {6: "six"}[MIN_UNITS]
    assert f"needs at least {number} of them" in (DOCS / "questions.md").read_text()


def test_every_verdict_has_a_row():
    page = (DOCS / "statistics.md").read_text()
    assert all(f"\n| {verdict} |" in page for verdict in VERDICTS)
