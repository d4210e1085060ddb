"""The figures of an analysis by probes."""

from __future__ import annotations

from alignkit.analysis.probing.probe import Probes
from alignkit.report.figures.depth_curves import depth_curves
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.figures.probe_points import probe_points
from alignkit.report.layer_curves import by_stream, fusions_of_units
from alignkit.report.style import looks, named


def draw_probes(result: Probes, drawn: FigureFolder) -> None:
    """Draw the scores of probes by depth, and against alignment."""
    look = looks(result.layers["unit"])
    for name, _, part in by_stream(result.layers):
        seeds = part["seed"].fillna(0).astype(int) * 1000 + part["draw"]
        values = part[["unit", "depth", "value", "chance"]].rename(columns={"unit": "placement"})
        values = values.assign(seed=seeds)
        stream = part["stream"].iloc[0]
        label = f"{named(part['score'].iloc[0], 200)} of probes, {stream or 'all layers'}"
        kind = "placements" if part["seed"].notna().all() else "models"
        drawn.add(
            f"probe{name}",
            depth_curves(values, fusions_of_units(result.streams, part), label, look, kind),
            part,
            label,
            f"{label}, by depth; one panel for each of the {kind}.",
        )
    for (task, metric), part in result.points.groupby(["task", "metric"], sort=False):
        known = part.dropna(subset=["value", "alignment"])
        if len(known):
            drawn.add(
                f"probe-alignment-{task}-{metric}",
                probe_points(known, metric if _is_up(metric) else f"− {metric}", look),
                part,
                f"Probes against {metric}",
                f"The score of probes against {metric}, a point per layer and placement.",
            )


def _is_up(metric: str) -> bool:
    """Whether higher values of a metric are more aligned; points have the sign that they are."""
    from alignkit.metrics import resolve

    return resolve(metric).higher_is_better
