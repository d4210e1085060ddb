"""Slow definitions in float64 with loops: what the metrics must equal."""

from __future__ import annotations

import numpy as np


def cka(x, y):
    """Trace form with an explicit centring matrix."""
    n = len(x)
    h = np.eye(n) - np.ones((n, n)) / n
    k, m = h @ (x @ x.T) @ h, h @ (y @ y.T) @ h
    return np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))


def cosines(x):
    """Cosines of all pairs; what differs by rounding is equal."""
    return np.array([[round(a @ b / np.sqrt((a @ a) * (b @ b)), 12) for b in x] for a in x])


def neighbours(x, k, rng=None):
    """The k nearest by cosine, one sample at a time; ties to the lowest index, or at random."""
    lists = []
    for i, near in enumerate(cosines(x)):
        others = [j for j in range(len(x)) if j != i]
        order = np.arange(len(x)) if rng is None else rng.permutation(len(x))
        lists.append(sorted(others, key=lambda j: (-near[j], order[j]))[:k])
    return lists


def neighbour_weights(x, k):
    """1 for samples nearer than the k-th, what is left of k shared among those as near as it."""
    weights = np.zeros((len(x), len(x)))
    for i, near in enumerate(cosines(x)):
        near[i] = -np.inf  # not its own neighbour
        edge = np.sort(near)[-k]
        nearer, tied = near > edge, near == edge
        weights[i] = nearer + tied * (k - nearer.sum()) / tied.sum()
    return weights


def tied_mknn(x, y, k):
    return float((neighbour_weights(x, k) * neighbour_weights(y, k)).sum() / (len(x) * k))


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


