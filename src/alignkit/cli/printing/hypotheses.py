"""How the answer to a question is printed: a paragraph and its tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alignkit.cli.printing import console

if TYPE_CHECKING:
    from alignkit.analysis.questions import Answer

_WIDTH = 100  # of prose when stdout is not a terminal

# Columns that are not shown in the terminal; JSON and CSV have all of them.
_HIDDEN = {
    "exact",
    "b0",
    "b1",
    "b2",
    "f",
    "t",
    "kind",
    "seen_low",
    "seen_high",
    "r_between",
    "runs_left_out",
    "gain",
    "fusions",
    "detects",
}


def show(answers: "Sequence[Answer]") -> None:
    """Print answers: of each its title, its paragraph and its tables."""
    for answer in answers:
        _show(answer)


def _show(answer: "Answer") -> None:
    from alignkit.report.paragraphs import paragraph

    console.print_text(f"{answer.title}\n", otherwise=_WIDTH)
    console.print_text(paragraph(answer), otherwise=_WIDTH)
    for name, table in answer.tables.items():
        rows = console.records(table)
        if rows:
            console.print_gap()
            columns = [column for column in table if column not in _HIDDEN]
            console.print_named(rows, columns, title=answer.table_title(name))
    console.print_gap()
