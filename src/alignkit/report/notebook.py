"""Analyses of runs from Python and in notebooks: correlate runs, draw figures, write a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.analysis.options import TableOptions, as_words, canonical_specs, default_metrics
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run, load_runs
from alignkit.statistics.equivalence import MARGIN

if TYPE_CHECKING:
    from alignkit.report.plots import Plots
    from alignkit.statistics import Correlations

Runs = Sequence[Run] | str | Path


def correlate(
    runs: Runs,
    metric: str | Sequence[str] = (),
    *,
    unit: str = "placement",
    control: Sequence[str] = (),
    margin: float = MARGIN,
    permutations: int = 9999,
    seed: int = 0,
    reporter: Reporter = SILENT,
    **options: Any,
) -> Correlations:
    """Correlate alignment with performance over runs, as ``alignkit correlate`` does.

    Missing alignment values and scores are computed first.

    Parameters
    ----------
    runs : sequence of Run, or path
        Trained runs, or a folder of them.
    metric : str or sequence of str
        Specs such as ``cka`` or ``mknn:k=5``; the primary family when empty.
    unit : str
        ``placement``, ``variant``, ``run`` or an option of the runs.
    control : sequence of str
        Variables that may explain both sides.
    margin : float
        Absolute value of r below which an association counts as absent.
    permutations, seed : int
    reporter : Reporter
    **options
        ``layer``, ``outcome``, ``split``, ``pool``, ``samples``, ``within`` and ``groups``, see
        ``alignkit.analysis.options.TableOptions``.

    Returns
    -------
    Correlations
        With the DataFrame ``table``; a notebook shows it.

    Raises
    ------
    UsageError
        For unknown names, and for runs that cannot be correlated.
    """
    from alignkit.analysis.correlate import correlate_runs

    found, _ = correlate_runs(
        opened(runs),
        options_of(metric, seed, options),
        unit=unit,
        control=control,
        margin=margin,
        permutations=permutations,
        seed=seed,
        reporter=reporter,
    )
    return found


def plot(
    what: str,
    runs: Runs,
    metric: str | Sequence[str] = (),
    *,
    folder: str | Path = "figures",
    formats: Sequence[str] = ("svg", "pdf"),
    width: float | None = None,
    style: str = "",
    streams: str = "cross",
    option: str = "",
    reference: str | None = None,
    epoch: int | str | Sequence[int | str] = (),
    unit: str = "placement",
    control: Sequence[str] = (),
    margin: float = MARGIN,
    permutations: int = 9999,
    seed: int = 0,
    reporter: Reporter = SILENT,
    **options: Any,
) -> Plots:
    """Draw figures of one kind for a paper, as ``alignkit plot`` does.

    Parameters
    ----------
    what : str
        ``layers``, ``depth``, ``training``, ``tracked``, ``scatter``, ``forest``,
        ``leave-one-out``, ``null``, ``layer-pairs``, ``hypotheses``, ``agreement``,
        ``stability``, ``dimension``, ``trajectory``, ``probe``, ``ablation``, ``attention``,
        ``grad-cam`` or ``tokens``.
    runs, metric, unit, control, margin, permutations, seed, reporter, **options
        As ``correlate``.
    folder : path
        Where the figures are written, each with its data and its caption.
    formats : sequence of str
        ``svg``, ``pdf`` or ``png``.
    width : float, optional
        Inches, in which type has 8 points; by default both columns of a paper, 6.75.
    style : str
        A style of matplotlib, by name or file.
    streams : str
        Of ``layers``: ``cross`` for text with vision, ``text`` or ``vision`` for those of one.
    option, reference : str
        Of ``ablation``: as for ``alignkit.ablation``.
    epoch : int, "all", or sequence of these
        Of ``layers``: at these epochs of training, of runs that tracked whole grids.

    Returns
    -------
    Plots
        The paths of the figures; a notebook shows those that are SVG.

    Raises
    ------
    UsageError
        For unknown names, formats and styles.
    DataError
        When the runs hold nothing to draw.
    """
    from alignkit.report.plot_kinds import Asked
    from alignkit.report.plots import COLUMNS, Paper, check_plot, plot_runs

    paper = Paper(tuple(formats), width or COLUMNS[2], style)
    epochs = (epoch,) if isinstance(epoch, (int, str)) else tuple(epoch)
    chosen = {
        "metric": metric,
        "streams": streams,
        "option": option,
        "reference": reference,
        "epoch": epochs,
        "unit": unit,
        "control": control,
        "margin": margin,
        "permutations": permutations,
        "seed": seed,
    }
    default = signature(plot).parameters
    changed = {name: value for name, value in chosen.items() if value != default[name].default}
    kind = check_plot(what, paper, changed | options)
    table = options_of(metric, seed, options)
    unnamed = (kind.only_named or epochs) and not metric
    asked = Asked(
        opened(runs),
        replace(table, metrics=()) if unnamed else table,
        unit,
        control,
        margin,
        permutations,
        streams,
        option,
        reference,
        epochs,
        measure=True,
        reporter=reporter,
    )
    return plot_runs(what, asked, Path(folder), paper)


def write_report(
    runs: Runs,
    metric: str | Sequence[str] = (),
    *,
    folder: str | Path = "report",
    figure_formats: Sequence[str] = (),
    table_formats: Sequence[str] = (),
    results: Sequence[str | Path] = (),
    sections: Sequence[str] = (),
    unit: str = "placement",
    control: Sequence[str] = (),
    margin: float = MARGIN,
    permutations: int = 9999,
    seed: int = 0,
    reporter: Reporter = SILENT,
    **options: Any,
) -> Path:
    """Write a report with figures and tables, as ``alignkit report`` does.

    Parameters
    ----------
    runs, metric, unit, control, margin, permutations, seed, reporter, **options
        As ``correlate``.
    folder : path
    figure_formats : sequence of str
        What to write figures as beside SVG: ``png``, ``pdf``.
    table_formats : sequence of str
        What to write scores and correlations as: ``csv``, ``markdown``, ``latex``.
    results : sequence of path
        Folders with what ``alignkit stability``, ``probe``, ``dimension``, ``trajectory`` and
        ``search analyse`` wrote, to be shown too.
    sections : sequence of str
        Sections of plugins to add, as ``name:key=value``.

    Returns
    -------
    Path
        Of ``report.html``, which needs no other file.

    Raises
    ------
    UsageError
        For unknown names and formats.
    """
    from alignkit.report.results import report_runs

    return report_runs(
        opened(runs),
        Path(folder),
        options_of(metric, seed, options),
        unit=unit,
        control=control,
        margin=margin,
        permutations=permutations,
        measure=True,
        results=[Path(place) for place in results],
        sections=sections,
        figure_formats=figure_formats,
        table_formats=table_formats,
        reporter=reporter,
    )


def opened(runs: Runs) -> Sequence[Run]:
    """Return runs, or those in a folder."""
    return load_runs(runs) if isinstance(runs, (str, Path)) else runs


def options_of(metric: str | Sequence[str], seed: int, options: dict[str, Any]) -> TableOptions:
    """Return how runs become a table, by the primary family where no metric is named."""
    named = canonical_specs(as_words(metric) or default_metrics())
    return TableOptions(named, seed=seed, **options)
