"""Figures for papers, one kind at a time, each with its data and its caption."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.style

from alignkit.analysis.correlate import correlate_runs
from alignkit.analysis.layer_values import measure_layers
from alignkit.analysis.options import TableOptions
from alignkit.cleaning import as_html
from alignkit.errors import DataError, UsageError
from alignkit.progress import SILENT, Reporter
from alignkit.report import correlations as of_correlations
from alignkit.report.content import Content, gather
from alignkit.report.figures.folder import FigureFolder, Shown, check_formats
from alignkit.report.page_figures import EXPLAINED, depths, grids, trainings
from alignkit.report.style import Page, drawn_for
from alignkit.runs import Run
from alignkit.runs.files import write_text
from alignkit.runs.units import unit_labels
from alignkit.statistics.equivalence import MARGIN

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics import Correlations

# Inches of one and of two columns, as most journals and conferences have them.
COLUMNS = {1: 3.35, 2: 6.75}
TYPE_SIZE = 8  # points


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


@dataclass(frozen=True)
class Kind:
    """A kind of figure.

    Attributes
    ----------
    summary : str
    of_content : callable, optional
        Draws it from what runs hold; yields the task with each figure.
    of_correlations : callable, optional
        Draws it from correlations.
    explained : str
        How to read it.
    """

    summary: str
    of_content: Callable[[Content, FigureFolder], Iterable[tuple[str, Shown]]] | None = None
    of_correlations: of_correlations.Draw | None = None
    explained: str = ""


KINDS = {
    "layers": Kind("Heat maps of all pairs of layers", grids, explained=EXPLAINED["layers"]),
    "depth": Kind("Alignment by depth", depths, explained=EXPLAINED["depth"]),
    "training": Kind("Score and loss by epoch", trainings, explained=EXPLAINED["training"]),
    "scatter": Kind(
        "Performance against alignment",
        of_correlations=of_correlations.scatters,
        explained=EXPLAINED["against"],
    ),
    "forest": Kind(
        "Correlations with their intervals",
        of_correlations=of_correlations.forests,
        explained="Squares are Pearson's r with its 95 % interval, filled for primary metrics; "
        "bars are Spearman's rho.",
    ),
    "leave-one-out": Kind(
        "Correlations without each unit in turn",
        of_correlations=of_correlations.strips,
        explained="Dots are r without one unit, the orange diamond without the most influential "
        "one; the bar is r with all.",
    ),
    "null": Kind(
        "Correlations of permuted units",
        of_correlations=of_correlations.nulls,
        explained="Bars are the proportion of permutations by r, dark beyond the dashed lines, "
        "where 5 % of them lie; the orange line is the observed r.",
    ),
    "layer-pairs": Kind(
        "Correlations for every pair of layers",
        of_correlations=of_correlations.maps_of_pairs,
        explained="A dot marks pairs whose corrected p is below 0.05.",
    ),
}


def plot_runs(
    what: str,
    runs: Sequence[Run],
    folder: Path,
    options: TableOptions,
    *,
    paper: Paper = Paper(),
    unit: str = "placement",
    control: Sequence[str] = (),
    margin: float = MARGIN,
    permutations: int = 9999,
    measure: bool = False,
    reporter: Reporter = SILENT,
) -> Plots:
    """Draw the figures of one kind for a paper.

    Beside each figure lie its data (CSV) and its caption (a text file).

    Parameters
    ----------
    what : str
        One of ``KINDS``.
    runs : sequence of Run
    folder : Path
    options : TableOptions
    paper : Paper
    unit, control, margin, permutations, measure
        As ``report_runs``.

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
    figures = FigureFolder(folder, paper.formats)
    with drawn_for(Page(paper.width, TYPE_SIZE, paper.style)):
        if kind.of_content:
            of_layers = what != "training"
            if measure and of_layers:
                measure_layers(runs, options, lambda _: ["all"], reporter)
            content = gather(runs, options, measured=of_layers)
            shown = [each for _, each in kind.of_content(content, figures)]
        else:
            statistics = {
                "unit": unit,
                "control": control,
                "margin": margin,
                "permutations": permutations,
                "reporter": reporter,
            }
            shown = list(_of_correlations(kind, what, runs, options, figures, statistics))
    if not shown:
        raise DataError(f"these runs hold nothing to draw for '{what}'; see the report for why")
    for each in shown:
        write_text(folder / f"{each.name}.txt", f"{_caption(each, kind)}\n")
    return Plots(folder / f"{each.name}.{chosen}" for each in shown for chosen in figures.formats)


def check_plot(what: str, paper: Paper) -> Kind:
    """Return the kind of figure that is asked for; raise ``UsageError`` for what there is not."""
    if what not in KINDS:
        raise UsageError(f"there is no figure '{what}'; choose {', '.join(KINDS)}")
    check_formats(paper.formats)
    if not 3 <= paper.width <= 30:
        raise UsageError(f"`width={paper.width:g}` must be 3 to 30 inches")
    known = matplotlib.style.available
    if paper.style and paper.style not in known and not Path(paper.style).is_file():
        raise UsageError(
            f"`style={paper.style}` is neither a file nor a style of matplotlib: {', '.join(known)}"
        )
    return KINDS[what]


def _caption(shown: Shown, kind: Kind) -> str:
    told = shown.alternative
    if not told.startswith(shown.title):
        told = f"{shown.title}. {told}"
    return f"{told if told.endswith('.') else f'{told}.'} {kind.explained}".strip()


def _of_correlations(
    kind: Kind,
    what: str,
    runs: Sequence[Run],
    options: TableOptions,
    figures: FigureFolder,
    statistics: dict[str, Any],
) -> Iterable[Shown]:
    assert kind.of_correlations is not None
    if what == "layer-pairs":
        options = replace(options, layer="all")
    unit_labels(runs, statistics["unit"])  # refuses to average variants before it is measured
    found: tuple[Correlations, pd.DataFrame] = correlate_runs(
        runs, options, seed=options.seed, **statistics
    )
    yield from kind.of_correlations(*found, figures)
