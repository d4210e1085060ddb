"""Alignment within classes: what is left of it once the class of every sample is known.

Two definitions, by what a metric compares. Metrics of neighbours are measured in each class and
averaged with the number of samples as weight, so that neighbours are of the own class. All
others are measured on representations whose classes were moved to a common mean. Where there
is one class, both are the plain value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alignkit.metrics.metric import Metric
from alignkit.metrics.representation import Representation
from alignkit.metrics.ties import Ties


def without_class_means(x: Representation, classes: np.ndarray) -> Representation:
    """Move every class to the mean of all samples.

    Parameters
    ----------
    x : Representation
    classes : ndarray (n,)
        The class of every sample, from 0.

    Returns
    -------
    Representation
        Columns in which only rounding is left are constant.
    """
    codes = torch.as_tensor(classes, dtype=torch.int64, device=x.device)
    counts = torch.bincount(codes).double()[:, None]
    means = torch.zeros(len(counts), x.width, dtype=torch.float64, device=x.device)
    lowest, highest = torch.full_like(means, torch.inf), torch.full_like(means, -torch.inf)
    for rows, block in x.blocks():
        means.index_add_(0, codes[rows], block)
        of = codes[rows, None].expand_as(block)
        lowest.scatter_reduce_(0, of, block, "amin")
        highest.scatter_reduce_(0, of, block, "amax")
    means /= counts
    constant = x.precision.is_constant(lowest, highest).all(dim=0)
    kind = torch.float32 if x.eps > 1e-12 else torch.float64
    values = torch.empty(x.n, x.width, dtype=kind, device=x.device)
    for rows, block in x.blocks():
        rest = (block - means[codes[rows]]).masked_fill_(constant, 0.0)
        values[rows] = (rest + x.mean).to(kind)
    return _computed(values, x)


def label_basis(labels: np.ndarray) -> np.ndarray:
    """Return orthonormal columns that span centred labels, ``(n, rank)``.

    Parameters
    ----------
    labels : ndarray (n, labels)
    """
    centred = labels - labels.mean(axis=0)
    basis, singular, _ = np.linalg.svd(centred, full_matrices=False)
    kept: np.ndarray = basis[:, singular > 1e-9 * max(1.0, *singular)]
    return kept


def without_labels(x: Representation, labels: np.ndarray) -> Representation:
    """Remove what a linear regression on labels explains, around the same mean.

    Of single labels this moves every class to the mean of all samples.

    Parameters
    ----------
    x : Representation
    labels : ndarray (n, labels)

    Returns
    -------
    Representation
        Columns in which only rounding is left are constant.
    """
    basis = torch.as_tensor(label_basis(labels), device=x.device)
    effects = torch.zeros(basis.shape[1], x.width, dtype=torch.float64, device=x.device)
    for rows, block in x.blocks():
        effects += basis[rows].T @ block
    kind = torch.float32 if x.eps > 1e-12 else torch.float64
    values = torch.empty(x.n, x.width, dtype=kind, device=x.device)
    lowest, highest = torch.full_like(x.mean, torch.inf), torch.full_like(x.mean, -torch.inf)
    for rows, block in x.blocks():
        rest = block - basis[rows] @ effects
        lowest = torch.minimum(lowest, rest.amin(dim=0))
        highest = torch.maximum(highest, rest.amax(dim=0))
        values[rows] = rest.to(kind)
    size = torch.maximum(x.columns.lowest.abs(), x.columns.highest.abs())
    constant = x.precision.is_constant(lowest, highest, size)
    values[:, constant] = x.mean[constant].to(kind)
    left = _computed(values, x)
    left.groups = x.groups
    return left


def _computed(values: Tensor, x: Representation) -> Representation:
    """Return values that were computed from those of x, whose rounding they still have."""
    computed = Representation(values, x.ids, x.name, x.dtype, x.device)
    computed.precision = x.precision
    return computed


@dataclass(frozen=True)
class PerClass(Metric):
    """A metric that is measured in each class, and averaged over samples.

    Attributes
    ----------
    base : Metric
    classes : sequence of ndarray
        The rows of every class, ascending.
    closed : bool
        Whether chance in closed form holds: not where groups are permuted.
    """

    base: Metric | None = None
    classes: Sequence[np.ndarray] = ()
    closed: bool = True

    @classmethod
    def of(cls, base: Metric, classes: Sequence[np.ndarray], closed: bool) -> PerClass:
        """Make it from a metric."""
        return cls(
            base.name, base.parameters, base.spec, base.source, base.declared, base, classes, closed
        )

    @property
    def inner(self) -> Metric:
        """The metric that is measured in each class."""
        assert self.base is not None
        return self.base

    def prepare(self, x: Representation) -> list[tuple[Representation, Any]]:
        """Prepare the layer in each class."""
        return [(part, self.inner.prepare(part)) for part in self._parts(x)]

    def compare(self, a: Any, b: Any) -> float:
        """Return the mean over classes, with their numbers of samples as weights."""
        values = [self.inner.compare(x, y) for (_, x), (_, y) in zip(a, b, strict=True)]
        return float(np.average(values, weights=self._weights))

    def chance(self, x: Representation, y: Representation) -> float | None:
        """Return the mean over all permutations within classes, where it is known."""
        if not self.closed:
            return None
        parts = zip(self._parts(x), self._parts(y), strict=True)
        values = [self.inner.chance(a, b) for a, b in parts]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        return float(np.average(known, weights=self._weights))

    @property
    def permutes(self) -> bool:
        """It reorders the samples of every class."""
        return True

    def permute(self, prepared: Any, order: Tensor) -> Any:
        """Reorder the samples; the order must exchange samples of one class only."""
        parts = []
        for (x, ready), local in zip(prepared, self._locally(order), strict=True):
            if self.inner.permutes:
                parts.append((x, self.inner.permute(ready, local)))
            else:
                parts.append((x, self.inner.prepare(x.permuted(local))))
        return parts

    def null(
        self, xs: Sequence[Representation], ys: Sequence[Representation], orders: Sequence[Tensor]
    ) -> np.ndarray | None:
        """Return values on rows permuted within classes, where the metric has a fast way."""
        local = [self._locally(order) for order in orders]
        total = np.zeros((len(orders), len(xs), len(ys)))
        left, right = ([self._parts(layer) for layer in side] for side in (xs, ys))
        for at, weight in enumerate(self._weights):
            values = self.inner.null(
                [parts[at] for parts in left],
                [parts[at] for parts in right],
                [order[at] for order in local],
            )
            if values is None:
                return None
            total += weight * values
        return total / sum(self._weights)

    def ties(self, x: Representation, y: Representation) -> list[Ties | None]:
        """Return how neighbours tie in every class; empty where there are no ties."""
        parts = zip(self._parts(x), self._parts(y), strict=True)
        return [ties for pair in parts for ties in self.inner.ties(*pair)]

    def warning(self, x: Representation, y: Representation) -> str:
        """Return what a reader should know of the values in the smallest class that needs it."""
        left, right = self._parts(x), self._parts(y)
        for at in np.argsort(self._weights, kind="stable"):
            text = self.inner.warning(left[at], right[at])
            if text:
                size = self._weights[at]
                smallest = size == min(self._weights)
                return f"{text} (in {'the smallest class' if smallest else f'a class of {size}'})"
        return ""

    @property
    def _weights(self) -> list[int]:
        return [len(rows) for rows in self.classes]

    def _parts(self, x: Representation) -> list[Representation]:
        return x.shared(self._key, lambda: [x[rows] for rows in self.classes])

    @cached_property
    def _key(self) -> tuple[str, bytes]:
        return "classes", digest(*self.classes)

    def _locally(self, order: Tensor) -> list[Tensor]:
        """Return the order of the samples of every class among themselves."""
        local = []
        for rows in self.classes:
            moved = order.cpu().numpy()[rows]
            local.append(torch.from_numpy(np.searchsorted(rows, moved)))
        return local


def digest(*arrays: np.ndarray | None) -> bytes:
    """Return what tells arrays of rows or codes from others."""
    whole = blake2b(digest_size=16)
    for array in arrays:
        whole.update(b"-" if array is None else b"%d:" % len(array) + array.tobytes())
    return whole.digest()
