"""Figures for papers, one kind at a time, each with its data and its caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib.style

from alignkit.analysis.comparison.compare import Compared
from alignkit.analysis.layer_values import SIDES
from alignkit.cleaning import as_html
from alignkit.errors import DataError, UsageError
from alignkit.metrics import resolve
from alignkit.progress import SILENT, Reporter
from alignkit.report.comparison.figures import MOST_MAPS, MOST_ROWS, most_aligned_only
from alignkit.report.comparison.plot_kinds import KINDS as OF_COMPARISONS
from alignkit.report.figures.folder import FigureFolder, Shown, check_formats
from alignkit.report.plot_kinds import KINDS, TRACK_GRIDS, Asked, Kind, check_options
from alignkit.report.style import PAGE, Page, drawn_for
from alignkit.runs.files import write_text

# Inches of one and of two columns, as most journals and conferences have them.
COLUMNS = {1: 3.35, 2: 6.75}
TYPE_SIZE = 8  # points
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Paper:
    """How figures are written for a paper.

    Attributes
    ----------
    formats : sequence of str
        ``pdf``, ``svg`` or ``png``.
    width : float
        Inches of the figure, 3 to 30; its type has 8 points.
    style : str
        A style of matplotlib, by name or file, over that of the project.
    """

    formats: Sequence[str] = ("pdf",)
    width: float = COLUMNS[2]
    style: str = ""


class Plots(list[Path]):
    """The paths of figures; a notebook shows those that are SVG."""

    def _repr_html_(self) -> str:
        drawn = (path.read_text(encoding="utf-8") for path in self if path.suffix == ".svg")
        return "".join(drawn) or f"<p>{as_html(', '.join(map(str, self)))}</p>"


def plot_runs(what: str, asked: Asked, folder: Path, paper: Paper = Paper()) -> Plots:
    """Draw the figures of one kind for a paper.

    Beside each figure lie its data (CSV) and its caption (a text file).

    Parameters
    ----------
    what : str
        One of ``KINDS``.
    asked : Asked
        What it is to show.
    folder : Path
    paper : Paper

    Returns
    -------
    Plots
        The paths of the figures, in the order in which they were drawn.

    Raises
    ------
    UsageError
        For an unknown kind, format, style or width.
    DataError
        When the runs hold nothing to draw.
    """
    kind = check_plot(what, paper)
    if asked.streams not in SIDES:
        raise UsageError(f"unknown `streams={asked.streams}`; known: {', '.join(SIDES)}")
    if asked.epochs:
        kind = replace(kind, why=TRACK_GRIDS)
    return _draw(what, kind, asked, "these runs hold", folder, paper, asked.reporter)


def plot_comparison(
    what: str,
    compared: Compared,
    folder: Path,
    paper: Paper = Paper(),
    metrics: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Plots:
    """Draw the figures of one kind of models that were compared, as ``plot_runs`` those of runs.

    Parameters
    ----------
    what : str
        One of ``OF_COMPARISONS``.
    compared : Compared
    folder : Path
    paper : Paper
    metrics : sequence of str
        Specs of those to draw; all that were measured by default.
    reporter : Reporter

    Raises
    ------
    UsageError
        For an unknown kind, format, style or width, or a metric that was not measured.
    DataError
        When there is nothing to draw.
    """
    kind = check_plot(what, paper, kinds=OF_COMPARISONS)
    known = {metric.spec: metric for metric in compared.metrics}
    asked = [resolve(spec).spec for spec in metrics]
    for spec in asked:
        if spec not in known:
            raise UsageError(f"{spec} was not measured; this comparison has {', '.join(known)}")
    chosen = replace(compared, metrics=[known[spec] for spec in asked or known])
    drawn = _draw(what, kind, chosen, "this comparison holds", folder, paper, reporter)
    most = {"layers": MOST_MAPS, "depth": MOST_MAPS, "best": MOST_ROWS}
    if what in most and (few := most_aligned_only(chosen, "figures", most[what])):
        reporter.note(f"note: {few}")
    return drawn


def _draw(
    what: str, kind: Kind, source: Any, these: str, folder: Path, paper: Paper, reporter: Reporter
) -> Plots:
    figures = FigureFolder(folder, paper.formats)
    with drawn_for(Page(paper.width, TYPE_SIZE, paper.style)):
        kind.draw(source, figures)
    if not figures.shown:
        raise DataError(f"{these} nothing to draw for '{what}'; see: {kind.why}")
    for each in figures.shown:
        if each.height > PAGE:
            reporter.note(
                f"note: {each.name} is {each.height:.1f} inches high, and a page of a paper about "
                f"{PAGE:g}; choose fewer placements or epochs, or make it wider"
            )
    for each in figures.shown:
        write_text(folder / f"{each.name}.txt", f"{_caption(each, kind)}\n")
    return Plots(
        folder / f"{each.name}.{chosen}" for each in figures.shown for chosen in figures.formats
    )


def check_plot(
    what: str, paper: Paper, given: Mapping[str, Any] = NOTHING, kinds: Mapping[str, Kind] = KINDS
) -> Kind:
    """Return the kind of figure that is asked for.

    Parameters
    ----------
    what : str
    paper : Paper
    given : mapping of str to object
        Options that were given, see ``check_options``.
    kinds : mapping
        Those of runs, or ``OF_COMPARISONS``.

    Raises
    ------
    UsageError
        For what there is not, and for options that do not go with the kind.
    """
    if what not in kinds:
        raise UsageError(_no_such(what, kinds))
    check_formats(paper.formats)
    if not 3 <= paper.width <= 30:
        raise UsageError(f"`width={paper.width:g}` must be 3 to 30 inches")
    known = matplotlib.style.available
    if paper.style and paper.style not in known and not Path(paper.style).is_file():
        raise UsageError(
            f"`style={paper.style}` is neither a file nor a style of matplotlib: {', '.join(known)}"
        )
    if given:
        check_options(what, given)
    return kinds[what]


def _no_such(what: str, kinds: Mapping[str, Kind]) -> str:
    choose = f"choose {', '.join(kinds)}"
    if what in OF_COMPARISONS:
        return (
            f"'{what}' is a figure of models that were compared; name the folder of a comparison "
            f"(alignkit compare --output FOLDER), or, for runs, {choose}"
        )
    if what in KINDS:
        return f"'{what}' is a figure of runs; for a comparison, {choose}"
    return f"there is no figure '{what}'; {choose}"


def _caption(shown: Shown, kind: Kind) -> str:
    told = shown.alternative
    if not told.startswith(shown.title):
        told = f"{shown.title}. {told}"
    return f"{told if told.endswith('.') else f'{told}.'} {kind.explained}".strip()
