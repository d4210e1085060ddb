"""The files of an analysis of dimension: tables, and figures with the data that they show."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from alignkit.analysis.dimension import CUTS, Dimensions
from alignkit.progress import SILENT, Reporter
from alignkit.report.figures.depth_curves import depth_curves
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.figures.spectra import spectra
from alignkit.report.layer_curves import by_stream, curves_of, fusions_of_units, write_layers
from alignkit.report.style import looks

# What is drawn by depth, and how its axis is labelled; the tables have the other quantities too.
DRAWN = {
    "components_95": "components for 95 % of variance",
    "participation_ratio": "participation ratio",
    "twonn": "TwoNN dimension",
}


def write_dimensions(
    result: Dimensions,
    *,
    folder: Path | None = None,
    figures: Path | None = None,
    reporter: Reporter = SILENT,
) -> list[Path]:
    """Write dimensions as a folder of CSV tables, spectra included, and as a folder of figures."""
    tables = {
        "layers": result.layers,
        "spectra": result.spectra,
        "fusions": result.fusions,
        "collapse": result.collapse,
    }
    return write_layers(tables, partial(draw_dimensions, result), folder, figures, reporter)


def draw_dimensions(result: Dimensions, folder: Path) -> int:
    """Draw every quantity by depth, and the spectra, of each stream; return how many figures."""
    drawn = FigureFolder(folder)
    look = looks(result.layers["unit"])
    for name, stream, part in by_stream(result.layers):
        placements = fusions_of_units(result.streams, part)
        kind = "placements" if part["seed"].notna().all() else "models"
        for quantity, label in DRAWN.items():
            values = curves_of(part, quantity)
            if values["depth"].nunique() < 2 or not values["value"].notna().any():
                continue
            drawn.add(
                f"dimension-{quantity}{name}",
                depth_curves(values, placements, f"{label}{stream}", look, kind),
                values,
                f"{label}{stream}",
                f"{label}{stream} by layer, one panel for each of the {kind}.",
            )
    for name, stream, part in by_stream(result.spectra):
        drawn.add(
            f"spectra{name}",
            spectra(part, list(CUTS.values())),
            part,
            f"Spectra{stream}",
            f"The share of variance of the first components{stream}, a line per layer.",
        )
    return len(drawn.names)
