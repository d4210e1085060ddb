"""``alignkit hypotheses``: the study's hypotheses and its open questions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import (
    Drawn,
    Figures,
    Json,
    Metrics,
    Outcome,
    Placements,
    Pool,
    RunPaths,
    RunsFolder,
    Samples,
    Seed,
    SplitName,
    Tasks,
    check_split,
    chosen_runs,
)

if TYPE_CHECKING:
    from alignkit.analysis.questions import Answer

# Columns that the terminal leaves out; JSON and CSV have all.
HIDDEN = {
    "exact",
    "b0",
    "b1",
    "b2",
    "f",
    "t",
    "kind",
    "seen_low",
    "seen_high",
    "r_between",
    "runs_left_out",
    "gain",
    "fusions",
}


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Questions")(hypotheses)


def _complete_question(incomplete: str) -> list[str]:
    from alignkit.analysis.questions import QUESTIONS

    return [name for name in QUESTIONS if name.startswith(incomplete)]


def hypotheses(
    paths: RunPaths = None,
    question: Annotated[
        list[str] | None,
        typer.Option(
            "--question",
            help="h1, h2, h3, placement, optimum or pooling; all if not given; may repeat.",
            autocompletion=_complete_question,
        ),
    ] = None,
    task: Tasks = None,
    placement: Placements = None,
    metric: Metrics = None,
    layer: Annotated[
        str, typer.Option(help="last, mean, max, half or an index: how layers become one number.")
    ] = "last",
    outcome: Outcome = None,
    raw_scores: Annotated[
        bool,
        typer.Option("--raw-scores", help="h1: compare scores as they stand, not standardised."),
    ] = False,
    split: SplitName = "test",
    pool: Pool = "cls",
    samples: Samples = None,
    permutations: Drawn = 9999,
    seed: Seed = 0,
    runs: RunsFolder = Path("runs"),
    figures: Figures = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the tables here as CSV.")
    ] = None,
    json: Json = False,
) -> None:
    """Ask the study's questions of runs: a paragraph, tables and figures for each.

    h1: do tasks prefer different placements, and does alignment go with score differently?
    h2: do intermediate layers tell more than the last? h3: does alignment rise across
    co-attention? placement: does alignment depend on placement? optimum: is there an optimal
    alignment? pooling: does cls tell the same as mean?

    The unit is a placement: the mean over its seeds. p_holm corrects over the rows of a
    table. Metrics are the primary family unless some are named. What is missing is measured
    first.

    Examples: alignkit hypotheses --question h3 --metric cka

    alignkit hypotheses --figures figures --output tables
    """
    from alignkit.analysis.questions import Evidence, ask, write_tables
    from alignkit.cli import console

    evidence = Evidence(
        chosen_runs(paths, runs, task, placement, splits=[check_split(split)]),
        specs_or_family(metric),
        layer,
        outcome,
        split,
        pool,
        samples,
        seed,
        permutations,
        not raw_scores,
        console.TerminalReporter(),
    )
    answers = ask(question or [], evidence)
    for text in evidence.notes:
        console.note(f"note: {text}")
    if output is not None:
        write_tables(answers, output)
    if figures is not None:
        from alignkit.report.questions import draw_answers

        draw_answers(answers, figures)
    if json:
        console.print_json([_plain(answer) for answer in answers])
    else:
        for answer in answers:
            _show(answer)


def specs_or_family(given: Sequence[str] | None) -> list[str]:
    """Metrics that were named; else those of the primary family that are installed."""
    from alignkit.cli.measure import specs_or_default
    from alignkit.plugins import registry
    from alignkit.statistics import FAMILY

    if given:
        return specs_or_default(given)
    known = [name for name in FAMILY if name in registry().names("metrics")]
    return known or specs_or_default(None)


def _plain(answer: "Answer") -> dict[str, Any]:
    from alignkit.cli import console

    return {
        "question": answer.question,
        "title": answer.title,
        "answer": answer.paragraph,
        "tables": {name: console.records(table) for name, table in answer.tables.items()},
        "settings": answer.settings,
    }


def _show(answer: "Answer") -> None:
    import textwrap

    from alignkit.cli import console

    print(f"{answer.title}\n")
    print(textwrap.fill(answer.paragraph, 100, break_long_words=False, break_on_hyphens=False))
    for name, table in answer.tables.items():
        rows = console.records(table)
        columns = [
            column
            for column in table
            if column not in HIDDEN and any(row[column] not in (None, "") for row in rows)
        ]
        if rows:
            print()
            console.print_table(rows, columns, title=name.replace("_", " "))
    print()
