"""The figures of an analysis of dimension."""

from __future__ import annotations

from alignkit.analysis.dimension import CUTS, Dimensions
from alignkit.report.figures.depth_curves import depth_curves
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.figures.spectra import spectra
from alignkit.report.layer_curves import by_stream, curves_of, fusions_of_units
from alignkit.report.style import looks

# What is drawn by depth, and how its axis is labelled; the tables have the other quantities too.
DRAWN = {
    "components_95": "components for 95 % of variance",
    "participation_ratio": "participation ratio",
    "twonn": "TwoNN dimension",
}


def draw_dimensions(result: Dimensions, drawn: FigureFolder) -> None:
    """Draw every quantity by depth, and the spectra, of each stream."""
    look = looks(result.layers["unit"])
    for name, stream, part in by_stream(result.layers):
        placements = fusions_of_units(result.streams, part)
        kind = "placements" if part["seed"].notna().all() else "models"
        for quantity, label in DRAWN.items():
            values = curves_of(part, quantity)
            if not values["value"].notna().any():
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
