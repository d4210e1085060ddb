"""Compare models from Python: measure them, and show or save what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.alignment.options import MeasureOptions
from alignkit.analysis.comparison.compare import CompareOptions, Measured, measure_models
from alignkit.analysis.comparison.models import Model
from alignkit.analysis.comparison.sides import SideOptions, random_model, read_sides
from alignkit.analysis.options import as_words
from alignkit.cleaning import as_html
from alignkit.errors import UsageError
from alignkit.progress import SILENT, Reporter
from alignkit.report.comparison import lines
from alignkit.report.comparison.rows import best_rows, grid_of, pairs_of, shown_column
from alignkit.runs.encoders import DEFAULT_ENCODERS
from alignkit.training.device import choose_device

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.report.plots import Plots


class Comparison:
    """Models compared layer by layer; in a notebook, the figure and what it shows.

    Parameters
    ----------
    measured : Measured
    failed : mapping of str to Exception, optional
        The models that could not be read and are left out, and why.
    """

    def __init__(self, measured: Measured, failed: Mapping[str, Exception] | None = None) -> None:
        self.measured, self.failed = measured, dict(failed or {})

    @property
    def values(self) -> pd.DataFrame:
        """One row per pair of models, metric and pair of layers, controls included."""
        return self.measured.values

    @property
    def best(self) -> pd.DataFrame:
        """One row per pair of models and metric: the best pair of layers, controls included."""
        return self.measured.best

    @property
    def models(self) -> pd.DataFrame:
        """One row per model: what it is, its layers and samples, and how many are left out."""
        return self.measured.models

    def grid(
        self,
        metric: str | None = None,
        a: str | None = None,
        b: str | None = None,
        column: str | None = None,
    ) -> pd.DataFrame:
        """Return layers of a against layers of b as a table.

        Parameters
        ----------
        metric : str, optional
            A spec; the first metric by default.
        a, b : str, optional
            Labels of models; the first pair by default.
        column : str, optional
            Of ``values``; by default calibrated values, or plain ones where chance is not known.

        Raises
        ------
        UsageError
            When this was not measured.
        """
        metrics = {each.spec: each for each in self.measured.metrics}
        pairs = [
            pair
            for pair in pairs_of(self.measured)
            if a in (None, pair[0]) and b in (None, pair[1])
        ]
        spec = metric or next(iter(metrics))
        if spec not in metrics or not pairs:
            raise UsageError(
                f"{spec} of {a or 'a'} and {b or 'b'} was not measured; known: "
                f"{', '.join(metrics)}; "
                f"{'; '.join(f'{x} and {y}' for x, y in pairs_of(self.measured))}"
            )
        values = grid_of(self.measured, metrics[spec], *pairs[0])
        table = values.pivot(index="x", columns="y", values=column or shown_column(values))
        order = [list(dict.fromkeys(values[side])) for side in ("x", "y")]
        return table.reindex(index=order[0], columns=order[1])

    def save(self, folder: str | Path) -> Path:
        """Write a page, figures (SVG, PDF, PNG), values as CSV and a table in LaTeX.

        Parameters
        ----------
        folder : path

        Returns
        -------
        Path
            Of ``compare.html``, which needs no other file.
        """
        from alignkit.report.comparison.page import write_comparison

        return write_comparison(self.measured, folder)

    def plot(
        self,
        what: str,
        metric: str | Sequence[str] = (),
        *,
        folder: str | Path = "figures",
        formats: Sequence[str] = ("svg", "pdf"),
        width: float | None = None,
        style: str = "",
    ) -> Plots:
        """Draw figures of one kind for a paper, as ``alignkit plot`` does.

        Parameters
        ----------
        what : str
            ``layers``, ``depth``, ``models`` or ``best``.
        metric : str or sequence of str
            All that were measured when empty.
        folder, formats, width, style
            As for ``alignkit.plot``.

        Returns
        -------
        Plots
            The paths of the figures; a notebook shows those that are SVG.

        Raises
        ------
        UsageError
            For unknown names, formats and styles, and a metric that was not measured.
        DataError
            When there is nothing to draw.
        """
        from alignkit.report.plots import COLUMNS, Paper, plot_comparison

        paper = Paper(tuple(formats), width or COLUMNS[2], style)
        return plot_comparison(what, self.measured, Path(folder), paper, as_words(metric))

    def lines(self) -> list[str]:
        """Return what the comparison shows, as sentences."""
        return [*lines.sample_lines(self.measured), *lines.result_lines(self.measured)]

    def __repr__(self) -> str:
        return "\n".join([lines.title(self.measured), *self.lines()])

    def _repr_html_(self) -> str:
        """Return the first figure, the sentences and the best pairs, for a notebook."""
        from alignkit.report.comparison import figures
        from alignkit.report.comparison.best_table import heads_of
        from alignkit.report.style import svg

        rows = best_rows(self.measured)
        kinds = (figures.model_maps, figures.layer_maps, figures.best_figures)
        drawn = next((each for kind in kinds for each in kind(self.measured)), None)
        heads = heads_of(rows)
        table = "".join(
            "<tr>" + "".join(f"<td>{as_html(head['cell'](row))}</td>" for head in heads) + "</tr>"
            for row in rows
        )
        head = "".join(f"<th>{as_html(head['name'])}</th>" for head in heads)
        said = "".join(f"<p>{as_html(line)}</p>" for line in self.lines())
        picture = "" if drawn is None else svg(drawn.figure)
        return (
            f"<h4>{as_html(lines.title(self.measured))}</h4>{said}{picture}"
            f"<table><thead><tr>{head}</tr></thead><tbody>{table}</tbody></table>"
        )


def compare(
    a: Any,
    b: Any = None,
    *,
    data: str | Path = "",
    split: str | Sequence[str] = (),
    metric: str | Sequence[str] = (),
    layers: str = "all",
    pool: str | Sequence[str] = (),
    axis: str | Sequence[str] = (),
    random_weights: bool = False,
    null: int = 200,
    interval: int = 200,
    within: str = "",
    groups: str = "",
    samples: int | None = None,
    seed: int = 0,
    dtype: str = "auto",
    device: str = "auto",
    batch_size: int | None = None,
    encoders: str | Path = DEFAULT_ENCODERS,
    id: str | Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Comparison:
    """Compare two models layer by layer, or several with several; nothing is trained.

    Parameters
    ----------
    a, b : object
        An encoder such as ``"hf:FOLDER"`` or ``"minilm"``; a run, which has two streams, or
        ``"RUN:text"``; a file of arrays or a folder with one per layer; an array (n, width), or
        a list or dict of arrays, one per layer. Several models are a list or dict of these.
        Without ``b``, every two of ``a``.
    data : str or path
        What encoders see: a task, such as ``"emoji"`` or ``"folder:PATH"``, or a folder or table
        of one's own; by default the data of a run among the models.
    split : str or sequence of str
        ``train``, ``validation``, ``test`` or ``all``; by default ``test`` of a task, and all of
        one's own folder.
    metric : str or sequence of str
        The default metric when empty; ``all`` for every metric that accepts the data.
    layers : str
        Pairs of layers: ``all``, ``same``, ``last``, indices, or glob patterns of names.
    pool, axis : str or sequence of str
        Pooling over tokens, of encoders by default the first that each layer has; and what
        arrays of three dimensions in files hold (``layers``, ``layers=1``, ``tokens``). One for
        both sides, or one for each.
    random_weights : bool
        Whether to measure controls too: every encoder with random weights instead of its own,
        against the models of the other side.
    null, interval : int
        Permutations for the null of the best pair, and random halves for its interval.
    within, groups, samples, seed, dtype
        As for ``alignkit measure``.
    device : str
    batch_size : int, optional
        Samples per forward pass of an encoder, halved where memory runs out.
    encoders : path
        The folder in which representations of encoders are stored, once per encoder and data.
    id : str or sequence of str
        The column of ids of tables, where it is not found by its name; one for both sides, or
        one for each.
    reporter : Reporter

    Returns
    -------
    Comparison

    Raises
    ------
    UsageError
        For invalid arguments, or models that share no samples.
    AlignkitError, OSError
        For what cannot be read, where fewer than two models could be; of several, others are
        compared, and ``failed`` of the result names it.
    """
    chosen = CompareOptions(
        as_words(metric),
        layers,
        MeasureOptions(
            null, interval, seed, dtype, _measuring_device(device), samples, within, groups
        ),
    )
    options = SideOptions(
        str(data),
        _checked(as_words(split)),
        as_words(pool),
        as_words(axis),
        Path(encoders),
        batch_size,
        device,
        as_words(id),
    )
    sides = read_sides(a, b, options, reporter)
    random = _random([*sides.a, *sides.b], options, reporter) if random_weights else {}
    measured = measure_models(sides.a, sides.b, chosen, random=random, reporter=reporter)
    return Comparison(measured, sides.failed)


def _random(models: Sequence[Model], options: SideOptions, reporter: Reporter) -> dict[str, Model]:
    """Return the encoders with random weights, by the labels of those with their own."""
    random: dict[str, Model] = {}
    without: list[str] = []
    for model in {model.label: model for model in models}.values():
        made = random_model(model, options, reporter)
        if made is not None:
            random[model.label] = made
        elif not model.is_random:
            without.append(model.label)
    if not random:
        raise UsageError(
            "`random_weights`: none of the models can be made with random weights; encoders by "
            "name or folder can"
        )
    if without:
        reporter.note(f"note: no control with random weights for {', '.join(without)}")
    return random


def _measuring_device(name: str) -> str:
    """Return the device on which to measure: metrics need float64, which not every GPU has."""
    device = choose_device(name)
    return str(device) if device.type != "mps" else "cpu"


def _checked(splits: Sequence[str]) -> tuple[str, ...]:
    from alignkit.analysis.comparison.data import ALL
    from alignkit.tasks import SPLITS

    for name in splits:
        if name not in (*SPLITS, ALL):
            raise UsageError(f"unknown split '{name}'; known: {', '.join(SPLITS)}, {ALL}")
    return tuple(dict.fromkeys(splits))
