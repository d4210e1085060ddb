"""What runs hold, gathered into plain tables for figures and pages."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from alignkit.alignment.designs import name_of
from alignkit.alignment.table import alignment_of
from alignkit.analysis.layer_values import SIDES, STORED, values_of_draw
from alignkit.analysis.options import TableOptions
from alignkit.analysis.scores import outcome_sign
from alignkit.errors import AlignkitError, DamagedError
from alignkit.progress import current_reporter, of_each
from alignkit.report.sites import depth_of
from alignkit.report.style import Look, looks
from alignkit.runs import Run
from alignkit.runs.units import unit_labels
from alignkit.runs.variants import variant_order

Read = TypeVar("Read")

# What was measured of a grid of layers during training, and of which run.
GRID_COLUMNS = [
    "task",
    "label",
    "placement",
    "seed",
    "epoch",
    "step",
    "when",
    "split",
    "pool",
    "x",
    "y",
    "value",
    "n",
    "chance",
    "reason",
]


@dataclass
class Content:
    """Everything that pages and figures need of the runs.

    Attributes
    ----------
    runs : list of Run
        In the order of the report.
    alignment : DataFrame
        Cross-modal values of the split and pooling asked for, with ``task``, ``placement``,
        ``seed`` and ``label`` (the metric as the user writes it).
    scores : DataFrame
        One row per run: ``task``, ``placement``, ``seed``, ``score`` (its name), ``value``, ``n``.
    history : DataFrame
        ``task``, ``placement``, ``seed``, ``epoch``, ``split``, ``loss``, ``value``, ``score``;
        and the loss of every objective, such as ``mlm_loss``, where there are several.
    placements : dict
        Task to placement to its layer indices.
    look : dict
        Placement to colour and marker, the same in every figure.
    options : TableOptions
        What was asked for: outcome, split, pool and the draw of samples.
    elsewhere : DataFrame
        As ``alignment``, of all other splits and poolings that were measured.
    unit : str
        What is shown by itself: a placement, or a run.
    """

    runs: list[Run]
    alignment: pd.DataFrame
    scores: pd.DataFrame
    history: pd.DataFrame
    placements: dict[str, dict[str, Mapping[str, Sequence[int]]]]
    look: dict[str, Look]
    options: TableOptions
    elsewhere: pd.DataFrame = field(default_factory=pd.DataFrame)
    unit: str = "placement"

    @property
    def has_seeds(self) -> bool:
        """Whether a placement has several runs of a task."""
        return bool(self.scores.groupby(["task", "placement"]).size().max() > 1)

    @property
    def split(self) -> str:
        """The split of alignment and scores."""
        return self.options.split

    @property
    def pool(self) -> str:
        """The pooling of the representations."""
        return self.options.pool

    @property
    def drawn(self) -> str:
        """How many samples were drawn for measuring, and their classes and groups, in words.

        Empty where all samples were used, without classes and groups.
        """
        samples, within, groups = (self.options.samples, self.options.within, self.options.groups)
        return (
            ("" if samples is None else f", n = {samples} samples")
            + (f", within {name_of(within)}" if within else "")
            + (f", groups by {name_of(groups)}" if groups else "")
        )

    def lower_is_better(self, task: str) -> bool:
        """Return whether lower values of a task's score are better."""
        name = self.scores.loc[self.scores["task"] == task, "score"].iloc[0]
        return outcome_sign(str(name), [run for run in self.runs if run.task == task]) < 0

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks, in the order of the report."""
        return list(self.placements)

    @cached_property
    def metrics(self) -> list[str]:
        """The labels of the metrics, in the order of the report."""
        return list(self.alignment["label"].unique())

    def values(self, task: str, metric: str) -> pd.DataFrame:
        """Return the alignment of one task under one metric."""
        places = self._places.get((task, metric), [])
        if len(places) and places[-1] - places[0] + 1 == len(places):  # shared, not copied
            return self.alignment.iloc[places[0] : places[-1] + 1]
        return self.alignment.iloc[places]

    def grid(self, task: str, metric: str) -> pd.DataFrame:
        """Return the means over seeds of all pairs of sites, see ``grid_means``."""
        if (task, metric) not in self._grids:
            self._grids[task, metric] = grid_means(self.values(task, metric))
        return self._grids[task, metric]

    @cached_property
    def _grids(self) -> dict[tuple[str, str], pd.DataFrame]:
        return {}

    @cached_property
    def _places(self) -> Mapping[tuple[str, str], Any]:
        """The places of the rows of every task and metric: millions of rows are grouped once."""
        return dict(self.alignment.groupby(["task", "label"], sort=False).indices)


def gather(
    runs: Sequence[Run],
    options: TableOptions,
    *,
    measured: bool = True,
    everywhere: bool = False,
    streams: str = "cross",
    by_run: bool = False,
) -> Content:
    """Read what runs hold; what is damaged is left out, and named.

    Parameters
    ----------
    runs : sequence of Run
    options : TableOptions
        Metrics (everything that was measured where none is named), outcome, split, pool and
        the draw of samples.
    measured : bool
        Whether to read alignment; without it, the content has none.
    everywhere : bool
        Whether to read that of all other splits and poolings too.
    streams : str
        Of the pairs of layers, as for ``values_of_draw``.
    by_run : bool
        Whether every run is shown by itself, under the name of its placement and its seed.

    Raises
    ------
    DataError
        When a run is not measured yet.
    """
    variants = variant_order(runs)
    ranks = {run.path: _by_depth(run, variants[run.path]) for run in runs}
    ordered = sorted(runs, key=lambda run: ranks[run.path])
    labels = unit_labels(ordered, "variant")
    if by_run:
        labels = {run.path: f"{labels[run.path]}, seed {run.seed}" for run in ordered}
    alignment = elsewhere = pd.DataFrame({"label": []})
    if measured:
        read = _each(ordered, lambda r: _alignment(r, labels[r.path], options, streams, everywhere))
        ordered = [run for run, _ in read]
        alignment = _of_metrics(pd.concat([chosen for _, (chosen, _) in read]), options)
        others = [table for _, (_, tables) in read for table in tables]
        elsewhere = _of_metrics(pd.concat(others), options) if others else alignment.iloc[:0]
    placements: dict[str, dict[str, Any]] = {}
    for run in ordered:
        placements.setdefault(run.task, {})[labels[run.path]] = run.stored["placement"]
    return Content(
        runs=ordered,
        alignment=alignment,
        elsewhere=elsewhere,
        scores=pd.DataFrame([_score(run, labels[run.path], options) for run in ordered]),
        history=_histories(ordered, labels, options),
        placements=placements,
        look=looks(labels[r.path] for r in sorted(ordered, key=lambda r: ranks[r.path][1:])),
        options=options,
        unit="run" if by_run else "placement",
    )


def _by_depth(run: Run, variant: tuple[tuple[float, str], ...]) -> tuple[Any, ...]:
    """Sort tasks by name; placements from none over early to late; variants by their options."""
    indices = [*run.stored["placement"]["text"], *run.stored["placement"]["vision"]]
    mean = sum(indices) / len(indices) if indices else -1.0
    return run.task, mean, run.placement, variant, run.seed, str(run.path)


def _of_metrics(alignment: pd.DataFrame, options: TableOptions) -> pd.DataFrame:
    """Return the values of the metrics that were asked for, in that order, each in one block."""
    if options.metrics:
        order = {spec_of(metric): i for i, metric in reversed(list(enumerate(options.metrics)))}
        alignment = alignment[alignment["label"].isin(order)]
    else:
        order = {label: i for i, label in enumerate(alignment["label"].unique())}
    alignment = alignment.sort_values("label", key=partial(_mapped, by=order), kind="stable")
    return alignment.reset_index(drop=True)


def _alignment(
    run: Run, label: str, options: TableOptions, streams: str, everywhere: bool
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Return the values of the split and pooling asked for, and those of all others if wanted."""
    stored = alignment_of(run, STORED)
    kinds = stored[["split", "pool"]].drop_duplicates().itertuples(index=False, name=None)
    asked = (options.split, options.pool)
    others = [kind for kind in kinds if everywhere and kind != asked]
    chosen, *rest = (
        values_of_draw(
            stored,
            split,
            pool,
            options.samples,
            options.seed,
            within=options.within,
            groups=options.groups,
            streams=streams,
        )
        for split, pool in [asked, *others]
    )
    return _of_run(chosen, run, label), [_of_run(table, run, label) for table in rest]


