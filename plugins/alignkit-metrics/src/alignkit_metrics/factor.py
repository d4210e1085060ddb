"""Factorisations on the library that is fastest where the matrix lies."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from alignkit import Representation

# Beyond this many samples for a width, only columns are multiplied: samples stay in blocks.
COLUMNS = 4


def by_columns(x: Representation, y: Representation) -> bool:
    """Are columns cheaper to compare than samples?"""
    return x.n > COLUMNS * max(x.width, y.width)


def eigenvalues(matrix: Tensor) -> Tensor:
    """Of a symmetric matrix, of which the lower triangle is read, rising."""
    if matrix.device.type == "cpu":  # numpy's LAPACK needs half the time of torch's
        return torch.from_numpy(np.linalg.eigvalsh(matrix.numpy()))
    return torch.linalg.eigvalsh(matrix)


def eigenvectors(matrix: Tensor, largest: int | None = None) -> tuple[Tensor, Tensor]:
    """Of a symmetric matrix, of which the lower triangle is read, values falling.

    Only the largest if so many are few.
    """
    size = len(matrix)
    if matrix.device.type != "cpu":
        values, vectors = torch.linalg.eigh(matrix)
    elif largest is not None and largest < size // 8:
        from scipy.linalg import eigh

        found = eigh(matrix.numpy(), subset_by_index=(size - largest, size - 1), driver="evr")
        values, vectors = map(torch.from_numpy, found)
    else:
        values, vectors = map(torch.from_numpy, np.linalg.eigh(matrix.numpy()))
    return values.flip(0), vectors.flip(1)


def singular_values(matrix: Tensor) -> Tensor:
    """Falling."""
    if matrix.device.type == "cpu":
        return torch.from_numpy(np.linalg.svd(matrix.contiguous().numpy(), compute_uv=False))
    return torch.linalg.svdvals(matrix)


def triangle(blocks: Iterable[Tensor]) -> Tensor:
    """R of the QR factorisation of rows that come block by block, ``(width, width)``."""
    upper: Tensor | None = None
    for block in blocks:
        rows = block if upper is None else torch.cat([upper, block])
        upper = torch.linalg.qr(rows, mode="r").R
    assert upper is not None
    return upper
