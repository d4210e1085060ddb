"""Results on stdout; messages and progress bars on stderr."""

import json
import math
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alignkit.cleaning import LONGEST_CELL, message, shortened, visible
from alignkit.cli.options import as_options
from alignkit.cli.printing.tables import Column, Line, lay_out, terminal_width, wrapped
from alignkit.cli.printing.tables import records as listed
from alignkit.progress import Reporter

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.report.paper_tables import PaperTable


@dataclass
class Settings:
    """Global settings, set by the options before the command.

    Attributes
    ----------
    quiet, debug : bool
    said : set of str
        Notes that the command has printed; many runs have the same to say, such as of their data.
    failed : set of str
        What the command could not do although it went on, so that its exit code is 1.
    tables_as : str
        The format in which tables are printed for a paper; empty for the terminal.
    printed : str
        What was printed last in that format: a table, prose, or nothing yet.
    """

    quiet: bool = False
    debug: bool = False
    said: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    tables_as: str = ""
    printed: str = ""


settings = Settings()

_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?( ± \d+\.\d+)?")


@dataclass
class Again:
    """Stored values that a command measured again, to be told in one line at its end.

    Attributes
    ----------
    process : int
        The process that will tell it; others, which work for it, tell theirs at once.
    values : int
    files : set of str
    metrics : dict of str to str
        Spec to why, in a few words.
    """

    process: int = 0
    values: int = 0
    files: set[str] = field(default_factory=set)
    metrics: dict[str, str] = field(default_factory=dict)


_gathering: list[Again] = []


@contextmanager
def told_once() -> Iterator[None]:
    """Gather while the block runs what is measured again, and print it as one line at the end."""
    again = Again(os.getpid())
    _gathering.append(again)
    try:
        yield
    finally:
        _gathering.remove(again)
        if again.values:
            metrics = ", ".join(f"{spec} ({said})" for spec, said in again.metrics.items())
            note(
                f"note: {again.values:,} stored value(s) in {len(again.files)} file(s) were of "
                f"another version of their metric, and were measured again: {metrics}"
            )


class QuietReporter(Reporter):
    """Says what failed or is damaged, and nothing else."""

    def complain(self, text: str) -> None:
        """Print one line on stderr, once in a command."""
        if text not in settings.said:
            settings.said.add(text)
            with suppress(OSError):  # in another process, where nobody may read any more
                say(as_options(text.replace("\n", "\\n")))


class TerminalReporter(QuietReporter):
    """Reports notes as lines, and progress as bars if stderr is a terminal."""

    def note(self, text: str) -> None:
        """Print one line on stderr, once in a command, unless quiet."""
        if not settings.quiet:
            self.complain(text)

    def failed(self, spec: str, error: Exception) -> None:
        """Name a metric that failed; the command goes on, and ends with exit code 1."""
        if settings.debug:
            raise error
        if spec not in settings.failed:
            settings.failed.add(spec)
            say(as_options(f"Error: {error!s}"))

    def measured_again(self, spec: str, file: str, values: int, why: str, brief: str) -> None:
        """Count values that are measured again, of many runs, for one line at the end."""
        if not _gathering or _gathering[-1].process != os.getpid():
            super().measured_again(spec, file, values, why, brief)
            return
        again = _gathering[-1]
        again.values += values
        again.files.add(file)
        again.metrics[spec] = brief

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Any]:
        """Show a progress bar while the block runs."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        hidden = settings.quiet or not console.is_terminal
        with Progress(*columns, console=console, disable=hidden, transient=True) as progress:
            yield _Bar(progress, progress.add_task(visible(text), total=total))


class _Bar:
    def __init__(self, progress: Any, task: Any) -> None:
        self.progress, self.task = progress, task

    def advance(self, steps: float = 1) -> None:
        self.progress.advance(self.task, steps)

    def describe(self, text: str) -> None:
        self.progress.update(self.task, description=visible(text))


def reporter() -> Reporter:
    """Return a reporter for a step, also in another process, which does not know of --quiet."""
    return QuietReporter() if settings.quiet else TerminalReporter()


def note(text: str) -> None:
    """Print one line on stderr, unless quiet."""
    TerminalReporter().note(text)


def complain(text: str) -> None:
    """Print one line on stderr on what failed or is damaged."""
    TerminalReporter().complain(text)


def say(text: str) -> None:
    """Print a message on stderr; a terminal that is narrower gets it broken between words.

    It is as a rule one line; see ``message``.
    """
    width = max(20, shutil.get_terminal_size().columns) if sys.stderr.isatty() else None
    print("\n".join(wrapped(message(text), width)), file=sys.stderr)


def print_json(value: Any) -> None:
    """Print JSON; numbers that are not finite become null."""
    print(json.dumps(_plain(value), indent=2, allow_nan=False))


def print_json_parts(parts: Iterable[Sequence[Any]]) -> None:
    """Print lists as one JSON list, as ``print_json`` would; each is made as it is printed."""
    begun = False
    for part in parts:
        if part:
            lines = json.dumps(_plain(part), indent=2, allow_nan=False)
            print(f"{',' if begun else '['}{lines[1:-2]}", end="")
            begun = True
    print("\n]" if begun else "[]")


@contextmanager
def tables_as(name: str) -> Iterator[None]:
    """Print tables in a format for papers while the block runs; for the terminal without a name.

    What is said beside them becomes comments in LaTeX, and paragraphs in Markdown.
    """
    settings.tables_as, settings.printed = name, ""
    try:
        yield
    finally:
        settings.tables_as = ""


def print_gap() -> None:
    """Print a blank line; in a format for papers, tables are apart from each other anyway."""
    if not settings.tables_as:
        print()


def print_line(text: object) -> None:
    """Print one line, such as a path, whole; control characters are escaped."""
    print(visible(text))


def print_text(text: str, style: str = "", otherwise: int | None = None, indent: int = 0) -> None:
    """Print prose, broken between words where the terminal is narrower.

    Parameters
    ----------
    text : str
    style : str
        ``bold``, ``dim`` or nothing.
    otherwise : int, optional
        The width where stdout is no terminal; any, by default.
    indent : int
        How many blanks each line begins with.
    """
    if settings.tables_as:
        _print_beside(text)
        return
    width = terminal_width() or otherwise
    lines = wrapped(text, width and max(1, width - indent))
    _print_lines(Line(" " * indent + line, style) for line in lines)


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values below each other; what is empty is shown as a dash."""
    table = [Column(name, [in_words(value) or "-"]) for name, value in facts.items()]
    _print_lines(listed(table, terminal_width()))


