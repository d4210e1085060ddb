"""The placements of the literature: lists of layers, and blocks of consecutive fusions."""

from __future__ import annotations

from collections.abc import Mapping

import alignkit

# Layer indices of text and vision, and a summary.
LISTED: dict[str, tuple[list[int], list[int], str]] = {
    "none": ([], [], "no co-attention; the streams meet only in the head"),
    "early_early": ([0, 1, 2], [0, 1, 2], "before layers 0 to 2"),
    "asymmetric": (
        [6, 7, 8, 9],
        [3, 5, 7, 9],
        "earlier in the vision stream than in the text stream",
    ),
    "optuna1": ([3, 6], [6, 8], "found by search on hateful_memes"),
    "optuna2": ([7, 9, 10, 11], [6, 7, 9, 10], "found by search on mm_imdb"),
    "hybrid1": ([3, 4, 10], [3, 4, 10], "two early fusions and a late one"),
    "hybrid2": ([4, 10, 11], [4, 10, 11], "one early fusion and two late ones"),
    "full": (list(range(12)), list(range(12)), "before every layer"),
}


def early(_depths: Mapping[str, int], count: int = 3) -> list[int]:
    """Before layer 3 and the layers that follow it.

    Parameters
    ----------
    count : int
        Number of fusions.
    """
    return _consecutive("early", 3, count)


def middle(_depths: Mapping[str, int], count: int = 3) -> list[int]:
    """Before layer 6 and the layers that follow it.

    Parameters
    ----------
    count : int
        Number of fusions.
    """
    return _consecutive("middle", 6, count)


def late(depths: Mapping[str, int], count: int = 3) -> dict[str, list[int]]:
    """Before the last layers of each stream, however deep it is.

    Parameters
    ----------
    count : int
        Number of fusions.
    """
    for stream, depth in depths.items():
        if count > depth:
            raise alignkit.UsageError(
                f"placement 'late': count={count} is more than the depth of the {stream} stream, "
                f"{depth}; write late:count={depth} or fewer"
            )
    return {stream: _consecutive("late", depth - count, count) for stream, depth in depths.items()}


def _consecutive(name: str, first: int, count: int) -> list[int]:
    if count < 1:
        raise alignkit.UsageError(
            f"placement '{name}': count={count} must be at least 1; without fusions: none"
        )
    return list(range(first, first + count))
