"""The work of the analyses of a study: plain functions of plain values, for any engine.

Each runs the analysis of the command of its name on runs and returns the files that it wrote,
and which of them a reader begins with.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run, load_run
from alignkit.runs.data_sets import tell_apart
from alignkit.runs.listing import files_below
from alignkit.runs.units import select_runs
from alignkit.statistics.equivalence import MARGIN
from alignkit.tasks import SPLITS

if TYPE_CHECKING:
    from alignkit.analysis.comparison.models import Model
    from alignkit.analysis.tabled import Tabled

Written = dict[str, list[str]]


def correlate(
    runs: Sequence[str],
    output: str,
    layer: str,
    metrics: Sequence[str],
    outcome: str | None,
    split: str,
    pool: str,
    samples: int | None,
    unit: str,
    permutations: int,
    seed: int,
    where: Sequence[str] = (),
    control: Sequence[str] = (),
    margin: float = MARGIN,
    within: str = "",
    groups: str = "",
    reporter: Reporter = SILENT,
) -> Written:
    """Write the table of runs and that of ``alignkit correlate``."""
    from alignkit.analysis.correlate import correlate_runs
    from alignkit.analysis.options import TableOptions
    from alignkit.report.results import write_correlations

    options = TableOptions(
        tuple(metrics), layer, outcome, split, pool, samples, seed, within=within, groups=groups
    )
    correlations, joined = correlate_runs(
        _opened(runs, where),
        options,
        reporter=reporter,
        unit=unit,
        control=control,
        margin=margin,
        permutations=permutations,
        seed=seed,
    )
    files = write_correlations(
        correlations,
        joined,
        runs=Path(output) / f"runs.{layer}.csv",
        table=Path(output) / f"correlate.{layer}.csv",
        pooled=Path(output) / f"correlate.{layer}.pooled.csv",
    )
    written = [str(file) for file in files]
    return {"shown": written, "files": written}


def report(
    runs: Sequence[str],
    output: str,
    layer: str,
    metrics: Sequence[str],
    outcome: str | None,
    split: str,
    pool: str,
    samples: int | None,
    permutations: int,
    seed: int,
    where: Sequence[str] = (),
    unit: str = "placement",
    control: Sequence[str] = (),
    margin: float = MARGIN,
    within: str = "",
    groups: str = "",
    sections: Sequence[str] = (),
    figure_formats: Sequence[str] = (),
    results: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Written:
    """Write the page of ``alignkit report``, with the tables of analyses that have any."""
    from alignkit.analysis.options import TableOptions
    from alignkit.report.results import report_runs
    from alignkit.report.stored_tables import holds_tables

    options = TableOptions(
        tuple(metrics), layer, outcome, split, pool, samples, seed, within=within, groups=groups
    )
    folder = Path(output)
    page = report_runs(
        _opened(runs, where),
        folder,
        options,
        unit=unit,
        control=control,
        margin=margin,
        permutations=permutations,
        results=[Path(place) for place in results if holds_tables(Path(place))],
        sections=sections,
        figure_formats=figure_formats,
        reporter=reporter,
    )
    return _below(output, page)


def hypotheses(
    runs: Sequence[str],
    output: str,
    questions: Sequence[str],
    layer: str,
    metrics: Sequence[str],
    outcome: str | None,
    raw_scores: bool,
    split: str,
    pool: str,
    samples: int | None,
    permutations: int,
    seed: int,
    where: Sequence[str] = (),
    unit: str = "placement",
    reporter: Reporter = SILENT,
) -> Written:
    """Write the answers of ``alignkit hypotheses``: paragraphs, tables and figures."""
    from alignkit.analysis.options import TableOptions
    from alignkit.analysis.questions import Evidence, ask
    from alignkit.report.results import write_answers

    options = TableOptions(tuple(metrics), layer, outcome, split, pool, samples, seed)
    evidence = Evidence(_opened(runs, where), options, permutations, not raw_scores, reporter, unit)
    folder = Path(output)
    page = folder / "answers.md"
    write_answers(ask(questions, evidence), tables=folder, figures=folder / "figures", page=page)
    return _below(output, page)


def agreement(
    runs: Sequence[str],
    output: str,
    metrics: Sequence[str],
    layers: str,
    alike: float,
    split: str,
    pool: str,
    samples: int | None,
    seed: int,
    where: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Written:
    """Write the tables and figures of ``alignkit agreement``: pairs of metrics, their groups."""
    from alignkit.analysis.agreement import agree
    from alignkit.analysis.options import TableOptions
    from alignkit.report.results import write_agreement

    options = TableOptions(
        tuple(metrics), split=split, pool=pool, samples=samples, seed=seed, lenient=True
    )
    folder = Path(output)
    pairs = folder / "pairs.csv"
    write_agreement(
        agree(_opened(runs, where), options, layers, alike, reporter),
        pairs=pairs,
        metrics=folder / "metrics.csv",
        figures=folder / "figures",
    )
    return _below(output, pairs)


def stability(
    runs: Sequence[str],
    output: str,
    metrics: Sequence[str],
    samples: Sequence[int],
    k: Sequence[int],
    splits: int,
    null: int,
    split: str,
    pool: str,
    seed: int,
    where: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Written:
    """Write the tables and figures of ``alignkit stability``, without durations."""
    from alignkit.analysis.stability import layers_of_runs, plan_settings
    from alignkit.analysis.stability import stability as measure_stability
    from alignkit.report.results import write_stability

    models = layers_of_runs(_opened(runs, where), split, pool, reporter)
    plan = plan_settings(models, samples, k, splits, null, seed)
    result = measure_stability(models, metrics, plan, lenient=True, reporter=reporter)
    folder = Path(output)
    summary = folder / "summary.csv"
    write_stability(
        result.without_seconds(),
        summary=summary,
        table=folder / "models.csv",
        figures=folder / "figures",
    )
    return _below(output, summary)


def dimension(
    runs: Sequence[str],
    output: str,
    layers: str,
    split: str,
    pool: str,
    samples: int | None,
    permutations: int,
    seed: int,
    where: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Written:
    """Write the tables and figures of ``alignkit dimension``."""
    from alignkit.analysis.dimension import dimensions

    models = _models(runs, where, [split], pool, reporter)
    result = dimensions(
        models, layers, samples=samples, permutations=permutations, seed=seed, reporter=reporter
    )
    return _tabled(result, output, "layers.csv", reporter)


def trajectory(
    runs: Sequence[str],
    output: str,
    metrics: Sequence[str],
    split: str,
    pool: str,
    samples: int | None,
    permutations: int,
    seed: int,
    where: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Written:
    """Write the tables and figures of ``alignkit trajectory``."""
    from alignkit.analysis.options import TableOptions
    from alignkit.analysis.trajectory import trajectories

    models = _models(runs, where, [split], pool, reporter)
    options = TableOptions(
        tuple(metrics), split=split, pool=pool, samples=samples, seed=seed, lenient=True
    )
    result = trajectories(models, options, permutations, reporter)
    return _tabled(result, output, "means.csv", reporter)


def probe(
    runs: Sequence[str],
    output: str,
    probe: str,
    streams: Sequence[str],
    layers: str,
    metrics: Sequence[str],
    samples: int | None,
    seeds: int,
    pool: str,
    permutations: int,
    seed: int,
    where: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Written:
    """Write the tables and figures of ``alignkit probe``."""
    from alignkit.analysis.options import TableOptions
    from alignkit.analysis.probing.probe import probe as probed
    from alignkit.analysis.probing.probes import ProbeOptions

    models = _models(runs, where, SPLITS, pool, reporter)
    options = ProbeOptions(probe, streams, layers, samples, seeds, seed)
    alignment = TableOptions(tuple(metrics), pool=pool, seed=seed, lenient=True)
    result = probed(models, options, alignment, permutations, reporter)
    return _tabled(result, output, "layers.csv", reporter)


def ablation(
    runs: Sequence[str],
    output: str,
    option: str,
    metrics: Sequence[str],
    layer: str,
    outcome: str | None,
    split: str,
    pool: str,
    samples: int | None,
    permutations: int,
    seed: int,
    where: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Written:
    """Write the tables and figures of ``alignkit ablation``."""
    from alignkit.analysis.ablation import ablate
    from alignkit.analysis.options import TableOptions

    options = TableOptions(tuple(metrics), layer, outcome, split, pool, samples, seed)
    result = ablate(
        _opened(runs, where), option, options, permutations=permutations, reporter=reporter
    )
    return _tabled(result, output, "placements.csv", reporter)


def explain(
    runs: Sequence[str],
    output: str,
    kind: str,
    split: str,
    samples: int,
    untrained: bool,
    seed: int,
    where: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Written:
    """Write the tables and figures of a command of ``alignkit explain``."""
    from alignkit.analysis.explaining.attention import attention_of_runs
    from alignkit.analysis.explaining.forward import ForwardOptions
    from alignkit.analysis.explaining.grad_cam import grad_cam_of_runs
    from alignkit.analysis.explaining.tokens import tokens_of_runs

    opened, options = _opened(runs, where), ForwardOptions(split, samples, seed, untrained)
    result: Tabled
    if kind == "attention":
        result = attention_of_runs(opened, options, reporter)
    elif kind == "grad-cam":
        result = grad_cam_of_runs(opened, options, reporter=reporter)
    else:
        result = tokens_of_runs(opened, options, reporter)
    return _tabled(result, output, "layers.csv", reporter)


def _models(
    runs: Sequence[str], where: Sequence[str], splits: Sequence[str], pool: str, reporter: Reporter
) -> list[Model]:
    """Read the streams of the runs whose options have the given values, each as a model."""
    from alignkit.analysis.comparison.sides import models_of_runs

    return models_of_runs(_opened(runs, where), splits, pool, reporter)


def _tabled(result: Tabled, output: str, shown: str, reporter: Reporter) -> Written:
    """Write the tables and figures of a result."""
    from alignkit.report.tabled import write_tabled

    folder = Path(output)
    write_tabled(result, folder=folder, figures=folder / "figures", reporter=reporter)
    return _below(output, folder / shown)


def _opened(runs: Sequence[str], where: Sequence[str]) -> list[Run]:
    """Open the runs whose options have the given values."""
    opened = [load_run(run) for run in runs]
    tell_apart(opened)
    return select_runs(opened, where)


def _below(output: str, shown: Path) -> Written:
    """Return all files in the folder of an analysis, but not temporary ones."""
    files = sorted(map(str, files_below(Path(output))))
    return {"shown": [str(shown)], "files": [f for f in files if "/." not in f]}
