"""Sections that plugins add to a report: text, tables and figures, escaped like everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alignkit.errors import AlignkitError
from alignkit.plugins import registry
from alignkit.plugins.calls import PluginCall
from alignkit.runs.config import Choice, choose

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from alignkit.report.content import Content
    from alignkit.report.figures.folder import FigureFolder, Shown

EXPECTED = "an alignkit.Section, or None for nothing to show"


@dataclass(frozen=True)
class SectionFigure:
    """A figure of a section, with the data that it shows.

    Attributes
    ----------
    title : str
    figure : matplotlib.figure.Figure
    data : DataFrame
        Written beside it, as a CSV file.
    alternative : str
        What it shows, in words, for those who do not see it; the title if empty.
    """

    title: str
    figure: Figure
    data: pd.DataFrame
    alternative: str = ""


@dataclass(frozen=True)
class Section:
    """What a plugin adds to a report.

    Attributes
    ----------
    title : str
    text : sequence of str
        Paragraphs, of plain text.
    tables : mapping of str to DataFrame
        By caption. Their index is not shown.
    figures : sequence of SectionFigure
    """

    title: str
    text: Sequence[str] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Sequence[SectionFigure] = ()


@dataclass(frozen=True)
class AddedSection:
    """A section as the page shows it: tables as text, figures as pictures."""

    title: str
    text: list[str]
    tables: list[tuple[str, list[str], list[list[str]]]]
    figures: list[Shown]


def choose_sections(specs: Sequence[str]) -> list[Choice]:
    """Resolve registered sections, ``all`` for every one of them.

    Raises
    ------
    UsageError
        For an unknown name or option.
    """
    names = registry().meant("sections", specs) if specs else []
    return [choose("sections", spec) for spec in names]


def added_sections(
    chosen: Sequence[Choice], content: Content, folder: FigureFolder
) -> tuple[list[AddedSection], list[str]]:
    """Make sections from what the runs hold.

    Returns
    -------
    sections : list of AddedSection
        In the order in which they were named, without those that have nothing to show.
    failures : list of str
        Why others are left out.
    """
    added, failures = [], []
    for choice in chosen:
        try:
            section = make_section(choice, content)
            if section is not None:
                added.append(shown_section(choice, section, folder))
        except AlignkitError as error:
            failures.append(f"section '{choice.name}' is left out: {error}")
    return added, failures


def make_section(choice: Choice, content: Content) -> Section | None:
    """Return what a section shows of the runs.

    Raises
    ------
    AlignkitError
        When it refuses them.
    PluginError
        When it fails, or gives anything else.
    """
    entry = registry().get("sections", choice.name)
    with PluginCall(entry, "its content", EXPECTED) as call:
        section = entry.load()(content, **choice.options)
    if section is not None and not isinstance(section, Section):
        raise call.gave(section)
    return section


def shown_section(choice: Choice, section: Section, folder: FigureFolder) -> AddedSection:
    """Return a section as the page shows it, with its figures in a folder.

    Raises
    ------
    PluginError
        When what it holds are no tables and figures.
    """
    entry = registry().get("sections", choice.name)
    with PluginCall(entry, "its tables", "a DataFrame for each caption"):
        tables = [
            (str(caption), [str(name) for name in table.columns], cells(table))
            for caption, table in section.tables.items()
        ]
    with PluginCall(entry, "its figures", "alignkit.SectionFigure of a matplotlib figure"):
        figures = [
            folder.add(
                f"{choice.name}-{position}",
                each.figure,
                each.data,
                str(each.title),
                str(each.alternative or each.title),
            )
            for position, each in enumerate(section.figures, 1)
        ]
    return AddedSection(str(section.title), [str(line) for line in section.text], tables, figures)


# How a test was made, which only the CSV file says.
_ASIDE = ("exact", "detects", "p_holm", "adjustment", "least_p_adjusted")


def folded(name: str, file: str, table: pd.DataFrame) -> dict[str, Any]:
    """Return a table as the page folds it away: ``name``, ``file``, ``columns`` and ``rows``.

    Parameters
    ----------
    name : str
    file : str
        Of the same data, with all columns.
    table : DataFrame
    """
    shown = table[[column for column in table if column not in _ASIDE]]
    columns = [str(column).replace("_", " ") for column in shown]
    return {"name": name, "file": file, "columns": columns, "rows": cells(shown)}


def cells(table: pd.DataFrame) -> list[list[str]]:
    """Return the cells of a table as text."""
    return [[_cell(value) for value in row] for row in table.itertuples(index=False)]


def _cell(value: Any) -> str:
    """Return a value as text: a number to four digits, nothing for a missing one."""
    if value is None or value != value:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