def _of_run(table: pd.DataFrame, run: Run, label: str) -> pd.DataFrame:
    chance = table["chance"].astype(float).fillna(table["null_mean"].astype(float))
    return table.assign(
        value=table["value"].astype(float),
        chance=chance,
        label=_specs(table),
        task=run.task,
        placement=label,
        seed=run.seed,
    )


def _specs(table: pd.DataFrame) -> pd.Series:
    """Return the metric of every row as the user writes it."""
    spelled = table["metric"] + (":" + table["parameters"]).where(table["parameters"] != "", "")
    return _mapped(spelled, {spec: spec_of(spec) for spec in spelled.unique()})


def spec_of(spec: str) -> str:
    """Return a metric as the user writes it: without parameters at their defaults."""
    metric = known_metric(spec)
    return spec if metric is None else metric.spec


def known_metric(spec: str) -> Any:
    """Return a metric by its spec; None where its plugin is not installed."""
    from alignkit.metrics import resolve

    try:
        return resolve(spec)
    except AlignkitError:
        return None


def is_distance(metric: str) -> bool:
    """Return whether lower values are more aligned; False where the metric is not known."""
    registered = known_metric(metric)
    return registered is not None and not registered.higher_is_better


def _mapped(column: pd.Series, by: Mapping[str, Any]) -> pd.Series:
    """Map the values of a column, of which few are distinct; each of these is looked up once."""
    places, distinct = pd.factorize(column)
    return pd.Series(pd.Index([by[name] for name in distinct]).take(places), index=column.index)


