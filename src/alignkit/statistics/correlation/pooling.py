"""One answer from several tasks: r pooled over tasks, tested by permuting placements jointly."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from alignkit.statistics.correlation.hypothesis import Hypothesis
from alignkit.statistics.correlation.robust import RANK_LEVEL, STUDENTISED_LEVEL
from alignkit.statistics.correlation.tasks import LIKELY_R
from alignkit.statistics.multiple_testing import benjamini_hochberg, min_p
from alignkit.statistics.permutation import (
    EXACT_UNITS,
    NOTHING,
    p_value,
    standardised,
    unit_permutations,
)
from alignkit.statistics.power import power
from alignkit.statistics.requirements import LEVEL

_PERFECT = 1 - 1e-9  # Fisher's z of a perfect correlation would be infinite


class JointPermutations:
    """Permutations of the placements of several tasks.

    A placement is exchanged only with those that the same tasks have, so that a permutation
    holds in every task at once and the dependence between tasks stays.

    Parameters
    ----------
    units : sequence of sequence of str
        Names of the units of each task.
    n_permutations, seed : int
        Size and seed of the sample where not all permutations are enumerated: of more than
        nine units, or of tasks with different ones.

    Attributes
    ----------
    exact : bool
        Whether these are all permutations.
    """

    def __init__(self, units: Sequence[Sequence[str]], n_permutations: int, seed: int) -> None:
        self.names = sorted({name for of_task in units for name in of_task})
        place = {name: i for i, name in enumerate(self.names)}
        self._places = [np.array([place[name] for name in of_task]) for of_task in units]
        shared: dict[tuple[bool, ...], list[int]] = {}
        for name in self.names:
            pattern = tuple(name in of_task for of_task in units)
            shared.setdefault(pattern, []).append(place[name])
        n = len(self.names)
        self.exact = len(shared) == 1 and n <= EXACT_UNITS
        digest = hashlib.sha256("\0".join(self.names).encode()).digest()
        rng = np.random.default_rng([seed, int.from_bytes(digest[:4], "big")])
        if self.exact:
            self.indices, _ = unit_permutations(n, n_permutations, rng)
        else:
            self.indices = np.tile(np.arange(n), (n_permutations, 1))
            for members in shared.values():
                block = np.tile(np.array(members), (n_permutations, 1))
                self.indices[:, members] = rng.permuted(block, axis=1)

    def __len__(self) -> int:
        """Return the number of permutations."""
        return len(self.indices)

    def of_task(self, task: int) -> np.ndarray:
        """Return, first as they are and then permuted, the places of a task's units."""
        mine = self._places[task]
        back = np.empty(len(self.names), int)
        back[mine] = np.arange(len(mine))
        permuted: np.ndarray = back[self.indices[:, mine]]
        return np.concatenate([np.arange(len(mine))[None], permuted])

    def places(self, task: int) -> np.ndarray:
        """Return the places of a task's units among all."""
        return self._places[task]


