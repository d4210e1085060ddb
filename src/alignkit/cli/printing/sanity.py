"""How examined metrics are printed: their values, and which declared properties hold."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alignkit.cli.printing import console

if TYPE_CHECKING:
    from alignkit.testing import Examination

INPUTS = ("identical", "rotated", "scaled", "noisy", "random")


def show(rows: Sequence[dict[str, Any]], results: "Sequence[Examination]") -> None:
    """Print one row per metric, the failures on stderr, and how many metrics pass."""
    shown = [
        row
        | {
            "holds": ", ".join(c["property"] for c in row["checks"] if c["holds"]),
            "fails": ", ".join(row["fails"]) or "-",
        }
        for row in rows
    ]
    first = rows[0]
    console.print_table(
        shown,
        ["metric", *INPUTS, "chance", "best", "self_score", "fails", "holds"],
        title=f"metrics on synthetic data, n={first['samples']}, dimension {first['width']}",
    )
    for result in results:
        for check in result.failures:
            console.note(f"{result.metric} fails {check.name}: {check.detail}")
    failing = [result.metric for result in results if result.failures]
    passing = len(results) - len(failing)
    console.print_text(f"{passing} of {len(results)} metrics behave as declared")
    if failing:
        console.print_text(f"these do not: {', '.join(failing)}")
