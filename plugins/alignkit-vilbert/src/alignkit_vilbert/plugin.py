"""The plugin: the architecture ``vilbert`` and the placements of the literature."""

import alignkit

# Layer indices of text and vision, and a summary.
PLACEMENTS: dict[str, tuple[list[int], list[int], str]] = {
    "none": ([], [], "no co-attention; the streams meet only in the head"),
    "early_early": ([0, 1, 2], [0, 1, 2], "before layers 0 to 2"),
    "early": ([3, 4, 5], [3, 4, 5], "before layers 3 to 5"),
    "middle": ([6, 7, 8], [6, 7, 8], "before layers 6 to 8"),
    "late": ([9, 10, 11], [9, 10, 11], "before layers 9 to 11"),
    "asymmetric": (
        [6, 7, 8, 9],
        [3, 5, 7, 9],
        "earlier in the vision stream than in the text stream",
    ),
    "optuna1": ([3, 6], [6, 8], "found by search on hateful_memes"),
    "optuna2": ([7, 9, 10, 11], [6, 7, 9, 10], "found by search on mm_imdb"),
    "hybrid1": ([3, 4, 10], [3, 4, 10], "two early fusions and a late one"),
    "hybrid2": ([4, 10, 11], [4, 10, 11], "one early fusion and two late ones"),
    "full": (list(range(12)), list(range(12)), "before every layer"),
}


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
    for name, (text, vision, summary) in PLACEMENTS.items():
        register(name, {"text": text, "vision": vision}, summary=summary, default=name == "late")