def hsic_unbiased(k, m):
    """Song et al. 2012, equation 5, with diagonals set to zero."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    total = np.trace(k @ m) + k.sum() * m.sum() / ((n - 1) * (n - 2))
    return (total - 2 / (n - 2) * (k.sum(axis=0) @ m.sum(axis=1))) / (n * (n - 3))


def unbiased_cka(x, y):
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)  # only so that its own rounding is small
    k, m = x @ x.T, y @ y.T
    return hsic_unbiased(k, m) / np.sqrt(hsic_unbiased(k, k) * hsic_unbiased(m, m))


def distances(x):
    return np.array([[np.sqrt(((a - b) ** 2).sum()) for b in x] for a in x])


def cka_rbf(x, y):
    n = len(x)
    h = np.eye(n) - np.ones((n, n)) / n

    def kernel(z):
        d = distances(z)
        s = np.median([d[i, j] for i in range(n) for j in range(i)])
        return h @ np.exp(-(d**2) / (2 * s**2)) @ h

    k, m = kernel(x), kernel(y)
    return np.sum(k * m) / np.linalg.norm(k) / np.linalg.norm(m)


def distance_correlation(x, y):
    n = len(x)
    h = np.eye(n) - np.ones((n, n)) / n
    a, b = h @ distances(x) @ h, h @ distances(y) @ h
    return np.sqrt((a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean()))


def jaccard(x, y, k):
    pairs = [(set(a), set(b)) for a, b in zip(neighbours(x, k), neighbours(y, k), strict=True)]
    return float(np.mean([len(a & b) / len(a | b) for a, b in pairs]))


def cycle_knn(x, y, k):
    nx, ny = neighbours(x, k), neighbours(y, k)
    return float(np.mean([any(i in nx[j] for j in ny[i]) for i in range(len(x))]))


def lcs_knn(x, y, k):
    def longest(a, b):
        table = np.zeros((len(a) + 1, len(b) + 1), int)
        for i, p in enumerate(a):
            for j, q in enumerate(b):
                step = max(table[i, j + 1], table[i + 1, j])
                table[i + 1, j + 1] = table[i, j] + 1 if p == q else step
        return table[-1, -1]

    pairs = zip(neighbours(x, k), neighbours(y, k), strict=True)
    return float(np.mean([longest(a, b) / k for a, b in pairs]))


def edit_distance_knn(x, y, k):
    def edits(a, b):
        if not a or not b:
            return len(a) + len(b)
        table = np.zeros((len(a) + 1, len(b) + 1), int)
        table[:, 0], table[0] = range(len(a) + 1), range(len(b) + 1)
        for i, p in enumerate(a):
            for j, q in enumerate(b):
                table[i + 1, j + 1] = min(
                    table[i, j] + (p != q), table[i, j + 1] + 1, table[i + 1, j] + 1
                )
        return table[-1, -1]

    pairs = zip(neighbours(x, k), neighbours(y, k), strict=True)
    return float(np.mean([1 - edits(a, b) / k for a, b in pairs]))


def rank_similarity(x, y, k):
    values = []
    for a, b in zip(neighbours(x, k), neighbours(y, k), strict=True):
        common = set(a) & set(b)
        total = 0.0
        for j in common:
            r, s = a.index(j) + 1, b.index(j) + 1
            total += 2 / ((1 + abs(r - s)) * (r + s))
        values.append(total / sum(1 / t for t in range(1, len(common) + 1)) if common else 0.0)
    return float(np.mean(values))


def cknna(x, y, k):
    n = len(x)
    u, v = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y))
    masks = []
    for lists in (neighbours(x, k), neighbours(y, k)):
        mask = np.zeros((n, n))
        for i, row in enumerate(lists):
            mask[i, row] = 1
        masks.append(mask)
    a, b = u @ u.T, v @ v.T
    both = masks[0] * masks[1]

    def hsic(p, q):  # masked kernels are not symmetric: the trace is over p and q transposed
        total = (p * q.T).sum() + p.sum() * q.sum() / ((n - 1) * (n - 2))
        return total - 2 / (n - 2) * (p.sum(axis=0) @ q.sum(axis=1))

    own = hsic(a * masks[0], a * masks[0]) * hsic(b * masks[1], b * masks[1])
    return hsic(a * both, b * both) / np.sqrt(own)


def rsa(x, y, compare):
    import scipy.stats

    n = len(x)
    sides = [
        [1 - np.corrcoef(z[i], z[j])[0, 1] for i in range(n) for j in range(i + 1, n)]
        for z in (x, y)
    ]
    function = {"spearman": scipy.stats.spearmanr, "pearson": scipy.stats.pearsonr}[compare]
    return float(function(*sides).statistic)


def information_imbalance(x, y):
    dx, dy = distances(x), distances(y)
    ranks = []
    for i in range(len(x)):
        others = [j for j in range(len(x)) if j != i]
        nearest = min(others, key=lambda j: (dx[i, j], j))
        ranks.append(1 + sorted(others, key=lambda j: (dy[i, j], j)).index(nearest))
    return 2 * float(np.mean(ranks)) / len(x)


def second_order_cosine(x, y, k):
    u, v = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y))
    values = []
    for i, (a, b) in enumerate(zip(neighbours(x, k), neighbours(y, k), strict=True)):
        union = sorted(set(a) | set(b))
        p, q = u[union] @ u[i], v[union] @ v[i]
        values.append(p @ q / np.linalg.norm(p) / np.linalg.norm(q))
    return float(np.mean(values))


def r2(x, y, folds, alpha):
    """Ridge by normal equations, the same seeded folds."""
    n = len(x)
    parts = np.array_split(np.random.default_rng([0, n]).permutation(n), folds)
    size = ((x - x.mean(axis=0)) ** 2).sum() / min(x.shape)
    penalty = alpha * (1 - 1 / folds) * size
    residual = total = 0.0
    for part in parts:
        train = np.setdiff1d(np.arange(n), part)
        a, b = x[train] - x[train].mean(axis=0), y[train] - y[train].mean(axis=0)
        weights = np.linalg.solve(a.T @ a + penalty * np.eye(a.shape[1]), a.T @ b)
        held = y[part] - y[train].mean(axis=0)
        residual += ((held - (x[part] - x[train].mean(axis=0)) @ weights) ** 2).sum()
        total += (held**2).sum()
    return 1 - residual / total
