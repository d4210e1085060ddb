"""Metrics of shape: how well one representation can be superimposed on the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit.metrics.rounding import DOUBLE, SLACK, Blur
from alignkit_metrics.blur import blur_of_points, sizes_of_directions
from alignkit_metrics.kernels import null_products, squared_distances
from alignkit_metrics.polar import nuclear_norm, polar_inner, procrustes_rotation

FORMS = ("similarity", "angular", "distance", "size_and_shape")
RDMS = ("correlation", "cosine", "euclidean")
COMPARISONS = ("spearman", "pearson", "kendall")
# Squared distances that differ by less of the largest are equal.
EQUAL = 1e-12
# Levels from 0 to the largest dissimilarity; those on one level are ties.
LEVELS = 2.0**31 - 1
FINE_LEVELS = 2.0**38


def procrustes(x: Representation, y: Representation, *, form: str = "similarity") -> float:
    """Compute the orthogonal Procrustes similarity or distance after centring.

    The similarity s is the nuclear norm of X'Y, with X and Y scaled to unit Frobenius norm
    (Williams et al. 2021); where the widths differ, the narrower matrix is padded with zeros.
    The default form lies in [0, 1], and higher means more aligned; the other forms are
    distances, and lower means more aligned.

    Parameters
    ----------
    form : str
        ``similarity``: s; ``angular``: arccos s, in [0, pi / 2]; ``distance``:
        sqrt(2 - 2 s), in [0, sqrt 2]; ``size_and_shape``: the distance without scaling to
        unit norm.

    Raises
    ------
    alignkit.UsageError
        For an unknown form.
    alignkit.UndefinedError
        If a representation is constant.
    """
    _check_known("procrustes", "form", form, FORMS)
    if form == "similarity":
        return nuclear_norm(_product(x, y), x.dtype)
    if form == "size_and_shape":
        return _distance(x, y, x.norm, y.norm)
    distance = _distance(x, y, 1.0, 1.0)
    return distance if form == "distance" else 2 * math.asin(min(1.0, distance / 2))


def rsa(
    x: Representation, y: Representation, *, rdm: str = "correlation", compare: str = "spearman"
) -> float:
    """Perform a representational similarity analysis (Kriegeskorte et al. 2008).

    The value is the correlation of the upper triangles of two representational dissimilarity
    matrices (RDMs). It lies in [-1, 1], and higher means more aligned; for ``spearman`` and
    ``pearson`` its mean over permutations of rows is 0.

    Parameters
    ----------
    rdm : str
        Dissimilarity of two samples: ``correlation`` (1 - r of their rows, invariant to
        shifting a row but not a column), ``cosine`` or ``euclidean``.
    compare : str
        Correlation of the two RDMs: ``spearman`` (average ranks), ``pearson`` or
        ``kendall``.

    Raises
    ------
    alignkit.UsageError
        For an unknown ``rdm`` or ``compare``.
    alignkit.UndefinedError
        If all samples are equally dissimilar, but for rounding in the precision of the stored
        values, or a row is constant or zero.
    """
    _check_known("rsa", "rdm", rdm, RDMS)
    _check_known("rsa", "compare", compare, COMPARISONS)
    if compare == "kendall":
        from scipy.stats import kendalltau

        rdms = [_levels(_dissimilarities(side, rdm), FINE_LEVELS).cpu().numpy() for side in (x, y)]
        return float(kendalltau(*rdms).statistic)
    return alignkit.inner(*(_unit_rdm(side, rdm, compare) for side in (x, y)))


def rsa_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    rdm: str = "correlation",
    compare: str = "spearman",
) -> np.ndarray | None:
    """Return the values of ``rsa`` with the rows of y permuted; None for ``kendall``."""
    if compare == "kendall":
        return None
    return null_products(lambda x: _symmetric(_unit_rdm(x, rdm, compare), x.n), xs, ys, orders)


def cosine(
    x: Representation, y: Representation, *, aligned: bool = False, centred: bool = False
) -> float:
    """Compute the mean cosine similarity between the two vectors of each sample.

    It lies in [-1, 1], and higher means more aligned.

    Parameters
    ----------
    aligned : bool
        First map x to y by the best orthogonal transformation (Hamilton et al. 2016); where
        the widths differ, the narrower matrix is padded with zeros.
    centred : bool
        First subtract the mean of every column.

    Raises
    ------
    alignkit.UsageError
        If the widths differ, unless ``aligned``.
    alignkit.UndefinedError
        If a row is zero (after centring and but for rounding, if ``centred``).
    """
    if not aligned:
        if x.width != y.width:
            raise alignkit.UsageError(
                f"cosine needs equal widths, but these are {x.width} and {y.width}; "
                "cosine:aligned=true compares any two"
            )
        return alignkit.inner(_directions(x, centred), _directions(y, centred)) / x.n
    if centred and x.n < min(x.width, y.width):
        # X' = QR: R has all the information, in n dimensions.
        scales = (x.squares * y.squares).rsqrt()
        _ = _directions(x, centred), _directions(y, centred)
        matrix = _row_factor(x) @ _row_factor(y).T
        weights = (_row_factor(x) * scales) @ _row_factor(y).T
        return polar_inner(matrix, weights, x.dtype) / x.n
    matrix = x.cross(y) if centred else _uncentred(x).T @ _uncentred(y)
    # Mapping into a smaller space shortens vectors; cosines use their full lengths.
    weights = _directions(x, centred).T @ _directions(y, centred)
    return polar_inner(matrix, weights, x.dtype) / x.n


def cosine_chance(
    x: Representation, y: Representation, *, aligned: bool = False, centred: bool = False
) -> float | None:
    """Return the mean of ``cosine`` over all permutations of rows; None if ``aligned``."""
    if aligned:
        return None
    mean_x, mean_y = (_directions(side, centred).mean(0, dtype=torch.float64) for side in (x, y))
    return float(mean_x @ mean_y)


def rsa_chance(
    x: Representation, y: Representation, *, rdm: str = "correlation", compare: str = "spearman"
) -> float | None:
    """Return 0, the mean of ``rsa`` over all permutations of rows; None for ``kendall``."""
    del x, y, rdm  # the mean depends on none of them
    return None if compare == "kendall" else 0.0


def _distance(x: Representation, y: Representation, norm_x: float, norm_y: float) -> float:
    """Return |a X Q - b Y| for the best orthogonal Q, with X and Y of norm one, scaled to a and b.

    It is summed over differences of rows, so that small distances keep their digits.
    """
    if x.width > y.width:
        x, y, norm_x, norm_y = y, x, norm_y, norm_x
    rotation = procrustes_rotation(x, y)
    total = 0.0
    for rows in x.slices():
        difference = norm_x * (x.exact_normalized(rows) @ rotation) - norm_y * y.exact_normalized(
            rows
        )
        total += float(difference.square().sum())
    return math.sqrt(total)


def _product(x: Representation, y: Representation) -> Tensor:
    """Return a matrix that has the singular values of X'Y, with X and Y of unit norm."""
    if x.n < min(x.width, y.width):
        return _row_factor(x) @ _row_factor(y).T
    return x.cross(y)


