"""Metrics that can be trained on: the same values, with gradients, on a batch."""

from __future__ import annotations

import torch
from torch import Tensor


def cka(x: Tensor, y: Tensor) -> Tensor:
    """Linear CKA, biased, as the metric of that name.

    Parameters
    ----------
    x, y : Tensor (n, p), (n, q)
        Rows are the same samples. Gradients flow to both.

    Returns
    -------
    Tensor
        A scalar in [0, 1], up is more aligned; NaN when a side is constant.
    """
    x, y = _unit(x), _unit(y)
    return _product(x, y) / (_product(x, x) * _product(y, y)).sqrt()


def unbiased_cka(x: Tensor, y: Tensor) -> Tensor:
    """Linear CKA from unbiased HSIC, as the metric of that name: 0 at chance for any batch.

    Parameters and returns are those of ``cka``, from at least 4 samples; in (-1, 1].
    """
    x, y = _unit(x), _unit(y)
    return _unbiased(x, y) / (_unbiased(x, x) * _unbiased(y, y)).sqrt()


def procrustes(x: Tensor, y: Tensor) -> Tensor:
    """Procrustes similarity, as the metric of that name: the nuclear norm of X'Y.

    Its gradient is that of the orthogonal factor of X'Y, which is well-defined also where
    singular values coincide. Parameters and returns are those of ``cka``.
    """
    return _NuclearNorm.apply(_unit(x).T @ _unit(y))


class _NuclearNorm(torch.autograd.Function):
    """Sum of the singular values; the gradient is U V', without the poles of an SVD's own."""

    @staticmethod
    def forward(ctx, matrix: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        u, values, v = torch.linalg.svd(matrix, full_matrices=False)
        kept = values > torch.finfo(values.dtype).eps * max(matrix.shape) * values[0]
        ctx.save_for_backward(u[:, kept] @ v[kept])
        return values.sum()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        (turn,) = ctx.saved_tensors
        return gradient * turn


def _unit(x: Tensor) -> Tensor:
    """Columns with mean zero, the whole with length one."""
    centred = x - x.mean(dim=0)
    return centred / torch.linalg.norm(centred)


def _product(x: Tensor, y: Tensor) -> Tensor:
    """<XX', YY'>, by whichever of samples and columns are fewer."""
    if len(x) <= max(x.shape[1], y.shape[1]):
        return ((x @ x.T) * (y @ y.T)).sum()
    return (x.T @ y).square().sum()


def _unbiased(x: Tensor, y: Tensor) -> Tensor:
    """n (n - 3) times the unbiased estimator of HSIC, for columns of mean zero."""
    n = len(x)
    a, b = x.square().sum(dim=1), y.square().sum(dim=1)
    diagonals = a @ b
    return _product(x, y) - diagonals + (a.sum() * b.sum() / (n - 1) - 2 * diagonals) / (n - 2)
