"""Analyses from Python whose results are tables: DataFrames, which a notebook shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.analysis.options import TableOptions, as_words
from alignkit.plugins import registry
from alignkit.progress import SILENT, Reporter
from alignkit.report.notebook import Runs, opened
from alignkit.runs.encoders import DEFAULT_ENCODERS
from alignkit.tasks import SPLITS

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.analysis.ablation import Ablation
    from alignkit.analysis.comparison.models import Model
    from alignkit.analysis.dimension import Dimensions
    from alignkit.analysis.probing.probe import Probes
    from alignkit.analysis.stability import Stability
    from alignkit.analysis.trajectory import Trajectory


def evaluate(
    runs: Runs,
    split: str = "test",
    *,
    score: str | Sequence[str] = (),
    unit: str = "run",
    reporter: Reporter = SILENT,
) -> pd.DataFrame:
    """Score trained runs on a split, as ``alignkit evaluate`` does; stored scores are read.

    Parameters
    ----------
    runs : sequence of Run, or path
        Trained runs, or a folder of them.
    split : str
    score : str or sequence of str
        Registered scores beside those of the task, as ``name:key=value``.
    unit : str
        ``run``, ``placement``, ``variant`` or an option of the runs.
    reporter : Reporter

    Returns
    -------
    DataFrame
        One row per run; or one per task, unit and score, with ``mean``, ``sd``, ``runs`` and
        ``n``.

    Raises
    ------
    UsageError
        For unknown names.
    DataError
        For a run that cannot be scored.
    """
    import pandas as pd

    from alignkit.analysis.scores import scores_by_run, scores_by_unit
    from alignkit.chain.evaluate import evaluate as evaluate_run
    from alignkit.chain.extra_scores import choose_scores
    from alignkit.runs.config import fingerprint_once
    from alignkit.runs.units import unit_labels

    chosen, extra = opened(runs), list(choose_scores(as_words(score)))
    if unit != "run":
        unit_labels(chosen, unit)  # refuses to average variants before anything is scored
    with fingerprint_once():
        scores = [evaluate_run(run, split, reporter=reporter, extra=extra) for run in chosen]
    if unit == "run":
        return pd.DataFrame(scores_by_run(chosen, scores, split))
    return scores_by_unit(chosen, scores, unit)


def dimension(
    models: Any,
    *,
    layers: str = "all",
    data: str | Path = "",
    split: str = "test",
    pool: str = "",
    samples: int | None = None,
    permutations: int = 9999,
    seed: int = 0,
    encoders: str | Path = DEFAULT_ENCODERS,
    reporter: Reporter = SILENT,
) -> Dimensions:
    """Count the dimensions of representations by layer, as ``alignkit dimension`` does.

    Parameters
    ----------
    models : object
        Runs, or a folder of them; or encoders, arrays or files as for ``alignkit.compare``.
    layers : str
        ``all``, ``last``, indices, or glob patterns of names.
    data, encoders
        What encoders see, and where they are stored, as for ``alignkit.compare``.
    split, pool : str
        Pooling is by default that of each layer.
    samples : int, optional
        Number of samples to draw; all by default.
    permutations, seed : int
    reporter : Reporter

    Returns
    -------
    Dimensions
        With the DataFrames ``layers``, ``spectra``, ``fusions`` and ``collapse``.

    Raises
    ------
    UsageError
        For unknown names and invalid arguments.
    AlignkitError
        When no model can be read.
    """
    from alignkit.analysis.dimension import dimensions

    read = _models(models, [split], pool, data, encoders, reporter)
    return dimensions(
        read, layers, samples=samples, permutations=permutations, seed=seed, reporter=reporter
    )


def trajectory(
    models: Any,
    metric: str | Sequence[str] = (),
    *,
    data: str | Path = "",
    split: str = "test",
    pool: str = "",
    samples: int | None = None,
    permutations: int = 9999,
    seed: int = 0,
    encoders: str | Path = DEFAULT_ENCODERS,
    reporter: Reporter = SILENT,
) -> Trajectory:
    """Follow representations from layer to layer, as ``alignkit trajectory`` does.

    Parameters
    ----------
    metric : str or sequence of str
        The default metric when empty.
    models, data, split, pool, samples, permutations, seed, encoders, reporter
        As for ``dimension``.

    Returns
    -------
    Trajectory
        With the DataFrames ``values`` and ``means``, and those of ``jumps``.

    Raises
    ------
    UsageError
        For unknown names and invalid arguments.
    AlignkitError
        When no model can be read.
    """
    from alignkit.analysis.trajectory import trajectories

    options = TableOptions(
        _metrics(metric), split=split, pool=pool or "cls", samples=samples, seed=seed
    )
    read = _models(models, [split], pool, data, encoders, reporter)
    return trajectories(read, options, permutations, reporter)


def probe(
    models: Any,
    metric: str | Sequence[str] = (),
    *,
    kind: str = "ridge",
    streams: Sequence[str] = ("text", "vision", "both"),
    layers: str = "all",
    data: str | Path = "",
    pool: str = "",
    samples: int | None = None,
    seeds: int = 3,
    permutations: int = 9999,
    seed: int = 0,
    encoders: str | Path = DEFAULT_ENCODERS,
    reporter: Reporter = SILENT,
) -> Probes:
    """Probe every layer for the labels of the task, as ``alignkit probe`` does.

    Parameters
    ----------
    metric : str or sequence of str
        The alignment that probes are correlated with; the default metric when empty.
    kind : str
        ``ridge``, ``logistic`` or ``loss``.
    streams : sequence of str
        ``text``, ``vision`` and ``both``.
    samples : int, optional
        Number of training samples to draw, ``seeds`` times; all by default.
    models, layers, data, pool, permutations, seed, encoders, reporter
        As for ``dimension``; arrays have no labels.

    Returns
    -------
    Probes
        With the DataFrames ``layers``, ``means``, ``points``, ``within`` and ``pooled``.

    Raises
    ------
    UsageError
        For unknown names and invalid arguments.
    AlignkitError
        When no model can be read.
    """
    from alignkit.analysis.probing.probe import probe as probed
    from alignkit.analysis.probing.probes import ProbeOptions

    chosen = ProbeOptions(kind, as_words(streams), layers, samples, seeds, seed, str(data))
    alignment = TableOptions(_metrics(metric), pool=pool or "cls", seed=seed)
    read = _models(models, SPLITS, pool, data, encoders, reporter)
    return probed(read, chosen, alignment, permutations, reporter)


def ablation(
    runs: Runs,
    option: str,
    metric: str | Sequence[str] = (),
    *,
    reference: str | None = None,
    permutations: int = 9999,
    seed: int = 0,
    reporter: Reporter = SILENT,
    **options: Any,
) -> Ablation:
    """Compare runs that differ in one option, as ``alignkit ablation`` does.

    Parameters
    ----------
    runs : sequence of Run, or path
    option : str
        Such as ``pretraining``, ``head`` or ``learning_rate``.
    metric : str or sequence of str
        Metrics whose alignment is compared beside the scores.
    reference : str, optional
        The value that others are compared with.
    permutations, seed : int
    reporter : Reporter
    **options
        ``layer``, ``outcome``, ``split``, ``pool`` and ``samples``, see
        ``alignkit.analysis.options.TableOptions``.

    Returns
    -------
    Ablation
        With the DataFrames ``pairs``, ``placements``, ``differences`` and ``rankings``.

    Raises
    ------
    UsageError
        For unknown names, and where no two runs are a pair.
    """
    from alignkit.analysis.ablation import ablate

    specs = _metrics(metric) if metric else ()
    return ablate(
        opened(runs),
        option,
        TableOptions(specs, seed=seed, **options),
        reference=reference,
        permutations=permutations,
        reporter=reporter,
    )


def stability(
    runs: Runs,
    metric: str | Sequence[str] = (),
    *,
    samples: Sequence[int] | None = None,
    k: Sequence[int] | None = None,
    splits: int = 5,
    null: int = 10,
    split: str = "test",
    pool: str = "cls",
    seed: int = 0,
    reporter: Reporter = SILENT,
) -> Stability:
    """Measure how metrics depend on sample size and k, as ``alignkit stability`` does.

    Parameters
    ----------
    runs : sequence of Run, or path
    metric : str or sequence of str
        All that accept the data when empty.
    samples : sequence of int, optional
        By default all, and halved repeatedly.
    k : sequence of int, optional
        Numbers of neighbours.
    splits, null : int
        Random half-splits for reliability, and permutations for the chance level.
    split, pool : str
    seed : int
    reporter : Reporter

    Returns
    -------
    Stability
        With the DataFrames ``table`` and ``summary``.

    Raises
    ------
    UsageError
        For unknown names and numbers out of range.
    """
    from alignkit.analysis.stability import layers_of_runs, plan_settings
    from alignkit.analysis.stability import stability as measured

    given = as_words(metric)
    models = layers_of_runs(opened(runs), split, pool, reporter)
    plan = plan_settings(models, samples, k, splits, null, seed)
    specs = _metrics(given) if given else registry().names("metrics")
    return measured(models, specs, plan, lenient=not given, reporter=reporter)


def _models(
    models: Any,
    splits: Sequence[str],
    pool: str,
    data: str | Path,
    encoders: str | Path,
    reporter: Reporter,
) -> list[Model]:
    from alignkit.analysis.comparison.sides import SideOptions, read_models
    from alignkit.runs.run import folders_of_runs

    if isinstance(models, (str, Path)) and folders_of_runs(Path(models)):
        models = list(opened(models))
    chosen = SideOptions(str(data), splits, as_words(pool), encoders=Path(encoders))
    return read_models(models, chosen, reporter)


def _metrics(given: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(registry().meant("metrics", as_words(given)))
