"""The same samples on both sides: rows are joined by their ids, never assumed to agree."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from alignkit.errors import UsageError
from alignkit.progress import current_reporter

if TYPE_CHECKING:
    from alignkit.metrics.representation import Representation


def matched(x: Representation, y: Representation) -> tuple[Representation, Representation]:
    """Bring both to the same samples in the order of x, or refuse.

    Rows are joined by id where both have ids. Without ids on a side, rows are taken to be in one
    order, for which only equal lengths will do, and ids that number rows in another order will not.

    Raises
    ------
    UsageError
        When the samples are not the same.
    """
    if x.ids is not None and y.ids is not None and x.ids != y.ids:
        y = y[rows_of(x.ids, y.ids, _shown(x, "x"), _shown(y, "y"))]
    if x.n != y.n:
        raise UsageError(
            f"{_shown(x, 'x')} has {x.n} samples and {_shown(y, 'y')} has {y.n}; "
            "rows must be the same samples in the same order"
        )
    if (x.ids is None) != (y.ids is None):
        names = (_shown(x, "x"), _shown(y, "y"))
        refuse_shuffled(x.ids or y.ids or (), *(names if y.ids is None else names[::-1]))
    return x, y


def refuse_shuffled(ids: Sequence[str], name: str, other_name: str) -> None:
    """Refuse ids that are numbers of rows, but not in their order, where the other side has none.

    Rows were then shuffled or sorted, and the other side is probably in the order of the numbers.

    Parameters
    ----------
    ids : sequence of str
    name, other_name : str
        Of the side that has these ids, and of the one that has none.

    Raises
    ------
    UsageError
    """
    numbers = [int(identity) for identity in ids if identity.isdecimal()]
    start = min(numbers, default=0)
    counting = sorted(numbers) == list(range(start, start + len(ids))) and start in (0, 1)
    if counting and numbers != sorted(numbers):
        raise UsageError(
            f"the ids of {name} number its rows in another order, and {other_name} has no ids; "
            "bring both into one order, or give both ids"
        )


def _shown(side: Representation, otherwise: str) -> str:
    return side.origin or side.name or otherwise


def rows_of(ids: Sequence[str], other: Sequence[str], name: str, other_name: str) -> np.ndarray:
    """Rows in which ``other`` holds the samples of ``ids``, which it must hold all and only.

    Ids that differ only in how their letters are encoded (NFC or NFD, as macOS writes names of
    files) are the same; how many are is said.

    Raises
    ------
    UsageError
        When the two do not hold the same ids.
    """
    if set(ids) != set(other):
        composed, other_composed = _composed(ids), _composed(other)
        if set(composed) != set(other_composed):
            raise UsageError(_difference(ids, other, name, other_name))
        count = len(set(ids) - set(other))
        current_reporter().note(
            f"note: {count} of {len(ids)} sample ids differ between {name} and {other_name} only "
            "in how accents are encoded (NFC or NFD) and are taken as the same"
        )
        ids, other = composed, other_composed
    row_of = {sample: row for row, sample in enumerate(other)}
    return np.array([row_of[sample] for sample in ids])


def _composed(ids: Sequence[str]) -> list[str]:
    """Return ids in NFC; as they are where two would become one."""
    composed = [unicodedata.normalize("NFC", identity) for identity in ids]
    return composed if len(set(composed)) == len(set(ids)) else list(ids)


def _difference(ids: Sequence[str], other: Sequence[str], name: str, other_name: str) -> str:
    pairs = enumerate(zip(ids, other, strict=False))
    row, (left, right) = next(((r, p) for r, p in pairs if p[0] != p[1]), (-1, ("", "")))
    where = f" at row {row}: '{left}' against '{right}'" if row >= 0 else ""
    shared = len(set(ids) & set(other))
    return (
        f"sample ids differ{where} ({shared} ids are shared, of {len(ids)} in {name} and "
        f"{len(other)} in {other_name}); both sides must hold the same samples"
    )
