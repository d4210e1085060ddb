"""What alignment within classes says beside the plain one, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignkit.alignment.designs import RESIDUALS, shown_name


def within_sentence(column: str) -> str:
    """Say how values within classes differ from plain ones.

    Parameters
    ----------
    column : str
        The name of the classes, as in the column ``within`` of an alignment table.
    """
    name = shown_name(column)
    if name.endswith(RESIDUALS):
        name = name.removesuffix(RESIDUALS)
        return (
            f"plain values also count what both streams know of '{name}'; values of residuals "
            f"count only what is left in both once a linear regression has removed the labels of "
            f"{name}, against permutations of all samples"
        )
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


def unknown_chance(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line on values within classes or by groups that lack a chance level.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of an alignment table.
    """
    lacking = [
        row
        for row in rows
        if (row["within"] or row["groups"])
        and row["value"] is not None
        and row["chance"] is None
        and row["null_mean"] is None
    ]
    if not lacking:
        return []
    metrics = ", ".join(dict.fromkeys(str(row["metric"]) for row in lacking))
    designs = {
        f"within {shown_name(row['within'])}"
        if row["within"]
        else f"by groups of {shown_name(row['groups'])}"
        for row in lacking
    }
    return [
        f"the chance level of {metrics} {' and '.join(sorted(designs))} has no closed form, and is "
        "above 0 where classes or groups are few; `null=200` measures it with 200 permutations"
    ]
