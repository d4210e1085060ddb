"""How runs become one table: the options that every analysis of runs shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alignkit.analysis.layer_rules import check_rule
from alignkit.bounds.counts import check_count, check_seed

NULL = 20


@dataclass(frozen=True)
class TableOptions:
    """How the alignment and the performance of runs become the rows of a table.

    Attributes
    ----------
    metrics : tuple of str
        Specs such as ``cka`` or ``svcca:dims=10``; each becomes a column.
    layer : str
        ``last`` (the states that the head reads), ``mean`` or ``max`` over pairs of equal
        depth (the best value: the smallest of a distance), ``max-pair`` over all pairs of
        layers, ``half`` (the layer at half the depth), a layer index, a pair of sites such as
        ``t.f0:v.f0``, or ``all``: one column for every pair that all runs of a task have.
    outcome : str or None
        A score or ``loss``; each task's primary score when None.
    split, pool : str
        The split and the pooling of the representations, and the split of the scores.
    samples : int or None
        Number of samples to draw for measuring; all when None.
    seed : int
        Seed of that draw and of permuted rows.
    calibrated : bool
        Use (value - null mean) / (best - null mean) instead of the value; a maximum is
        calibrated against the null of maxima.
    null : int
        Number of row permutations, for metrics whose chance level has no closed form, and for
        every maximum.
    lenient : bool
        Leave out, with a note, a metric that cannot be computed on these data (``k >= n``,
        unequal widths) instead of failing.
    within, groups : str
        Facts of the samples that give classes within which to measure, and groups to keep
        together, see ``MeasureOptions``; empty for none.

    Raises
    ------
    UsageError
        For an unknown layer rule or a negative number of permutations.
    """

    metrics: tuple[str, ...]
    layer: str = "last"
    outcome: str | None = None
    split: str = "test"
    pool: str = "cls"
    samples: int | None = None
    seed: int = 0
    calibrated: bool = False
    null: int = NULL
    lenient: bool = False
    within: str = ""
    groups: str = ""

    def __post_init__(self) -> None:
        check_rule(self.layer)
        check_count("null", self.null, 0)
        check_seed(self.seed)


def canonical_specs(metrics: Sequence[str]) -> tuple[str, ...]:
    """Return the specs of metrics without parameters at their defaults, each once."""
    from alignkit.metrics import resolve

    return tuple(dict.fromkeys(resolve(metric).spec for metric in metrics))


def default_metrics() -> list[str]:
    """Return the metrics to analyse where none is named: the installed ones of the primary family.

    Where none of the family is installed, the default metric.
    """
    from alignkit.plugins import registry
    from alignkit.statistics import FAMILY

    installed = set(registry().names("metrics"))
    return [name for name in FAMILY if name in installed] or [registry().default("metrics").name]


def as_words(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return what is given once as a text, or several times."""
    return (given,) if isinstance(given, str) and given else tuple(given)
