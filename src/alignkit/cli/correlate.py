"""``alignkit correlate``: alignment against performance, over runs or anyone's table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import (
    Json,
    Metrics,
    Outcome,
    Placements,
    Pool,
    RunsFolder,
    Samples,
    Seed,
    Tasks,
    check_split,
    chosen_runs,
    complete,
)

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics import Correlations

Layer = Annotated[
    str,
    typer.Option(
        "--layer",
        help="last, mean, max, max-pair, the index of a layer, a pair of sites (t.f0:v.f0), or "
        "all: every pair a row of its own. Declare it before you read outcomes.",
    ),
]
Unit = Annotated[
    str, typer.Option("--unit", help="placement: means over seeds; run: exploratory only.")
]
Family = Annotated[
    list[str] | None,
    typer.Option(
        "--family",
        help="A primary metric, corrected by max-T; may repeat.",
        autocompletion=complete("metrics"),
    ),
]
Calibrated = Annotated[
    bool, typer.Option("--calibrated", help="Correlate values from 0 at chance to 1 at best.")
]
Null = Annotated[
    int,
    typer.Option(
        "--null",
        help="Permutations of rows for calibration, where no chance level is "
        "known in closed form, and for every maximum.",
    ),
]
Permutations = Annotated[
    int, typer.Option("--permutations", help="Of units, where they are too many to count (10 on).")
]
Lower = Annotated[
    list[str] | None,
    typer.Option(
        "--lower-is-better",
        metavar="COLUMN",
        help="A column of which less is better or more aligned; may repeat. Registered "
        "distances and losses are known.",
    ),
]
Figures = Annotated[
    Path | None,
    typer.Option("--figures", metavar="FOLDER", help="Also draw: SVG, PNG and the CSV of each."),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Also write the table as CSV, its settings beside it."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="The chain")(correlate)


def correlate(
    table: Annotated[
        Path | None,
        typer.Argument(metavar="[TABLE]", help="A tidy CSV with one row per run, instead of runs."),
    ] = None,
    task: Tasks = None,
    placement: Placements = None,
    metric: Metrics = None,
    family: Family = None,
    layer: Layer = "last",
    calibrated: Calibrated = False,
    null: Null = 20,
    outcome: Outcome = None,
    lower_is_better: Lower = None,
    split: Annotated[
        str | None, typer.Option("--split", help="train, validation or test; test if not given.")
    ] = None,
    pool: Pool = "cls",
    unit: Unit = "placement",
    samples: Samples = None,
    permutations: Permutations = 9999,
    seed: Seed = 0,
    runs: RunsFolder = Path("runs"),
    output: Output = None,
    figures: Figures = None,
    json: Json = False,
) -> None:
    """Correlate alignment with performance.

    The unit is a placement: the mean over its seeds. p is a permutation p of Pearson's r;
    p_adjusted corrects for all primary metrics and tasks at once (max-T; the family is cka,
    mknn, svcca and procrustes unless --family says otherwise). Other metrics are exploratory
    (false discovery rate). A table needs the columns task, placement, seed, the outcome, and
    one column per metric.

    Examples: alignkit correlate --task toy_redundant --metric cka --layer last

    alignkit correlate table.csv --outcome accuracy --figures figures
    """
    from alignkit.cli import console
    from alignkit.cli.correlations import show

    options = {"unit": unit, "permutations": permutations, "seed": seed}
    if table is not None:
        if calibrated:
            raise typer.BadParameter(
                "a table's columns are used as they are; calibration needs runs",
                param_hint="--calibrated",
            )
        rows = _rows(table, task, placement, split)
        options["family"] = _family(family, metric)
        found = _of_table(rows, table, outcome, metric, lower_is_better or [], options)
    else:
        from alignkit.analysis.correlate import correlate_runs
        from alignkit.analysis.runs_table import Join

        specs = _specs(metric, family)
        options["family"] = _family(family, specs)
        join = Join(
            tuple(specs),
            layer,
            outcome,
            check_split(split or "test"),
            pool,
            samples,
            seed,
            calibrated,
            null,
        )
        chosen = chosen_runs(None, runs, task, placement, scored=True, splits=[join.split])
        found, rows = correlate_runs(
            chosen,
            join,
            reporter=console.TerminalReporter(),
            lower=lower_is_better or (),
            **options,
        )
    if output is not None:
        write_table(output, found)
    if figures is not None:
        from alignkit.report.correlations import write_figures

        console.note(f"figures: {write_figures(found, rows, figures)} in {figures}")
    if json:
        from alignkit.report.cautions import caution_lines

        for line in caution_lines(found.cautions):
            console.note(f"note: {line}")
        console.print_json(console.records(found.table))
    else:
        show(found)


def write_table(path: Path, found: Any) -> None:
    """Write the table as CSV, and beside it everything that is needed to repeat it."""
    from alignkit.runs.files import write_csv, write_json

    write_csv(path, found.table)
    write_json(path.with_name(f"{path.stem}.settings.json"), found.settings)


def _specs(metric: Sequence[str] | None, family: Sequence[str] | None) -> list[str]:
    """The metrics asked for; the primary family where none is."""
    from alignkit.cli.measure import specs_or_default
    from alignkit.plugins import registry
    from alignkit.statistics import FAMILY

    if metric:
        return specs_or_default(metric)
    if family:
        return list(dict.fromkeys(family))
    known = registry().names("metrics")
    return [name for name in FAMILY if name in known] or specs_or_default(None)


def _family(family: Sequence[str] | None, metrics: Sequence[str] | None) -> Sequence[str]:
    """The declared family, every member of which must be among the metrics."""
    from alignkit.errors import UsageError
    from alignkit.statistics import FAMILY

    if not family:
        return FAMILY
    names = {name for spec in metrics or () for name in (spec, spec.partition(":")[0])}
    for member in family:
        if metrics and member not in names:
            raise UsageError(f"--family {member} is not among the metrics; add --metric {member}")
    return list(dict.fromkeys(family))


def _rows(
    path: Path, tasks: Sequence[str] | None, placements: Sequence[str] | None, split: str | None
) -> "pd.DataFrame":
    """The rows of a table that were asked for."""
    from alignkit.errors import UsageError

    table = read_table(path, "one row per run")
    split_given = [split] if split is not None else None
    for column, wanted in (("task", tasks), ("placement", placements), ("split", split_given)):
        if not wanted:
            continue
        if column not in table:
            raise UsageError(f"{path} has no column '{column}', so --{column} selects nothing")
        kept = table[table[column].astype(str).isin(wanted)]
        if kept.empty:
            known = ", ".join(sorted(set(table[column].astype(str))))
            raise UsageError(f"{path} has no row of {column} {', '.join(wanted)}; it has: {known}")
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
    from alignkit.analysis.correlate import losses
    from alignkit.errors import UsageError
    from alignkit.statistics import correlate as correlate_table

    if outcome is None:
        raise UsageError(f"--outcome is needed: which column of {path} is the performance?")
    numeric = [c for c in table.select_dtypes("number") if c not in ("seed", outcome)]
    chosen = list(metrics) if metrics else numeric
    for column in lower:
        if column not in (*chosen, outcome):
            raise UsageError(f"--lower-is-better {column} is neither a metric nor the outcome")
    down, known = _directions(chosen)
    found = correlate_table(
        table,
        outcome,
        chosen,
        lower_is_better=[*down, *losses(outcome), *lower],
        layer="as in the table",
        direction_assumed=set(chosen) - set(known) - set(lower),
        **options,
    )
    if "split" in table:
        found.settings["split"] = str(table["split"].iloc[0])
    return found


def read_table(path: Path, expected: str) -> "pd.DataFrame":
    """Read a CSV table, in which the placement ``none`` is a name.

    Raises
    ------
    DataError
        When it is missing or no table.
    """
    import pandas as pd

    from alignkit.errors import DataError

    if not path.is_file():
        raise DataError(f"there is no table {path}; expected a CSV with {expected}")
    missing = ["", "nan", "NaN", "NA", "N/A", "null"]
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=missing)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a CSV table: {str(error).splitlines()[0]}") from None


def _directions(columns: Sequence[str]) -> tuple[list[str], list[str]]:
    """Columns named after a registered distance, and all those named after a registered metric."""
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