def pooled_statistics(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    signs: Sequence[int],
    permutations: JointPermutations,
    controls: Sequence[np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pooled Fisher's z and its studentised form, ``(1 + m,)`` each.

    Fisher's z of each task counts n - 3, less the number of its controls, whose residuals are
    permuted and fitted again (Freedman and Lane 1983). The studentised form sums the products of
    standardised values over the tasks of a placement, so that tasks that share placements do
    not count as independent, and divides the sum over placements by the root of its squares.

    Parameters
    ----------
    pairs : sequence of (x, y)
        Of each task.
    signs : sequence of int
        The sign that r has in each task if more alignment goes with better performance.
    permutations : JointPermutations
    controls : sequence of ndarray (n, k), optional
        Centred orthonormal columns of each task, of which x and y are independent.

    Returns
    -------
    (z, studentised)
        First the observed value, then that under every permutation.
    """
    total = 0.0
    z = np.zeros(1 + len(permutations))
    products = np.zeros((1 + len(permutations), len(permutations.names)))
    for task, ((x, y), sign) in enumerate(zip(pairs, signs, strict=True)):
        line = sign * standardised(x[:, None])[:, 0]
        score = standardised(y[:, None])[:, 0][permutations.of_task(task)]
        weight = len(x) - 3
        r = score @ line
        if controls is not None and controls[task].shape[1]:
            basis = controls[task]
            weight -= basis.shape[1]
            score = score - (score @ basis) @ basis.T
            r /= np.maximum(np.linalg.norm(score, axis=1), NOTHING)
        total += weight
        z += weight * np.arctanh(np.clip(r, -_PERFECT, _PERFECT))
        products[:, permutations.places(task)] += weight * score * line
    studentised = products.sum(axis=1) / np.sqrt((products**2).sum(axis=1))
    return z / total, studentised


def heterogeneity(r: Sequence[float], n: Sequence[int]) -> tuple[float, float]:
    """Return Cochran's Q and I^2 (Higgins and Thompson 2002), as a description.

    They take tasks as independent, which those that share placements are not.

    Parameters
    ----------
    r, n : sequence
        Correlation and number of units of each task.
    """
    z = np.arctanh(np.clip(r, -_PERFECT, _PERFECT))
    weights = np.array(n) - 3
    q = float(weights @ (z - (weights @ z) / weights.sum()) ** 2)
    return q, max(0.0, 1 - (len(z) - 1) / q) if q > 0 else 0.0


def pool_tasks(
    hypotheses: Sequence[Hypothesis], n_permutations: int = 9999, seed: int = 0
) -> pd.DataFrame:
    """Pool every metric over the tasks in which it can be tested.

    Parameters
    ----------
    hypotheses : sequence of Hypothesis
        With their tests made.
    n_permutations, seed : int
        Size and seed of the sample of permutations.

    Returns
    -------
    DataFrame
        One row per metric with two tasks or more: ``metric``, ``family``, ``tasks``, ``units``
        (placements in any of them), ``r`` (pooled; positive where more alignment goes with
        better performance), ``r_low`` and ``r_high`` (of single tasks, oriented alike), ``p``,
        ``p_adjusted`` (min-p over primary metrics, otherwise false discovery rate),
        ``p_studentised``, ``p_spearman``, ``q`` and ``i_squared`` (descriptive), ``exact``,
        ``permutations``, the ``power`` to detect r = 0.7 over as many units in a single test,
        ``least_p`` and ``least_p_adjusted`` (what the units could attain in any arrangement),
        and the ``verdict``. With controls, r is that of residuals. Empty with
        runs as units and with pairs of layers.
    """
    by_metric: dict[str, list[Hypothesis]] = {}
    for h in hypotheses:
        question = h.question
        if h.testable and not (question.layer_pairs or question.unit == "run"):
            by_metric.setdefault(h.metric, []).append(h)
    shared: dict[tuple[tuple[str, ...], ...], JointPermutations] = {}
    rows, values = [], []
    for group in by_metric.values():
        if len(group) < 2:
            continue
        keys = tuple(h.key for h in group)
        if keys not in shared:
            shared[keys] = JointPermutations(keys, n_permutations, seed)
        row, z = _pooled(group, shared[keys])
        rows.append(row)
        values.append((np.abs(z), shared[keys]))
    for family in ("primary", "exploratory"):
        chosen = [i for i, row in enumerate(rows) if row["family"] == family]
        corrected = min_p([values[i] for i in chosen])
        raw = np.array([p for p, _ in corrected])
        adjusted = (
            [q for _, q in corrected] if family == "primary" else list(benjamini_hochberg(raw))
        )
        for i, p, q in zip(chosen, raw, adjusted, strict=True):
            z, joint = values[i]
            # One arrangement can be the most extreme in every test, so that min-p costs nothing.
            least, _ = p_value(float(z[1:].max()), z[1:], joint.exact)
            rows[i] |= {
                "p": float(p),
                "p_adjusted": float(q),
                "least_p": least,
                "least_p_adjusted": least,
            }
    return pd.DataFrame([row | {"verdict": pooled_verdict(row)} for row in rows])


def _pooled(group: Sequence[Hypothesis], joint: JointPermutations) -> tuple[dict[str, Any], Any]:
    signs = [h.sign for h in group]
    pairs, bases = [(h.x, h.y) for h in group], [h.basis for h in group]
    z, studentised = pooled_statistics(pairs, signs, joint, bases)
    by_rank, _ = pooled_statistics(
        [h.ranks for h in group], signs, joint, [h.rank_basis for h in group]
    )
    ((p_studentised, _),) = min_p([(np.abs(studentised), joint)])
    ((p_spearman, _),) = min_p([(np.abs(by_rank), joint)])
    oriented = [h.sign * h.row["pearson"] for h in group]
    q, i_squared = heterogeneity(oriented, [h.n_free for h in group])
    return {
        "metric": group[0].metric,
        "family": "primary" if group[0].primary else "exploratory",
        "tasks": ", ".join(h.task for h in group),
        "units": len(joint.names),
        "r": math.tanh(z[0]),
        "r_low": min(oriented),
        "r_high": max(oriented),
        "p": None,
        "p_adjusted": None,
        "p_studentised": p_studentised,
        "spearman": math.tanh(by_rank[0]),
        "p_spearman": p_spearman,
        "q": q,
        "i_squared": i_squared,
        "exact": joint.exact,
        "permutations": len(joint),
        "power": power(len(joint.names) - max(b.shape[1] for b in bases), LIKELY_R, LEVEL),
    }, z


def pooled_verdict(row: Mapping[str, Any]) -> str:
    """Return the verdict on a pooled correlation; robust tests must confirm it.

    Parameters
    ----------
    row : mapping
        A row of ``pool_tasks``.
    """
    if row["least_p_adjusted"] >= LEVEL:
        return "not testable"
    confirmed = (
        row["p_studentised"] < STUDENTISED_LEVEL
        and row["p_spearman"] < RANK_LEVEL
        and row["r"] * row["spearman"] > 0
    )
    if row["p_adjusted"] >= LEVEL or not confirmed:
        return "inconclusive"
    if row["family"] == "exploratory":
        return "suggestive" if row["r"] > 0 else "inconclusive"
    return "supported" if row["r"] > 0 else "contradicted"
