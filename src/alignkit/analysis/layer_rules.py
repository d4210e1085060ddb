"""Layer rules: how the layers of a run become one value of alignment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from alignkit.errors import UsageError
from alignkit.models.pairs import MAXIMA, Pair, equal_depth
from alignkit.models.schedule import sites
from alignkit.runs import Run

if TYPE_CHECKING:
    import pandas as pd

RULES = ("last", "mean", "max", "max-pair", "half", "all")


def check_rule(rule: str) -> None:
    """Refuse an unknown layer rule.

    Raises
    ------
    UsageError
        Unless the rule is one of ``RULES``, a layer index or a pair of sites.
    """
    if rule not in RULES and not rule.isdigit() and site_pair(rule) is None:
        raise UsageError(
            f"unknown layer rule '{rule}'; expected {', '.join(RULES)}, a layer index, or a pair "
            "of sites such as t.f0:v.f0"
        )


def site_pair(rule: str) -> Pair | None:
    """Return the pair of sites that a rule such as ``t.f0:v.f0`` names; None for other rules."""
    match = re.fullmatch(r"(t[^:*?\[]+):(v[^:*?\[]+)", rule)
    return (match[1], match[2]) if match else None


def layers_to_measure(rule: str, run: Run) -> str:
    """Return the selection of layers that a rule needs of a run, as for ``measure_run``.

    Empty where the run lacks the sites that the rule names.

    Raises
    ------
    UsageError
        For the index of a layer that the run does not have.
    """
    if pair := site_pair(rule):
        return ",".join(pair) if set(pair) <= set(sites(run.schedule())) else ""
    if rule == "half" or rule.isdigit():
        depth = len(equal_depth(run.schedule()))
        index = depth // 2 if rule == "half" else int(rule)
        if index >= depth:
            raise UsageError(f"`layer` is {rule}, but {run.path} has layers 0 to {depth - 1}")
        return str(index)
    return {"last": "last", "max-pair": "all", "all": "all"}.get(rule, "same")


def pair_at_depth(rule: str, run: Run) -> Pair:
    """Return the pair of layers of equal depth that ``half`` or an index selects."""
    return equal_depth(run.schedule())[int(layers_to_measure(rule, run))]


def reduce_layers(values: pd.DataFrame, rule: str, column: str = "value") -> pd.DataFrame:
    """Reduce measured pairs of layers to one value per run and metric.

    Parameters
    ----------
    values : DataFrame
        ``run``, ``metric``, ``x``, ``y`` and the column to reduce: the pairs of the rule.
    rule : str
        ``max`` and ``max-pair`` take the best value, which is the smallest of a distance;
        ``all`` keeps every pair; the others average what is defined.
    column : str
        ``value`` or ``calibrated``. Higher calibrated values are better for every metric.

    Returns
    -------
    DataFrame
        One row per run; one column per metric, or per metric and pair of sites
        (``cka@t03:v05``) for ``all``. Undefined values are missing.
    """
    import pandas as pd

    if rule == "all":
        names = values["metric"] + "@" + values["x"] + ":" + values["y"]
        wide = values.assign(name=names).pivot(index="run", columns="name", values=column)
        return wide[list(dict.fromkeys(names))].astype(float)
    reduced = {}
    for metric, rows in values.groupby("metric", sort=False):
        known = rows.dropna(subset=[column]).groupby("run")[column]
        if rule not in MAXIMA or column == "calibrated":
            reduced[metric] = known.mean()
        else:
            reduced[metric] = known.max() if _rises(str(metric)) else known.min()
    return pd.DataFrame(reduced, dtype=float)


def _rises(metric: str) -> bool:
    from alignkit.metrics import resolve

    return bool(resolve(metric).higher_is_better)
