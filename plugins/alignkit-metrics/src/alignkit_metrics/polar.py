"""Polar decompositions: the nearest orthogonal matrix, and the nuclear norm."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit_metrics.factor import eigenvalues, eigenvectors, singular_values

EPS = 2.2e-16
# Singular values of X'Y below this fraction of the largest have vectors lost to rounding.
RESOLVED = 1e-8
# Largest relative error of a nuclear norm that squaring may cause.
SQUARED = 2e-7
# Singular values above this fraction of the largest keep distinct vectors when squared:
# rounding rotates those towards each other by at most EPS / SEPARATED ** 2.
SEPARATED = 1e-5


def nuclear_norm(matrix: Tensor, dtype: torch.dtype) -> float:
    """Return the nuclear norm of a matrix: the sum of its singular values.

    For float32 data they are computed in float64 as roots of the eigenvalues of the smaller
    of M'M and MM', which is as accurate as the data and takes less work. For float64 data,
    and wherever squaring would cost significant digits, they are computed directly.

    Parameters
    ----------
    matrix : Tensor (rows, columns)
    dtype : torch.dtype
        The precision of the data from which the matrix was computed.
    """
    matrix = matrix.double()
    if dtype == torch.float32:
        squares = eigenvalues(alignkit.gram(matrix if len(matrix) < matrix.shape[1] else matrix.T))
        values = squares.clamp(min=0).sqrt()
        error = 4 * EPS * float(squares.max())
        # How far the rounding error of a square can move its root.
        bound = torch.minimum(values.new_tensor(error**0.5), error / (2 * values.clamp(min=1e-300)))
        if float(bound.sum()) <= SQUARED * float(values.sum()):
            return float(values.sum())
    return float(singular_values(matrix).sum())


def polar_inner(matrix: Tensor, weights: Tensor, dtype: torch.dtype) -> float:
    """Return the inner product <Q, weights>, with Q the orthogonal polar factor of a matrix.

    Q = U V' for the singular value decomposition U S V' of the matrix; its columns or rows are
    orthonormal where the matrix is not square.

    Parameters
    ----------
    matrix, weights : Tensor (rows, columns)
    dtype : torch.dtype
        The precision of the data from which both were computed.
    """
    if len(matrix) < matrix.shape[1]:
        matrix, weights = matrix.T, weights.T
    matrix = matrix.double()
    if dtype == torch.float32:
        weights = weights.to(dtype)
        return sum(
            alignkit.inner(left.to(dtype), weights @ right.to(dtype))
            for left, right in _singular_vectors(matrix)
        )
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    return float((weights.double() * (u @ v)).sum())


def _singular_vectors(matrix: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield left and right singular vectors in groups, largest first; Q is the sum of U V'.

    Each group comes from the eigenvectors of the squared remainder of the groups before it:
    less work than decomposing the matrix itself, without losing digits where the singular
    values span many orders of magnitude.
    """
    rest, right = matrix, None
    floor = EPS * len(matrix) ** 0.5 * float(torch.linalg.norm(matrix))
    while rest.shape[1]:
        _, vectors = eigenvectors(alignkit.gram(rest.T))
        right = vectors if right is None else right @ vectors
        rest = rest @ vectors
        lengths = torch.linalg.norm(rest, dim=0)
        if float(lengths.max()) <= floor:  # nothing is left but rounding
            return
        # Eigenvalues descend, but the lengths of columns mixed by rounding need not.
        kept = int((lengths > SEPARATED * lengths.max()).cumprod(0).sum())
        left = rest[:, :kept] / lengths[:kept]
        yield left, right[:, :kept]
        rest, right = rest[:, kept:], right[:, kept:]
        rest = rest - left @ (left.T @ rest)


def procrustes_rotation(x: Representation, y: Representation) -> Tensor:
    """Return the orthogonal Q that minimises |X Q - Y|, ``(x.width, y.width)`` in float64.

    X and Y are centred and of unit norm. Directions too small for X'Y to resolve beside the
    others are multiplied again on their own, so that each is rotated as accurately as its own
    digits allow.

    Parameters
    ----------
    x, y : Representation
        x is no wider than y.
    """
    left, right = (torch.eye(side.width, dtype=torch.float64, device=x.device) for side in (x, y))
    rotation = left.new_zeros(x.width, y.width)
    products = x.cross(y, torch.float64)
    while bool(products.any()):  # directions without any length need no rotation
        u, values, v = torch.linalg.svd(products)
        kept = int((values > RESOLVED * values[0]).sum())
        left, right = left @ u, right @ v.T
        rotation += left[:, :kept] @ right[:, :kept].T
        left, right = left[:, kept:], right[:, kept:]
        products = left.new_zeros(left.shape[1], right.shape[1])
        for rows in x.slices() if left.shape[1] else ():
            products += (x.exact_normalized(rows) @ left).T @ (y.exact_normalized(rows) @ right)
    return rotation
