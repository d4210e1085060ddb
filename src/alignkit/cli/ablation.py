"""``alignkit ablation``: what does one option change, all else being equal?"""

from pathlib import Path
from typing import Annotated

import typer

from alignkit.cli.arguments import (
    ALIGNMENT,
    STATISTICS,
    Figures,
    Json,
    Outcome,
    Permutations,
    Placements,
    Pool,
    RunPaths,
    RunsFolder,
    Samples,
    Seed,
    SplitName,
    TableFormat,
    TablesFolder,
    Tasks,
    Where,
)
from alignkit.cli.selection import check_split, chosen_runs, metric_specs
from alignkit.cli.tabled import finish


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Questions")(ablation)


def ablation(
    option: Annotated[
        str,
        typer.Argument(
            metavar="OPTION",
            help="The option in which the runs differ, such as pretraining, "
            "pretraining.objectives, head, aux or learning_rate.",
        ),
    ],
    paths: RunPaths = None,
    task: Tasks = None,
    placement: Placements = None,
    where: Where = None,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="VALUE",
            help="The value with which the others are compared.",
            show_default="none or false where there is such a value, else the first",
            rich_help_panel=STATISTICS,
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            "-m",
            metavar="METRIC",
            help="Also compare the alignment by this metric, as NAME or NAME:KEY=VALUE,...; "
            "repeatable.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = None,
    layer: Annotated[
        str,
        typer.Option(
            "--layer",
            metavar="LAYER",
            help="How the layers of a run become one value: last, mean, max, half or a layer "
            "index.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = "last",
    outcome: Outcome = None,
    split: SplitName = "test",
    pool: Pool = "cls",
    samples: Samples = None,
    permutations: Permutations = 9999,
    seed: Seed = 0,
    runs: RunsFolder = Path("runs"),
    figures: Figures = None,
    output: TablesFolder = None,
    format: TableFormat = "",
    json: Json = False,
) -> None:
    """Compare runs that differ in one option, paired by placement and seed.

    Runs with each value of the option are compared with runs with the reference that are equal
    in task, placement, seed and all other options. The mean difference is tested over
    placements. Then the ranking of placements under the reference is correlated with that under
    the other value: does one predict the other? pretraining is the task of the run given to
    --init, and none for runs from scratch.

    Examples: alignkit ablation pretraining --task emoji

    alignkit ablation head --reference concat --metric unbiased_cka

    alignkit ablation pretraining.objectives --figures figures
    """
    from alignkit.analysis.ablation import ablate
    from alignkit.analysis.options import TableOptions
    from alignkit.cli.printing import console
    from alignkit.cli.printing.ablation import show

    reporter = console.TerminalReporter()
    on = [check_split(split)]
    chosen = chosen_runs(paths, runs, task, placement, scored=True, splits=on, where=where)
    options = TableOptions(
        tuple(metric_specs(metric)) if metric else (), layer, outcome, split, pool, samples, seed
    )
    result = ablate(
        chosen, option, options, reference=reference, permutations=permutations, reporter=reporter
    )
    finish(result, show, output=output, figures=figures, json=json, tables_as=format)
