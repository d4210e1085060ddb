"""Predictions of a split: what scores that plugins add are computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from alignkit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Predictions:
    """What a model predicts for the samples of a split, and what is known of them.

    Attributes
    ----------
    targets : ndarray (n,) of int, or (n, n_labels) of zeros and ones
    logits : ndarray (n, n_outputs) of float32
        One per sample and label; for a ``Binary`` target a single one, that of the second label.
    ids : sequence of str
        Of the samples.
    facts : mapping of str to sequence of str
        ``label``, ``text``, and what the task says of each sample, such as ``scene``.
    labels : sequence of str
        The names of the labels.
    """

    targets: np.ndarray
    logits: np.ndarray
    ids: Sequence[str]
    facts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    labels: Sequence[str] = ()

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.ids)

    def fact(self, name: str) -> Sequence[str]:
        """Return a fact of every sample.

        Raises
        ------
        UsageError
            When the task does not give it.
        """
        if name not in self.facts:
            raise UsageError(
                f"the samples have no fact '{name}'; known: {', '.join(self.facts) or 'none'}"
            )
        return self.facts[name]

    def groups(self, name: str) -> dict[str, Predictions]:
        """Return the predictions of every group of samples that share a fact, by its value.

        Raises
        ------
        UsageError
            When the task does not give the fact.
        """
        rows: dict[str, list[int]] = {}
        for row, value in enumerate(self.fact(name)):
            rows.setdefault(value, []).append(row)
        return {value: self.rows(rows[value]) for value in sorted(rows)}

    def rows(self, rows: Any) -> Predictions:
        """Return those of some samples, by their positions."""
        at = [int(row) for row in rows]
        return replace(
            self,
            targets=self.targets[at],
            logits=self.logits[at],
            ids=[self.ids[row] for row in at],
            facts={name: [column[row] for row in at] for name, column in self.facts.items()},
        )
