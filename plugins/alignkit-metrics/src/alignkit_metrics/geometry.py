"""Metrics of shape: how well one representation can be laid over the other."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit_metrics.kernels import squared_distances

FORMS = ("similarity", "angular", "distance", "size_and_shape")
RDMS = ("correlation", "cosine", "euclidean")
COMPARISONS = ("spearman", "pearson", "kendall")


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
    similarity = min(1.0, float(torch.linalg.svdvals(_product(x, y)).sum()))
    match form:
        case "angular":
            return math.acos(similarity)
        case "distance":
            return math.sqrt(2 - 2 * similarity)
        case "size_and_shape":
            squared = x.norm**2 + y.norm**2 - 2 * x.norm * y.norm * similarity
            return math.sqrt(max(0.0, squared))
    return similarity


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

        sides = [_dissimilarities(side, rdm).cpu().numpy() for side in (x, y)]
        return float(kendalltau(*sides).statistic)
    one, other = (_unit_rdm(side, rdm, compare) for side in (x, y))
    return float(torch.dot(one, other))


def cosine(x: Representation, y: Representation, *, aligned: bool = False) -> float:
    """Mean cosine of each sample's two vectors. In [-1, 1], up is more aligned.

    Parameters
    ----------
    aligned : bool
        After the best orthogonal map of x to y; unequal widths are padded with zeros.

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
        return float((x.unit_rows * y.unit_rows).sum(dim=1).mean())
    u, _, v = torch.linalg.svd((x.tensor / x.norm).T @ (y.tensor / y.norm), full_matrices=False)
    # The map into the smaller space loses length; cosines are taken of the full vectors.
    dots = ((x.unit_rows @ u) * (y.unit_rows @ v.T)).sum(dim=1)
    return float(dots.mean())


def cosine_chance(x: Representation, y: Representation, *, aligned: bool = False) -> float | None:
    """Mean of the plain form over all permutations of rows."""
    return None if aligned else float(x.unit_rows.mean(dim=0) @ y.unit_rows.mean(dim=0))


def rsa_chance(
    x: Representation, y: Representation, *, rdm: str = "correlation", compare: str = "spearman"
) -> float | None:
    """Zero: every permutation of rows maps pairs to pairs alike."""
    return None if compare == "kendall" else 0.0


def _product(x: Representation, y: Representation) -> Tensor:
    """A matrix with the singular values of X'Y, X and Y of unit norm."""
    if x.n < min(x.width, y.width):
        return _triangle(x) @ _triangle(y).T
    return _unit(x).T @ _unit(y)


def _unit(x: Representation) -> Tensor:
    return x.view("unit", lambda: x.centred / x.norm, "rows")


def _triangle(x: Representation) -> Tensor:
    """R of X' = QR: X'Y = Q R_x R_y' Q', so n x n will do where there are more columns."""
    return x.view("triangle", lambda: torch.linalg.qr(_unit(x).T, mode="r").R)


def _dissimilarities(x: Representation, rdm: str) -> Tensor:
    """Upper triangle of the dissimilarities, ``(n (n - 1) / 2,)``."""

    def make() -> Tensor:
        upper = tuple(torch.triu_indices(x.n, x.n, 1))
        if rdm == "euclidean":
            return squared_distances(x)[upper].sqrt()
        rows = x.unit_rows if rdm == "cosine" else _centred_rows(x)
        return 1 - (rows @ rows.T)[upper]

    return x.view(("rdm", rdm), make)


def _centred_rows(x: Representation) -> Tensor:
    rows = x.tensor - x.tensor.mean(dim=1, keepdim=True)
    lengths = torch.linalg.norm(rows, dim=1, keepdim=True)
    if bool((lengths <= 1e-12 * x.tensor.abs().amax(dim=1, keepdim=True)).any()):
        raise alignkit.UndefinedError(f"{x.name or 'the representation'} has a constant row")
    return rows / lengths


def _unit_rdm(x: Representation, rdm: str, compare: str) -> Tensor:
    """Dissimilarities (or their ranks) with mean zero and length one."""

    def make() -> Tensor:
        values = _dissimilarities(x, rdm)
        if compare == "spearman":
            values = _average_ranks(values)
        values = values - values.mean()
        length = torch.linalg.norm(values)
        if float(length) <= 1e-12 * len(values) ** 0.5:
            raise alignkit.UndefinedError(
                f"all samples of {x.name or 'the representation'} are equally dissimilar"
            )
        return values / length

    return x.view(("unit_rdm", rdm, compare), make)


def _average_ranks(values: Tensor) -> Tensor:
    """Ranks from 1, ties sharing the mean of theirs; equal up to 12 digits is a tie."""
    import numpy as np

    steps = torch.round(values * (2.0**40 / values.abs().max().clamp(min=1e-300))).cpu().numpy()
    order = np.argsort(steps)  # vectorised, several times faster than torch's
    in_order = steps[order]
    starts = np.flatnonzero(np.concatenate([[True], in_order[1:] != in_order[:-1]]))
    counts = np.diff(np.append(starts, len(steps)))
    ranks = np.empty(len(steps))
    ranks[order] = np.repeat(starts + (counts + 1) / 2, counts)
    return torch.from_numpy(ranks).to(values)


def _known(metric: str, option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise alignkit.UsageError(
            f"{metric}: unknown {option} '{value}'; known: {', '.join(known)}"
        )
