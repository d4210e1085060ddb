"""The metrics implemented directly from their definitions, one pair at a time.

The reference of ``benchmarks/metrics``: what a careful user would write from the papers in an
afternoon with numpy and scipy. Every call recomputes its Gram matrices, neighbours and
factorisations in the precision of its input. It is deliberately not tuned, because ratios are
relative to it. Arguments and results are those of ``alignkit.measure``.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr


def centred(x):
    return x - x.mean(axis=0)


def unit_rows(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def neighbours(x, k=10):
    similarity = unit_rows(x) @ unit_rows(x).T
    np.fill_diagonal(similarity, -np.inf)
    return np.argsort(-similarity, axis=1, kind="stable")[:, :k]


def membership(lists, n):
    mask = np.zeros((n, n), dtype=bool)
    mask[np.arange(n)[:, None], lists] = True
    return mask


def mknn(x, y, k=10):
    both = membership(neighbours(x, k), len(x)) & membership(neighbours(y, k), len(y))
    return both.sum() / (len(x) * k)


def jaccard(x, y, k=10):
    a, b = membership(neighbours(x, k), len(x)), membership(neighbours(y, k), len(y))
    return ((a & b).sum(axis=1) / (a | b).sum(axis=1)).mean()


def cycle_knn(x, y, k=10):
    out, back = neighbours(y, k), membership(neighbours(x, k), len(x))
    return np.mean([back[out[i], i].any() for i in range(len(x))])


def hsic_unbiased(k, m):
    n = len(k)
    k, m = k.copy(), m.copy()
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    total = (k * m.T).sum() + k.sum() * m.sum() / ((n - 1) * (n - 2))
    return (total - 2 / (n - 2) * k.sum(axis=0) @ m.sum(axis=1)) / (n * (n - 3))


def cknna(x, y, k=10):
    a, b = unit_rows(x) @ unit_rows(x).T, unit_rows(y) @ unit_rows(y).T
    in_x, in_y = membership(neighbours(x, k), len(x)), membership(neighbours(y, k), len(y))
    own = hsic_unbiased(in_x * a, in_x * a) * hsic_unbiased(in_y * b, in_y * b)
    return hsic_unbiased(in_x * in_y * a, in_x * in_y * b) / np.sqrt(own)


def cka(x, y):
    k, m = centred(x) @ centred(x).T, centred(y) @ centred(y).T
    return (k * m).sum() / (np.linalg.norm(k) * np.linalg.norm(m))


def unbiased_cka(x, y):
    k, m = centred(x) @ centred(x).T, centred(y) @ centred(y).T
    return hsic_unbiased(k, m) / np.sqrt(hsic_unbiased(k, k) * hsic_unbiased(m, m))


def cka_rbf(x, y):
    kernels = []
    for z in (x, y):
        distances = pdist(z)
        square = np.zeros((len(z), len(z)))
        square[np.triu_indices(len(z), 1)] = distances**2
        kernel = np.exp(-(square + square.T) / (2 * np.median(distances) ** 2))
        kernel = kernel - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None] + kernel.mean()
        kernels.append(kernel)
    k, m = kernels
    return (k * m).sum() / (np.linalg.norm(k) * np.linalg.norm(m))


def svcca(x, y, dims=10):
    u, v = (np.linalg.svd(centred(z), full_matrices=False)[0][:, :dims] for z in (x, y))
    return np.linalg.svd(u.T @ v, compute_uv=False).mean()


def procrustes(x, y):
    a, b = (centred(z) / np.linalg.norm(centred(z)) for z in (x, y))
    return np.linalg.svd(a.T @ b, compute_uv=False).sum()


def rsa(x, y):
    return spearmanr(pdist(x, "correlation"), pdist(y, "correlation")).statistic


def r2(x, y, alpha=1e-3, folds=5, seed=0):
    order = np.random.default_rng([seed, len(x)]).permutation(len(x))
    penalty = alpha * (1 - 1 / folds) * (centred(x) ** 2).sum() / min(x.shape)
    residual = total = 0.0
    for test in np.array_split(order, folds):
        train = np.setdiff1d(order, test)
        mean_x, mean_y = x[train].mean(axis=0), y[train].mean(axis=0)
        known, target = x[train] - mean_x, y[train] - mean_y
        system = known.T @ known + penalty * np.eye(known.shape[1], dtype=x.dtype)
        fitted = (x[test] - mean_x) @ np.linalg.solve(system, known.T @ target)
        residual += ((y[test] - mean_y - fitted) ** 2).sum()
        total += ((y[test] - mean_y) ** 2).sum()
    return 1 - residual / total


def cosine(x, y):
    return (unit_rows(x) * unit_rows(y)).sum(axis=1).mean()


def aligned_cosine(x, y):
    a, b = centred(x), centred(y)
    u, _, v = np.linalg.svd(a.T @ b, full_matrices=False)
    return cosine(a @ u @ v, b)


METRICS = {
    "mknn": mknn,
    "jaccard": jaccard,
    "cycle_knn": cycle_knn,
    "cknna": cknna,
    "cka": cka,
    "unbiased_cka": unbiased_cka,
    "cka_rbf": cka_rbf,
    "svcca:dims=10": svcca,
    "procrustes": procrustes,
    "rsa": rsa,
    "r2": r2,
    "cosine": cosine,
    "cosine:aligned=true,centred=true": aligned_cosine,
}
