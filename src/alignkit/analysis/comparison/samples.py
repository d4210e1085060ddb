"""The samples that all models of a comparison have, joined by their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alignkit.analysis.comparison.models import Model, Rows
from alignkit.errors import UsageError
from alignkit.metrics.joining import refuse_shuffled

# An alignment of fewer is undefined under every metric.
LEAST = 2


@dataclass(frozen=True)
class Joined:
    """The samples that all models have.

    Attributes
    ----------
    ids : sequence of str or None
        In the order in which they are measured; None where no model has ids.
    n : int
    rows : mapping of str to ndarray or None
        By label of the model, its rows of these samples; None for all rows in their order.
    by_id : bool
        Whether rows were joined by ids; else they are taken to be in one order.
    left_out : mapping of str to int
        By label of the model, how many of its samples another model lacks.
    without_ids : sequence of str
        Labels of models whose rows are taken to be in the order of the others.
    """

    ids: Sequence[str] | None
    n: int
    rows: Mapping[str, Rows]
    by_id: bool
    left_out: Mapping[str, int]
    without_ids: Sequence[str]


def join_samples(models: Sequence[Model]) -> Joined:
    """Find the samples that all models have.

    Rows are joined by id where models have ids. A model without ids is taken to have its rows
    in the order of the others, for which all must hold as many and the same samples.

    Raises
    ------
    UsageError
        When no sample is shared, or too few; when ids repeat; when models without ids have
        another number of rows.
    """
    having = [model for model in models if model.ids is not None]
    lacking = [model for model in models if model.ids is None]
    for model in having:
        _check_unique(model)
    reference = having[0] if having else models[0]
    shared = _shared(having)
    if lacking:
        _check_order(reference, lacking, shared)
    n = len(shared) if having else reference.n
    if n < LEAST:
        raise UsageError(
            f"only {n} sample is shared by {_names(models)}; alignment is that of many samples"
        )
    rows = {model.label: _rows(model, shared) for model in having}
    return Joined(
        shared if having else None,
        n,
        rows | {model.label: None for model in lacking},
        len(having) > 1,
        {model.label: model.n - n for model in having if model.n > n},
        [model.label for model in lacking] if having else [],
    )


def _shared(having: Sequence[Model]) -> list[str]:
    """Return the ids that all models have, in the order of the first."""
    if not having:
        return []
    common = set.intersection(*(set(model.ids or ()) for model in having))
    if not common:
        examples = "; ".join(f"{m.label} has '{(m.ids or [''])[0]}', ..." for m in having)
        raise UsageError(
            f"no sample id is shared by {_names(having)} ({examples}); all must be of the same "
            "data, or arrays without ids in one order"
        )
    return [sample for sample in having[0].ids or () if sample in common]


def _check_order(reference: Model, lacking: Sequence[Model], shared: Sequence[str]) -> None:
    """Refuse rows without ids that cannot be in the order of the others."""
    for model in lacking:
        if model.n != reference.n:
            raise UsageError(
                f"{reference.label} has {reference.n} samples and {model.label} has {model.n} "
                "without ids; rows must be the same samples in the same order, or have ids"
            )
        if reference.ids is None:
            continue
        if len(shared) < reference.n:
            raise UsageError(
                f"{model.label} has no ids, and its {model.n} rows cannot be joined with the "
                f"{len(shared)} samples that the others share; give it ids"
            )
        refuse_shuffled(reference.ids, reference.label, model.label)


def _check_unique(model: Model) -> None:
    twice = [sample for sample, count in Counter(model.ids).items() if count > 1]
    if twice:
        raise UsageError(
            f"{model.label}: {len(twice)} sample ids occur more than once (first: '{twice[0]}'); "
            "rows cannot be joined by them"
        )


def _rows(model: Model, shared: Sequence[str]) -> Rows:
    if list(model.ids or ()) == list(shared):
        return None
    row_of = {sample: row for row, sample in enumerate(model.ids or ())}
    return np.array([row_of[sample] for sample in shared])


def _names(models: Sequence[Model]) -> str:
    return " and ".join(dict.fromkeys(model.label for model in models))
