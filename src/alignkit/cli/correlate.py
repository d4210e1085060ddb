"""``alignkit correlate``: alignment against performance, from runs or from a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import (
    ALIGNMENT,
    MARGIN,
    REPRESENTATIONS,
    STATISTICS,
    Control,
    FamilyMetrics,
    Figures,
    Groups,
    Json,
    Margin,
    Outcome,
    Permutations,
    Placements,
    Pool,
    RunsFolder,
    Samples,
    Seed,
    TableFile,
    TableFormat,
    Tasks,
    Unit,
    Where,
    Within,
    complete,
)
from alignkit.cli.pages import link_results
from alignkit.cli.selection import (
    check_split,
    chosen_runs,
    measurable,
    metric_specs_or_family,
    read_table,
)

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics import Correlations

Layer = Annotated[
    str,
    typer.Option(
        "--layer",
        metavar="LAYER",
        help="How the layers of a run become one value: last, mean, max, max-pair, half, a layer "
        "index, a pair of sites (t.f0:v.f0) or a registered rule (upper:share=0.25); all reports "
        "every pair on its own. Choose it before you look at the outcomes.",
        rich_help_panel=ALIGNMENT,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Chain")(correlate)


def correlate(
    table: Annotated[
        Path | None,
        typer.Argument(
            metavar="TABLE", help="CSV file with one row per run, to be used instead of runs."
        ),
    ] = None,
    metric: FamilyMetrics = None,
    layer: Layer = "last",
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibrated",
            help="Correlate calibrated values: 0 at chance level, 1 at the best value.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = False,
    null: Annotated[
        int,
        typer.Option(
            "--null",
            metavar="N",
            help="Number of row permutations that estimate the chance level of metrics without "
            "a closed form, and of every maximum over layers.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = 20,
    outcome: Outcome = None,
    family: Annotated[
        list[str] | None,
        typer.Option(
            "--family",
            metavar="METRIC",
            help="Metric of the primary family, whose p-values are corrected by max-T; repeatable.",
            show_default="unbiased_cka, mknn, svcca, procrustes",
            autocompletion=complete("metrics"),
            rich_help_panel=STATISTICS,
        ),
    ] = None,
    unit: Unit = "placement",
    control: Control = None,
    lower_is_better: Annotated[
        list[str] | None,
        typer.Option(
            "--lower-is-better",
            metavar="COLUMN",
            help="Column in which lower is better or more aligned; repeatable. Registered "
            "distances and losses are recognised.",
            rich_help_panel=STATISTICS,
        ),
    ] = None,
    margin: Margin = MARGIN,
    permutations: Permutations = 9999,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            metavar="SPLIT",
            help="Data split: train, validation or test.",
            show_default="test",
            rich_help_panel=REPRESENTATIONS,
        ),
    ] = None,
    within: Within = None,
    groups: Groups = None,
    pool: Pool = "cls",
    samples: Samples = None,
    task: Tasks = None,
    placement: Placements = None,
    where: Where = None,
    runs: RunsFolder = Path("runs"),
    seed: Seed = 0,
    output: TableFile = None,
    figures: Figures = None,
    format: TableFormat = "",
    json: Json = False,
) -> None:
    """Correlate alignment with performance.

    The unit of analysis is a placement, averaged over its seeds. p is the permutation p-value
    of Pearson's r. p_adjusted corrects the primary family for all its metrics and tasks at once
    (max-T); all other metrics are exploratory and their false discovery rate is controlled. A
    TABLE has the columns task, placement, seed, the outcome, and one column per metric; with one
    row per model, the first three may be missing. Without --metric, all its numeric columns are
    used. With --output, the settings are written next to the table.

    Examples: alignkit correlate --task toy_redundant --metric unbiased_cka --layer last

    alignkit correlate table.csv --outcome accuracy --figures figures
    """
    from alignkit.cli.printing import console
    from alignkit.cli.printing.correlations import show
    from alignkit.cli.printing.results import print_result

    reporter = console.TerminalReporter()
    options: dict[str, Any] = {
        "unit": unit,
        "control": control or (),
        "margin": margin,
        "permutations": permutations,
        "seed": seed,
    }
    if table is not None:
        if calibrated:
            raise typer.BadParameter(
                "the values of a table cannot be calibrated; calibration needs runs",
                param_hint="--calibrated",
            )
        if where:
            raise typer.BadParameter(
                "the rows of a table have no options; selecting by option needs runs",
                param_hint="--where",
            )
        for name, fact in (("--within", within), ("--groups", groups)):
            if fact:
                raise typer.BadParameter(
                    "the rows of a table are runs, and the samples are not known; classes and "
                    "groups of samples need runs",
                    param_hint=name,
                )
        rows = _typed(table, outcome, metric, options)
        rows = _rows(rows, table, task, placement, split)
        options["family"] = _family(family, metric)
        correlations = _of_table(rows, table, outcome, metric, lower_is_better or [], options)
    else:
        from alignkit.analysis.correlate import correlate_runs
        from alignkit.analysis.options import TableOptions
        from alignkit.analysis.score_noise import score_noise
        from alignkit.report.score_noise import noise_sentences

        specs = metric_specs_or_family(metric or family)
        options["family"] = _family(family, specs)
        table_options = TableOptions(
            tuple(specs),
            layer,
            outcome,
            check_split(split or "test"),
            pool,
            samples,
            seed,
            calibrated,
            null,
            within=within or "",
            groups=groups or "",
        )
        on = [table_options.split]
        chosen = chosen_runs(None, runs, task, placement, scored=True, splits=on, where=where)
        chosen = measurable(chosen, table_options.split, pool)
        correlations, rows = correlate_runs(
            chosen, table_options, reporter=reporter, lower=lower_is_better or (), **options
        )
        outcomes = dict(zip(rows["task"], rows["outcome"], strict=True))
        for line in noise_sentences(score_noise(chosen, outcomes, table_options.split)):
            console.note(f"note: {line}")
    if output is not None or figures is not None:
        from alignkit.report.results import write_correlations

        settings = output and output.with_name(f"{output.stem}.settings.json")
        pooled_table = output and output.with_name(f"{output.stem}.pooled.csv")
        write_correlations(
            correlations,
            rows,
            table=output,
            settings=settings,
            figures=figures,
            pooled=pooled_table,
            reporter=reporter,
        )
        link_results(output, pooled_table, figures=figures)
    print_result(
        lambda: _plain(correlations),
        lambda: show(correlations),
        lambda: correlations.table,
        json=json,
        tables_as=format,
    )


def _plain(correlations: "Correlations") -> list[dict[str, Any]]:
    """Return an array of rows, as scripts expect; each has what is pooled of its metric."""
    from alignkit.cli.printing import console
    from alignkit.report.cautions import caution_lines

    for line in caution_lines(correlations.cautions):
        console.note(f"note: {line}")
    pooled = {row["metric"]: row for row in console.records(correlations.pooled)}
    rows = console.records(correlations.table)
    return [row | {"pooled": pooled.get(row["metric"])} for row in rows]


def _family(family: Sequence[str] | None, metrics: Sequence[str] | None) -> Sequence[str]:
    """Return the primary family; refuse a member that is not among the metrics."""
    from alignkit.errors import UsageError
    from alignkit.statistics import FAMILY

    if not family:
        return FAMILY
    names = {name for spec in metrics or () for name in (spec, spec.partition(":")[0])}
    for member in family:
        if metrics and member not in names:
            raise UsageError(f"--family {member} is not among the metrics; add --metric {member}")
    return list(dict.fromkeys(family))


def _typed(
    path: Path, outcome: str | None, metrics: Sequence[str] | None, options: dict[str, Any]
) -> "pd.DataFrame":
    """Read a table; only the names of runs and units, and what is controlled for, may be text."""
    from alignkit.cli.printing import console
    from alignkit.statistics.correlation.units import MODEL_NAMES, with_keys
    from alignkit.tables.frame import typed_frame

    names = {"task", "placement", "split", *MODEL_NAMES, options["unit"]}
    table = read_table(path, "one row per run")
    numbers = {*(metrics or ()), outcome}
    either = ("seed", *options["control"])
    frame, notes = typed_frame(table, names, numbers, either, others=not metrics)
    frame, filled = with_keys(frame, path.stem)
    for note in notes + ([f"{path}: {'; '.join(filled)}"] if filled else []):
        console.note(f"note: {note}")
    return frame


def _rows(
    table: "pd.DataFrame",
    path: Path,
    tasks: Sequence[str] | None,
    placements: Sequence[str] | None,
    split: str | None,
) -> "pd.DataFrame":
    """Return the rows of a table that match the options."""
    from alignkit.errors import UsageError

    split_given = [split] if split is not None else None
    for column, wanted in (("task", tasks), ("placement", placements), ("split", split_given)):
        if not wanted:
            continue
        if column not in table:
            raise UsageError(f"{path} has no column '{column}', so --{column} selects nothing")
        kept = table[table[column].astype(str).isin(wanted)]
        if kept.empty:
            known = ", ".join(sorted(set(table[column].astype(str))))
            raise UsageError(
                f"{path} has no row with {column} {', '.join(wanted)}; available: {known}"
            )
        table = kept
    return table


def _of_table(
    table: "pd.DataFrame",
    path: Path,
    outcome: str | None,
    metrics: Sequence[str] | None,
    lower: Sequence[str],
    options: dict[str, Any],
) -> "Correlations":
    from alignkit.analysis.scores import outcome_sign
    from alignkit.errors import UsageError
    from alignkit.statistics import correlate as correlate_table

    if outcome is None:
        raise UsageError(
            f"--outcome is missing: name the column of {path} that holds the performance"
        )
    others = ("seed", outcome, *options["control"])
    numeric = [c for c in table.select_dtypes("number") if c not in others]
    chosen = list(metrics) if metrics else numeric
    for column in lower:
        if column not in (*chosen, outcome):
            raise UsageError(f"--lower-is-better {column} is neither a metric nor the outcome")
    down, known = _directions(chosen)
    correlations = correlate_table(
        table,
        outcome,
        chosen,
        lower_is_better=[*down, *([outcome] if outcome_sign(outcome) < 0 else []), *lower],
        layer="as in the table",
        direction_assumed=set(chosen) - set(known) - set(lower),
        **options,
    )
    if "split" in table:
        correlations.settings["split"] = str(table["split"].iloc[0])
    return correlations


def _directions(columns: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the columns named after a registered distance, and after any registered metric."""
    from alignkit.errors import AlignkitError
    from alignkit.metrics import resolve

    down, known = [], []
    for column in columns:
        try:
            metric = resolve(column)
        except AlignkitError:
            continue
        known.append(column)
        if not metric.higher_is_better:
            down.append(column)
    return down, known
