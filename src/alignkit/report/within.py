"""What alignment within classes says beside the plain one, in one sentence."""

from __future__ import annotations

from alignkit.alignment.designs import shown_name


def within_sentence(column: str) -> str:
    """Say how values within classes differ from plain ones.

    Parameters
    ----------
    column : str
        The name of the classes, as in the column ``within`` of an alignment table.
    """
    name = shown_name(column)
    return (
        f"plain values also count what both streams know of '{name}'; values within {name} count "
        f"only what they share beyond it, against permutations of samples of the same {name}"
    )


def groups_sentence(column: str) -> str:
    """Say what groups of samples change.

    Parameters
    ----------
    column : str
        The name of the groups, as in the column ``groups`` of an alignment table.
    """
    name = shown_name(column)
    return (
        f"samples of the same '{name}' are not neighbours, and are permuted and resampled together"
    )
