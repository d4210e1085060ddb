"""What this plugin adds to alignkit."""

from collections.abc import Callable

import alignkit


@alignkit.hookimpl
def register_losses(register: Callable[..., None]) -> None:
    register(
        "contrastive",
        "alignkit_losses.pairs:contrastive",
        summary="Each text finds its picture in the batch, and each picture its text (CLIP)",
        paper="Radford et al. 2021, arXiv:2103.00020",
    )
    register(
        "cosine",
        "alignkit_losses.pairs:cosine",
        summary="Mean cosine similarity of a text and its own picture",
        maximise=True,
    )
