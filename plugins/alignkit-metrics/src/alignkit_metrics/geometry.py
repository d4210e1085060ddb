"""Metrics of shape: how well one representation can be laid over the other."""

from __future__ import annotations

import math

import torch

import alignkit
from alignkit import Representation

FORMS = ("similarity", "angular", "distance", "size_and_shape")


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
    if form not in FORMS:
        raise alignkit.UsageError(f"procrustes: unknown form '{form}'; known: {', '.join(FORMS)}")
    product = (x.centred / x.norm).T @ (y.centred / y.norm)
    similarity = min(1.0, float(torch.linalg.svdvals(product).sum()))
    match form:
        case "angular":
            return math.acos(similarity)
        case "distance":
            return math.sqrt(2 - 2 * similarity)
        case "size_and_shape":
            squared = x.norm**2 + y.norm**2 - 2 * x.norm * y.norm * similarity
            return math.sqrt(max(0.0, squared))
    return similarity
