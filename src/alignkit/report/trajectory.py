"""The files of an analysis of trajectories: tables, and figures with the data that they show."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from alignkit.analysis.trajectory import ACROSS, BOTH, LAST, NEXT, Trajectory
from alignkit.progress import SILENT, Reporter
from alignkit.report.figures.around_fusions import around_fusions
from alignkit.report.figures.depth_curves import depth_curves
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.layer_curves import fusions_of_units, write_layers
from alignkit.report.style import looks

SAID = {NEXT: "to the next layer", LAST: "to the last layer", ACROSS: "of text and vision"}


def write_trajectory(
    result: Trajectory,
    *,
    folder: Path | None = None,
    figures: Path | None = None,
    reporter: Reporter = SILENT,
) -> list[Path]:
    """Write trajectories as a folder of CSV tables and as a folder of figures."""
    tables = {
        "values": result.values,
        "means": result.means,
        "steps": result.jumps.steps,
        "placements": result.jumps.placements,
        "within": result.jumps.within,
        "against": result.jumps.against,
    }
    return write_layers(tables, partial(draw_trajectory, result), folder, figures, reporter)


def draw_trajectory(result: Trajectory, folder: Path) -> int:
    """Draw every curve by depth, and changes at fusions; return how many figures."""
    drawn = FigureFolder(folder)
    look = looks(result.values["unit"])
    keys = ["task", "metric", "stream", "relation"]
    for (task, metric, stream, relation), part in result.values.groupby(keys, sort=False):
        values = part[["unit", "seed", "depth", "value"]].rename(columns={"unit": "placement"})
        values = values.assign(seed=values["seed"].fillna(0).astype(int), chance=float("nan"))
        if values["depth"].nunique() < 2 or not values["value"].notna().any():
            continue
        kind = "placements" if part["seed"].notna().all() else "models"
        name = "-".join(["trajectory", *(e for e in (task, metric, stream, relation) if e)])
        label = f"{metric} {SAID[relation]}"
        label = label if stream in ("", BOTH) else f"{label}, {stream}"
        drawn.add(
            name,
            depth_curves(values, fusions_of_units(result.streams, part), label, look, kind),
            part,
            label,
            f"{label}, by depth; one panel for each of the {kind}.",
        )
    placements = result.jumps.placements
    for task, part in placements.groupby("task", sort=False):
        drawn.add(
            f"jumps-{task}",
            around_fusions(
                part,
                ("elsewhere", "at_fusions"),
                ("metric", "stream"),
                look,
                "change from layer to layer",
            ),
            part,
            "Change at fusions and elsewhere",
            "The mean change from layer to layer, elsewhere and where a fusion stands between, "
            "one line per placement.",
        )
    return len(drawn.names)
