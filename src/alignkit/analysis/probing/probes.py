"""Probe every layer of models: text, vision, or both streams together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.alignment.options import MeasureOptions
from alignkit.analysis.comparison.models import Model
from alignkit.analysis.probing.labelled import Labels, labels_of
from alignkit.analysis.probing.linear import (
    KINDS,
    PENALTIES,
    Probe,
    Samples,
    constant_scores,
    fit_probe,
)
from alignkit.analysis.stream_layers import MODEL_COLUMNS, Stream, chosen_streams
from alignkit.bounds.counts import check_count, check_seed
from alignkit.errors import DataError, UsageError
from alignkit.models.pairs import equal_depth
from alignkit.progress import SILENT, Progress, Reporter, of_each
from alignkit.statistics.score_errors import chance_of
from alignkit.tasks import are_labels

if TYPE_CHECKING:
    import pandas as pd

BOTH = "both"
STREAMS = ("text", "vision", BOTH)
COLUMNS = (
    *MODEL_COLUMNS,
    "layer",
    "depth",
    "draw",
    "n",
    "width",
    "score",
    "value",
    "chance",
    "validation",
    "penalty",
)


@dataclass(frozen=True)
class ProbeOptions:
    """How layers are probed.

    Attributes
    ----------
    kind : str
        ``ridge``, ``logistic`` or ``loss``.
    streams : sequence of str
        ``text``, ``vision`` and ``both``, in which layers of equal depth stand side by side.
    layers : str
        As for ``chosen_streams``; ``both`` takes layers of equal depth of which both are chosen.
    samples : int, optional
        Number of training samples to draw; all when None.
    seeds : int
        Number of such draws; one of all samples.
    seed : int
        Of the first draw.
    data : str
        The task whose labels stored encoders are probed for.

    Raises
    ------
    UsageError
        For an unknown kind or stream, or a number out of range.
    """

    kind: str = "ridge"
    streams: Sequence[str] = STREAMS
    layers: str = "all"
    samples: int | None = None
    seeds: int = 3
    seed: int = 0
    data: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"unknown `probe={self.kind}`; known: {', '.join(KINDS)}")
        for stream in self.streams:
            if stream not in STREAMS:
                raise UsageError(f"unknown streams '{stream}'; known: {', '.join(STREAMS)}")
        check_count("seeds", self.seeds, 1)
        check_seed(self.seed)
        if self.samples is not None:
            check_count("samples", self.samples, 2)

    def draws(self, n: int) -> list[tuple[int, np.ndarray]]:
        """Return the seeds and the rows of every draw of training samples.

        Parameters
        ----------
        n : int
            Number of training samples.
        """
        if self.samples is None or self.samples >= n:
            return [(self.seed, np.arange(n))]
        return [
            (seed, np.sort(np.random.default_rng(seed).choice(n, self.samples, replace=False)))
            for seed in range(self.seed, self.seed + self.seeds)
        ]


def probe_layers(
    models: Sequence[Model], options: ProbeOptions, reporter: Reporter = SILENT
) -> tuple[pd.DataFrame, list[Stream]]:
    """Probe every layer of models for the labels of their samples.

    Parameters
    ----------
    models : sequence of Model
        Read on train, validation and test. Those that cannot be probed are left out and named,
        as long as there is one that can.
    options : ProbeOptions
    reporter : Reporter

    Returns
    -------
    DataFrame
        One row per layer and draw, with ``COLUMNS`` and one column per score of a task: ``value``
        is the primary ``score`` on test, ``chance`` the best that a constant prediction reaches,
        ``n`` the number of training samples. ``both`` has the names of its two layers.
    list of Stream
        The streams of the models.

    Raises
    ------
    UsageError, DataError
        When no model can be probed.
    """
    import pandas as pd

    streams = chosen_streams(models, options.layers, reporter)
    work = list(_work(streams, options.streams))
    if not work:
        raise UsageError(
            f"no model has the layers asked for in the streams {', '.join(options.streams)} "
            "(both: of one run)"
        )
    labels: dict[str, Labels] = {}
    inputs = {id(stream): own for stream, own in work}
    with reporter.progress("fit probes", sum(len(own) for _, own in work)) as bar:

        def rows_of(stream: Stream) -> list[dict[str, Any]]:
            key = str(stream.columns["model"])
            if key not in labels:
                labels[key] = labels_of(stream.model, options.kind, options.data)
            return _probed(stream, inputs[id(stream)], labels[key], options, bar)

        found = of_each([stream for stream, _ in work], rows_of, attrgetter("name"), reporter)
    rows = [row for _, own in found for row in own]
    table = pd.DataFrame([{k: v for k, v in row.items() if k != "converged"} for row in rows])
    _say_limits(rows, reporter)
    return table[[*COLUMNS, *(name for name in table if name not in COLUMNS)]], streams


# What a probe sees: the layers whose columns stand side by side, each with its model.
Inputs = Sequence[tuple[Model, str]]


def _work(
    streams: Sequence[Stream], wanted: Sequence[str]
) -> Iterator[tuple[Stream, dict[str, tuple[float, Inputs]]]]:
    """Yield each stream to probe with its inputs: by name, their depth and layers."""
    by_model: dict[str, dict[str, Stream]] = {}
    for stream in streams:
        own = str(stream.columns["stream"])
        by_model.setdefault(str(stream.columns["model"]), {})[own] = stream
    for parts in by_model.values():
        for own, stream in parts.items():
            if own in wanted or not own:
                yield (
                    stream,
                    {n: (depth, [(stream.model, n)]) for n, depth in stream.depths.items()},
                )
        if BOTH in wanted and set(parts) == {"text", "vision"}:
            yield _both(parts["text"], parts["vision"])


def _both(text: Stream, vision: Stream) -> tuple[Stream, dict[str, tuple[float, Inputs]]]:
    run = text.model.run
    assert run is not None
    inputs: dict[str, tuple[float, Inputs]] = {
        f"{x}+{y}": (text.depths[x], [(text.model, x), (vision.model, y)])
        for x, y in equal_depth(run.schedule())
        if x in text.depths and y in vision.depths
    }
    return replace(text, columns={**text.columns, "stream": BOTH}), inputs


def _probed(
    stream: Stream,
    inputs: Mapping[str, tuple[float, Inputs]],
    labels: Labels,
    options: ProbeOptions,
    bar: Progress,
) -> list[dict[str, Any]]:
    rows = []
    chance = _chance(labels)
    for name, (depth, layers) in inputs.items():
        values = np.concatenate(
            [
                np.asarray(model.opened(MeasureOptions(), None)(layer).values)
                for model, layer in layers
            ],
            axis=1,
        )
        train, validation, test = (
            Samples(values[labels.rows[split]], labels.targets[split])
            for split in ("train", "validation", "test")
        )
        for draw, chosen in options.draws(len(train.targets)):
            probe = fit_probe(options.kind, labels.target, train[chosen], validation, test)
            own = {"layer": name, "depth": depth, "draw": draw, "n": len(chosen)}
            own |= {"width": values.shape[1], "chance": chance.get(labels.target.primary)}
            rows.append({**stream.columns, **own} | _row(probe, labels.target.primary))
        bar.advance()
    return rows


def _chance(labels: Labels) -> dict[str, float]:
    """Return the best scores on test of a constant prediction.

    Of a target that only the target itself can read, it is the constant that is best on train.
    """
    known = chance_of(labels.target, labels.targets["test"])
    if known or are_labels(labels.target, labels.targets["test"]):
        return known
    try:
        return constant_scores(labels.target, labels.targets["train"], labels.targets["test"])
    except DataError:  # a score is undefined for a constant
        return {}


def _row(probe: Probe, primary: str) -> dict[str, Any]:
    return {
        "score": primary,
        "value": probe.scores[primary],
        "validation": probe.validation,
        "penalty": probe.penalty,
        "converged": probe.converged,
        **probe.scores,
    }


def _say_limits(rows: Sequence[Mapping[str, Any]], reporter: Reporter) -> None:
    stopped = sum(not row["converged"] for row in rows)
    if stopped:
        reporter.note(
            f"note: the solver of {stopped} of {len(rows)} probes stopped before its tolerance"
        )
    ends = {PENALTIES[0]: "largest", PENALTIES[-1]: "smallest"}
    for penalty, name in ends.items():
        count = sum(row["penalty"] == penalty for row in rows)
        if count:
            reporter.note(
                f"note: validation chose the {name} penalty that was tried, {penalty:g}, for "
                f"{count} of {len(rows)} probes"
            )