def print_table(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    title: str = "",
    apart: Sequence[str] = (),
) -> None:
    """Print rows as a table that fits the terminal.

    Numbers stand on the right and have four decimal places; columns of ``apart`` go into a table
    of their own where one does not hold all.
    """
    rows = list(rows)
    if title and not rows:
        print_text(f"{title}: none")
        return
    table = [
        Column(
            column,
            [_cell(row.get(column), column) for row in rows],
            right=_is_numeric([row.get(column) for row in rows]),
        )
        for column in columns
    ]
    print_columns(table, title, apart)


def print_named(rows: Sequence[Mapping[str, Any]], columns: Iterable[str], title: str = "") -> None:
    """Print the columns that hold anything as a table, their names in words."""
    words = {
        column: column.replace("_", " ")
        for column in columns
        if any(row.get(column) not in (None, "") for row in rows)
    }
    named = [{word: row.get(column) for column, word in words.items()} for row in rows]
    print_table(named, list(words.values()), title=title)


def print_columns(
    table: Sequence[Column],
    title: str = "",
    apart: Sequence[str] = (),
    otherwise: int | None = None,
) -> None:
    """Print columns of text as a table that fits the terminal, or else ``otherwise``.

    In a format for papers it is one table whatever its width, with the title as its caption.
    """
    if settings.tables_as:
        from alignkit.report.paper_tables import PaperColumn, PaperTable

        shown = [PaperColumn(" ".join(c.heading), c.cells, c.right) for c in table]
        print_paper_table(PaperTable(shown, title))
        return
    width = terminal_width() or otherwise
    if title:
        _print_lines(Line(line, "bold") for line in wrapped(title, width))
    _print_lines(lay_out(table, width, apart))


def print_paper_table(table: "PaperTable") -> None:
    """Print a table in the format for papers, or else as one that fits the terminal."""
    if not settings.tables_as:
        columns = [Column(column.name, column.cells, column.right) for column in table.columns]
        print_columns(columns, table.caption)
        return
    from alignkit.report.paper_tables import WRITERS

    _print_apart(WRITERS[settings.tables_as](table), "table")


def _print_beside(text: str) -> None:
    """Print prose beside tables for a paper, so that the tables stay what they are."""
    from alignkit.report.paper_tables import markdown

    lines = text.strip().split("\n")
    if settings.tables_as == "latex":
        _print_apart("".join(f"% {visible(line)}\n" for line in lines if line), "comment")
    else:
        _print_apart("".join(f"{markdown(line)}\n" for line in lines), "paragraph")


def _print_apart(text: str, kind: str) -> None:
    """Print a part after a blank line; comments stand together."""
    if settings.printed and not settings.printed == kind == "comment":
        print()
    print(text, end="")
    settings.printed = kind


def _print_lines(lines: Iterable[Line]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(markup=False, highlight=False, emoji=False, soft_wrap=True)
    for line in lines:
        console.print(Text(visible(line.text.rstrip()), line.style))


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries of plain values, None if missing."""
    return [_plain(row) for row in table.to_dict(orient="records")]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def _is_numeric(values: Sequence[Any]) -> bool:
    """Return whether a column holds numbers, or texts that all look like numbers."""
    values = [value for value in map(_plain, values) if value not in (None, "")]
    if any(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return True
    return bool(values) and all(isinstance(v, str) and _NUMBER.fullmatch(v) for v in values)


def in_words(value: Any) -> str:
    """Return a value as people write it: no quotes, no brackets, nothing of Python's."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        shown = ((key, in_words(item)) for key, item in value.items())
        return ", ".join(
            f"{key} ({text})" if ", " in text else f"{key} {text}" for key, text in shown if text
        )
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(map(in_words, value))
    return str(getattr(value, "__name__", value))


def _cell(value: Any, column: str) -> str:
    value = _plain(value)
    if value is None:
        return ""
    if isinstance(value, float) and settings.tables_as:
        return _for_paper(value, column)
    if isinstance(value, float):
        return f"{value:.4f}" if 1e-4 <= abs(value) < 1e5 or value == 0 else f"{value:.2e}"
    return shortened(visible(in_words(value)), LONGEST_CELL)


def _for_paper(value: float, column: str) -> str:
    """Return a number with three digits; p-values as everywhere in reports."""
    from alignkit.report.formatting import p_text

    if column.replace("_", " ").partition(" ")[0] == "p" or column.startswith("least"):
        return p_text(value)
    return f"{value:.3f}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.1e}"
