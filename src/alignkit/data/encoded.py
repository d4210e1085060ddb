"""A split as a model takes it: token indices and pixels, opened once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from alignkit.data.pixels import find_pixels
from alignkit.errors import DataError
from alignkit.tasks import Split

# Pictures are kept decoded up to this many bytes; beyond it they are opened every time.
CACHE_BYTES = 2 << 30
# Texts of similar length are looked for among the samples of so many batches.
BUCKET_BATCHES = 64


class Encoded:
    """Batches of one split for one model.

    Parameters
    ----------
    split : Split
    inputs
        What the architecture's ``inputs`` gave: ``tokens``, ``pixels`` and ``batch``.
    name : str
        Of the split, for messages.
    fingerprint : callable, optional
        Gives the data's fingerprint; with it, kept pixels are used where there are any.
    device : torch.device or str
        Where batches are wanted.

    Raises
    ------
    DataError
        When the split is empty.
    """

    def __init__(
        self,
        split: Split,
        inputs: Any,
        name: str,
        fingerprint: Callable[[], str] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        if not len(split):
            raise DataError(f"the {name} split is empty; it needs at least one sample")
        self.split, self.inputs, self.name, self.device = split, inputs, name, device
        self.tokens = [inputs.tokens(text) for text in split.texts]
        self._pixels: list[np.ndarray | None] = [None] * len(split)
        self._cached = 0
        self._stored = find_pixels(split, inputs, name, fingerprint) if fingerprint else None
        self._lock = threading.Lock()  # batches may be prepared by several threads

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
        return self.joined([self.tokens[int(row)] for row in rows], self.pixels(rows))

    def pixels(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Pictures of some rows, ``(n, 3, size, size)``."""
        return np.stack([self._picture(int(row)) for row in rows])

    def joined(
        self, tokens: Sequence[np.ndarray], pixels: np.ndarray
    ) -> dict[str, dict[str, torch.Tensor]]:
        """Inputs made of tokens and pictures, on the device."""
        batch = self.inputs.batch(tokens, pixels)
        return {
            stream: {name: value.to(self.device) for name, value in parts.items()}
            for stream, parts in batch.items()
        }

    def in_order(
        self, batch_size: int, first: int = 0, stop: int | None = None
    ) -> Iterator[np.ndarray]:
        """Rows of every batch, first to last; of a range of samples if one is named."""
        stop = len(self) if stop is None else stop
        for start in range(first, stop, batch_size):
            yield np.arange(start, min(start + batch_size, stop))

    def shuffled(
        self, batch_size: int, seed: int, epoch: int, bucket: bool = False
    ) -> Iterator[np.ndarray]:
        """Rows of every batch in the order of an epoch: a function of seed and epoch alone.

        With ``bucket``, texts of similar length share a batch, and the batches are shuffled.
        """
        generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
        order = generator.permutation(len(self))
        if not bucket:
            yield from _cut(order, batch_size)
            return
        lengths = np.array([len(row) for row in self.tokens])
        batches = [
            batch
            for among in _cut(order, batch_size * BUCKET_BATCHES)
            for batch in _cut(among[np.argsort(lengths[among], kind="stable")], batch_size)
        ]
        for index in generator.permutation(len(batches)):
            yield batches[index]

    def _picture(self, row: int) -> np.ndarray:
        if self._stored is not None:
            return self._stored[row]
        kept = self._pixels[row]
        if kept is not None:
            return kept
        pixels = np.ascontiguousarray(self.inputs.pixels(self.split.image(row)))
        with self._lock:
            if self._cached + pixels.nbytes <= CACHE_BYTES:
                self._pixels[row] = pixels
                self._cached += pixels.nbytes
        return pixels


def _cut(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
