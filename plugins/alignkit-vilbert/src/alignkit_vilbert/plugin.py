"""The plugin: the architecture ``vilbert`` and the placements of the literature."""

import alignkit
from alignkit_vilbert.placements import LISTED, early, late, middle


@alignkit.hookimpl
def register_architectures(register: alignkit.RegisterArchitectures) -> None:
    """Register the architecture ``vilbert``, the default."""
    register(
        "vilbert",
        "alignkit_vilbert.architecture:Vilbert",
        summary="Two streams with co-attention blocks between their layers (Lu et al. 2019)",
        default=True,
    )


@alignkit.hookimpl
def register_placements(register: alignkit.RegisterPlacements) -> None:
    """Register the placements; ``late`` is the default."""
    for name, (text, vision, summary) in LISTED.items():
        register(name, {"text": text, "vision": vision}, summary=summary)
    register("early", early, summary="before layers 3 to 5; early:count=4, to 6")
    register("middle", middle, summary="before layers 6 to 8; middle:count=4, to 9")
    register("late", late, summary="before the last three layers; late:count=4", default=True)
