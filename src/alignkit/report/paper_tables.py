"""Tables for papers, in LaTeX or Markdown, with names as a paper writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alignkit.cleaning import visible
from alignkit.errors import UsageError
from alignkit.report.proper_names import proper_name

# The columns that hold names of metrics, scores and tasks.
NAMES = ("metric", "score", "task")
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "…": r"\ldots{}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "×": r"$\times$",
    "η²": r"$\eta^2$",
    "η": r"$\eta$",
    "²": "$^2$",
    "→": r"$\rightarrow$",
    **{mark: f"${mark}$" for mark in "<>|"},
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}
_MARKS = re.compile("|".join(map(re.escape, sorted(_SPECIAL, key=len, reverse=True))))
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")
_RANGE = re.compile(r"(?<=\d)\.\.(?=[-+]?\d)")
# Letters of a row of 10 points that fit into one column of a paper, and into both.
ONE_COLUMN, BOTH_COLUMNS = 48, 97
# A text of more letters is set on several lines where its table is too wide.
LONG = 30
# Statistics that are set as mathematics where a heading is or begins with one.
_SYMBOLS = {"r": "$r$", "p": "$p$", "n": "$n$", "k": "$k$", "rho": r"$\rho$", "R2": "$R^2$"}


@dataclass(frozen=True)
class PaperColumn:
    """One column as text: its heading, its cells, and whether they stand on the right."""

    name: str
    cells: Sequence[str]
    right: bool = False


@dataclass(frozen=True)
class PaperTable:
    """A table as text, with what it shows.

    Attributes
    ----------
    columns : sequence of PaperColumn
        All of one length.
    caption : str
    """

    columns: Sequence[PaperColumn]
    caption: str = ""

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells, row by row."""
        return list(zip(*(column.cells for column in self.columns), strict=True))


def with_proper_names(table: PaperTable) -> PaperTable:
    """Return a table in which everything has the name that a paper gives it."""
    columns = [
        PaperColumn(
            _heading(column.name), [_cell(column.name, cell) for cell in column.cells], column.right
        )
        for column in table.columns
    ]
    return PaperTable(columns, f"{table.caption[:1].upper()}{table.caption[1:]}")


def _cell(heading: str, cell: str) -> str:
    return proper_name(cell) if heading in NAMES else _RANGE.sub(" to ", cell)


def _heading(name: str) -> str:
    return name if name.partition(" ")[0] in _SYMBOLS else proper_name(name)


def as_latex(table: PaperTable) -> str:
    """Return a ``table`` of LaTeX with rules of booktabs.

    One that is wider than a column of two is a ``table*``, which spans both; one that is wider
    than these has smaller type, columns that are closer together, and long texts on several
    lines.
    """
    table = with_proper_names(table)
    wide = sum(_letters(column) for column in table.columns)
    name = "table*" if wide > ONE_COLUMN else "table"
    tight = ["  \\footnotesize", "  \\setlength{\\tabcolsep}{3pt}"] if wide > BOTH_COLUMNS else []
    places = "".join(_place(column, wide > BOTH_COLUMNS) for column in table.columns)
    heads = " & ".join(_latex_heading(column.name) for column in table.columns)
    caption = [f"  \\caption{{{latex(table.caption)}}}"] if table.caption else []
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            f"\\begin{{{name}}}",
            "  \\centering",
            *tight,
            *caption,
            f"  \\begin{{tabular}}{{{places}}}",
            "    \\toprule",
            f"    {heads} \\\\",
            "    \\midrule",
            *(f"    {' & '.join(map(latex, row))} \\\\" for row in table.rows),
            "    \\bottomrule",
            "  \\end{tabular}",
            f"\\end{{{name}}}",
            "",
        ]
    )


def _letters(column: PaperColumn) -> int:
    """How many letters a column is wide, with the space beside it."""
    return max(map(len, (column.name, *column.cells))) + 2


def _place(column: PaperColumn, is_tight: bool) -> str:
    """Where the cells of a column stand, as ``tabular`` takes it."""
    if column.right:
        return "r"
    return r"p{0.2\linewidth}" if is_tight and _letters(column) > LONG + 2 else "l"


def as_markdown(table: PaperTable) -> str:
    """Return a table of Markdown, its caption above it."""
    table = with_proper_names(table)
    lines = [
        [markdown(column.name) for column in table.columns],
        ["--:" if column.right else "---" for column in table.columns],
        *([markdown(cell) for cell in row] for row in table.rows),
    ]
    caption = f"{markdown(table.caption)}\n\n" if table.caption else ""
    return caption + "".join(f"| {' | '.join(line)} |\n" for line in lines)


WRITERS: dict[str, Callable[[PaperTable], str]] = {"markdown": as_markdown, "latex": as_latex}
# All formats of tables, by the ending of their files; CSV has every column and digit.
ENDINGS = {"csv": "csv", "markdown": "md", "latex": "tex"}


def check_table_format(name: str) -> None:
    """Raise ``UsageError`` for what is no format of tables."""
    if name not in ENDINGS:
        raise UsageError(f"'{visible(name)}' is no format of tables; choose {', '.join(ENDINGS)}")


def latex(text: object) -> str:
    """Return a text in which nothing is special to LaTeX; signs are set as such."""
    plain = _MINUS.sub("−", visible(text))
    said = _MARKS.sub(lambda match: _SPECIAL[match[0]], plain)
    # After the end of a row, a bracket would be taken for an option of it.
    return f"{{}}{said}" if said.startswith("[") else said


def _latex_heading(heading: str) -> str:
    first, _, rest = heading.partition(" ")
    if first not in _SYMBOLS:
        return latex(heading)
    return f"{_SYMBOLS[first]} {latex(rest)}".rstrip()


def markdown(text: object) -> str:
    """Return a text on one line that cannot break out of a table or start HTML or a formula."""
    return re.sub(r"([\\|<>`*_\[\]#$~!])", r"\\\1", visible(text).replace("&", "&amp;"))
