"""Matrix factorisations, each by the fastest library for the device of the matrix."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from alignkit import Representation

# With more samples per column than this, comparing columns is cheaper than comparing samples,
# and samples are read in blocks.
SAMPLES_PER_COLUMN = 4


def columns_are_cheaper(x: Representation, y: Representation) -> bool:
    """Return whether products of columns are cheaper than products of samples."""
    return x.n > SAMPLES_PER_COLUMN * max(x.width, y.width)


def eigenvalues(matrix: Tensor) -> Tensor:
    """Return the eigenvalues of a symmetric matrix, ascending, ``(size,)``.

    Only the lower triangle is read.
    """
    if matrix.device.type == "cpu":  # numpy's LAPACK takes half the time of torch's
        return torch.from_numpy(np.linalg.eigvalsh(matrix.numpy()))
    values: Tensor = torch.linalg.eigvalsh(matrix)
    return values


def eigenvectors(matrix: Tensor, largest: int | None = None) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues of a symmetric matrix, descending, and its eigenvectors.

    Parameters
    ----------
    matrix : Tensor (size, size)
        Only the lower triangle is read.
    largest : int, optional
        If this is a small fraction of the size, return only so many of the largest.

    Returns
    -------
    values : Tensor (count,)
    vectors : Tensor (size, count)
        In columns.
    """
    size = len(matrix)
    if matrix.device.type != "cpu":
        values, vectors = torch.linalg.eigh(matrix)
    elif largest is not None and largest < size // 8:
        from scipy.linalg import eigh

        pair = eigh(matrix.numpy(), subset_by_index=(size - largest, size - 1), driver="evr")
        values, vectors = map(torch.from_numpy, pair)
    else:
        values, vectors = map(torch.from_numpy, np.linalg.eigh(matrix.numpy()))
    return values.flip(0), vectors.flip(1)


def singular_values(matrix: Tensor) -> Tensor:
    """Return the singular values of a matrix, descending, ``(min(rows, columns),)``."""
    if matrix.device.type == "cpu":
        return torch.from_numpy(np.linalg.svd(matrix.contiguous().numpy(), compute_uv=False))
    values: Tensor = torch.linalg.svdvals(matrix)
    return values


def qr_factor(blocks: Iterable[Tensor]) -> Tensor:
    """Return R of the QR factorisation of rows that arrive in blocks, ``(width, width)``."""
    factor: Tensor | None = None
    for block in blocks:
        rows = block if factor is None else torch.cat([factor, block])
        factor = torch.linalg.qr(rows, mode="r").R
    assert factor is not None
    return factor