def _row_factor(x: Representation) -> Tensor:
    """Return R of X' = QR, ``(n, n)``: R_x R_y' has the singular values of X'Y."""

    def make() -> Tensor:
        factor: Tensor = torch.linalg.qr(x.exact_normalized(slice(None)).T, mode="r").R
        return factor

    return x.view("row_factor", make)


def _directions(x: Representation, centred: bool) -> Tensor:
    """Return the rows, scaled to length one."""
    return _centred_directions(x) if centred else x.unit_rows


def _centred_directions(x: Representation) -> Tensor:
    """Return the rows of the centred matrix, scaled to length one."""

    def make() -> Tensor:
        if _has_mean_row(x):
            raise alignkit.UndefinedError(f"{x.label} has a row equal to the mean of its rows")
        return x.normalized / x.squares.sqrt()[:, None].to(x.dtype)

    return x.view("centred_directions", make, "rows")


def _has_mean_row(x: Representation) -> bool:
    """Return whether a row equals the mean of the rows in every column, but for rounding."""
    columns = x.columns
    largest = torch.maximum(columns.lowest.abs(), columns.highest.abs())
    bound = torch.maximum(x.precision.error * x.mean.abs(), 8 * DOUBLE * largest)
    return any(bool(((block - x.mean).abs() <= bound).all(dim=1).any()) for _, block in x.blocks())


def _uncentred(x: Representation) -> Tensor:
    """Return the matrix, not centred, scaled to Frobenius norm one, in float64."""

    def make() -> Tensor:
        rows = x.rows(slice(None))
        scaled = rows / rows.abs().max()
        unit: Tensor = scaled / torch.linalg.norm(scaled)
        return unit

    return x.view("uncentred", make, "rows")


def _dissimilarities(x: Representation, rdm: str) -> Tensor:
    """Return the lower triangle of the RDM in float64, ``(n (n - 1) / 2,)``.

    Distances are taken between centred points, so that a large common offset costs no digits.

    Raises
    ------
    alignkit.UndefinedError
        If they are all equal, but for rounding.
    """
    exact, size = _points(x, rdm)
    squares = squared_distances(exact - exact.mean(dim=0))
    lower = torch.ones(x.n, x.n, dtype=torch.bool, device=x.device).tril_(-1)
    values = squares[lower]
    if _are_equal(values, x, exact, size, rdm):
        raise alignkit.UndefinedError(f"all samples of {x.label} are equally dissimilar")
    if rdm != "euclidean":
        return values / 2
    # The roots of numpy are correctly rounded; those of torch on a CPU are not all.
    return (
        torch.from_numpy(np.sqrt(values.numpy())) if values.device.type == "cpu" else values.sqrt()
    )


