"""Registration of the task."""

from collections.abc import Callable

import alignkit

# What is stored goes by the versions declared here, not by every edit of the code.
VERSIONED = True


@alignkit.hookimpl
def register_tasks(register: Callable[..., None]) -> None:
    """Register the emoji task."""
    register(
        "emoji",
        "alignkit_emoji.task:Emoji",
        summary="Unicode group of an emoji, from its picture (Twemoji, CC BY 4.0) and its name",
        default=True,
    )
