"""Differentiable metrics: the values of the metrics on a batch, with gradients."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


def cka(x: Tensor, y: Tensor) -> Tensor:
    """Return linear CKA (biased), as the metric ``cka`` defines it.

    Parameters
    ----------
    x, y : Tensor (n, p), (n, q)
        One row per sample, the same samples in both. Gradients flow to both.

    Returns
    -------
    Tensor
        A scalar in [0, 1]; higher means more aligned. NaN if either input is constant.
    """
    x, y = _normalized(x), _normalized(y)
    return _gram_product(x, y) / (_gram_product(x, x) * _gram_product(y, y)).sqrt()


def unbiased_cka(x: Tensor, y: Tensor) -> Tensor:
    """Return linear CKA from unbiased HSIC, as the metric ``unbiased_cka`` defines it.

    It is 0 at chance for any batch size.

    Parameters
    ----------
    x, y : Tensor (n, p), (n, q)
        As for ``cka``; n is at least 4.

    Returns
    -------
    Tensor
        A scalar, at most 1; higher means more aligned. NaN if either input is constant.
    """
    x, y = _normalized(x), _normalized(y)
    return _unbiased_hsic(x, y) / (_unbiased_hsic(x, x) * _unbiased_hsic(y, y)).sqrt()


def procrustes(x: Tensor, y: Tensor) -> Tensor:
    """Return the Procrustes similarity, as the metric ``procrustes`` defines it.

    It is the nuclear norm of X'Y, and its gradient the orthogonal polar factor of X'Y, which is
    well defined even where singular values coincide.

    Parameters
    ----------
    x, y : Tensor (n, p), (n, q)
        As for ``cka``.

    Returns
    -------
    Tensor
        A scalar in [0, 1]; higher means more aligned.

    Raises
    ------
    torch.linalg.LinAlgError
        If either input is constant.
    """
    norm: Tensor = _NuclearNorm.apply(_normalized(x).T @ _normalized(y))
    return norm


class _NuclearNorm(torch.autograd.Function):
    """Sum of the singular values; its gradient U V' has no poles, unlike that of the SVD."""

    @staticmethod
    def forward(ctx: FunctionCtx, matrix: Tensor) -> Tensor:
        u, values, v = torch.linalg.svd(matrix, full_matrices=False)
        kept = values > torch.finfo(values.dtype).eps * max(matrix.shape) * values[0]
        ctx.save_for_backward(u[:, kept] @ v[kept])
        total: Tensor = values.sum()
        return total

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        (polar_factor,) = ctx.saved_tensors  # type: ignore[attr-defined]  # torch's stub omits it
        product: Tensor = gradient * polar_factor
        return product


def _normalized(x: Tensor) -> Tensor:
    """Centre the columns and scale the matrix to Frobenius norm one."""
    centred = x - x.mean(dim=0)
    scaled: Tensor = centred / torch.linalg.norm(centred)
    return scaled


def _gram_product(x: Tensor, y: Tensor) -> Tensor:
    """Return <XX', YY'>, computed from samples or from columns, whichever are fewer."""
    if len(x) <= max(x.shape[1], y.shape[1]):
        return ((x @ x.T) * (y @ y.T)).sum()
    return (x.T @ y).square().sum()


def _unbiased_hsic(x: Tensor, y: Tensor) -> Tensor:
    """Return n (n - 3) times the unbiased HSIC estimator, for centred columns."""
    n = len(x)
    a, b = x.square().sum(dim=1), y.square().sum(dim=1)
    diagonals = a @ b
    correction = (a.sum() * b.sum() / (n - 1) - 2 * diagonals) / (n - 2)
    return _gram_product(x, y) - diagonals + correction
