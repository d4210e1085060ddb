"""Registration of the synthetic tasks."""

import alignkit


@alignkit.hookimpl
def register_tasks(register: alignkit.RegisterTasks) -> None:
    """Register the four synthetic tasks."""
    register(
        "toy_redundant",
        "alignkit_toy.redundant:Redundant",
        summary="Picture and caption carry the same label, in the fraction 'redundancy' of samples",
    )
    register(
        "toy_unique",
        "alignkit_toy.unique:Unique",
        summary="The picture carries one half of the label, the caption the other half",
    )
    register(
        "toy_synergy",
        "alignkit_toy.synergy:Synergy",
        summary="XOR of a bit in the picture and a bit in the caption; each alone is at chance",
    )
    register(
        "toy_match",
        "alignkit_toy.match:Match",
        summary="Does the caption name the value that the picture shows?",
    )
