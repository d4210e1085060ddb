"""Inner products of matrices over samples, and of many of them under permutations of samples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from alignkit.metrics.views import VIEWS
from alignkit.metrics.workers import parallel_map

# Products that are added up in their own precision.
_RUN = 1024
# Rows of a matrix over samples that are gathered and multiplied at once, to stay in cache; a GPU
# has no need to, but for every block it has a cost of starting.
_ROWS, _ROWS_ON_GPU = 64, 2048


# Newer releases of numpy have it, and it calls the fast dot product of BLAS for every row.
_vecdot = getattr(np, "vecdot", None) or (lambda a, b: np.einsum("ij,ij->i", a, b))


def inner(a: Tensor, b: Tensor) -> float:
    """Sum of the entrywise product of two tensors of one shape; short runs added in float64."""
    if a.device.type != "cpu":
        return float((a * b).sum(dtype=torch.float64))
    x, y = (tensor.detach().contiguous().numpy().ravel() for tensor in (a, b))
    whole = len(x) // _RUN * _RUN
    runs = _vecdot(x[:whole].reshape(-1, _RUN), y[:whole].reshape(-1, _RUN))
    rest = float(np.dot(x[whole:].astype(np.float64), y[whole:]))
    return float(runs.sum(dtype=np.float64)) + rest


def gram(rows: Tensor) -> Tensor:
    """Return inner products of the rows of a matrix, ``(n, n)``.

    Half the work of a product, and symmetric to the last digit.
    """
    if rows.device.type != "cpu":
        return rows @ rows.T
    if not rows.T.is_contiguous():
        rows = rows.contiguous()
    # numpy sees that both sides are the same matrix, and leaves a worker's thread to others
    # meanwhile, which scipy's wrapper of the same routine does not.
    matrix = rows.detach().numpy()
    return torch.from_numpy(matrix @ matrix.T)


def permuted_products(
    xs: Sequence[Tensor], ys: Sequence[Tensor], orders: Sequence[Tensor]
) -> np.ndarray:
    """Inner products of symmetric matrices over samples, those of y with samples reordered.

    The null of every metric that is a product of two such matrices: Gram matrices, distances,
    ranks of distances. Only the upper triangle is visited, layers are contiguous in memory, and
    sums over blocks of rows are taken in float64.

    Parameters
    ----------
    xs, ys : sequences of Tensor (n, n)
        Symmetric.
    orders : sequence of Tensor (n,)

    Returns
    -------
    ndarray (len(orders), len(xs), len(ys))
    """
    n = len(xs[0])
    exact = torch.float64 if any(z.dtype == torch.float64 for z in (*xs, *ys)) else xs[0].dtype
    xs, ys = ([z.to(exact) for z in side] for side in (xs, ys))
    orders = [order.to(xs[0].device) for order in orders]
    result = np.empty((len(orders), len(xs), len(ys)))
    # Layers at once, such that both stacks fit: the triangle of x and the square of y.
    room = max(1, VIEWS.limit // 2 // (n * n * xs[0].element_size() * 2))
    upper = _upper(n, xs[0].device)
    for i in range(0, len(xs), room):
        left = [_triangle(x, upper) for x in xs[i : i + room]]
        triangles, diagonals = (torch.stack(part, dim=1) for part in zip(*left, strict=True))
        for j in range(0, len(ys), room):
            squares = torch.stack(list(ys[j : j + room]), dim=2)
            products = partial(_one_order, triangles, diagonals, squares, upper)
            for at, values in enumerate(parallel_map(products, orders)):
                result[at, i : i + room, j : j + room] = values.cpu().numpy()
    return result


def _one_order(
    triangles: Tensor,
    diagonals: Tensor,
    squares: Tensor,
    upper: list[tuple[Tensor, Tensor]],
    order: Tensor,
) -> Tensor:
    n, layers = len(squares), squares.shape[2]
    flat = squares.view(n * n, layers)
    total = diagonals.double().T @ flat.index_select(0, order * n + order).double()
    at = 0
    for rows, columns in upper:
        places = order[rows] * n + order[columns]
        block = flat.index_select(0, places)
        total += 2 * _column_products(triangles[at : at + len(rows)], block)
        at += len(rows)
    return total


def _column_products(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner products of the columns of two matrices of many rows, in float64."""
    if a.device.type == "cpu":
        return (a.T @ b).double()
    # A GPU does many short products at once sooner than one that is as long as all.
    whole = len(a) // _RUN * _RUN
    runs = a[:whole].view(-1, _RUN, a.shape[1]).mT @ b[:whole].view(-1, _RUN, b.shape[1])
    return runs.sum(dim=0, dtype=torch.float64) + (a[whole:].T @ b[whole:]).double()


def _upper(n: int, device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """Return the indices above the diagonal, by blocks of rows."""
    rows, columns = torch.triu_indices(n, n, 1, device=device)
    blocks = []
    start, step = 0, _ROWS if device.type == "cpu" else _ROWS_ON_GPU
    for first in range(0, n, step):
        count = sum(n - 1 - row for row in range(first, min(first + step, n)))
        blocks.append((rows[start : start + count], columns[start : start + count]))
        start += count
    return blocks


def _triangle(x: Tensor, upper: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    return torch.cat([x[block] for block in upper]), x.diagonal()
