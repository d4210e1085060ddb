"""Polar forms: the orthogonal matrix that is nearest, and the sum of singular values."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit_metrics.factor import eigenvalues, eigenvectors, singular_values

EPS = 2.2e-16
# Singular values of X'Y, as a share of the largest, that rounding of it leaves their vectors.
RESOLVED = 1e-8
# Largest share of a nuclear norm that squaring may cost.
SQUARED = 2e-7
# Singular values, as a share of the largest, whose vectors a square still separates: rounding
# of it turns them towards each other by no more than EPS / SEPARATED ** 2.
SEPARATED = 1e-5


def nuclear_norm(matrix: Tensor, dtype: torch.dtype) -> float:
    """Sum of the singular values.

    For float32 data by the eigenvalues of the smaller product of the matrix with itself, in
    float64: as accurate as the data, and less work. Where squaring could cost digits that
    count, and for float64 data, by the singular values themselves.
    """
    matrix = matrix.double()
    if dtype == torch.float32:
        squares = eigenvalues(alignkit.gram(matrix if len(matrix) < matrix.shape[1] else matrix.T))
        values = squares.clamp(min=0).sqrt()
        lost = 4 * EPS * float(squares.max())
        # What rounding of a square can do to its root.
        bound = torch.minimum(values.new_tensor(lost**0.5), lost / (2 * values.clamp(min=1e-300)))
        if float(bound.sum()) <= SQUARED * float(values.sum()):
            return float(values.sum())
    return float(singular_values(matrix).sum())


def turned(matrix: Tensor, weights: Tensor, dtype: torch.dtype) -> float:
    """<Q, weights> for the orthogonal (or partial) factor Q of a matrix's polar form.

    Parameters
    ----------
    matrix, weights : Tensor (rows, columns)
    dtype : torch.dtype
        Of the data that they were made from.
    """
    if len(matrix) < matrix.shape[1]:
        matrix, weights = matrix.T, weights.T
    matrix = matrix.double()
    if dtype == torch.float32:
        weights = weights.to(dtype)
        return sum(
            alignkit.inner(left.to(dtype), weights @ right.to(dtype))
            for left, right in _singular_pairs(matrix)
        )
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    return float((weights.double() * (u @ v)).sum())


def _singular_pairs(matrix: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Left and right singular vectors in groups, largest first, that make up Q = sum U V'.

    Each group by the eigenvectors of the square of what the groups before have left: less work
    than a decomposition of the matrix itself, and no digits lost where values fall far.
    """
    rest, turn = matrix, None
    floor = EPS * len(matrix) ** 0.5 * float(torch.linalg.norm(matrix))
    while rest.shape[1]:
        _, vectors = eigenvectors(alignkit.gram(rest.T))
        turn = vectors if turn is None else turn @ vectors
        rest = rest @ vectors
        lengths = torch.linalg.norm(rest, dim=0)
        if float(lengths.max()) <= floor:  # of no direction but that of rounding
            return
        # Eigenvalues fall, but lengths of what rounding has mixed need not.
        kept = int((lengths > SEPARATED * lengths.max()).cumprod(0).sum())
        left = rest[:, :kept] / lengths[:kept]
        yield left, turn[:, :kept]
        rest, turn = rest[:, kept:], turn[:, kept:]
        rest = rest - left @ (left.T @ rest)


def best_turn(x: Representation, y: Representation) -> Tensor:
    """The Q of the smallest |X Q - Y|, ``(width, other width)`` in float64.

    Directions in which there is so little that X'Y cannot show them beside the others are
    multiplied anew by themselves, so that each is turned as well as its own digits allow.

    Parameters
    ----------
    x, y : Representation
        The first is the narrower.
    """
    left, right = (torch.eye(side.width, dtype=torch.float64, device=x.device) for side in (x, y))
    turn = left.new_zeros(x.width, y.width)
    products = x.cross(y, torch.float64)
    while bool(products.any()):  # what is nothing needs no turn
        u, values, v = torch.linalg.svd(products)
        kept = int((values > RESOLVED * values[0]).sum())
        left, right = left @ u, right @ v.T
        turn += left[:, :kept] @ right[:, :kept].T
        left, right = left[:, kept:], right[:, kept:]
        products = left.new_zeros(left.shape[1], right.shape[1])
        for rows in x.slices() if left.shape[1] else ():
            products += (x.exact_unit(rows) @ left).T @ (y.exact_unit(rows) @ right)
    return turn
