"""How ablations are printed: a row per placement, then the tests over placements."""

from typing import TYPE_CHECKING

from alignkit.cli.printing import console

if TYPE_CHECKING:
    from alignkit.analysis.ablation import Ablation

_TESTS = ("placements", "higher", "mean", "reference_mean", "difference", "low", "high")
_P = ("p", "p_adjusted", "least_p", "verdict", "reason")
_RANKINGS = ("placements", "spearman", "low", "high", "best_reference", "best")


def show(result: "Ablation") -> None:
    """Print means over seeds by placement, the differences, and the rankings."""
    option, reference = result.settings["option"], result.settings["reference"]
    key = ("task", "outcome", "value")
    tables = (
        (result.placements, list(result.placements), f"{option}, each against {reference}"),
        (result.differences, [*key, *_TESTS, *_P], "mean difference over placements"),
        (
            result.rankings,
            [*key, *_RANKINGS, *_P],
            f"does the ranking of placements with {option}={reference} predict the others?",
        ),
    )
    for number, (table, columns, title) in enumerate(tables):
        if number:
            console.print_gap()
        console.print_named(console.records(table), columns, title=title)
