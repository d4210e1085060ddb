"""``alignkit hypotheses``: tests of the study's hypotheses and further questions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import (
    ALIGNMENT,
    STATISTICS,
    FamilyMetrics,
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
    Unit,
    Where,
)
from alignkit.cli.pages import link_results
from alignkit.cli.selection import check_split, chosen_runs, measurable, metric_specs_or_family

if TYPE_CHECKING:
    from alignkit.analysis.questions import Answer


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
            metavar="QUESTION",
            help="Question to answer: h1, h2, h3, placement, optimum or pooling; repeatable.",
            show_default="all",
            autocompletion=_complete_question,
            rich_help_panel=STATISTICS,
        ),
    ] = None,
    task: Tasks = None,
    placement: Placements = None,
    where: Where = None,
    metric: FamilyMetrics = None,
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
    raw_scores: Annotated[
        bool,
        typer.Option(
            "--raw-scores",
            help="For h1, compare raw scores instead of standardised ones.",
            rich_help_panel=STATISTICS,
        ),
    ] = False,
    unit: Unit = "placement",
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
    """Test hypotheses on runs, and answer further questions.

    h1: do tasks differ in their best placement, and in how alignment relates to performance?
    h2: do intermediate layers correlate more strongly with performance than the last? h3: does
    alignment increase across co-attention? placement: does alignment depend on the placement?
    optimum: is there an optimal degree of alignment? pooling: do cls and mean pooling agree?

    Each answer is a paragraph with tables. The unit of analysis is a placement, averaged over
    its seeds; h2, optimum and pooling can have another one. p_holm is corrected over the rows of
    a table. The metrics are those of the primary family unless you name some. Missing values are
    measured first.

    Examples: alignkit hypotheses --question h3 --metric unbiased_cka

    alignkit hypotheses --figures figures --output tables
    """
    from alignkit.analysis.options import TableOptions
    from alignkit.analysis.questions import Evidence, all_tables, ask, check_questions
    from alignkit.cli.printing import console
    from alignkit.cli.printing.hypotheses import show
    from alignkit.cli.printing.results import print_result

    check_questions(question or [], unit)
    on = [check_split(split)]
    chosen = chosen_runs(paths, runs, task, placement, splits=on, where=where)
    metrics = tuple(metric_specs_or_family(metric))
    options = TableOptions(metrics, layer, outcome, split, pool, samples, seed)
    chosen = measurable(chosen, split, pool)
    reporter = console.TerminalReporter()
    evidence = Evidence(chosen, options, permutations, not raw_scores, reporter, unit)
    answers = ask(question or [], evidence)
    if output is not None or figures is not None:
        from alignkit.report.results import write_answers

        write_answers(answers, tables=output, figures=figures)
        link_results(output, figures=figures)
    print_result(
        lambda: [_plain(answer) for answer in answers],
        lambda: show(answers),
        lambda: all_tables(answers),
        json=json,
        tables_as=format,
    )


def _plain(answer: "Answer") -> dict[str, Any]:
    from alignkit.cli.printing import console
    from alignkit.report.paragraphs import paragraph

    return {
        "question": answer.question,
        "title": answer.title,
        "answer": paragraph(answer),
        "tables": {name: console.records(table) for name, table in answer.tables.items()},
        "settings": answer.settings,
    }
