"""What this plugin adds to alignkit."""

from collections.abc import Callable

import alignkit


@alignkit.hookimpl
def register_tasks(register: Callable[..., None]) -> None:
    register(
        "emoji",
        "alignkit_emoji.task:Emoji",
        summary="Unicode group of an emoji, from its picture (system font) and its name",
    )
