"""What this plugin adds to alignkit."""

from collections.abc import Callable

import alignkit


@alignkit.hookimpl
def register_tasks(register: Callable[..., None]) -> None:
    register(
        "hateful_memes",
        "alignkit_tasks.hateful_memes:HatefulMemes",
        summary="Hateful Memes (Kiela et al. 2020): is a meme hateful; AUROC",
    )
