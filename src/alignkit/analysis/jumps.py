"""Jumps: do representations change more from layer to layer where a fusion stands between?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.analysis.over_placements import exchange_row, sign_flip_row
from alignkit.analysis.questions.verdicts import with_verdicts
from alignkit.analysis.stream_layers import Stream
from alignkit.statistics.attainable import least_units_to_flip, least_units_to_permute

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics.joint import JointTest

STEP_COLUMNS = (
    "task",
    "placement",
    "unit",
    "seed",
    "model",
    "stream",
    "metric",
    "step",
    "fusion",
    "change",
)
_FAMILY = ["task", "stream", "metric"]


@dataclass(frozen=True)
class Jumps:
    """Changes from layer to layer, where a fusion stands between and elsewhere.

    Attributes
    ----------
    steps : DataFrame
        One row per run, stream, metric and step, with ``STEP_COLUMNS``: ``step`` i leads from
        layer i to i + 1. In one stream the change is how far the similarity of the two layers is
        from the best value; of both (``text-vision``), the absolute difference between the
        alignment at one depth and at the next.
    placements : DataFrame
        One row per placement: the mean change ``at_fusions`` and ``elsewhere``, over its runs.
    within : DataFrame
        Tests of the difference of the two, over placements.
    against : DataFrame
        Tests of steps with a fusion against the same steps of placements that have none there.
    """

    steps: pd.DataFrame
    placements: pd.DataFrame
    within: pd.DataFrame
    against: pd.DataFrame


def find_jumps(
    values: pd.DataFrame, streams: Sequence[Stream], permutations: int, seed: int
) -> Jumps:
    """Compare the changes of runs at fusions with others.

    Parameters
    ----------
    values : DataFrame
        Of ``Trajectory``.
    streams : sequence of Stream
    permutations, seed : int
        Rearrangements of placements to draw where there are too many to enumerate.
    """
    return jumps_of(_steps(values, streams), permutations, seed)


def jumps_of(steps: pd.DataFrame, permutations: int, seed: int) -> Jumps:
    """Test changes at fusions against others.

    Parameters
    ----------
    steps : DataFrame
        With ``STEP_COLUMNS``.
    permutations, seed : int
        As for ``find_jumps``.
    """
    placements = _by_placement(steps)
    return Jumps(
        steps,
        placements,
        _within(placements, permutations, seed),
        _against(steps, permutations, seed),
    )


def _steps(values: pd.DataFrame, streams: Sequence[Stream]) -> pd.DataFrame:
    """Return the change over every step of every run."""
    import pandas as pd

    runs = {str(s.columns["model"]) for s in streams if s.model.run is not None}
    fused = {(s.columns["model"], s.columns["stream"]): s.fusions for s in streams}
    known = values[values["model"].isin(runs)]
    rows = []
    for row in known[known["relation"] == "next"].to_dict(orient="records"):
        step, change = int(row["depth"] - 0.5), _distance(row["metric"], row["value"])
        rows.append(row | {"step": step, "change": change})
    across = known[known["relation"] == "across"].sort_values("depth", kind="stable")
    for (model, metric), part in across.groupby(["model", "metric"], sort=False):
        at = [place for stream in ("text", "vision") for place in fused[model, stream]]
        found = part.to_dict(orient="records")
        for one, other in pairwise(found):
            rows.append(
                one
                | {
                    "metric": metric,
                    "step": int(one["depth"]),
                    "change": abs(float(other["value"]) - float(one["value"])),
                    "fusion": any(one["depth"] < place < other["depth"] for place in at),
                }
            )
    return pd.DataFrame(rows, columns=list(STEP_COLUMNS)).astype({"change": float})


def _distance(metric: str, value: float) -> float:
    """Return how far a value is from that of identical layers."""
    from alignkit.metrics import resolve

    best = resolve(metric).best
    return abs(best - float(value)) if np.isfinite(best) else np.nan


def _by_placement(steps: pd.DataFrame) -> pd.DataFrame:
    """Return the mean change of each placement at fusions and elsewhere, over its runs."""
    keys = ["task", "placement", "stream", "metric"]
    defined = steps.dropna(subset=["change"])
    per_run = defined.groupby([*keys, "model", "fusion"], sort=False)["change"].mean().unstack()
    per_run = per_run.reindex(columns=[True, False]).dropna()
    table = per_run.groupby(keys, sort=False).mean()
    table.columns = ["at_fusions", "elsewhere"]
    table["runs"] = per_run.groupby(keys, sort=False).size()
    return table.reset_index()


def _within(placements: pd.DataFrame, permutations: int, seed: int) -> pd.DataFrame:
    """Test the change at fusions against that elsewhere; one sign per placement for all tests."""
    import pandas as pd

    from alignkit.statistics.fusions import sign_flips

    names = sorted(placements["placement"].unique())
    signs, exact = sign_flips(len(names), permutations, seed)
    made: list[tuple[dict[str, Any], JointTest | None]] = []
    for key, part in placements.groupby(_FAMILY, sort=False):
        changes = (part["at_fusions"] - part["elsewhere"]).to_numpy(float)
        places = [names.index(name) for name in part["placement"]]
        row, test = sign_flip_row(changes, signs[:, places], exact)
        means = {name: float(part[name].mean()) for name in ("at_fusions", "elsewhere")}
        made.append((dict(zip(_FAMILY, key, strict=True)) | means | row, test))
    rows = with_verdicts(
        [row for row, _ in made],
        directed="change",
        tests=[test for _, test in made],
        needed=lambda tests: least_units_to_flip(tests, joint=True),
    )
    return pd.DataFrame(rows)


def _against(steps: pd.DataFrame, permutations: int, seed: int) -> pd.DataFrame:
    """Test steps with a fusion against the same steps without; placements are exchanged whole."""
    import pandas as pd

    from alignkit.statistics.fusions import compared
    from alignkit.statistics.permutation import UnitPermutations

    shared: dict[tuple[str, ...], UnitPermutations] = {}
    made: list[tuple[dict[str, Any], JointTest | None]] = []
    for key, part in steps.groupby(_FAMILY, sort=False):
        names, change, fused = _profiles(part)
        entering = compared(fused, ~fused)
        units = tuple(name for name, enters in zip(names, entering, strict=True) if enters)
        if units not in shared:
            shared[units] = UnitPermutations(units, permutations, seed)
        row, test = exchange_row(change, fused, ~fused, shared[units])
        made.append((dict(zip(_FAMILY, key, strict=True)) | row, test))
    rows = with_verdicts(
        [row for row, _ in made],
        directed="change",
        tests=[test for _, test in made],
        needed=lambda tests: least_units_to_permute(tests, joint=True),
    )
    return pd.DataFrame(rows)


def _profiles(steps: pd.DataFrame) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the changes of placements over the steps that all of them have.

    Means over the runs with a seed that all placements have; a placement in which a change is
    undefined is left out.

    Returns
    -------
    list of str, ndarray (placements, steps), ndarray of bool (placements, steps)
        Names, changes, and whether there is a fusion.
    """
    seeds = steps.groupby("placement")["seed"].agg(set)
    common = set.intersection(*seeds) if len(seeds) else set()
    kept = steps[steps["seed"].isin(common)]
    if kept.empty:
        return [], np.zeros((0, 0)), np.zeros((0, 0), bool)
    last = int(kept.groupby("placement")["step"].max().min())
    kept = kept[kept["step"] <= last]
    change = kept.pivot_table(
        index="placement", columns="step", values="change", aggfunc="mean", dropna=False
    )
    undefined = set(kept.loc[kept["change"].isna(), "placement"])
    change = change.drop(index=[name for name in change.index if name in undefined])
    fused = kept.pivot_table(index="placement", columns="step", values="fusion", aggfunc="max")
    fused = fused.reindex(index=change.index, columns=change.columns)
    return list(change.index), change.to_numpy(float), fused.to_numpy(bool)
