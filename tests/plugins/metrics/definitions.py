"""Slow definitions in float64 with loops: what the metrics must equal."""

from __future__ import annotations

import numpy as np


def cka(x, y):
    """Trace form with an explicit centring matrix."""
    n = len(x)
    h = np.eye(n) - np.ones((n, n)) / n
    k, m = h @ (x @ x.T) @ h, h @ (y @ y.T) @ h
    return np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))


def neighbours(x, k):
    """The k nearest by cosine, one sample at a time; ties to the lowest index."""
    lists = []
    for i, row in enumerate(x):
        others = [j for j in range(len(x)) if j != i]
        near = {j: round(row @ x[j] / np.sqrt((row @ row) * (x[j] @ x[j])), 12) for j in others}
        lists.append(sorted(others, key=lambda j: (-near[j], j))[:k])
    return lists


def mknn(x, y, k):
    pairs = zip(neighbours(x, k), neighbours(y, k), strict=True)
    return float(np.mean([len(set(a) & set(b)) / k for a, b in pairs]))


def svcca(x, y, threshold=0.99, dims=None):
    """CCA by whitening of the principal components, one eigenproblem."""

    def components(z):
        z = z - z.mean(axis=0)
        _, s, v = np.linalg.svd(z, full_matrices=False)
        share, kept = 0.0, 0
        while share < threshold - 1e-12 and kept < len(s):
            share += s[kept] ** 2 / (s**2).sum()
            kept += 1
        kept = min(dims, int((s > 1e-10 * s[0]).sum())) if dims is not None else kept
        return z @ v[:kept].T

    a, b = components(x), components(y)
    saa, sbb, sab = a.T @ a, b.T @ b, a.T @ b
    product = np.linalg.solve(saa, sab) @ np.linalg.solve(sbb, sab.T)
    squared = np.sort(np.linalg.eigvals(product).real)[::-1][: min(a.shape[1], b.shape[1])]
    return float(np.sqrt(np.clip(squared, 0, None)).mean())


def procrustes(x, y):
    """By the best rotation itself: 1 - squared residual / 2 for unit norms, widths padded."""
    width = max(x.shape[1], y.shape[1])
    a, b = (np.pad(z - z.mean(axis=0), ((0, 0), (0, width - z.shape[1]))) for z in (x, y))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    u, _, v = np.linalg.svd(a.T @ b)
    return 1 - np.linalg.norm(a @ (u @ v) - b) ** 2 / 2
