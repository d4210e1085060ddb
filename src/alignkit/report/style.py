"""How every figure looks, and how it is turned into bytes that repeat."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import matplotlib
import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import TICKDOWN, TICKLEFT

from alignkit.cleaning import visible
from alignkit.report.proper_names import proper_name

# Okabe and Ito's colours without their yellow, which white paper swallows; then Tol's muted ones.
PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#882255",
    "#332288",
    "#999933",
    "#44AA99",
    "#AA4499",
    "#117733",
    "#CC6677",
    "#888888",
    "#661100",
)
MARKERS = "osD^vPX<>hp*dH8"
INK, FAINT, CONTEXT = "#222222", "#777777", "#D9D9D9"
DPI = 150

# Points of a title in a report, and how wide a letter is for its size.
TITLE, LETTER = 9.5, 0.58
# Text stays text, so that it can be searched. Names are no formulas: "$" is a dollar.
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "svg.hashsalt": "alignkit",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": TITLE,
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.labelsize": 8.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "hatch.linewidth": 0.6,
}
_SIZES = [name for name in _SETTINGS if name.endswith("size")]


PAGE = 9.0  # inches that the text of a page of a paper is high
WIDTH = 9.6  # inches of a full row of panels in a report


@dataclass(frozen=True)
class Page:
    """What figures are drawn for: a report on a screen by default.

    Attributes
    ----------
    width : float
        Inches of a full row of panels.
    type_size : float or None
        Points of all type; by default, every figure has sizes of its own.
    style : str
        A style of matplotlib, by name or file, that is applied over that of the project.
    """

    width: float = WIDTH
    type_size: float | None = None
    style: str = ""

    @property
    def is_narrow(self) -> bool:
        """Whether it is one column of a paper with two, with no room beside a panel."""
        return self.width < 5


_REPORT = Page()
_page: ContextVar[Page] = ContextVar("page")


def page() -> Page:
    """Return the page that figures are drawn for."""
    return _page.get(_REPORT)


@contextmanager
def drawn_for(other: Page) -> Iterator[None]:
    """Draw all figures of the block for a page."""
    before = _page.set(other)
    try:
        yield
    finally:
        _page.reset(before)


def full_width() -> float:
    """Inches of a full row of panels."""
    return page().width


def type_size(size: float) -> float:
    """Points of type that is this large in a report; on a page with one size, that size."""
    return page().type_size or size


@dataclass(frozen=True)
class Look:
    """Colour and marker of one name; the marker, so that colour is never the only difference."""

    colour: str
    marker: str


def looks(names: Iterable[str]) -> dict[str, Look]:
    """One look per name, by order; made once for a report, so that figures agree."""
    return {
        name: Look(PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)])
        for i, name in enumerate(dict.fromkeys(names))
    }


@contextmanager
def house_style() -> Iterator[None]:
    """Draw under these settings alone, whatever the user's own matplotlibrc says."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        here = page()
        if here.type_size:
            matplotlib.rcParams.update(dict.fromkeys(_SIZES, here.type_size))
        if here.style:
            matplotlib.style.use(here.style)
        # The page shows such a letter in another font; only the PNG has a box for it.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def columns_for(
    count: int, least: float = 0.0, *, margins: float = 0.0, gap: float = 0.0, most: int = 4
) -> int:
    """Panels beside each other: as even a block as can be, at most four wide.

    Parameters
    ----------
    count : int
    least : float
        Inches that a panel is wide at least; with ``margins``, of both sides, and ``gap`` between
        panels, they are fewer on a narrow page.
    most : int
    """
    even = {0: 1, 4: 2, 7: 4, 8: 4}.get(count, min(3, count) if count < 10 else 4)
    fit = int((full_width() - margins + gap) / (least + gap)) if least else even
    return max(1, min(even, most, fit))


