"""Every metric by its definition, in float64 on the numbers as they are stored.

Columns that are constant but for rounding, by a definition of their own, have their mean. Nothing
here is shared with the package but the parameters of metrics.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy.stats
import torch

WIDE = (torch.float32, torch.float64)
DRAWS = 400
SEED = 3


class Undefined(Exception):
    """The definition gives no number."""


class Side:
    """The values of a tensor in float64, and what is known of their rounding."""

    def __init__(self, stored):
        self.eps = float(torch.finfo(stored.dtype).eps)
        self.single = stored.dtype != torch.float64
        values = stored.double().numpy().copy()
        self.constant = np.array([_is_constant(column) for column in stored.T])
        values[:, self.constant] = values[:, self.constant].mean(axis=0)
        self.values = values
        self.n, self.width = values.shape

    @property
    def rank_tolerance(self):
        return 1e-6 if self.single else 1e-10

    @property
    def error(self):
        """The relative error of a value; that of several operations in single and double."""
        return 8 * self.eps if self.eps < 1e-6 else self.eps / 2

    def rounded(self):
        """The squared length of a typical row of what was rounded, on the scale of ``unit``."""
        norm = np.linalg.norm(self.centred())
        mean = (self.values.mean(axis=0) * ~self.constant / norm) ** 2
        return np.median((self.unit() ** 2).sum(axis=1)) + mean.sum()

    def centred(self):
        if self.constant.all():
            raise Undefined("constant")
        return self.values - self.values.mean(axis=0)

    def unit(self):
        """Centred, of Frobenius norm one."""
        values = self.centred()
        return values / np.linalg.norm(values)

    def directions(self):
        lengths = np.linalg.norm(self.values, axis=1, keepdims=True)
        if not lengths.all():
            raise Undefined("zero row")
        return self.values / lengths

    def points(self, distance):
        """Points between which neighbours are near, centred, and the errors of their columns."""
        if distance == "euclidean":
            points = self.unit()
            offset = self.values.mean(axis=0) / np.linalg.norm(self.centred())
            whole = points + offset
        else:
            whole = self.directions()
            if self.constant.all():
                raise Undefined("constant")
            points = whole - whole.mean(axis=0)
        sizes = (whole**2).mean(axis=0) * ~self.constant
        shares = (whole**2).mean(axis=0)
        if distance == "cosine" and shares.max() > 0.5:  # a column that is lost with the length
            sizes = sizes * (1 - 2 * shares) + shares * (shares @ sizes)
        return points, sizes * self.eps**2 / 6


def _is_constant(column):
    values = column.double()
    low, high = values.min(), values.max()
    if column.dtype in WIDE:
        eps = torch.finfo(column.dtype).eps
        return bool(high - low <= 16 * eps * abs(low + high) / 2)
    between = float((low + high) / 2)  # no number of the type lies between two neighbours
    middle = float(torch.tensor(between, dtype=torch.float64).to(column.dtype).double())
    seen = set(values.tolist())
    return seen <= {float(low), float(high)} and middle in (float(low), float(high))


def value(name, x, y, parameters):
    """Return the value of a metric on two stored tensors, and its error where ties are drawn.

    Raises
    ------
    Undefined
    """
    result = globals()[name](_side(x), _side(y), **parameters)
    return result if isinstance(result, tuple) else (result, 0.0)


@cache
def _side(stored):
    return Side(stored)


def _mean(drawn):
    """Mean and standard error over draws ``(draws, n)`` of how ties are broken."""
    means = drawn.mean(axis=1)
    return means.mean(), means.std() / len(means) ** 0.5


# --- kernels -----------------------------------------------------------------------------------


def _gram(side, normed=False):
    if normed:
        rows, _ = side.points("cosine")
        rows = rows / np.linalg.norm(rows)
    else:
        rows = side.unit()
    return rows @ rows.T


def cka(x, y, normed=False):
    k, m = _gram(x, normed), _gram(y, normed)
    return (k * m).sum() / np.linalg.norm(k) / np.linalg.norm(m)


def _u_centred(k):
    n = len(k)
    k = k * (1 - np.eye(n))
    rows = k.sum(axis=0) / (n - 2)
    k = k - rows - rows[:, None] + k.sum() / (n - 1) / (n - 2)
    return k * (1 - np.eye(n))


def unbiased_cka(x, y, normed=False):
    k, m = _u_centred(_gram(x, normed)), _u_centred(_gram(y, normed))
    return (k * m).sum() / np.linalg.norm(k) / np.linalg.norm(m)


def rv2(x, y):
    k, m = (_gram(side) * (1 - np.eye(side.n)) for side in (x, y))
    return (k * m).sum() / np.linalg.norm(k) / np.linalg.norm(m)


def _squared(points):
    return ((points[:, None] - points[None]) ** 2).sum(axis=2)


def _double_centred(k):
    return k - k.mean(axis=0) - k.mean(axis=1)[:, None] + k.mean()


def cka_rbf(x, y, factor=1.0, bandwidth=None):
    kernels = []
    for side in (x, y):
        squared = _squared(side.unit())
        median = np.median(np.sqrt(squared[np.triu_indices(side.n, 1)]))
        if median <= side.error * np.sqrt(side.rounded()):
            raise Undefined("half of the distances are 0")
        kernels.append(_double_centred(np.exp(-squared / (2 * median**2 * factor**2))))
    k, m = kernels
    return (k * m).sum() / np.linalg.norm(k) / np.linalg.norm(m)


def distance_correlation(x, y, unbiased=False):
    centre = _u_centred if unbiased else _double_centred
    k, m = (centre(np.sqrt(_squared(side.unit()))) for side in (x, y))
    value = (k * m).sum() / np.linalg.norm(k) / np.linalg.norm(m)
    return value if unbiased else np.sqrt(max(0, value))


# --- neighbours --------------------------------------------------------------------------------


class Near:
    """Ranks of all other samples, ties in groups."""

    @classmethod
    @cache
    def of(cls, side, k, distance):
        return cls(side, k, distance)

    def __init__(self, side, k, distance):
        points, errors = side.points(distance)
        self.squared = _squared(points)
        self.n, self.k = side.n, k
        largest = (points**2).sum(axis=1).max()
        variance = (points**2).mean(axis=0)
        along = np.sqrt(variance @ errors / variance.sum())
        least = largest / 2**40 + 4 * errors.sum()
        self.low, self.high = np.zeros((2, side.n, side.n))
        for i in range(side.n):
            others = sorted((j for j in range(side.n) if j != i), key=lambda j: self.squared[i, j])
            at = 0
            while at < len(others):
                start = self.squared[i, others[at]]
                edge = start + least + 4 * 8**0.5 * along * np.sqrt(start)
                size = sum(self.squared[i, j] <= edge for j in others[at:])
                group = others[at : at + size]
                self.low[i, group], self.high[i, group] = at + 1, at + size
                at += size
        np.fill_diagonal(self.low, np.inf)
        np.fill_diagonal(self.high, np.inf)

    @property
    def weights(self):
        size = np.where(np.isinf(self.low), 1, self.high - np.where(self.low < np.inf, self.low, 0))
        return np.clip((self.k - self.low + 1) / (size + 1), 0, 1)

    @property
    def tied(self):
        return bool((self.low < self.high)[self.low <= self.k].any())

    @property
    def exceeds(self):
        near = self.low <= self.k
        return bool((self.high[near] - self.low[near] + 1 > self.k).any())

    def lists(self, rng):
        """Lists of the k nearest, ties broken at random, ``(draws, n, k)``."""
        draws = DRAWS if self.tied else 1
        order = np.argsort(self.low + rng.random((draws, self.n, self.n)), axis=2)
        return order[:, :, : self.k]


def _both(x, y, k, distance):
    rng = np.random.default_rng(SEED)
    nears = [Near.of(side, k, distance) for side in (x, y)]
    lists = [near.lists(rng) for near in nears]
    most = max(map(len, lists))
    return nears, [np.broadcast_to(z, (most, *z.shape[1:])) for z in lists]


def _member(lists, n):
    member = np.zeros((*lists.shape[:2], n), dtype=bool)
    np.put_along_axis(member, lists, True, axis=2)
    return member


def mknn(x, y, k, distance="cosine"):
    a, b = Near.of(x, k, distance), Near.of(y, k, distance)
    return (a.weights * b.weights).sum() / (x.n * k)


def jaccard(x, y, k, distance="cosine"):
    _, lists = _both(x, y, k, distance)
    common = np.logical_and(*(_member(z, x.n) for z in lists)).sum(axis=2)
    return _mean(common / (2 * k - common))


def cycle_knn(x, y, k, distance="cosine", direction="yx"):
    rng = np.random.default_rng(SEED)
    # Every step breaks its ties anew: of j's neighbours, whether i is one is drawn for each j.
    first, second = (y, x) if direction == "yx" else (x, y)
    steps = _member(Near.of(first, k, distance).lists(rng), x.n)
    back = Near.of(second, k, distance).weights.T  # the chance that j leads back to i
    return _mean(1 - np.where(steps, 1 - back, 1.0).prod(axis=2))


def lcs_knn(x, y, k, distance="cosine"):
    nears, (a, b) = _both(x, y, k, distance)
    if any(near.exceeds for near in nears):
        raise Undefined("lists have no order")
    table = np.zeros((*a.shape[:2], k + 1, k + 1))
    for i in range(k):
        for j in range(k):
            table[:, :, i + 1, j + 1] = np.where(
                a[:, :, i] == b[:, :, j],
                table[:, :, i, j] + 1,
                np.maximum(table[:, :, i, j + 1], table[:, :, i + 1, j]),
            )
    return _mean(table[:, :, k, k] / k)


def edit_distance_knn(x, y, k, distance="cosine"):
    nears, (a, b) = _both(x, y, k, distance)
    if any(near.exceeds for near in nears):
        raise Undefined("lists have no order")
    table = np.zeros((*a.shape[:2], k + 1, k + 1))
    table[:, :, 0], table[:, :, :, 0] = np.arange(k + 1), np.arange(k + 1)
    for i in range(k):
        for j in range(k):
            edits = [
                table[:, :, i, j] + (a[:, :, i] != b[:, :, j]),
                table[:, :, i, j + 1] + 1,
                table[:, :, i + 1, j] + 1,
            ]
            table[:, :, i + 1, j + 1] = np.minimum.reduce(edits)
    return _mean(1 - table[:, :, k, k] / k)


def rank_similarity(x, y, k, distance="cosine"):
    _, (a, b) = _both(x, y, k, distance)
    same = a[:, :, :, None] == b[:, :, None]
    r = np.arange(1, k + 1)
    terms = same * (2 / ((1 + abs(r[:, None] - r)) * (r[:, None] + r)))
    common = same.sum(axis=(2, 3))
    harmonic = np.concatenate([[1], np.cumsum(1 / r)])[common]
    return _mean(terms.sum(axis=(2, 3)) / harmonic)


def information_imbalance(x, y):
    a, b = Near.of(x, 1, "euclidean"), Near.of(y, 1, "euclidean")
    ranks = np.zeros(x.n)
    for i in range(x.n):
        nearest = np.flatnonzero(a.low[i] == 1)
        points, errors = y.points("euclidean")
        variance = (points**2).mean(axis=0)
        along = np.sqrt(variance @ errors / variance.sum())
        mine = b.squared[i][nearest][:, None]
        slack = (points**2).sum(axis=1).max() / 2**40 + 4 * errors.sum()
        slack = slack + 4 * 8**0.5 * along * np.sqrt(mine)
        others = np.delete(b.squared[i], i)
        below = (others < mine - slack).sum(axis=1)
        ranks[i] = ((below + (others <= mine + slack).sum(axis=1) + 1) / 2).mean()
    return 2 * ranks.mean() / x.n


def cknna(x, y, k, biased=False):
    n, (a, b) = x.n, (Near.of(side, k, "cosine") for side in (x, y))
    (k_x, w_x), (k_y, w_y) = ((1 - near.squared / 2, near.weights) for near in (a, b))

    def hsic(p, q):
        if biased:
            return ((p - p.mean(axis=0)) * (q - q.mean(axis=1, keepdims=True)).T).sum()
        total = (p * q.T).sum() + p.sum() * q.sum() / ((n - 1) * (n - 2))
        return total - 2 / (n - 2) * (p.sum(axis=0) @ q.sum(axis=1))

    if biased:
        w_x, w_y = w_x + np.eye(n), w_y + np.eye(n)
    # Without ties for the last places, weights are 0 or 1 and their products sets.
    own = [hsic(z * w, z * w) for z, w in ((k_x, w_x), (k_y, w_y))]
    return hsic(k_x * w_x * w_y, k_y * w_x * w_y) / np.sqrt(own[0] * own[1])


def second_order_cosine(x, y, k):
    a, b = (Near.of(side, k, "cosine") for side in (x, y))
    union = a.weights + b.weights - a.weights * b.weights
    p, q = (1 - near.squared / 2 for near in (a, b))
    lengths = np.sqrt((p**2 * union).sum(axis=1) * (q**2 * union).sum(axis=1))
    return ((p * q * union).sum(axis=1) / lengths).mean()


# --- subspaces ---------------------------------------------------------------------------------


def _svd(side, standardised=False):
    values = side.centred()
    if standardised:
        values = values[:, ~side.constant]
        values = values / values.std(axis=0)
    u, s, _ = np.linalg.svd(values / np.linalg.norm(values), full_matrices=False)
    return u, s


def _whole(side):
    u, s = _svd(side)
    return u[:, s > side.rank_tolerance * s[0]]


def cca(x, y, squared=False):
    correlations = np.linalg.svd(_whole(x).T @ _whole(y), compute_uv=False).clip(max=1)
    return (correlations**2 if squared else correlations).mean()


def _leading(side, threshold, dims, standardised=False):
    u, s = _svd(side, standardised)
    rank = int((s > side.rank_tolerance * s[0]).sum())
    share = np.cumsum(s**2) / (s**2).sum()
    kept = rank if threshold == 1 else 1 + int((share < threshold - 1e-12).sum())
    kept = kept if dims is None else min(dims, rank)
    # Components of equal variance are kept together.
    equal = s[:rank] ** 2 >= s[kept - 1] ** 2 * (1 - side.rank_tolerance)
    return u[:, : max(kept, int(equal.sum()))]


def svcca(x, y, threshold=0.99, dims=None, standardised=False):
    u, v = (_leading(side, threshold, dims, standardised) for side in (x, y))
    return np.linalg.svd(u.T @ v, compute_uv=False).clip(max=1).mean()


def eigenspace_overlap(x, y, threshold=1.0, dims=None):
    u, v = (_leading(side, threshold, dims) for side in (x, y))
    return ((u.T @ v) ** 2).sum() / max(u.shape[1], v.shape[1])


def pwcca(x, y, side="smaller"):
    u, v = _whole(x), _whole(y)
    swap = side == "y" or (side == "smaller" and v.shape[1] < u.shape[1])
    weighing, u, v = (y, v, u) if swap else (x, u, v)
    a, correlations, _ = np.linalg.svd(u.T @ v, full_matrices=False)
    along = (u @ a).T @ weighing.unit()
    blocks = [[0]]
    for at in range(1, len(correlations)):
        near = correlations[blocks[-1][0]] - correlations[at] <= 1e-9
        blocks[-1].append(at) if near else blocks.append([at])
    weights = np.array([np.linalg.norm(along[block], axis=0).sum() for block in blocks])
    means = np.array([correlations[block].mean() for block in blocks])
    return weights @ means / weights.sum()


# --- geometry ----------------------------------------------------------------------------------


def procrustes(x, y, form="similarity"):
    a, b = x.unit(), y.unit()
    width = max(x.width, y.width)
    a, b = (np.pad(z, ((0, 0), (0, width - z.shape[1]))) for z in (a, b))
    u, s, v = np.linalg.svd(a.T @ b)
    if form == "similarity":
        return s.sum()
    if form == "size_and_shape":
        a, b = a * np.linalg.norm(x.centred()), b * np.linalg.norm(y.centred())
    distance = np.linalg.norm(a @ u @ v - b)
    return 2 * np.arcsin(min(1, distance / 2)) if form == "angular" else distance


def rsa(x, y, rdm="correlation", compare="spearman"):
    sides = []
    for side in (x, y):
        if rdm == "euclidean":
            points = side.unit()
        elif rdm == "cosine":
            points = side.directions()
        else:
            points = side.values - side.values.mean(axis=1, keepdims=True)
            points = points / np.linalg.norm(points, axis=1, keepdims=True)
        distances = _squared(points)[np.triu_indices(side.n, 1)]
        if compare != "kendall":
            distances = np.sqrt(distances) if rdm == "euclidean" else distances / 2
        if distances.std() <= 1e-12 * distances.max():
            raise Undefined("equally dissimilar")
        if compare != "pearson":  # equal to nine digits is tied
            distances = np.round(
                distances / distances.max() * (2**38 if compare == "kendall" else 2**31 - 1)
            )
        sides.append(distances)
    function = {"spearman": "spearmanr", "pearson": "pearsonr", "kendall": "kendalltau"}[compare]
    return getattr(scipy.stats, function)(*sides).statistic


def cosine(x, y, aligned=False, centred=False):
    def rows(side, values):
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        if lengths.min() <= 1e-12 * lengths.max():
            raise Undefined("zero row")
        return values / lengths

    a, b = (side.unit() if centred else side.values for side in (x, y))
    u, v = rows(x, a), rows(y, b)
    if not aligned:
        return (u * v).sum() / x.n
    width = max(x.width, y.width)
    a, b, u, v = (np.pad(z, ((0, 0), (0, width - z.shape[1]))) for z in (a, b, u, v))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    left, s, right = np.linalg.svd(a.T @ b)
    rank = int((s > 1e-12 * s[0]).sum())
    if rank < min(x.width, y.width):
        return np.nan  # the rotation is not unique
    rank = min(x.width, y.width)
    return ((u @ left[:, :rank] @ right[:rank]) * v).sum() / x.n


# --- regression --------------------------------------------------------------------------------


def r2(x, y, alpha=1e-3, folds=5, seed=0, direction="xy"):
    x, y = (x, y) if direction == "xy" else (y, x)
    a, b, n = x.unit(), y.unit(), x.n
    penalty = alpha * (1 - 1 / folds) / min(a.shape)
    residual = total = 0.0
    for part in np.array_split(np.random.default_rng([seed, n]).permutation(n), folds):
        train = np.setdiff1d(np.arange(n), part)
        p, q = a[train] - a[train].mean(axis=0), b[train] - b[train].mean(axis=0)
        weights = np.linalg.solve(p.T @ p + penalty * np.eye(p.shape[1]), p.T @ q)
        held = b[part] - b[train].mean(axis=0)
        residual += ((held - (a[part] - a[train].mean(axis=0)) @ weights) ** 2).sum()
        total += (held**2).sum()
    return 1 - residual / total
