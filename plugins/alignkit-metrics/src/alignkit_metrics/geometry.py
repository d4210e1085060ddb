"""Metrics of shape: how well one representation can be laid over the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit_metrics.kernels import null_products, squared_distances
from alignkit_metrics.polar import best_turn, nuclear_norm, turned

FORMS = ("similarity", "angular", "distance", "size_and_shape")
RDMS = ("correlation", "cosine", "euclidean")
COMPARISONS = ("spearman", "pearson", "kendall")
# Of dissimilarities, from 0 to the largest, that ranks tell apart.
STEPS = 2.0**31 - 1


def procrustes(x: Representation, y: Representation, *, form: str = "similarity") -> float:
    """Orthogonal Procrustes after centring; unequal widths are padded with zeros.

    The similarity s is the nuclear norm of X'Y, X and Y of unit Frobenius norm (Williams et
    al. 2021). The default is a similarity in [0, 1], up is more aligned; the other forms are
    distances.

    Parameters
    ----------
    form : str
        ``similarity`` s; ``angular`` arccos s; ``distance`` sqrt(2 - 2 s);
        ``size_and_shape`` the distance without unit norms.

    Raises
    ------
    alignkit.UsageError
        For an unknown form.
    alignkit.UndefinedError
        When a representation is constant.
    """
    _known("procrustes", "form", form, FORMS)
    if form == "similarity":
        return nuclear_norm(_product(x, y), x.dtype)
    if form == "size_and_shape":
        return _distance(x, y, x.norm, y.norm)
    distance = _distance(x, y, 1.0, 1.0)
    return distance if form == "distance" else 2 * math.asin(min(1.0, distance / 2))


def rsa(
    x: Representation, y: Representation, *, rdm: str = "correlation", compare: str = "spearman"
) -> float:
    """Representational similarity analysis (Kriegeskorte et al. 2008).

    Correlation of the upper triangles of two matrices of dissimilarity between samples. In
    [-1, 1], up is more aligned; its mean over permutations of rows is 0 for ``spearman`` and
    ``pearson``.

    Parameters
    ----------
    rdm : str
        ``correlation`` (1 - r of rows: invariant to a shift of each row, not of columns),
        ``cosine`` or ``euclidean``.
    compare : str
        ``spearman`` (average ranks), ``pearson`` or ``kendall``.

    Raises
    ------
    alignkit.UsageError
        For an unknown rdm or comparison.
    alignkit.UndefinedError
        When all samples are equally dissimilar, or a row is constant or zero.
    """
    _known("rsa", "rdm", rdm, RDMS)
    _known("rsa", "compare", compare, COMPARISONS)
    if compare == "kendall":
        from scipy.stats import kendalltau

        sides = [_dissimilarities(side, rdm) for side in (x, y)]
        return float(kendalltau(*sides).statistic)
    return alignkit.inner(*(_unit_rdm(side, rdm, compare) for side in (x, y)))


def rsa_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    rdm: str = "correlation",
    compare: str = "spearman",
) -> np.ndarray | None:
    """Values of ``rsa`` on permuted rows of y."""
    if compare == "kendall":
        return None
    return null_products(lambda x: _symmetric(_unit_rdm(x, rdm, compare), x.n), xs, ys, orders)


def cosine(
    x: Representation, y: Representation, *, aligned: bool = False, centred: bool = False
) -> float:
    """Mean cosine of each sample's two vectors. In [-1, 1], up is more aligned.

    Parameters
    ----------
    aligned : bool
        After the best orthogonal map of x to y; unequal widths are padded with zeros.
    centred : bool
        Subtract the mean of every column first.

    Raises
    ------
    alignkit.UsageError
        For unequal widths, unless aligned.
    alignkit.UndefinedError
        When a row is zero.
    """
    if not aligned:
        if x.width != y.width:
            raise alignkit.UsageError(
                f"cosine needs equal widths, there are {x.width} and {y.width}; "
                "cosine:aligned=true does not"
            )
        return alignkit.inner(_directions(x, centred), _directions(y, centred)) / x.n
    if centred and x.n < min(x.width, y.width):
        # X' = QR: all that counts lies in n dimensions.
        scales = (x.squares * y.squares).rsqrt()
        _ = _directions(x, centred), _directions(y, centred)
        matrix = _triangle(x) @ _triangle(y).T
        weights = (_triangle(x) * scales) @ _triangle(y).T
        return turned(matrix, weights, x.dtype) / x.n
    matrix = x.cross(y) if centred else _uncentred(x).T @ _uncentred(y)
    # A map into a smaller space loses length; the cosines are those of the full vectors.
    weights = _directions(x, centred).T @ _directions(y, centred)
    return turned(matrix, weights, x.dtype) / x.n


def cosine_chance(
    x: Representation, y: Representation, *, aligned: bool = False, centred: bool = False
) -> float | None:
    """Mean of the plain form over all permutations of rows."""
    if aligned:
        return None
    one, other = (_directions(side, centred).mean(0, dtype=torch.float64) for side in (x, y))
    return float(one @ other)


def rsa_chance(
    x: Representation, y: Representation, *, rdm: str = "correlation", compare: str = "spearman"
) -> float | None:
    """Zero: every permutation of rows maps pairs to pairs alike."""
    return None if compare == "kendall" else 0.0


def _distance(x: Representation, y: Representation, size_x: float, size_y: float) -> float:
    """|a X Q - b Y| for the best orthogonal Q, X and Y of unit norm.

    As a difference of rows, not of norms: what is close keeps its digits.
    """
    if x.width > y.width:
        x, y, size_x, size_y = y, x, size_y, size_x
    turn = best_turn(x, y)
    total = 0.0
    for rows in x.slices():
        rest = size_x * (x.exact_unit(rows) @ turn) - size_y * y.exact_unit(rows)
        total += float(rest.square().sum())
    return math.sqrt(total)


def _product(x: Representation, y: Representation) -> Tensor:
    """A matrix with the singular values of X'Y, X and Y of unit norm."""
    if x.n < min(x.width, y.width):
        return _triangle(x) @ _triangle(y).T
    return x.cross(y)


