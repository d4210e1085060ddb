"""A section of a report: how much scores differ between seeds. It can be used as it is:

alignkit --plugin examples/third_party/seeds_section.py report --section seeds
"""

from typing import Any

import alignkit


def seeds(content: Any, least: int = 2) -> alignkit.Section | None:
    """Range of the scores over the seeds of a placement.

    Parameters
    ----------
    least : int
        Leave out placements with fewer seeds.
    """
    from matplotlib.figure import Figure

    grouped = content.scores.groupby(["task", "placement"], sort=False)["value"]
    table = grouped.agg(seeds="count", lowest="min", highest="max").reset_index()
    table = table[table["seeds"] >= least]
    if table.empty:
        return None
    figure = Figure(figsize=(5, 0.4 * len(table) + 1))
    axes = figure.subplots()
    names = [
        f"{task} {placement}" for task, placement in zip(table.task, table.placement, strict=True)
    ]
    axes.barh(names, table["highest"] - table["lowest"], left=table["lowest"])
    axes.set_xlabel("score")
    return alignkit.Section(
        "Differences between seeds",
        ["Differences between placements that are no wider than these may be due to the seed."],
        {"Scores of the seeds of a placement": table},
        [alignkit.SectionFigure("Range over seeds", figure, table)],
    )


@alignkit.hookimpl
def register_sections(register: alignkit.RegisterSections) -> None:
    register("seeds", seeds)
