"""The figures of an analysis of trajectories."""

from __future__ import annotations

from alignkit.analysis.trajectory import ACROSS, BOTH, LAST, NEXT, Trajectory
from alignkit.report.figures.around_fusions import around_fusions
from alignkit.report.figures.depth_curves import depth_curves
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.layer_curves import fusions_of_units
from alignkit.report.style import looks, named

SAID = {NEXT: "to the next layer", LAST: "to the last layer", ACROSS: "of text and vision"}


def draw_trajectory(result: Trajectory, drawn: FigureFolder) -> None:
    """Draw every curve by depth, and changes at fusions."""
    look = looks(result.values["unit"])
    keys = ["task", "metric", "stream", "relation"]
    for (task, metric, stream, relation), part in result.values.groupby(keys, sort=False):
        values = part[["unit", "seed", "depth", "value"]].rename(columns={"unit": "placement"})
        values = values.assign(seed=values["seed"].fillna(0).astype(int), chance=float("nan"))
        if not values["value"].notna().any():
            continue
        kind = "placements" if part["seed"].notna().all() else "models"
        name = "-".join(["trajectory", *(e for e in (task, metric, stream, relation) if e)])
        label = f"{named(metric, 200)} {SAID[relation]}"
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
