"""Registration of the task."""

from collections.abc import Callable

import alignkit


@alignkit.hookimpl
def register_tasks(register: Callable[..., None]) -> None:
    """Register the emoji task."""
    register(
        "emoji",
        "alignkit_emoji.task:Emoji",
        summary="Unicode group of an emoji, from its picture (Twemoji, CC BY 4.0) and its name",
        default=True,
    )
