"""A split as a model takes it: token indices and pixels, opened once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from alignkit.chain.pixels import find_pixels
from alignkit.errors import DataError
from alignkit.tasks import Split

# Pictures are kept decoded up to this many bytes; beyond it they are opened every time.
CACHE_BYTES = 2 << 30


class Encoded:
    """Batches of one split for one model.

    Parameters
    ----------
    split : Split
    inputs
        What the architecture's ``inputs`` gave: ``tokens``, ``pixels`` and ``batch``.
    name : str
        Of the split.
    fingerprint : callable, optional
        Gives the data's fingerprint; with it, kept pixels are used where there are any.

    Raises
    ------
    DataError
        When the split is empty.
    """

    def __init__(
        self, split: Split, inputs: Any, name: str, fingerprint: Callable[[], str] | None = None
    ) -> None:
        if not len(split):
            raise DataError(f"the {name} split is empty; it needs at least one sample")
        self.split, self.inputs, self.name = split, inputs, name
        self.tokens = [inputs.tokens(text) for text in split.texts]
        self._pixels: list[np.ndarray | None] = [None] * len(split)
        self._cached = 0
        self._stored = find_pixels(split, inputs, name, fingerprint) if fingerprint else None

    def __len__(self) -> int:
        return len(self.split)

    def targets(self, rows: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Targets of some rows.

        Raises
        ------
        DataError
            When the split was distributed without labels.
        """
        if self.split.targets is None:
            notes = "".join(f" ({note}: {count})" for note, count in self.split.notes.items())
            raise DataError(
                f"the {self.name} split has no labels, which training and scoring need{notes}; "
                "extract and measure work without them"
            )
        return self.split.targets if rows is None else self.split.targets[rows]

    def batch(self, rows: Sequence[int] | np.ndarray) -> dict[str, dict[str, torch.Tensor]]:
        """Inputs of some rows, texts padded to the longest among them."""
        pixels = np.stack([self._picture(int(row)) for row in rows])
        return self.inputs.batch([self.tokens[int(row)] for row in rows], pixels)

    def in_order(self, batch_size: int) -> Iterator[np.ndarray]:
        """Rows of every batch, first to last."""
        for start in range(0, len(self), batch_size):
            yield np.arange(start, min(start + batch_size, len(self)))

    def shuffled(self, batch_size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
        """Rows of every batch in the order of an epoch: a function of seed and epoch alone."""
        order = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(len(self))
        for start in range(0, len(self), batch_size):
            yield order[start : start + batch_size]

    def _picture(self, row: int) -> np.ndarray:
        if self._stored is not None:
            return self._stored[row]
        kept = self._pixels[row]
        if kept is not None:
            return kept
        pixels = np.ascontiguousarray(self.inputs.pixels(self.split.image(row)))
        if self._cached + pixels.nbytes <= CACHE_BYTES:
            self._pixels[row] = pixels
            self._cached += pixels.nbytes
        return pixels
