"""The pairs of layers to measure, resolved once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from alignkit.models.pairs import MAXIMA, Pair, pairs_by_streams
from alignkit.runs import Run


@dataclass(frozen=True)
class PairSelection:
    """The pairs of layers that a selection such as ``all`` or ``max`` means.

    Attributes
    ----------
    layers : str
        The selection as it was given; ``max`` and ``max-pair`` reduce each group to its best
        value.
    groups : mapping of str to sequence of (str, str)
        Pairs of layers by their pair of streams: ``text-vision``.
    """

    layers: str
    groups: Mapping[str, Sequence[Pair]]

    @classmethod
    def of_run(cls, run: Run, layers: str, streams: str, other: Run | None = None) -> PairSelection:
        """Select pairs of sites of a run, or between two runs, as ``select_pairs`` does."""
        schedule = None if other is None else other.schedule()
        return cls(layers, pairs_by_streams(run.schedule(), layers, streams, schedule))

    @property
    def is_maximum(self) -> bool:
        """Whether only the best value of each group is wanted."""
        return self.layers in MAXIMA

    @cached_property
    def pairs(self) -> list[Pair]:
        """The pairs of all groups, each once."""
        return list(dict.fromkeys(pair for pairs in self.groups.values() for pair in pairs))

    @cached_property
    def keys(self) -> list[Pair]:
        """What identifies the rows of a table: a pair of layers, or selection and streams."""
        if self.is_maximum:
            return [(self.layers, streams) for streams in self.groups]
        return self.pairs
