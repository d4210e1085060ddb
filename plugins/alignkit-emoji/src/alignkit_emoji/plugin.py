"""Registration of the task."""

import alignkit


@alignkit.hookimpl
def register_tasks(register: alignkit.RegisterTasks) -> None:
    """Register the emoji task."""
    register(
        "emoji",
        "alignkit_emoji.task:Emoji",
        summary="Unicode group of an emoji, from its picture (Twemoji, CC BY 4.0) and its name",
        default=True,
    )
