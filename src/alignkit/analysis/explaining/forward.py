"""The models of runs, opened to be run on a few samples: as trained, and as initialised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from alignkit.alignment.options import MeasureOptions
from alignkit.bounds.counts import check_count
from alignkit.progress import SILENT, Reporter, of_each
from alignkit.runs import Run
from alignkit.runs.units import unit_labels

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from alignkit.data.encoded import Batch, EncodedSplit
    from alignkit.models.schedule import Schedule

T = TypeVar("T")

TRAINED, UNTRAINED = "trained", "untrained"
BATCH = 16
RUN_COLUMNS = ("task", "placement", "unit", "seed", "model", "weights")
# What runs share that differ in their seed alone.
UNIT = ("task", "placement", "unit")


@dataclass(frozen=True)
class ForwardOptions:
    """Which samples models are run on, and with which weights.

    Attributes
    ----------
    split : str
    samples : int
        How many to draw; all of a smaller split.
    seed : int
        Of the draw.
    untrained : bool
        Whether to run the model as it was initialised, too.
    device : str
        ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto``.
    """

    split: str = "test"
    samples: int = 64
    seed: int = 0
    untrained: bool = True
    device: str = "auto"

    def __post_init__(self) -> None:
        check_count("samples", self.samples, 1)


@dataclass(frozen=True)
class OpenModel:
    """A model with the samples it is run on.

    Attributes
    ----------
    model : nn.Module
        In evaluation mode.
    schedule : sequence of steps
    data : EncodedSplit
    rows : ndarray of int
        The samples that were drawn, in ascending order.
    columns : dict of str to value
        ``RUN_COLUMNS``.
    labels : tuple of str
        Of the task; empty where it has none.
    outputs : int
        The number of logits.
    """

    model: torch.nn.Module
    schedule: Schedule
    data: EncodedSplit
    rows: np.ndarray
    columns: dict[str, Any]
    labels: tuple[str, ...] = ()
    outputs: int = 1

    def batches(self, size: int = BATCH) -> Iterator[tuple[np.ndarray, Batch]]:
        """Yield the rows and the inputs of every batch."""
        for start in range(0, len(self.rows), size):
            rows = self.rows[start : start + size]
            yield rows, self.data.batch(rows)


def of_models(
    runs: Sequence[Run],
    options: ForwardOptions,
    look: Callable[[OpenModel], T],
    what: str,
    reporter: Reporter = SILENT,
) -> list[T]:
    """Return what ``look`` finds in the models of runs, with each of their weights.

    A run whose model cannot be run is named and left out, as long as there is one that can.

    Raises
    ------
    AlignkitError
        When no model can be run.
    """
    units = unit_labels(runs, "variant")
    weights = (TRAINED, UNTRAINED) if options.untrained else (TRAINED,)
    with reporter.progress(what, len(runs) * len(weights)) as bar:

        def found(run: Run) -> list[T]:
            own = []
            for each in weights:
                own.append(look(_opened(run, units[run.path], options, each)))
                bar.advance()
            return own

        each_run = of_each(runs, found, lambda run: str(run.path), reporter)
    return [one for _, own in each_run for one in own]


def beside_untrained(
    table: pd.DataFrame, keys: Sequence[str], columns: Mapping[str, str]
) -> pd.DataFrame:
    """Return the rows of trained models, with some columns of the untrained ones beside them.

    Parameters
    ----------
    table : DataFrame
        With ``weights``, and one row for each of them and of ``keys``.
    keys : sequence of str
    columns : mapping of str to str
        What to take of the untrained models, and how it is called then.
    """
    trained = table[table["weights"] == TRAINED].drop(columns="weights")
    untrained = table[table["weights"] == UNTRAINED][[*keys, *columns]].rename(
        columns=dict(columns)
    )
    return trained.merge(untrained, on=list(keys), how="left")


def precise(values: torch.Tensor) -> torch.Tensor:
    """Return values in float64, or in float32 on a device that has no float64."""
    return values.float() if values.device.type == "mps" else values.double()


def _opened(run: Run, unit: str, options: ForwardOptions, weights: str) -> OpenModel:
    from alignkit.chain import model as models
    from alignkit.data.encoded import EncodedSplit
    from alignkit.data.pixels import identity_of_pictures
    from alignkit.runs.data import open_split
    from alignkit.training.device import choose_device

    task, split = open_split(run, options.split)
    device = choose_device(options.device)
    model, schedule, inputs = models.load(
        run, models.outputs_of(task), device, trained=weights == TRAINED
    )
    identity = partial(identity_of_pictures, task, options.split)
    data = EncodedSplit(split, inputs, options.split, identity, device)
    drawn = MeasureOptions(samples=options.samples, seed=options.seed)
    rows = drawn.draw_rows(len(data), SILENT)
    values = (run.task, run.placement, unit, run.seed, str(run.path), weights)
    return OpenModel(
        model,
        schedule,
        data,
        np.arange(len(data)) if rows is None else rows,
        dict(zip(RUN_COLUMNS, values, strict=True)),
        tuple(map(str, getattr(task.target, "labels", ()))),
        models.outputs_of(task),
    )
