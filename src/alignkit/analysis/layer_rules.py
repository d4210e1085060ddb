"""Layer rules: how the layers of a run become one value of alignment."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from alignkit.errors import UsageError
from alignkit.models.pairs import MAXIMA, Pair, equal_depth
from alignkit.models.placement import STREAMS
from alignkit.models.schedule import Schedule, sites
from alignkit.plugins import registry
from alignkit.plugins.calls import PluginCall
from alignkit.runs import Run
from alignkit.runs.config import choose

if TYPE_CHECKING:
    import pandas as pd

RULES = ("last", "mean", "max", "max-pair", "half", "all")


def check_rule(rule: str) -> None:
    """Refuse an unknown layer rule.

    Raises
    ------
    UsageError
        Unless the rule is one of ``RULES``, a layer index, a pair of sites or a registered one.
    """
    if is_registered(rule):
        choose("layer_rules", rule)
        return
    if rule not in RULES and not rule.isdigit() and site_pair(rule) is None:
        raise UsageError(
            f"unknown layer rule '{rule}'; expected {', '.join(_known())}, a layer index, or a "
            "pair of sites such as t.f0:v.f0"
        )


def _known() -> list[str]:
    return list(dict.fromkeys([*RULES, *registry().names("layer_rules")]))


def is_registered(rule: str) -> bool:
    """Return whether a rule is one that a plugin registers, perhaps with options."""
    name = rule.partition(":")[0]
    return name not in RULES and name in registry().names("layer_rules")


def pairs_of(rule: str, schedule: Schedule) -> list[Pair]:
    """Return the pairs of sites that a registered rule names of a model; it may be none.

    Raises
    ------
    PluginError
        When the rule fails, or names anything but sites that the model records.
    """
    choice = choose("layer_rules", rule)
    text, vision = (sites(schedule, stream) for stream in STREAMS)
    entry = registry().get("layer_rules", choice.name)
    expected = "pairs of a site of the text stream and one of the vision stream"
    with PluginCall(entry, "the layers of a run", expected) as call:
        pairs = [(x, y) for x, y in entry.load()(list(text), list(vision), **choice.options)]
    for x, y in pairs:
        if x not in text or y not in vision:
            raise call.gave(f"{x}:{y}")
    return list(dict.fromkeys(pairs))


def upper(text: Sequence[str], vision: Sequence[str], share: float = 0.5) -> list[Pair]:
    """Return the layers of equal depth in the upper part of the streams, of which the mean counts.

    Parameters
    ----------
    text, vision : sequence of str
        Their sites, in order.
    share : float
        The part of the layers, from above.
    """
    if not 0 < share <= 1:
        raise UsageError(f"layer rule 'upper': share={share:g} must be above 0 and at most 1")
    layers = [[site for site in side if site[1:].isdigit()] for side in (text, vision)]
    depth = min(map(len, layers))
    first = depth - max(1, round(share * depth))
    return list(zip(layers[0][first:depth], layers[1][first:depth], strict=True))


def site_pair(rule: str) -> Pair | None:
    """Return the pair of sites that a rule such as ``t.f0:v.f0`` names; None for other rules."""
    if is_registered(rule):
        return None
    match = re.fullmatch(r"(t[^:*?\[]+):(v[^:*?\[]+)", rule)
    return (match[1], match[2]) if match else None


def layers_to_measure(rule: str, run: Run) -> list[str]:
    """Return the selections of layers that a rule needs of a run, as for ``measure_run``.

    Empty where the run lacks the sites that the rule names.

    Raises
    ------
    UsageError
        For the index of a layer that the run does not have.
    """
    if is_registered(rule):
        return [",".join(pair) for pair in pairs_of(rule, run.schedule())]
    if pair := site_pair(rule):
        return [",".join(pair)] if set(pair) <= set(sites(run.schedule())) else []
    if rule == "half" or rule.isdigit():
        depth = len(equal_depth(run.schedule()))
        index = depth // 2 if rule == "half" else int(rule)
        if index >= depth:
            raise UsageError(f"`layer` is {rule}, but {run.path} has layers 0 to {depth - 1}")
        return [str(index)]
    return [{"last": "last", "max-pair": "all", "all": "all"}.get(rule, "same")]


def pair_at_depth(rule: str, run: Run) -> Pair:
    """Return the pair of layers of equal depth that ``half`` or an index selects."""
    return equal_depth(run.schedule())[int(layers_to_measure(rule, run)[0])]


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
