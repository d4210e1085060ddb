"""The overlap of two sets of neighbours whose ties are broken at random, independently.

The neighbours of a sample are those that are certain and a random part of those that tie for
the last places. How many of them two representations have in common then has a distribution
that follows from counts alone; expectations over it are exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from alignkit.metrics.ties import Neighbours


@dataclass(frozen=True)
class Overlaps:
    """Counts of neighbours of each sample, all ``(n,)``.

    Attributes
    ----------
    k : int
    both : Tensor
        Certain neighbours in x and in y.
    tied_x, tied_y : Tensor
        Neighbours that tie for the last places.
    places_x, places_y : Tensor
        How many of these are among the k nearest.
    only_x : Tensor
        Tied in x and certain in y.
    only_y : Tensor
        Tied in y and certain in x.
    shared : Tensor
        Tied in both.
    """

    k: int
    both: Tensor
    tied_x: Tensor
    places_x: Tensor
    only_x: Tensor
    tied_y: Tensor
    places_y: Tensor
    only_y: Tensor
    shared: Tensor

    @classmethod
    def of(cls, x: Neighbours, y: Neighbours) -> Overlaps:
        """Count the neighbours of two representations."""
        in_x, in_y = x.common(y)
        rows, certain_x, certain_y = x.entries.rows[in_x], x.is_certain[in_x], y.is_certain[in_y]

        def count(of: Tensor) -> Tensor:
            return torch.bincount(of, minlength=x.n)

        tied = [count(side.entries.rows[~side.is_certain]) for side in (x, y)]
        places = [side.k - count(side.entries.rows[side.is_certain]) for side in (x, y)]
        return cls(
            x.k,
            count(rows[certain_x & certain_y]),
            tied[0],
            places[0],
            count(rows[~certain_x & certain_y]),
            tied[1],
            places[1],
            count(rows[certain_x & ~certain_y]),
            count(rows[~certain_x & ~certain_y]),
        )

    def given(self, certain_x: bool, certain_y: bool) -> Overlaps:
        """Return the counts given that one neighbour, certain or tied in each, is in both."""
        if certain_x and certain_y:
            return self
        drawn_x, drawn_y = int(not certain_x), int(not certain_y)
        return replace(
            self,
            both=self.both + 1,
            tied_x=self.tied_x - drawn_x,
            places_x=self.places_x - drawn_x,
            only_x=self.only_x - drawn_x * (1 - drawn_y),
            tied_y=self.tied_y - drawn_y,
            places_y=self.places_y - drawn_y,
            only_y=self.only_y - drawn_y * (1 - drawn_x),
            shared=self.shared - drawn_x * drawn_y,
        )

    def expected(self, score: Tensor) -> Tensor:
        """Return the expectation of a score of the number in common, ``(n,)`` float64.

        Samples for which the counts are impossible, as after ``given`` without such a
        neighbour, get 0.

        Parameters
        ----------
        score : Tensor (k + 1,)
            The score of 0 to k common neighbours.
        """
        names = ("both", "tied_x", "places_x", "only_x", "tied_y", "places_y", "only_y", "shared")
        counts = torch.stack([getattr(self, name) for name in names], dim=1)
        distinct, which = torch.unique(counts, dim=0, return_inverse=True)
        return _expected(*distinct.T, score=score.to(distinct.device))[which]


def _expected(
    both: Tensor,
    tied_x: Tensor,
    places_x: Tensor,
    only_x: Tensor,
    tied_y: Tensor,
    places_y: Tensor,
    only_y: Tensor,
    shared: Tensor,
    *,
    score: Tensor,
) -> Tensor:
    # Samples share one grid of numbers, so that only + shared of one meets the shared of another.
    largest = torch.stack([tied_x, tied_y, only_x + shared.max()]).max()
    choose = _Binomials(int(largest) + 1, score.device)

    def up_to(number: Tensor, most: Tensor) -> Tensor:
        largest = int(torch.minimum(number, most).max().clamp(min=0))
        return torch.arange(largest + 1, device=score.device)

    # The places of y go to so many that are certain in x, tied in x, and none of these.
    certain = up_to(only_y, places_y)[:, None]
    tied = up_to(shared, places_y)
    ways = choose(only_y[:, None, None], certain) + choose(shared[:, None, None], tied)
    ways = ways + choose(
        (tied_y - only_y - shared)[:, None, None], places_y[:, None, None] - certain - tied
    )
    likely = (ways - choose(tied_y, places_y)[:, None, None]).exp()
    # Then those that x adds: a random part of its tied ones, some of which y has.
    wanted = only_x[:, None, None] + tied[:, None]
    added = up_to(only_x + shared, places_x)
    drawn = choose(wanted, added) + choose(
        tied_x[:, None, None] - wanted, places_x[:, None, None] - added
    )
    chances = (drawn - choose(tied_x, places_x)[:, None, None]).exp()
    number = (both[:, None, None] + certain + added).clamp(0, len(score) - 1)
    total = ((likely @ chances) * score[number]).sum(dim=(1, 2))
    return total.nan_to_num(0.0)


class _Binomials:
    """Logarithms of binomial coefficients; minus infinity where there is no way to choose."""

    def __init__(self, largest: int, device: torch.device) -> None:
        self.factorials = torch.lgamma(
            torch.arange(largest + 2, dtype=torch.float64, device=device) + 1
        )

    def __call__(self, of: Tensor, number: Tensor | int) -> Tensor:
        number = torch.as_tensor(number, device=of.device)
        of, number = torch.broadcast_tensors(of, number)
        possible = (number >= 0) & (number <= of)
        of, number = torch.where(possible, of, 0), torch.where(possible, number, 0)
        value = self.factorials[of] - self.factorials[number] - self.factorials[of - number]
        return torch.where(possible, value, -torch.inf)
