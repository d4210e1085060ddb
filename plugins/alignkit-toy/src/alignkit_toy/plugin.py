"""What this plugin adds to alignkit."""

from collections.abc import Callable

import alignkit


@alignkit.hookimpl
def register_tasks(register: Callable[..., None]) -> None:
    register(
        "toy_redundant",
        "alignkit_toy.redundant:Redundant",
        summary="Picture and caption name the same value; 'redundancy' sets how often both do",
        default=True,
    )
    register(
        "toy_unique",
        "alignkit_toy.unique:Unique",
        summary="The picture carries one half of the label, the caption the other",
    )
    register(
        "toy_synergy",
        "alignkit_toy.synergy:Synergy",
        summary="XOR of a bit of the picture and a bit of the caption; alone each is at chance",
    )
    register(
        "toy_match",
        "alignkit_toy.match:Match",
        summary="Does the caption name the value that the picture shows",
    )
