"""Probes against alignment, layer by layer: within each model, and pooled over placements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.analysis.questions.verdicts import with_verdicts
from alignkit.statistics.attainable import least_permutation_p, least_units_to_permute

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics.joint import JointTest
    from alignkit.statistics.permutation import UnitPermutations

POINT_COLUMNS = (
    "task",
    "placement",
    "unit",
    "seed",
    "model",
    "stream",
    "metric",
    "depth",
    "score",
    "value",
    "alignment",
)
_FAMILY = ["task", "stream", "metric"]
# Fewer layers say nothing about a course over depth.
LEAST_LAYERS = 3


def points_of(
    probes: pd.DataFrame, alignment: pd.DataFrame, higher_is_better: dict[tuple[str, str], bool]
) -> pd.DataFrame:
    """Join the probes of runs and their alignment at the same depth.

    Parameters
    ----------
    probes : DataFrame
        From ``probe_layers``; several draws of training samples are averaged.
    alignment : DataFrame
        From ``layer_values``, of layers of equal depth.
    higher_is_better : dict of (str, str) to bool
        By task and score.

    Returns
    -------
    DataFrame
        ``POINT_COLUMNS``, one row per run, stream, metric and depth; ``value`` and ``alignment``
        have the sign by which more is better and more aligned.
    """
    from alignkit.metrics import resolve

    keys = ["task", "placement", "unit", "seed", "model", "stream", "depth", "score"]
    means = probes.dropna(subset=["seed"]).groupby(keys, sort=False)["value"].mean().reset_index()
    ways = zip(means["task"], means["score"], strict=True)
    means["value"] *= [1 if higher_is_better[way] else -1 for way in ways]
    own = alignment[["run", "metric", "x", "value"]].rename(
        columns={"run": "model", "value": "alignment"}
    )
    own["depth"] = own["x"].str[1:].astype(float)
    own["alignment"] = own["alignment"].astype(float) * [
        1 if resolve(metric).higher_is_better else -1 for metric in own["metric"]
    ]
    return means.merge(own, on=["model", "depth"])[list(POINT_COLUMNS)]


def within_models(points: pd.DataFrame) -> pd.DataFrame:
    """Correlate over the layers of every unit, means over its runs; this is not a test.

    Returns
    -------
    DataFrame
        ``task``, ``placement``, ``unit``, ``stream``, ``metric``, ``runs``, ``layers``,
        ``pearson``, ``spearman``; missing where a side is constant or there are too few layers.
    """
    import pandas as pd
    from scipy.stats import rankdata

    from alignkit.statistics.profiles import correlation

    rows = []
    keys = ["task", "placement", "unit", "stream", "metric"]
    for key, part in points.groupby(keys, sort=False):
        defined = part.dropna(subset=["value", "alignment"])
        means = defined.groupby("depth")[["value", "alignment"]].mean().to_numpy(float)
        enough = len(means) >= LEAST_LAYERS
        rows.append(
            dict(zip(keys, key, strict=True))
            | {
                "runs": part["model"].nunique(),
                "layers": len(means),
                "pearson": correlation(*means.T) if enough else None,
                "spearman": correlation(*map(rankdata, means.T)) if enough else None,
            }
        )
    return pd.DataFrame(rows)


def pooled_over_placements(points: pd.DataFrame, permutations: int, seed: int) -> pd.DataFrame:
    """Correlate over the layers of all placements, which are exchanged and resampled as a whole.

    Returns
    -------
    DataFrame
        One row per task, stream and metric: ``placements``, ``layers``, ``r`` over all points with
        ``low`` and ``high``, ``r_within``, ``r_given_depth`` with ``p``, ``p_adjusted`` (max-T),
        ``least_p``, ``verdict`` and ``reason``; see ``alignkit.statistics.profiles``.
    """
    import pandas as pd

    from alignkit.statistics.permutation import UnitPermutations

    shared: dict[tuple[str, ...], UnitPermutations] = {}
    made: list[tuple[dict[str, Any], JointTest | None]] = []
    for key, part in points.groupby(_FAMILY, sort=False):
        names, x, y = profiles(part)
        units = tuple(names)
        if units not in shared:
            shared[units] = UnitPermutations(units, permutations, seed)
        row, test = _tested(x, y, shared[units], seed)
        made.append((dict(zip(_FAMILY, key, strict=True)) | row, test))
    rows = with_verdicts(
        [row for row, _ in made],
        directed="r_given_depth",
        tests=[test for _, test in made],
        needed=lambda tests: least_units_to_permute(tests, joint=True),
    )
    return pd.DataFrame(rows)


def profiles(points: pd.DataFrame) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the profiles of placements, means over their runs, over the layers that all have.

    Returns
    -------
    list of str, ndarray (placements, layers), ndarray (placements, layers)
        Names, alignment and the score of probes. A layer that is undefined in all placements is
        left out, and then a placement in which one is undefined.
    """
    tables = [
        points.pivot_table(
            index="placement", columns="depth", values=column, aggfunc="mean", dropna=False
        )
        for column in ("alignment", "value")
    ]
    deepest = float(points.groupby("placement")["depth"].max().min())
    x, y = (table.loc[:, [d for d in table if d <= deepest]] for table in tables)
    some = [depth for depth in x if (x[depth].notna() & y[depth].notna()).any()]
    x, y = x[some], y[some]
    kept = x.notna().all(axis=1) & y.notna().all(axis=1)
    return list(x.index[kept]), x[kept].to_numpy(float), y[kept].to_numpy(float)


def _tested(
    x: np.ndarray, y: np.ndarray, permutations: UnitPermutations, seed: int
) -> tuple[dict[str, Any], JointTest | None]:
    from alignkit.statistics.joint import JointTest
    from alignkit.statistics.profiles import pooled_profiles, profile_null

    if x.size == 0 or x.shape[1] < LEAST_LAYERS:
        reason = f"{x.shape[1]} layer(s) are defined, {LEAST_LAYERS} are needed"
        return {"placements": len(x), "layers": x.shape[1], "p": None, "reason": reason}, None
    pooled = pooled_profiles(x, y, permutations, seed)
    row = {
        "placements": pooled.models,
        "layers": pooled.layers,
        "r": pooled.r,
        "low": pooled.low,
        "high": pooled.high,
        "r_within": pooled.within,
        "r_given_depth": pooled.given_depth,
        "p": pooled.p,
        "exact": pooled.exact,
        "reason": pooled.reason.replace("models", "placements").replace("model", "placement"),
    }
    if pooled.p is None:
        return row, None
    row["least_p"] = least_permutation_p(pooled.models, len(permutations))
    observed, null = profile_null(x, y, permutations)
    scale = max(float(null.std()), 1e-300)  # makes metrics comparable
    exact = permutations.exact
    return row, JointTest(abs(observed) / scale, np.abs(null) / scale, 1, id(permutations), exact)
