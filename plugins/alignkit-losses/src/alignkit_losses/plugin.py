"""Registration of the losses."""

import alignkit


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