def _score(run: Run, label: str, options: TableOptions) -> dict[str, Any]:
    performance = run.performance()
    name = options.outcome or performance["primary"]
    scores = performance["splits"].get(options.split, {})
    return {
        "task": run.task,
        "placement": label,
        "seed": run.seed,
        "score": name,
        # An undefined score is stored as null.
        "value": float("nan") if scores.get(name) is None else float(scores[name]),
        "n": scores.get("n"),
    }


def _each(
    runs: Sequence[Run], read: Callable[[Run], Read], what: str = "", *, needed: bool = True
) -> list[tuple[Run, Read]]:
    """Read something of each run; damaged runs, or what is damaged of them, are left out."""
    return of_each(
        runs,
        read,
        lambda run: f"{what} {run.path}".lstrip(),
        current_reporter(),
        errors=DamagedError,
        needed=needed,
    )


def _histories(
    runs: Sequence[Run], labels: Mapping[Path, str], options: TableOptions
) -> pd.DataFrame:
    """Return the epochs of all runs, without those whose history is damaged."""
    known = _each(
        runs,
        lambda run: _history(run, labels[run.path], options),
        "the training curve of",
        needed=False,
    )
    columns = ["task", "placement", "seed", "epoch", "split", "loss", "value", "score"]
    return pd.concat([table for _, table in known] or [pd.DataFrame(columns=columns)])


def _history(run: Run, label: str, options: TableOptions) -> pd.DataFrame:
    name = options.outcome or run.performance()["primary"]
    history = run.history()
    return pd.DataFrame(
        {
            "task": run.task,
            "placement": label,
            "seed": run.seed,
            "epoch": history["epoch"],
            "split": history["split"],
            "loss": history["loss"],
            "value": history[name] if name in history else float("nan"),
            "score": name,
            **{column: history[column] for column in history if column.endswith("_loss")},
        }
    )


