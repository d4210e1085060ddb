"""Measure the alignment between stored encoders: a grid of layers for every pair of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from alignkit.alignment.designs import Facts
from alignkit.alignment.job import measure_pairs
from alignkit.alignment.layers import joined_source
from alignkit.alignment.options import MeasureKeywords, MeasureOptions
from alignkit.alignment.selection import PairSelection
from alignkit.alignment.tables import AlignmentTables
from alignkit.data.facts import encoder_fact
from alignkit.errors import UsageError
from alignkit.models.pairs import select_array_pairs, stream_pairs
from alignkit.progress import SILENT, Reporter
from alignkit.runs.encoders import EncoderStore
from alignkit.runs.files import locked

if TYPE_CHECKING:
    import pandas as pd

EncoderPair = tuple[EncoderStore, EncoderStore]


def encoder_pairs(encoders: Sequence[EncoderStore], streams: str = "cross") -> list[EncoderPair]:
    """Return the pairs of encoders to compare, each on the same data.

    Parameters
    ----------
    encoders : sequence of EncoderStore
    streams : str
        ``cross``: every text encoder with every vision encoder; ``text``, ``vision``: every two
        of one stream; ``all``; or several, separated by commas.

    Raises
    ------
    UsageError
        When there is no such pair.
    """
    pairs: list[EncoderPair] = []
    for first, second in stream_pairs(streams):
        if first == second:
            pairs += combinations([e for e in encoders if e.stream == first], 2)
        else:
            pairs += [
                (x, y)
                for x in encoders
                for y in encoders
                if (x.stream, y.stream) == (first, second)
            ]
    same_data = [(x, y) for x, y in pairs if (x.task, x.fingerprint) == (y.task, y.fingerprint)]
    if not same_data:
        names = ", ".join(f"{e.name} ({e.stream} of {e.task})" for e in encoders)
        raise UsageError(
            f"`streams={streams}`: no two of these encoders can be compared on the same data: "
            f"{names}; store another with: alignkit extract --encoder SPEC --task TASK"
        )
    return same_data


def measure_encoders(
    x: EncoderStore,
    y: EncoderStore,
    metrics: Sequence[str],
    *,
    split: str = "test",
    pool: str = "",
    layers: str = "all",
    force: bool = False,
    lenient: bool = False,
    reporter: Reporter = SILENT,
    **options: Unpack[MeasureKeywords],
) -> pd.DataFrame:
    """Measure metrics over pairs of sites of two encoders; values that are stored are read.

    Parameters
    ----------
    x, y : EncoderStore
        On the same data.
    metrics : sequence of str
    split : str
    pool : str
        Empty for the default pooling of each site.
    layers : str
        As for ``select_array_pairs``.
    force, lenient, reporter
        As for ``measure_run``.
    **options
        Fields of ``MeasureOptions``.

    Returns
    -------
    DataFrame
        As from ``measure_run``.

    Raises
    ------
    UsageError
        When the two do not hold the same samples.
    """
    from alignkit.metrics import resolve

    resolved, chosen = [resolve(spec) for spec in metrics], MeasureOptions(**options)
    ids = x.ids(split)
    facts = Facts(ids, len(ids), lambda column: encoder_fact((x, y), split, column))
    sides = [(x, split), (y, split)]
    source, subset, columns = joined_source(sides, pool, chosen, facts, reporter)
    x_sites, y_sites = (_sites(store, split, pool) for store in (x, y))
    pairs = [(x_sites[i], y_sites[j]) for i, j in select_array_pairs(x_sites, y_sites, layers)]
    folder = pair_folder(x, y) / split
    with locked(folder):
        return measure_pairs(
            resolved,
            source,
            PairSelection(layers, {f"{x.stream}-{y.stream}": pairs}),
            AlignmentTables(
                chosen,
                folder,
                subset,
                split,
                pool,
                digests=(x.digests(split, pool), y.digests(split, pool)),
                **columns,
            ),
            label=f"{x.label} {y.label}",
            force=force,
            lenient=lenient,
            reporter=reporter,
        )


def pair_folder(x: EncoderStore, y: EncoderStore) -> Path:
    """Return the folder of the values between two encoders, by split."""
    return x.path.parent / "alignment" / f"{x.name}+{y.name}"


def _sites(store: EncoderStore, split: str, pool: str) -> list[str]:
    sites = [site for site in store.sites(split) if not pool or pool in store.pools(site, split)]
    if not sites:
        raise UsageError(
            f"{store.path} holds no representation pooled by '{pool}' on {split}; extract it "
            f"with: {store.extract_command(split, pool)}"
        )
    return sites
