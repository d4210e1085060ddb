"""How the answer to a question is printed: a paragraph and its tables."""

import textwrap
from typing import TYPE_CHECKING

from alignkit.cli.printing import console

if TYPE_CHECKING:
    from alignkit.analysis.questions import Answer

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


def show(answer: "Answer") -> None:
    """Print an answer: its title, its paragraph and its tables."""
    from alignkit.report.paragraphs import paragraph

    print(f"{answer.title}\n")
    print(textwrap.fill(paragraph(answer), 100, break_long_words=False, break_on_hyphens=False))
    for name, table in answer.tables.items():
        rows = console.records(table)
        columns = [
            column
            for column in table
            if column not in _HIDDEN and any(row[column] not in (None, "") for row in rows)
        ]
        if rows:
            print()
            console.print_table(rows, columns, title=name.replace("_", " "))
    print()