def _triangle(x: Representation) -> Tensor:
    """R of X' = QR: X'Y = Q R_x R_y' Q', so n x n will do where there are more columns."""
    return x.view("triangle", lambda: torch.linalg.qr(x.exact_unit(slice(None)).T, mode="r").R)


def _directions(x: Representation, centred: bool) -> Tensor:
    """Rows of length one."""
    return _centred_directions(x) if centred else x.unit_rows


def _centred_directions(x: Representation) -> Tensor:
    def make() -> Tensor:
        if bool((x.squares == 0).any()):
            name = x.name or "the representation"
            raise alignkit.UndefinedError(f"{name} has a row that is its mean")
        return x.normalized / x.squares.sqrt()[:, None].to(x.dtype)

    return x.view("centred_directions", make, "rows")


def _uncentred(x: Representation) -> Tensor:
    """The matrix with Frobenius norm one, in float64."""

    def make() -> Tensor:
        rows = x.rows(slice(None))
        scaled = rows / rows.abs().max()
        return scaled / torch.linalg.norm(scaled)

    return x.view("uncentred", make, "rows")


def _dissimilarities(x: Representation, rdm: str) -> np.ndarray:
    """Lower triangle of the dissimilarities in float64, ``(n (n - 1) / 2,)``.

    Of centred points, so that a large common part costs no digits.
    """
    exact = (
        x.exact_unit(slice(None))
        if rdm == "euclidean"
        else x.exact_unit_rows(slice(None))
        if rdm == "cosine"
        else _centred_rows(x)
    )
    squares = squared_distances(exact - exact.mean(dim=0))
    lower = torch.ones(x.n, x.n, dtype=torch.bool, device=x.device).tril_(-1)
    values = squares[lower].cpu().numpy()
    return np.sqrt(values) if rdm == "euclidean" else values / 2


def _centred_rows(x: Representation) -> Tensor:
    raw = x.rows(slice(None))
    rows = raw - raw.mean(dim=1, keepdim=True)
    lengths = torch.linalg.norm(rows, dim=1, keepdim=True)
    if bool((lengths <= 1e-12 * raw.abs().amax(dim=1, keepdim=True)).any()):
        raise alignkit.UndefinedError(f"{x.name or 'the representation'} has a constant row")
    return rows / lengths


def _unit_rdm(x: Representation, rdm: str, compare: str) -> Tensor:
    """Dissimilarities (or their ranks) with mean zero and length one."""

    def make() -> Tensor:
        values = _dissimilarities(x, rdm)
        if compare == "spearman":
            values = average_ranks(values)
        values = values - values.mean()
        length = np.linalg.norm(values)
        if length <= 1e-12 * len(values) ** 0.5:
            raise alignkit.UndefinedError(
                f"all samples of {x.name or 'the representation'} are equally dissimilar"
            )
        return torch.from_numpy(values / length).to(device=x.device, dtype=x.dtype)

    return x.view(("unit_rdm", rdm, compare), make)


def _symmetric(triangle: Tensor, n: int) -> Tensor:
    """A symmetric matrix of length one from its lower triangle."""
    whole = triangle.new_zeros(n, n)
    whole[torch.ones_like(whole, dtype=torch.bool).tril_(-1)] = triangle
    return (whole + whole.T) / 2**0.5


def average_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, ties sharing the mean of theirs; equal up to nine digits is a tie."""
    steps = torch.from_numpy(values) * (STEPS / max(float(values.max()), 1e-300))
    in_order, order = torch.sort(steps.round_().to(torch.int32))  # by digits: no comparisons
    _, counts = torch.unique_consecutive(in_order, return_counts=True)
    shared = counts.cumsum(0).double() - 0.5 * (counts.double() - 1)
    ranks = torch.empty(len(values), dtype=torch.float64)
    ranks[order] = shared if len(shared) == len(values) else shared.repeat_interleave(counts)
    return ranks.numpy()


def _known(metric: str, option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise alignkit.UsageError(
            f"{metric}: unknown {option} '{value}'; known: {', '.join(known)}"
        )
