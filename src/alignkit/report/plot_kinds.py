"""The kinds of figures for papers: what each shows, and what it is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alignkit.analysis.ablation import ablate
from alignkit.analysis.agreement import agree
from alignkit.analysis.comparison.models import Model
from alignkit.analysis.correlate import correlate_runs
from alignkit.analysis.dimension import dimensions
from alignkit.analysis.explaining.attention import attention_of_runs
from alignkit.analysis.explaining.forward import ForwardOptions
from alignkit.analysis.explaining.grad_cam import grad_cam_of_runs
from alignkit.analysis.explaining.tokens import tokens_of_runs
from alignkit.analysis.layer_values import measure_layers
from alignkit.analysis.options import TableOptions
from alignkit.analysis.probing.probe import probe
from alignkit.analysis.probing.probes import ProbeOptions
from alignkit.analysis.questions import Evidence, ask
from alignkit.analysis.stability import layers_of_runs, plan_settings, stability
from alignkit.analysis.tabled import Tabled
from alignkit.analysis.trajectory import trajectories
from alignkit.errors import UsageError
from alignkit.progress import SILENT, Reporter
from alignkit.report import correlations as of_correlations
from alignkit.report.content import gather
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.page_figures import EXPLAINED, depths, grids, grids_by_epoch, tracks, trainings
from alignkit.report.questions import draw_agreement, draw_answers, draw_stability
from alignkit.report.tabled import draw_tabled
from alignkit.runs import Run
from alignkit.runs.units import unit_labels
from alignkit.statistics.equivalence import MARGIN
from alignkit.tasks import SPLITS


@dataclass(frozen=True)
class Asked:
    """What a figure is to show.

    Attributes
    ----------
    runs : sequence of Run
    options : TableOptions
    unit, control, margin, permutations
        As ``alignkit.report.results.report_runs``.
    streams : str
        Of heat maps of layers: ``cross``, ``text`` or ``vision``.
    option : str
        Of ablations: that in which the runs differ.
    reference : str, optional
        Of ablations: the value of it that others are compared with.
    epochs : sequence of int or str
        Heat maps of layers at these epochs of training, or at ``all``; of trained runs if empty.
    measure : bool
        Whether to measure what is missing.
    """

    runs: Sequence[Run]
    options: TableOptions
    unit: str = "placement"
    control: Sequence[str] = ()
    margin: float = MARGIN
    permutations: int = 9999
    streams: str = "cross"
    option: str = ""
    reference: str | None = None
    epochs: Sequence[int | str] = ()
    measure: bool = False
    reporter: Reporter = SILENT

    @property
    def by_run(self) -> bool:
        """Whether every run has a map or a curve of its own."""
        return self.unit == "run"


@dataclass(frozen=True)
class Kind:
    """A kind of figure.

    Attributes
    ----------
    summary : str
    draw : callable
        Of what it is drawn from, ``Asked`` or a comparison, and the folder.
    options : sequence of str
        The options that it follows, beside those that choose runs.
    explained : str
        How to read it.
    needs_layers : bool
        Whether it is drawn from representations.
    why : str
        The command to run where they cannot be drawn: it says what runs lack, or gives it.
    units : sequence of str
        The units that it can show; any that the statistics know if empty.
    only_named : bool
        Whether it shows the alignment of metrics that are named alone, and without any scores or
        all that was tracked.
    """

    summary: str
    draw: Callable[[Any, FigureFolder], None]
    options: Sequence[str]
    explained: str = ""
    needs_layers: bool = True
    why: str = "alignkit report"
    units: Sequence[str] = ()
    only_named: bool = False


def _layers(asked: Asked, figures: FigureFolder) -> None:
    if asked.epochs:
        _layers_by_epoch(asked, figures)
        return
    runs = _measured(asked, asked.streams)
    content = gather(runs, asked.options, streams=asked.streams, by_run=asked.by_run)
    for _ in grids(content, figures, asked.streams):
        pass


def _layers_by_epoch(asked: Asked, figures: FigureFolder) -> None:
    content = gather(asked.runs, asked.options, measured=False, by_run=asked.by_run)
    without = grids_by_epoch(content, figures, asked.epochs, asked.streams)
    if without and figures.shown:
        asked.reporter.note(
            f"note: {len(without)} of {len(asked.runs)} runs are left out, which tracked no whole "
            f"grid, such as {without[0].path}"
        )


def _depth(asked: Asked, figures: FigureFolder) -> None:
    for _ in depths(gather(_measured(asked), asked.options, by_run=asked.by_run), figures):
        pass


def _measured(asked: Asked, streams: str = "cross") -> Sequence[Run]:
    """Measure the runs where they are to be, and return those that could be read."""
    if not asked.measure:
        return asked.runs
    return measure_layers(asked.runs, asked.options, lambda _: ["all"], asked.reporter, streams)


def _training(asked: Asked, figures: FigureFolder) -> None:
    for _ in trainings(gather(asked.runs, asked.options, measured=False), figures):
        pass


def _tracked(asked: Asked, figures: FigureFolder) -> None:
    content = gather(asked.runs, asked.options, measured=False, by_run=asked.by_run)
    tracks(content, figures)


def _correlations(
    draw: of_correlations.Draw, layer: str = ""
) -> Callable[[Asked, FigureFolder], None]:
    def drawn(asked: Asked, figures: FigureFolder) -> None:
        options = replace(asked.options, layer=layer) if layer else asked.options
        unit_labels(asked.runs, asked.unit)  # refuses to average variants before it is measured
        found, joined = correlate_runs(
            asked.runs,
            options,
            unit=asked.unit,
            control=asked.control,
            margin=asked.margin,
            permutations=asked.permutations,
            seed=options.seed,
            reporter=asked.reporter,
        )
        for _ in draw(found, joined, figures):
            pass

    return drawn


def _hypotheses(asked: Asked, figures: FigureFolder) -> None:
    evidence = Evidence(
        asked.runs, asked.options, asked.permutations, True, asked.reporter, asked.unit
    )
    draw_answers(ask([], evidence), figures)


def _agreement(asked: Asked, figures: FigureFolder) -> None:
    draw_agreement(agree(asked.runs, asked.options, reporter=asked.reporter), figures)


def _stability(asked: Asked, figures: FigureFolder) -> None:
    options = asked.options
    models = layers_of_runs(asked.runs, options.split, options.pool, asked.reporter)
    samples = None if options.samples is None else [options.samples]
    plan = plan_settings(models, samples, None, 5, 10, options.seed)
    draw_stability(stability(models, options.metrics, plan, reporter=asked.reporter), figures)


def _models(asked: Asked, splits: Sequence[str]) -> list[Model]:
    from alignkit.analysis.comparison.sides import models_of_runs  # imports torch

    return models_of_runs(asked.runs, splits, asked.options.pool, asked.reporter)


def _dimension(asked: Asked) -> Tabled:
    options = asked.options
    return dimensions(
        _models(asked, [options.split]),
        samples=options.samples,
        permutations=asked.permutations,
        seed=options.seed,
        reporter=asked.reporter,
    )


def _trajectory(asked: Asked) -> Tabled:
    models = _models(asked, [asked.options.split])
    return trajectories(models, asked.options, asked.permutations, asked.reporter)


def _probe(asked: Asked) -> Tabled:
    chosen = ProbeOptions(samples=asked.options.samples, seed=asked.options.seed)
    alignment = replace(asked.options, samples=None)
    models = _models(asked, SPLITS)
    return probe(models, chosen, alignment, asked.permutations, asked.reporter)


def _ablation(asked: Asked) -> Tabled:
    if not asked.option:
        raise UsageError("figures of ablations need `option`, such as `option=pretraining`")
    return ablate(
        asked.runs,
        asked.option,
        asked.options,
        reference=asked.reference,
        permutations=asked.permutations,
        reporter=asked.reporter,
    )


def _forward(asked: Asked) -> ForwardOptions:
    options = asked.options
    samples = ForwardOptions.samples if options.samples is None else options.samples
    return ForwardOptions(options.split, samples, options.seed)


def _attention(asked: Asked) -> Tabled:
    return attention_of_runs(asked.runs, _forward(asked), asked.reporter)


def _grad_cam(asked: Asked) -> Tabled:
    return grad_cam_of_runs(asked.runs, _forward(asked), reporter=asked.reporter)


def _tokens(asked: Asked) -> Tabled:
    return tokens_of_runs(asked.runs, _forward(asked), asked.reporter)


def _tabled(found: Callable[[Asked], Tabled]) -> Callable[[Asked, FigureFolder], None]:
    return lambda asked, figures: draw_tabled(found(asked), figures)


TRACK = "alignkit train --track-alignment METRIC"
TRACK_GRIDS = "alignkit train --track-alignment METRIC --track-layers all"
_MAPPED = ("placement", "run")
_SAMPLED = ("split", "samples", "seed")
_REPRESENTED = (*_SAMPLED, "pool")
_MEASURED = ("metric", *_REPRESENTED, "within", "groups")
_CHOSEN_IN_TRAINING = (*_REPRESENTED, "within", "groups")
_ANSWERED = (*_MEASURED, "unit", "outcome", "permutations")
_CORRELATED = (*_ANSWERED, "control", "margin")

KINDS = {
    "layers": Kind(
        "Heat maps of all pairs of layers",
        _layers,
        (*_MEASURED, "unit", "streams", "epoch"),
        EXPLAINED["layers"],
        why="alignkit measure",
        units=_MAPPED,
    ),
    "depth": Kind(
        "Alignment by depth",
        _depth,
        (*_MEASURED, "unit"),
        EXPLAINED["depth"],
        why="alignkit measure",
        units=_MAPPED,
    ),
    "training": Kind(
        "Score and loss by epoch",
        _training,
        ("outcome",),
        EXPLAINED["training"],
        needs_layers=False,
        why="alignkit runs",
    ),
    "tracked": Kind(
        "Alignment by epoch and layer",
        _tracked,
        ("metric", "unit"),
        EXPLAINED["tracked"],
        needs_layers=False,
        why=TRACK,
        units=_MAPPED,
        only_named=True,
    ),
    "scatter": Kind(
        "Performance against alignment",
        _correlations(of_correlations.scatters),
        (*_CORRELATED, "layer"),
        EXPLAINED["against"],
        why="alignkit correlate",
    ),
    "forest": Kind(
        "Correlations with their intervals",
        _correlations(of_correlations.forests),
        (*_CORRELATED, "layer"),
        "Squares are Pearson's r with its 95 % interval, filled for primary metrics; "
        "bars are Spearman's rho.",
        why="alignkit correlate",
    ),
    "leave-one-out": Kind(
        "Correlations without each unit in turn",
        _correlations(of_correlations.strips),
        (*_CORRELATED, "layer"),
        "Dots are r without one unit, the orange diamond without the most influential "
        "one; the bar is r with all.",
        why="alignkit correlate",
    ),
    "null": Kind(
        "Correlations of permuted units",
        _correlations(of_correlations.nulls),
        (*_CORRELATED, "layer"),
        "Bars are the proportion of permutations by r, dark beyond the dashed lines, "
        "where 5 % of them lie; the orange line is the observed r.",
        why="alignkit correlate",
    ),
    "layer-pairs": Kind(
        "Correlations for every pair of layers",
        _correlations(of_correlations.maps_of_pairs, "all"),
        _CORRELATED,
        "A dot marks pairs whose corrected p is below 0.05.",
        why="alignkit correlate --layer all",
    ),
    "hypotheses": Kind(
        "Answers to the hypotheses", _hypotheses, (*_ANSWERED, "layer"), why="alignkit hypotheses"
    ),
    "agreement": Kind("Agreement between metrics", _agreement, _MEASURED, why="alignkit agreement"),
    "stability": Kind(
        "Metrics by number of samples and of neighbours",
        _stability,
        ("metric", *_REPRESENTED),
        why="alignkit stability",
    ),
    "dimension": Kind(
        "Dimensions by layer",
        _tabled(_dimension),
        (*_REPRESENTED, "permutations"),
        why="alignkit dimension",
    ),
    "trajectory": Kind(
        "Change from layer to layer",
        _tabled(_trajectory),
        ("metric", *_REPRESENTED, "permutations"),
        why="alignkit trajectory",
    ),
    "probe": Kind(
        "Linear probes by layer",
        _tabled(_probe),
        (*_MEASURED, "permutations"),
        why="alignkit probe",
    ),
    "ablation": Kind(
        "What one option changes",
        _tabled(_ablation),
        (*_REPRESENTED, "metric", "layer", "outcome", "permutations", "option", "reference"),
        needs_layers=False,
        why="alignkit ablation",
        only_named=True,
    ),
    "attention": Kind(
        "Entropy of attention by layer",
        _tabled(_attention),
        _SAMPLED,
        "It is divided by the entropy of equal attention: at 1 all tokens get the same.",
        needs_layers=False,
        why="alignkit explain attention",
    ),
    "grad-cam": Kind(
        "Grad-CAM over pictures",
        _tabled(_grad_cam),
        _SAMPLED,
        "Each map has a scale of its own.",
        needs_layers=False,
        why="alignkit explain grad-cam",
    ),
    "tokens": Kind(
        "Tokens and their closest patches",
        _tabled(_tokens),
        _SAMPLED,
        "Mismatched pairs are texts with the pictures of other samples.",
        needs_layers=False,
        why="alignkit explain tokens",
    ),
}


def check_options(what: str, given: Mapping[str, Any]) -> None:
    """Refuse options that were given and that a kind of figure does not follow.

    Parameters
    ----------
    what : str
        One of ``KINDS``.
    given : mapping of str to object
        By name, with their values; those that no kind follows are not looked at.

    Raises
    ------
    UsageError
        For the first of them, with the kinds that follow it.
    """
    kind = KINDS[what]
    for name, value in given.items():
        followers = [other for other, each in KINDS.items() if name in each.options]
        if followers and what not in followers:
            those = ", ".join(followers)
            raise UsageError(f"`{name}` does not go with figures of {what}; it does with {those}")
        if name == "unit" and kind.units and value not in kind.units:
            shown = " or ".join(kind.units)
            raise UsageError(f"`unit={value}` does not go with figures of {what}; choose {shown}")
    for epoch in given.get("epoch") or ():
        if str(epoch) != "all" and not str(epoch).isdecimal():
            raise UsageError(f"`epoch={epoch}` must be all or a number, 0 for before training")
    mixed = [name for name in given if "epoch" in given and name in _CHOSEN_IN_TRAINING]
    if mixed:
        raise UsageError(
            f"`{mixed[0]}` does not go with `epoch`, whose values were measured in training"
        )
