"""A split as a model takes it: token indices and pixels, prepared once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from alignkit.data.pixels import find_pixels
from alignkit.errors import DataError
from alignkit.models.protocols import Inputs, Vocabulary
from alignkit.tasks import Split

# Up to this many bytes of pixels are kept in memory; other images are opened every time.
CACHE_BYTES = 2 << 30
# Texts of similar length are grouped within the samples of this many batches.
BUCKET_BATCHES = 64


Batch = dict[str, dict[str, torch.Tensor]]  # inputs of a model, by stream and name


class EncodedSplit:
    """One split of a task, encoded for one model and served in batches.

    Parameters
    ----------
    split : Split
    inputs : Inputs
    name : str
        The name of the split, for messages.
    identity : callable, optional
        Returns the identity of the pictures, as ``identity_of_pictures``; with it, cached pixels
        are used if there are any.
    device : torch.device or str
        The device for the batches.

    Raises
    ------
    DataError
        If the split is empty.
    """

    def __init__(
        self,
        split: Split,
        inputs: Inputs,
        name: str,
        identity: Callable[[], str] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        if not len(split):
            raise DataError(f"the {name} split is empty; it needs at least one sample")
        self.split, self.inputs, self.name, self.device = split, inputs, name, device
        self.tokens = [inputs.tokens(text) for text in split.texts]
        self._pixels: list[np.ndarray | None] = [None] * len(split)
        self._cached = 0
        self._stored = find_pixels(split, inputs, name, identity) if identity else None
        self._lock = threading.Lock()  # batches may be prepared by several threads

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.split)

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The vocabulary of the inputs; None if they have none with a mask token."""
        vocabulary: Vocabulary | None = getattr(self.inputs, "vocabulary", None)
        return vocabulary if getattr(vocabulary, "mask", None) is not None else None

    def targets(self, rows: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Return the targets of some rows, or of all.

        Raises
        ------
        DataError
            If the split is distributed without labels.
        """
        if self.split.targets is None:
            notes = "".join(f" ({note}: {count})" for note, count in self.split.notes.items())
            raise DataError(
                f"the {self.name} split has no labels, which training and scoring need{notes}; "
                "extract and measure work without them"
            )
        return self.split.targets if rows is None else self.split.targets[rows]

    def batch(self, rows: Sequence[int] | np.ndarray) -> Batch:
        """Return the inputs of some rows, with texts padded to the longest among them."""
        return self.joined([self.tokens[int(row)] for row in rows], self.pixels(rows))

    def pixels(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the pixels of some rows, ``(n, 3, size, size)``."""
        return np.stack([self._pixels_of(int(row)) for row in rows])

    def joined(self, tokens: Sequence[np.ndarray], pixels: np.ndarray) -> Batch:
        """Return the inputs made from tokens and pixels, on the device."""
        batch = self.inputs.batch(tokens, pixels)
        return {
            stream: {name: value.to(self.device) for name, value in parts.items()}
            for stream, parts in batch.items()
        }

    def in_order(
        self, batch_size: int, first: int = 0, stop: int | None = None
    ) -> Iterator[np.ndarray]:
        """Yield the rows of every batch in order, optionally of a range of samples only."""
        stop = len(self) if stop is None else stop
        for start in range(first, stop, batch_size):
            yield np.arange(start, min(start + batch_size, stop))

    def shuffled(
        self, batch_size: int, seed: int, epoch: int, bucket: bool = False
    ) -> Iterator[np.ndarray]:
        """Yield the rows of every batch, shuffled as a function of seed and epoch alone.

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

    def _pixels_of(self, row: int) -> np.ndarray:
        if self._stored is not None:
            stored: np.ndarray = self._stored[row]
            return stored
        cached = self._pixels[row]
        if cached is not None:
            return cached
        pixels = np.ascontiguousarray(self.inputs.pixels(self.split.image(row)))
        with self._lock:
            if self._cached + pixels.nbytes <= CACHE_BYTES:
                self._pixels[row] = pixels
                self._cached += pixels.nbytes
        return pixels


def _cut(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
