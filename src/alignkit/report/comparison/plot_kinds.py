"""The kinds of figures of comparisons for papers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from alignkit.analysis.comparison.compare import Compared
from alignkit.report.comparison import figures
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.plot_kinds import Kind

WHY = "alignkit compare --layers all"


def _drawn(
    draw: Callable[[Compared], Iterator[figures.Drawn]],
) -> Callable[[Compared, FigureFolder], None]:
    def into(compared: Compared, folder: FigureFolder) -> None:
        for each in draw(compared):
            folder.add(each.name, each.figure, each.data, each.title, each.alternative)

    return into


KINDS = {
    "layers": Kind(
        "Heat maps of all pairs of layers",
        _drawn(figures.layer_maps),
        ("metric",),
        "Calibrated values are 0 at chance and 1 for identical input. The pair of layers whose "
        "plain value is best is framed.",
        why=WHY,
    ),
    "depth": Kind(
        "Alignment by depth", _drawn(figures.depth_figures), ("metric",), figures.DEPTHS, why=WHY
    ),
    "models": Kind(
        "Models against models",
        _drawn(figures.model_maps),
        ("metric",),
        "Each cell is the best pair of layers of two models.",
        why="alignkit compare A B C",
    ),
    "best": Kind(
        "The best pair of layers",
        _drawn(figures.best_figures),
        ("metric",),
        "Each point is the best of all pairs of layers, with its 95 % interval; grey is the best "
        "pair under permuted samples.",
        why="alignkit compare",
    ),
}
