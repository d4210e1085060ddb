"""Registration of the losses and the objective."""

import alignkit

# The scores of retrieval both ways.
RECALLS = tuple(
    f"{way}_recall_at_{k}" for way in ("text_to_image", "image_to_text") for k in (1, 5, 10)
)


@alignkit.hookimpl
def register_losses(register: alignkit.RegisterLosses) -> None:
    """Register the losses of this plugin."""
    register(
        "contrastive",
        "alignkit_losses.pairs:contrastive",
        summary="Contrastive loss between the texts and pictures of a batch, both ways (CLIP)",
        paper="Radford et al. 2021, arXiv:2103.00020",
    )
    register(
        "cosine",
        "alignkit_losses.pairs:cosine",
        summary="Mean cosine similarity between each text and its picture",
        maximise=True,
    )


@alignkit.hookimpl
def register_objectives(register: alignkit.RegisterObjectives) -> None:
    """Register the objective of this plugin."""
    register(
        "itc",
        "alignkit_losses.itc:ImageTextContrast",
        label="ITC",
        summary="Image-text contrast: tell each text's picture from all others, and each picture's",
        scores=RECALLS,
        paper="Radford et al. 2021, arXiv:2103.00020; Li et al. 2021, arXiv:2107.07651",
    )
