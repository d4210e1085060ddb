"""Batches with the inputs and labels of every objective, batch before the forward pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from alignkit.runs.training import PRETRAIN
from alignkit.training.draws import sample_keys, uniforms
from alignkit.training.masking import Captions, choose_share, equal_texts, mask_words
from alignkit.training.protocols import ObjectiveSamples
from alignkit.training.step_objectives import StepObjective

if TYPE_CHECKING:
    from torch import nn

    from alignkit.data.encoded import EncodedSplit

Inputs = dict[str, dict[str, torch.Tensor]]


@dataclass
class Batch:
    """One batch: inputs of the model, and labels of the objectives.

    Attributes
    ----------
    inputs : dict
        The inputs by stream and name, as ``walk`` takes them.
    n : int
        The number of samples.
    labels : dict of str to dict of Tensor
        By objective.
    counts : dict of str to int
        How many samples, words or patches each objective averages over.
    pairs : Tensor of bool (n,) or None
        Which samples have their own caption; None if all have.
    samples : ObjectiveSamples or None
        Which texts and pictures are equal, before masking and swapping; None unless an objective
        asks for it.
    """

    inputs: Inputs
    n: int
    labels: dict[str, dict[str, torch.Tensor]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    pairs: torch.Tensor | None = None
    samples: ObjectiveSamples | None = None


class Collator:
    """Collates samples of a split into batches for the objectives of a run.

    All pretraining objectives share one forward pass: words and patches are masked and
    captions swapped in the same batch (as in Lu et al. 2019). Swapped samples are masked
    too, so that only their content sets them apart.

    Parameters
    ----------
    data : EncodedSplit
    objectives : mapping of str to nn.Module
        The objectives by name.
    seed : int
        The seed of the run.

    Raises
    ------
    DataError
        If the split lacks what an objective needs: labels, or captions that differ.
    """

    def __init__(self, data: EncodedSplit, objectives: Mapping[str, nn.Module], seed: int) -> None:
        self.data, self.seed, self.names = data, seed, list(objectives)
        named: dict[str, Any] = dict(objectives.items())  # a ModuleDict has no `get`
        self.words, self.patches = named.get("mlm"), named.get("mim")
        self.matching = named.get("itm")
        self.keys = sample_keys(data.split.ids) if set(named) & set(PRETRAIN) else None
        if "task" in named:
            data.targets()  # fail early if the split has no labels
        if self.matching is not None:
            self.captions = Captions(data.split.texts, data.name)
        compares = any(isinstance(each, StepObjective) for each in named.values())
        self.texts = equal_texts(data.split.texts) if compares else None

    def __call__(self, rows: np.ndarray, epoch: int) -> Batch:
        """Return the batch of these rows; the epoch decides what is masked and swapped."""
        if not len(rows):  # a process may have no share of a small batch
            return Batch({}, 0, counts=dict.fromkeys(self.names, 0))
        batch = self.plain(rows) if self.keys is None else self._pretraining(rows, epoch)
        if "task" in self.names:
            own = slice(None) if batch.pairs is None else batch.pairs.cpu().numpy()
            targets = torch.from_numpy(self.data.targets(rows[own])).to(self.data.device)
            self._label(batch, "task", len(targets), target=targets)
        return batch

    def plain(self, rows: np.ndarray) -> Batch:
        """Return the batch of these rows with nothing masked or swapped, and without labels."""
        pixels = self.data.pixels(rows)
        tokens = [self.data.tokens[int(row)] for row in rows]
        return Batch(self.data.joined(tokens, pixels), len(rows), samples=self._same(rows, pixels))

    def _pretraining(self, rows: np.ndarray, epoch: int) -> Batch:
        """Return a batch with words and patches masked and captions swapped, as requested."""
        caption_rows = rows
        pairs = np.ones(len(rows), dtype=bool)  # whether each sample keeps its own caption
        if self.matching is not None:
            draws = self._draws(rows, epoch, "itm", 2)
            pairs = draws[:, 0] >= self.matching.share
            caption_rows = np.where(pairs, rows, self.captions.other(rows, draws[:, 1]))
        tokens = [self.data.tokens[int(row)] for row in caption_rows]
        plain = pixels = self.data.pixels(rows)
        if self.words is not None:
            original = tokens
            tokens, words = self._mask_words(tokens, rows, epoch)
        if self.patches is not None:
            patches = self._choose_patches(rows, epoch)
            pixels = self.patches.grid.hide(pixels, patches)
        batch = Batch(self.data.joined(tokens, pixels), len(rows), samples=self._same(rows, plain))
        if self.matching is not None:
            batch.pairs = torch.from_numpy(pairs).to(self.data.device)
            self._label(batch, "itm", len(rows), match=torch.from_numpy(pairs).float())
        if self.words is not None:
            row, column = np.nonzero(words & pairs[:, None])
            targets = np.array([original[i][j] for i, j in zip(row, column, strict=True)], np.int64)
            self._label(batch, "mlm", len(row), row=row, column=column, token=targets)
        if self.patches is not None:
            row, patch = np.nonzero(patches & pairs[:, None])
            values = self.patches.grid.patches(plain)[row, patch]
            self._label(batch, "mim", len(row), row=row, patch=patch, pixels=values)
        return batch

    def _same(self, rows: np.ndarray, pixels: np.ndarray) -> ObjectiveSamples | None:
        """Return which texts and pictures of some rows are equal, by their hashes for pictures."""
        if self.texts is None:
            return None
        hashes = [blake2b(picture.tobytes(), digest_size=8).digest() for picture in pixels]
        images = np.frombuffer(b"".join(hashes), np.int64).copy()
        device = self.data.device
        return ObjectiveSamples(
            torch.from_numpy(self.texts[rows]).to(device), torch.from_numpy(images).to(device)
        )

    def _mask_words(
        self, tokens: list[np.ndarray], rows: np.ndarray, epoch: int
    ) -> tuple[list[np.ndarray], np.ndarray]:
        longest = max(len(row) for row in tokens)
        draws = [
            self._draws(rows, epoch, f"mlm {what}", longest) for what in ("choice", "fate", "word")
        ]
        assert self.data.vocabulary is not None
        assert self.words is not None
        return mask_words(tokens, self.data.vocabulary, self.words.share, np.stack(draws, axis=-1))

    def _choose_patches(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        assert self.patches is not None
        draws = self._draws(rows, epoch, "mim", self.patches.grid.side**2)
        return choose_share(np.ones(draws.shape, dtype=bool), self.patches.share, draws)

    def _draws(self, rows: np.ndarray, epoch: int, purpose: str, columns: int) -> np.ndarray:
        assert self.keys is not None
        return uniforms(self.keys[rows], self.seed, epoch, purpose, columns)

    def _label(self, batch: Batch, name: str, count: int, **values: Any) -> None:
        batch.counts[name] = count
        batch.labels[name] = {
            key: torch.as_tensor(value).to(self.data.device) for key, value in values.items()
        }


def prefetch(
    groups: Iterable[Sequence[np.ndarray]], collate: Callable[[np.ndarray], Batch], workers: int
) -> Iterator[list[Batch]]:
    """Yield the batches of every group in order, collated in the background by worker threads.

    Parameters
    ----------
    groups : iterable of sequence of ndarray
        The rows of every batch.
    collate : callable
        From the rows of a batch to the batch.
    workers : int
        The number of threads; with 0, batches are collated when they are needed.
    """
    if not workers:
        for group in groups:
            yield [collate(rows) for rows in group]
        return
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[list[Future[Batch]]] = deque()
        try:
            for group in groups:
                pending.append([pool.submit(collate, rows) for rows in group])
                if len(pending) > workers:
                    yield [future.result() for future in pending.popleft()]
            while pending:
                yield [future.result() for future in pending.popleft()]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