def panels(
    count: int,
    columns: int,
    width: float,
    height: float,
    *,
    gap: tuple[float, float] = (0.45, 0.6),
    margins: tuple[float, float, float, float] = (0.6, 0.15, 0.35, 0.75),
    share: bool = False,
) -> tuple[Figure, list[Axes]]:
    """A figure that needs no window, and its axes, row by row, of one size everywhere.

    Parameters
    ----------
    count, columns : int
    width, height : float
        Of one panel, in inches.
    gap : (float, float)
        Inches between columns and between rows.
    margins : (float, float, float, float)
        Inches left, right, above and below.
    share : bool
        One pair of scales for all.
    """
    left, right, top, bottom = margins
    rows = math.ceil(count / columns)
    across = left + columns * width + (columns - 1) * gap[0] + right
    down = top + rows * height + (rows - 1) * gap[1] + bottom
    figure = Figure(figsize=(across, down), dpi=DPI)
    FigureCanvasAgg(figure)
    axes: list[Axes] = []
    for i in range(count):
        row, column = divmod(i, columns)
        x = left + column * (width + gap[0])
        y = down - top - height - row * (height + gap[1])
        first = axes[0] if axes and share else None
        box = (x / across, y / down, width / across, height / down)
        axes.append(figure.add_axes(box, sharex=first, sharey=first))
    return figure, axes


def mark_ticks(ax: Axes, axis: str, places: Sequence[float], length: float) -> None:
    """Draw ticks without numbers as one line; a tick of an axis is five artists.

    Parameters
    ----------
    ax : Axes
    axis : str
        ``x``, along the bottom, or ``y``, along the left.
    places : sequence of float
    length : float
        In points.
    """
    if not len(places):  # matplotlib takes an empty line to lie in the corner of the figure
        return
    across = axis == "x"
    edge = [0.0] * len(places)
    look: dict[str, Any] = {"ls": "", "ms": length, "mew": 0.8, "color": INK, "clip_on": False}
    look["marker"] = TICKDOWN if across else TICKLEFT
    marks = Line2D(
        places if across else edge,
        edge if across else places,
        transform=ax.get_xaxis_transform() if across else ax.get_yaxis_transform(),
        **look,
    )
    ax.add_line(marks)


def plain(axes: Axes) -> None:
    """Only the two axes that carry numbers."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=3)


def room_for(most: int, inches: float) -> int:
    """Return how many letters of a title fit into so many inches, at most so many."""
    return max(6, min(most, int(inches * 72 / (LETTER * type_size(TITLE)))))


def named(name: object, most: int = 24) -> str:
    """Return the name of a metric, a score or a task as a figure shows it: for papers, in full."""
    return short(proper_name(str(name)) if page().type_size else name, most)


def titled(name: object, most: int) -> str:
    """A name as a title, on two lines where it does not fit: ``late, seed 0`` keeps its seed."""
    shown = visible(name)
    head, _, tail = shown.rpartition(", ")
    if len(shown) <= most or not head:
        return short(shown, most)
    return f"{short(head, most)}\n{short(tail, most)}"


def short(text: object, most: int = 24) -> str:
    """Return text that fits into a figure; a name, one word, keeps its end, where names differ."""
    shown = visible(text)
    if len(shown) <= most:
        return shown
    end = 0 if " " in shown else (most - 1) // 3
    return f"{shown[: most - 1 - end]}…{shown[len(shown) - end :]}"


def svg(figure: Figure) -> str:
    """The figure as SVG, from its root element on."""
    out = io.BytesIO()
    with house_style():
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None})
    text = out.getvalue().decode()
    return text[text.index("<svg") :]


def png(figure: Figure) -> bytes:
    """The figure as PNG, for viewers that show no SVG."""
    out = io.BytesIO()
    with house_style():
        figure.set_dpi(DPI)  # an SVG drawn before has left its own
        FigureCanvasAgg(figure).print_png(out, metadata={"Software": None})
    return out.getvalue()


def pdf(figure: Figure) -> bytes:
    """The figure as PDF, for papers."""
    out = io.BytesIO()
    with house_style():
        metadata: Any = {"Creator": None, "Producer": None, "CreationDate": None}
        FigureCanvasPdf(figure).print_pdf(out, metadata=metadata)
    return out.getvalue()