def score_means(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over seeds: ``mean``, ``sd``, ``seeds``."""
    grouped = scores.groupby(["task", "placement", "score"], sort=False)["value"]
    return grouped.agg(mean="mean", sd="std", seeds="count").reset_index()


def grid_means(values: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of every pair of sites; the reason where there is no value."""
    grouped = values.groupby(["placement", "x", "y"], sort=False)
    means = grouped.agg(
        value=("value", "mean"),
        seeds=("value", "count"),
        n=("n", "min"),
        chance=("chance", "mean"),
        reason=("reason", "first"),
    )
    return means.reset_index()


def equal_depth(values: pd.DataFrame) -> pd.DataFrame:
    """Pairs of layers of equal depth: ``placement``, ``seed``, ``depth``, ``value``, ``chance``."""
    x, y = (_depths(values[side]) for side in ("x", "y"))
    same = values[x == y].assign(depth=x[x == y].astype(int))
    return same[["placement", "seed", "depth", "value", "chance", "n", "reason"]].sort_values(
        ["placement", "seed", "depth"], kind="stable"
    )


def _depths(sites: pd.Series) -> pd.Series:
    """Return the depths of sites, NaN of fusions and embeddings."""
    return _mapped(sites, {site: depth_of(site) for site in sites.unique()}).astype(float)


def tracked_values(content: Content) -> pd.DataFrame:
    """Return what runs tracked in training, of layers of equal depth, as means over seeds.

    Returns
    -------
    DataFrame
        ``task``, ``label`` (the metric), ``placement``, ``step``, ``epoch``, ``depth``,
        ``value``, ``seeds`` and ``n``. Without rows where nothing was tracked.
    """
    columns = ["task", "label", "placement", "step", "epoch", "depth"]
    parts = [pd.DataFrame(columns=[*columns, "value", "n"])]
    for _, table in _tracked(content, "cross"):
        x, y = (_depths(table[side]) for side in ("x", "y"))
        parts.append(table.assign(depth=x).loc[x == y, [*columns, "value", "n"]])
    values = pd.concat([part for part in parts if len(part)] or parts)
    means = values.groupby(columns, sort=False).agg(
        value=("value", "mean"), seeds=("value", "count"), n=("n", "min")
    )
    return means.reset_index()


def tracked_grids(content: Content, streams: str = "cross") -> tuple[pd.DataFrame, list[Run]]:
    """Return the whole grids of layers that runs tracked in training, and the runs without any.

    Parameters
    ----------
    content : Content
    streams : str
        ``cross``, ``text`` or ``vision``.

    Returns
    -------
    DataFrame
        ``task``, ``label`` (the metric), ``placement``, ``seed``, ``epoch``, ``step``, ``when``
        (``epoch 1``, or where steps were counted ``step 50``), ``split``, ``pool``, ``x``,
        ``y``, ``value``, ``n``, ``chance``, ``reason``.
    list of Run
    """
    parts, without = [pd.DataFrame(columns=GRID_COLUMNS)], []
    for run, table in _tracked(content, streams):
        sites = [set(table[side]) for side in ("x", "y")]
        pairs = len(table[["x", "y"]].drop_duplicates())
        if min(map(len, sites)) < 2 or pairs < len(sites[0]) * len(sites[1]):
            without.append(run)
            continue
        by_steps = str(run.stored.get("conduct", {}).get("track_every", "")).endswith("s")
        unit = "step" if by_steps else "epoch"
        parts.append(table.assign(when=unit + " " + table[unit].astype(str))[GRID_COLUMNS])
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True), without


def _tracked(content: Content, streams: str) -> list[tuple[Run, pd.DataFrame]]:
    """Return what every run tracked of the metrics that were asked for; all where none was."""
    wanted = [spec_of(metric) for metric in content.options.metrics]
    first, second = (side[0] for side in SIDES[streams])
    paths = [run.path for run in content.runs]
    placements = dict(zip(paths, content.scores["placement"], strict=True))

    def of_run(run: Run) -> pd.DataFrame:
        table = run.tracking()
        if table is None:
            table = pd.DataFrame(columns=[*GRID_COLUMNS, "metric", "parameters"])
        table = table.fillna({"parameters": ""})
        table = table.assign(
            label=_specs(table), task=run.task, seed=run.seed, placement=placements[run.path]
        )
        kept = table["x"].str.startswith(first) & table["y"].str.startswith(second)
        if wanted:
            kept &= table["label"].isin(wanted)
        return table[kept]

    return _each(content.runs, of_run, "what was tracked of", needed=False)


def shown_paths(runs: Sequence[Run]) -> list[str]:
    """Return paths of runs relative to the folder that contains them all."""
    paths = [Path(os.path.normpath(run.path.absolute())) for run in runs]
    root = os.path.commonpath({str(path.parents[2]) for path in paths})
    return [Path(os.path.relpath(path, root)).as_posix() for path in paths]