def _points(x: Representation, rdm: str) -> tuple[Tensor, float]:
    """Return points whose distances are the RDM, and the size of what was rounded.

    Returns
    -------
    points : Tensor (n, width)
        In float64.
    size : float
        The mean square length of the rows as they are stored, on the scale of the points.
    """
    if rdm == "euclidean":
        means = x.mean.masked_fill(x.columns.constant, 0.0) / x.norm
        return x.exact_normalized(slice(None)), 1 / x.n + float(means.square().sum())
    if rdm == "cosine":
        return x.exact_unit_rows(slice(None)), 1.0
    raw = x.rows(slice(None))
    means = raw.mean(dim=1, keepdim=True)
    rows = raw - means
    lengths = torch.linalg.norm(rows, dim=1, keepdim=True)
    sizes = x.width * (means / lengths).square()  # of the means beside the rest
    # In a narrow matrix of few bits, some row may look constant by chance; not all of them.
    if bool((lengths <= 1e-12 * raw.abs().amax(dim=1, keepdim=True)).any()) or (
        bool((sizes >= 1 / (4 * x.precision.error**2)).all())
        and bool(x.precision.is_constant(raw.amin(dim=1), raw.amax(dim=1)).all())
    ):
        raise alignkit.UndefinedError(f"{x.label} has a constant row")
    return rows / lengths, 1 + float(sizes.mean())


def _are_equal(squares: Tensor, x: Representation, points: Tensor, size: float, rdm: str) -> bool:
    """Return whether squared distances between points are all equal, but for rounding."""
    mean, most = float(squares.mean()), float(squares.max())
    rough = max(0.0, float(squares @ squares) / len(squares) - mean**2) ** 0.5
    if rough > max(SLACK * Blur.most(size, x.precision).of_squared(mean), 1e-6 * most):
        return False  # as nearly always
    spread = float(squares.std(correction=0))
    # The points and their distances are rounded once more, to float64.
    if spread <= EQUAL * most + 8 * DOUBLE * most**0.5:
        return True
    return spread <= SLACK * blur_of_points(x, points, _sizes(x, points, rdm)).of_squared(mean)


def _sizes(x: Representation, points: Tensor, rdm: str) -> Tensor:
    """Return the mean squares of what was rounded, on the scale of the points, ``(width,)``."""
    if rdm == "euclidean":
        return points.square().mean(dim=0) + (x.mean / x.norm).square()
    if rdm == "cosine":
        return sizes_of_directions(points)
    raw = x.rows(slice(None))
    centred = raw - raw.mean(dim=1, keepdim=True)
    return sizes_of_directions(points, raw / torch.linalg.norm(centred, dim=1, keepdim=True))


def _unit_rdm(x: Representation, rdm: str, compare: str) -> Tensor:
    """Return the dissimilarities, or their ranks, with mean zero and length one."""

    def make() -> Tensor:
        values = _dissimilarities(x, rdm)
        if compare == "spearman":
            values = average_ranks(values)
        if values.device.type == "cpu":  # numpy adds in pairs, which keeps more digits
            array = values.numpy() - values.numpy().mean()
            values, length = torch.from_numpy(array), float(np.linalg.norm(array))
        else:
            values = values - values.mean()
            length = float(torch.linalg.norm(values))
        if length == 0:
            raise alignkit.UndefinedError(f"all samples of {x.label} are equally dissimilar")
        return (values / length).to(x.dtype)

    return x.view(("unit_rdm", rdm, compare), make)


def _symmetric(triangle: Tensor, n: int) -> Tensor:
    """Return the symmetric matrix of Frobenius norm one with this lower triangle."""
    matrix = triangle.new_zeros(n, n)
    matrix[torch.ones_like(matrix, dtype=torch.bool).tril_(-1)] = triangle
    return (matrix + matrix.T) / 2**0.5


def _levels(values: Tensor, count: float) -> Tensor:
    """Return values as whole numbers from 0 to ``count``; those on one level are ties."""
    return (values * (count / max(float(values.max()), 1e-300))).round_()


def average_ranks(values: Tensor) -> Tensor:
    """Return ranks from 1, averaged over ties; values equal up to nine digits are tied."""
    in_order, order = torch.sort(_levels(values, LEVELS).to(torch.int32))  # integers: a radix sort
    _, counts = torch.unique_consecutive(in_order, return_counts=True)
    mean_ranks = counts.cumsum(0).double() - 0.5 * (counts.double() - 1)
    ranks = torch.empty_like(values)
    if len(mean_ranks) < len(values):  # there are ties
        mean_ranks = mean_ranks.repeat_interleave(counts)
    ranks[order] = mean_ranks
    return ranks


def _check_known(metric: str, option: str, value: str, known: tuple[str, ...]) -> None:
    """Raise a UsageError unless the value of an option is known."""
    if value not in known:
        raise alignkit.UsageError(
            f"{metric}: unknown {option} '{value}'; known: {', '.join(known)}"
        )
