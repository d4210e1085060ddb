"""Batches with the inputs and labels of every objective, batch before the forward pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from alignkit.errors import UsageError
from alignkit.runs.training import Weighted
from alignkit.training.draws import sample_keys, uniforms
from alignkit.training.masking import Captions, PatchGrid, choose_share, mask_words

if TYPE_CHECKING:
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
    """

    inputs: Inputs
    n: int
    labels: dict[str, dict[str, torch.Tensor]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    pairs: torch.Tensor | None = None


class Collator:
    """Collates samples of a split into batches for the objectives of a run.

    All pretraining objectives share one forward pass: words and patches are masked and
    captions swapped in the same batch (as in Lu et al. 2019). Swapped samples are masked
    too, so that only their content sets them apart.

    Parameters
    ----------
    data : EncodedSplit
    objectives : sequence of Weighted
    seed : int
        The seed of the run.
    grid : PatchGrid or None
        The grid of the vision stream's patches; needed by ``mim``.

    Raises
    ------
    UsageError
        If an objective is not possible with this architecture.
    DataError
        If the split lacks what an objective needs: labels, or captions that differ.
    """

    def __init__(
        self, data: EncodedSplit, objectives: Sequence[Weighted], seed: int, grid: PatchGrid | None
    ) -> None:
        self.data, self.seed = data, seed
        self.objectives = {o.name: dict(o.options) for o in objectives}
        self.keys = sample_keys(data.split.ids) if self.objectives.keys() - {"task"} else None
        if "task" in self.objectives:
            if self.objectives["task"]:
                raise UsageError("`objectives=task` has no options")
            data.targets()  # fail early if the split has no labels
        if "mlm" in self.objectives:
            self.word_share = _share(self.objectives["mlm"], "mlm", 0.15)
            if data.vocabulary is None:
                raise UsageError(
                    "`objectives=mlm` needs a vocabulary with a mask token, which the inputs of "
                    "this architecture lack; leave it out"
                )
        if "mim" in self.objectives:
            self.patch_share = _share(self.objectives["mim"], "mim", 0.3)
            if grid is None:
                raise UsageError(
                    "`objectives=mim` needs a square grid of patches, which the vision stream of "
                    "this architecture lacks; leave it out"
                )
            self.grid = grid
        if "itm" in self.objectives:
            self.swap_share = _share(self.objectives["itm"], "itm", 0.5)
            self.captions = Captions(data.split.texts, data.name)

    def __call__(self, rows: np.ndarray, epoch: int) -> Batch:
        """Return the batch of these rows; the epoch decides what is masked and swapped."""
        if not len(rows):  # a process may have no share of a small batch
            return Batch({}, 0, counts=dict.fromkeys(self.objectives, 0))
        if self.keys is None:
            batch = Batch(self.data.batch(rows), len(rows))
        else:
            batch = self._pretraining(rows, epoch)
        if "task" in self.objectives:
            own = slice(None) if batch.pairs is None else batch.pairs.cpu().numpy()
            targets = torch.from_numpy(self.data.targets(rows[own])).to(self.data.device)
            self._label(batch, "task", len(targets), target=targets)
        return batch

    def _pretraining(self, rows: np.ndarray, epoch: int) -> Batch:
        """Return a batch with words and patches masked and captions swapped, as requested."""
        caption_rows = rows
        pairs = np.ones(len(rows), dtype=bool)  # whether each sample keeps its own caption
        if "itm" in self.objectives:
            draws = self._draws(rows, epoch, "itm", 2)
            pairs = draws[:, 0] >= self.swap_share
            caption_rows = np.where(pairs, rows, self.captions.other(rows, draws[:, 1]))
        tokens = [self.data.tokens[int(row)] for row in caption_rows]
        pixels = self.data.pixels(rows)
        if "mlm" in self.objectives:
            original = tokens
            tokens, words = self._mask_words(tokens, rows, epoch)
        if "mim" in self.objectives:
            plain, patches = pixels, self._choose_patches(rows, epoch)
            pixels = self.grid.hide(pixels, patches)
        batch = Batch(self.data.joined(tokens, pixels), len(rows))
        if "itm" in self.objectives:
            batch.pairs = torch.from_numpy(pairs).to(self.data.device)
            self._label(batch, "itm", len(rows), match=torch.from_numpy(pairs).float())
        if "mlm" in self.objectives:
            row, column = np.nonzero(words & pairs[:, None])
            targets = np.array([original[i][j] for i, j in zip(row, column, strict=True)], np.int64)
            self._label(batch, "mlm", len(row), row=row, column=column, token=targets)
        if "mim" in self.objectives:
            row, patch = np.nonzero(patches & pairs[:, None])
            values = self.grid.patches(plain)[row, patch]
            self._label(batch, "mim", len(row), row=row, patch=patch, pixels=values)
        return batch

    def _mask_words(
        self, tokens: list[np.ndarray], rows: np.ndarray, epoch: int
    ) -> tuple[list[np.ndarray], np.ndarray]:
        longest = max(len(row) for row in tokens)
        draws = [
            self._draws(rows, epoch, f"mlm {what}", longest) for what in ("choice", "fate", "word")
        ]
        assert self.data.vocabulary is not None
        return mask_words(tokens, self.data.vocabulary, self.word_share, np.stack(draws, axis=-1))

    def _choose_patches(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        draws = self._draws(rows, epoch, "mim", self.grid.side**2)
        return choose_share(np.ones(draws.shape, dtype=bool), self.patch_share, draws)

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


def _share(options: dict[str, str], name: str, default: float) -> float:
    unknown = sorted(set(options) - {"share"})
    if unknown:
        raise UsageError(f"`objectives={name}` has no option '{unknown[0]}'; it has: share")
    try:
        share = float(options.get("share", default))
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise UsageError(
            f"`objectives={name}`: share={options['share']} must be above 0 and below 1"
        )
    return share
