"""Batches with what each objective asks of them, made ahead of the forward pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from alignkit.errors import UsageError
from alignkit.runs.training import Weighted
from alignkit.training.draws import sample_keys, uniforms
from alignkit.training.masking import Captions, Grid, choose_share, mask_words

if TYPE_CHECKING:
    from alignkit.data.encoded import Encoded

Inputs = dict[str, dict[str, torch.Tensor]]


@dataclass
class Prepared:
    """One batch on its way through the model.

    Attributes
    ----------
    inputs : dict
        What ``walk`` takes.
    n : int
        Samples.
    labels : dict of str to dict of Tensor
        What each objective is held against.
    counts : dict of str to int
        How many things each objective averages over: samples, words or patches.
    pairs : Tensor of bool (n,) or None
        Which samples have their own caption; None for all of them.
    """

    inputs: Inputs
    n: int
    labels: dict[str, dict[str, torch.Tensor]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    pairs: torch.Tensor | None = None


class Preparation:
    """Makes batches of a split for the objectives of a run.

    Every picture is opened once and goes through the model once: words are hidden, patches
    are hidden and captions are swapped in one and the same batch (as in Lu et al. 2019), and
    swapped samples are hidden alike, so that nothing but the content tells them apart.

    Parameters
    ----------
    data : Encoded
    objectives : sequence of Weighted
    seed : int
    grid : Grid or None
        Of the vision stream; needed by ``mim``.

    Raises
    ------
    UsageError
        When an objective cannot be had with this architecture.
    DataError
        When the split lacks what an objective needs: labels, or captions that differ.
    """

    def __init__(
        self, data: Encoded, objectives: Sequence[Weighted], seed: int, grid: Grid | None
    ) -> None:
        self.data, self.seed = data, seed
        self.asked = {o.name: dict(o.options) for o in objectives}
        self.keys = sample_keys(data.split.ids) if self.asked.keys() - {"task"} else None
        if "task" in self.asked:
            if self.asked["task"]:
                raise UsageError("--objective task has no options")
            data.targets()  # a split without labels fails before the work, not after
        if "mlm" in self.asked:
            self.word_share = _share(self.asked["mlm"], "mlm", 0.15)
            vocabulary = getattr(data.inputs, "vocabulary", None)
            if getattr(vocabulary, "mask", None) is None:
                raise UsageError(
                    "--objective mlm: the inputs of this architecture have no "
                    "vocabulary with a mask token; leave it out"
                )
        if "mim" in self.asked:
            self.patch_share = _share(self.asked["mim"], "mim", 0.3)
            if grid is None:
                raise UsageError(
                    "--objective mim: the vision stream of this architecture is no "
                    "square grid of patches; leave it out"
                )
            self.grid = grid
        if "itm" in self.asked:
            self.swap_share = _share(self.asked["itm"], "itm", 0.5)
            self.captions = Captions(data.split.texts, data.name)

    def __call__(self, rows: np.ndarray, epoch: int) -> Prepared:
        """Make the batch of some rows in some epoch."""
        if not len(rows):  # the share of a process may be empty
            return Prepared({}, 0, counts=dict.fromkeys(self.asked, 0))
        if self.keys is None:
            prepared = Prepared(self.data.batch(rows), len(rows))
        else:
            prepared = self._pretraining(rows, epoch)
        if "task" in self.asked:
            own = slice(None) if prepared.pairs is None else prepared.pairs.cpu().numpy()
            targets = torch.from_numpy(self.data.targets(rows[own])).to(self.data.device)
            self._label(prepared, "task", len(targets), target=targets)
        return prepared

    def _pretraining(self, rows: np.ndarray, epoch: int) -> Prepared:
        shown = rows
        pairs = np.ones(len(rows), dtype=bool)
        if "itm" in self.asked:
            draws = self._draws(rows, epoch, "itm", 2)
            pairs = draws[:, 0] >= self.swap_share
            shown = np.where(pairs, rows, self.captions.other(rows, draws[:, 1]))
        tokens = [self.data.tokens[int(row)] for row in shown]
        pixels = self.data.pixels(rows)
        if "mlm" in self.asked:
            whole = tokens
            tokens, words = self._hide_words(tokens, rows, epoch)
        if "mim" in self.asked:
            plain, patches = pixels, self._choose_patches(rows, epoch)
            pixels = self.grid.hide(pixels, patches)
        prepared = Prepared(self.data.joined(tokens, pixels), len(rows))
        if "itm" in self.asked:
            prepared.pairs = torch.from_numpy(pairs).to(self.data.device)
            self._label(prepared, "itm", len(rows), match=torch.from_numpy(pairs).float())
        if "mlm" in self.asked:
            row, column = np.nonzero(words & pairs[:, None])
            hidden = np.array([whole[i][j] for i, j in zip(row, column, strict=True)], np.int64)
            self._label(prepared, "mlm", len(row), row=row, column=column, token=hidden)
        if "mim" in self.asked:
            row, patch = np.nonzero(patches & pairs[:, None])
            values = self.grid.patches(plain)[row, patch]
            self._label(prepared, "mim", len(row), row=row, patch=patch, pixels=values)
        return prepared

    def _hide_words(
        self, tokens: list[np.ndarray], rows: np.ndarray, epoch: int
    ) -> tuple[list[np.ndarray], np.ndarray]:
        longest = max(len(row) for row in tokens)
        draws = [
            self._draws(rows, epoch, f"mlm {what}", longest) for what in ("choice", "fate", "word")
        ]
        return mask_words(
            tokens, self.data.inputs.vocabulary, self.word_share, np.stack(draws, axis=-1)
        )

    def _choose_patches(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        draws = self._draws(rows, epoch, "mim", self.grid.side**2)
        return choose_share(np.ones(draws.shape, dtype=bool), self.patch_share, draws)

    def _draws(self, rows: np.ndarray, epoch: int, purpose: str, columns: int) -> np.ndarray:
        assert self.keys is not None
        return uniforms(self.keys[rows], self.seed, epoch, purpose, columns)

    def _label(self, prepared: Prepared, name: str, count: int, **values: Any) -> None:
        prepared.counts[name] = count
        prepared.labels[name] = {
            key: torch.as_tensor(value).to(self.data.device) for key, value in values.items()
        }


def ahead(
    groups: Iterable[Sequence[Any]], prepare: Callable[[Any], Prepared], workers: int
) -> Iterator[list[Prepared]]:
    """Prepare the batches of every group, in order; with workers, ahead of their use."""
    if not workers:
        for group in groups:
            yield [prepare(rows) for rows in group]
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[list[Any]] = deque()
        try:
            for group in groups:
                waiting.append([pool.submit(prepare, rows) for rows in group])
                if len(waiting) > workers:
                    yield [future.result() for future in waiting.popleft()]
            while waiting:
                yield [future.result() for future in waiting.popleft()]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _share(options: dict[str, str], name: str, default: float) -> float:
    unknown = sorted(set(options) - {"share"})
    if unknown:
        raise UsageError(f"--objective {name} has no option '{unknown[0]}'; it has: share")
    try:
        share = float(options.get("share", default))
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise UsageError(f"--objective {name}: share={options['share']} must be between 0 and 1")
    return share
