"""One side of a comparison: the layers of a model over some samples, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from alignkit.alignment.layers import StoredLayers
from alignkit.alignment.options import MeasureOptions
from alignkit.data.facts import encoder_fact, sample_fact
from alignkit.errors import UsageError
from alignkit.runs import Run
from alignkit.runs.encoders import EncoderStore
from alignkit.runs.representations import RepresentationStore

if TYPE_CHECKING:
    from alignkit.metrics import Representation
    from alignkit.runs.config import Choice

Layers: TypeAlias = "Callable[[str], Representation]"
Rows = np.ndarray | None


@dataclass(frozen=True, eq=False)
class Model:
    """The layers of a model over some samples.

    Attributes
    ----------
    label : str
        A short name for tables and figures; unique within a comparison.
    kind : str
        ``encoder``, ``run`` or ``arrays``.
    layers : sequence of str
        The names of the layers, in the order of the forward pass.
    n : int
        Number of samples.
    ids : sequence of str or None
        The samples in the order of the rows.
    dtype : str
        The precision of the layers; the higher one where they differ.
    opened : callable
        ``opened(options, rows) -> (name -> Representation)``, of all samples where rows is None.
    source : str
        How it was asked for: an encoder, a path, or empty for arrays in memory.
    data : str
        What it saw, as in ``emoji (test)``; empty for arrays.
    stream : str
        ``text`` or ``vision``; empty for arrays.
    pools : mapping of str to str
        The pooling of every layer; empty for arrays.
    fact : callable, optional
        ``fact(column)`` gives a stored fact of every sample.
    stores : sequence of (EncoderStore, str)
        Of an encoder, where it is stored, with each split.
    choice : Choice, optional
        Of an encoder that can be made again, such as with random weights.
    task : Choice, optional
        Whose data such an encoder saw.
    is_random : bool
        Whether it has random weights, as a control.
    asked_pool : str
        The pooling that was asked for; empty for the default of each layer, and for arrays.
    run : Run, optional
        Whose stream it is.
    """

    label: str
    kind: str
    layers: Sequence[str]
    n: int
    ids: Sequence[str] | None
    dtype: str
    opened: Callable[[MeasureOptions, Rows], Layers]
    source: str = ""
    data: str = ""
    stream: str = ""
    pools: Mapping[str, str] = field(default_factory=dict)
    fact: Callable[[str], Sequence[str]] | None = None
    stores: Sequence[tuple[EncoderStore, str]] = ()
    choice: Choice | None = None
    task: Choice | None = None
    is_random: bool = False
    asked_pool: str = ""
    run: Run | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it has all layers that are stored of an encoder."""
        return all(list(self.layers) == store.sites(split) for store, split in self.stores)


def model_of_arrays(
    label: str, layers: Sequence[Representation], source: str = "", pool: str = ""
) -> Model:
    """Return a model whose layers are anyone's arrays, whose tokens were pooled in this way.

    Raises
    ------
    UsageError
        When the layers do not hold the same samples, or two have one name.
    """
    from alignkit.metrics.joining import matched

    first = layers[0]
    try:
        joined = {layer.name: matched(first, layer)[1] for layer in layers}
    except UsageError as error:
        raise UsageError(f"{label}: {error}") from None
    if len(joined) < len(layers):
        raise UsageError(f"{label} has {len(layers)} layers, but only {len(joined)} names of them")

    def opened(options: MeasureOptions, rows: Rows) -> Layers:
        kept: dict[str, Representation] = {}

        def layer(name: str) -> Representation:
            if name not in kept:
                known = joined[name]
                values = known.on(options.device, options.precision or known.dtype)
                kept[name] = values if rows is None else values[rows]
            return kept[name]

        return layer

    dtype = max(str(layer.dtype).removeprefix("torch.") for layer in layers)
    return Model(
        label,
        "arrays",
        list(joined),
        first.n,
        first.ids,
        dtype,
        opened,
        source,
        pools=dict.fromkeys(joined, pool),
        asked_pool=pool,
    )


def model_of_encoder(
    stores: Sequence[tuple[EncoderStore, str]], layers: Sequence[str], pool: str, source: str
) -> Model:
    """Return the model of a stored encoder on one or several splits.

    Raises
    ------
    UsageError
        When none of its layers has the pooling.
    """
    first, split = stores[0]
    layers = [name for name in layers if not pool or pool in first.pools(name, split)]
    if not layers:
        raise UsageError(
            f"{first.path} holds no representation pooled by '{pool}' on {split}; extract it "
            f"with: {first.extract_command(split, pool)}"
        )

    def fact(column: str) -> list[str]:
        return [value for store, name in stores for value in encoder_fact([store], name, column)]

    return Model(
        first.label,
        "encoder",
        layers,
        *_samples(stores),
        "float32",
        _opener(stores, pool),
        source,
        _data(first.task, stores),
        first.stream,
        {name: pool or first.pools(name, split)[0] for name in layers},
        fact,
        tuple(stores),
        asked_pool=pool,
    )


def model_of_run(
    run: Run, splits: Sequence[str], stream: str, layers: Sequence[str], pool: str
) -> Model:
    """Return the model that is one stream of a run."""
    stores = [(run, split) for split in splits]

    def fact(column: str) -> list[str]:
        return [value for split in splits for value in sample_fact(run, split, column)]

    return Model(
        f"{run.placement} seed {run.seed} {stream}",
        "run",
        layers,
        *_samples(stores),
        "float32",
        _opener(stores, pool),
        f"{run.path}:{stream}",
        _data(run.task, stores),
        stream,
        dict.fromkeys(layers, pool),
        fact,
        run=run,
    )


def _data(task: str, stores: Sequence[tuple[RepresentationStore, str]]) -> str:
    return f"{task} ({', '.join(split for _, split in stores)})"


def _samples(stores: Sequence[tuple[RepresentationStore, str]]) -> tuple[int, list[str]]:
    ids = [sample for store, split in stores for sample in store.ids(split)]
    return len(ids), ids


def _opener(
    stores: Sequence[tuple[RepresentationStore, str]], pool: str
) -> Callable[[MeasureOptions, Rows], Layers]:
    """Return what opens stored layers; those of several splits are put below each other."""

    def opened(options: MeasureOptions, rows: Rows) -> Layers:
        if len(stores) == 1:
            return StoredLayers(*stores[0], pool, options, rows)
        parts = [StoredLayers(store, split, pool, options, None) for store, split in stores]
        kept: dict[str, Representation] = {}

        def layer(name: str) -> Representation:
            if name not in kept:
                from alignkit.metrics import Representation

                those = [part(name) for part in parts]
                whole = Representation(
                    np.concatenate([part.values for part in those]),
                    [sample for part in those for sample in part.ids or ()],
                    name,
                    those[0].dtype,
                    options.device,
                )
                kept[name] = whole if rows is None else whole[rows]
            return kept[name]

        return layer

    return opened
