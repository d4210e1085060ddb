"""What of a run is done, read from its folder: whoever did it, it is not done again."""

from __future__ import annotations

from functools import cache

from alignkit.chain.layers import select_pairs
from alignkit.plugins.options import format_spec
from alignkit.runs import Run, RunConfig
from alignkit.studies.tables import Measure


def is_trained(run: Run, config: RunConfig) -> bool:
    """Whether this very run is trained; another one in its place is not."""
    return run.is_trained and run.stored.get("identity") == config.identity


def is_evaluated(run: Run, split: str) -> bool:
    """Whether there are scores on a split."""
    return run.is_trained and split in run.performance()["splits"]


def is_extracted(run: Run, split: str, pools: list[str]) -> bool:
    """Whether all of these poolings are stored."""
    index = run.representation_index(split) if run.is_trained else None
    return index is not None and set(pools) <= set(index["pools"])


def is_measured(run: Run, measure: Measure, split: str, pool: str) -> bool:
    """Whether every metric has a value, or a reason for none, on every pair of sites."""
    if not run.is_trained or not run.alignment_file.is_file():
        return False
    table = run.alignment()
    table = table[(table["split"] == split) & (table["pool"] == pool)]
    if "permutations" in table:
        table = table[table["permutations"] >= measure.null]
    if measure.samples is not None:
        table = table[table["n"] <= measure.samples]
    else:
        table = table[table["n"] == run.stored["data"]["n"].get(split, table["n"].max())]
    pairs = set(select_pairs(run.schedule(), measure.layers, measure.streams))
    parameters = table["parameters"].fillna("")
    for name, wanted in map(_name_and_parameters, measure.metrics):
        rows = table[(table["metric"] == name) & (parameters == wanted)]
        if not pairs <= set(zip(rows["x"], rows["y"], strict=True)):
            return False
    return True


@cache
def _name_and_parameters(spec: str) -> tuple[str, str]:
    """A metric as it stands in the columns of a table."""
    from alignkit.metrics import resolve

    metric = resolve(spec)
    return metric.name, format_spec("", metric.parameters).removeprefix(":")
