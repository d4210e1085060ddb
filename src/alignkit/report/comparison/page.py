"""Write a comparison: the page, figures, the values, and a table for papers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alignkit.analysis.comparison.compare import Measured
from alignkit.plugins.versions import versions
from alignkit.report.comparison import figures, lines
from alignkit.report.comparison.best_table import best_table, heads_of
from alignkit.report.comparison.rows import best_rows
from alignkit.report.figures.folder import FigureFolder, Shown
from alignkit.report.paper_tables import as_latex
from alignkit.report.rendering import render
from alignkit.report.tables import direction, flat
from alignkit.runs.files import write_json, write_results, write_text

PAGE = "compare.html"
EXPLAINED = {
    "best": "Of all pairs of layers, the one that is most aligned. Its value is the best of many, "
    "so it is compared with the best of as many under permuted samples (the null of maxima), and "
    "chance is that of the pair alone. Intervals are from random halves of the samples. A random "
    "network keeps something of its input, so what training adds is the difference to the "
    "controls, not to chance.",
    "layers": "Calibrated values are 0 at chance and 1 for identical input; where chance is not "
    "known, plain values are shown. The pair whose plain value is best is framed; where chance "
    "differs between layers, another can be brighter. The first layers are at the bottom left.",
}


def write_comparison(measured: Measured, folder: str | Path) -> Path:
    """Write ``compare.html``, ``values.csv``, ``best.csv``, ``best.tex`` and ``figures/``.

    The same input gives the same bytes.

    Parameters
    ----------
    measured : Measured
    folder : path
        Files in it that have these names are replaced.

    Returns
    -------
    Path
        Of the page, which needs no other file.
    """
    folder = Path(folder)
    rows, title = best_rows(measured), lines.title(measured)
    drawn = FigureFolder(folder / "figures", formats=("svg", "png", "pdf"))
    settings = settings_of(measured)
    facts = {
        "title": title,
        "results": lines.result_lines(measured),
        "samples": lines.sample_lines(measured),
        "notes": lines.note_lines(measured),
        "best_explained": _with_pairs(EXPLAINED["best"], measured, "Figures", figures.MOST_ROWS),
        "depth_explained": _with_pairs(figures.DEPTHS, measured, "Curves"),
        "layers_explained": _with_pairs(EXPLAINED["layers"], measured, "Maps"),
        "heads": heads_of(rows),
        "rows": [[head["cell"](row) for head in heads_of(rows)] for row in rows],
        "best": _shown(drawn, figures.best_figures(measured)),
        "models": _shown(drawn, figures.model_maps(measured)),
        "depths": _shown(drawn, figures.depth_figures(measured)),
        "layers": _shown(drawn, figures.layer_maps(measured)),
        "metrics": [_metric(metric) for metric in measured.metrics],
        "models_table": measured.models.to_dict(orient="records"),
        "settings": list(flat(settings)),
    }
    write_results(folder / "values.csv", measured.values)
    write_results(folder / "best.csv", measured.best)
    write_text(folder / "best.tex", as_latex(best_table(rows, title)))
    write_json(folder / "settings.json", settings)
    page = folder / PAGE
    write_text(page, render("comparison.html.j2", facts))
    return page


def settings_of(measured: Measured) -> dict[str, Any]:
    """Return everything that the numbers depend on, as plain values."""
    options = measured.options
    return {
        "metrics": [metric.spec for metric in measured.metrics],
        "layers": options.layers,
        "models": {
            row["model"]: {key: row[key] for key in ("kind", "source", "layers", "samples")}
            for row in measured.models.to_dict(orient="records")
        },
        "null": options.measure.null,
        "interval": options.measure.interval,
        "seed": options.measure.seed,
        "samples": options.measure.samples or "all",
        "within": options.measure.within,
        "groups": options.measure.groups,
        "precision": sorted(set(measured.values["dtype"])),
        "versions": versions(),
    }


def _with_pairs(
    explained: str, measured: Measured, drawn: str, most: int = figures.MOST_MAPS
) -> str:
    return f"{explained} {figures.most_aligned_only(measured, drawn, most)}".strip()


def _shown(folder: FigureFolder, drawn: Iterable[figures.Drawn]) -> list[Shown]:
    return [
        folder.add(each.name, each.figure, each.data, each.title, each.alternative)
        for each in drawn
    ]


def _metric(metric: Any) -> dict[str, str]:
    parameters = ", ".join(f"{key}={value}" for key, value in metric.parameters.items())
    return {
        "metric": metric.spec,
        "parameters": parameters or "none",
        "range": f"{metric.range[0]:g} to {metric.range[1]:g}",
        "direction": direction(metric.spec),
        "paper": str(metric.declared.get("paper", "")),
    }
