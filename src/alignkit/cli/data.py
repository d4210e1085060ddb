"""``alignkit data``: look at a task's data, check them, and decode them once."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import FromScratch, Json, VisionModel, architecture_options, complete

if TYPE_CHECKING:
    from alignkit.data.inspect import Findings

COLUMNS = (
    "split",
    "listed",
    "used",
    "published",
    "without_label",
    "repeated_ids",
    "repeated_texts",
)
SHOWN = 20

Task = Annotated[
    str,
    typer.Argument(
        help="A task, as name, name:key=value,key=value or name:PATH.",
        autocompletion=complete("tasks"),
    ),
]
Root = Annotated[
    str | None, typer.Argument(help="The folder of its data; $ALIGNKIT_DATA/TASK if not given.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    commands = typer.Typer(no_args_is_help=True, help="Look at a task's data, and check them.")
    commands.command()(info)
    commands.command()(verify)
    commands.command()(cache)
    app.add_typer(commands, name="data", rich_help_panel="Look")


def info(task: Task, root: Root = None, json: Json = False) -> None:
    """Count samples, labels and repetitions in each split.

    Beside the counts stand the published ones, where the task knows them.

    Example: alignkit data info toy_redundant
    """
    from alignkit.cli import console

    findings = _findings(task, root, pictures=False)
    if json:
        console.print_json(vars(findings))
        return
    _print(findings)
    _print_problems(findings)


def verify(task: Task, root: Root = None, json: Json = False) -> None:
    """Check counts, labels, ids and every picture; exit with 1 when something is wrong.

    Example: alignkit data verify toy_redundant
    """
    from alignkit.cli import console

    findings = _findings(task, root, pictures=True)
    if json:
        console.print_json(vars(findings))
    else:
        _print(findings)
        _print_problems(findings)
        if not findings.problems:
            print("nothing is wrong")
    if findings.problems:
        raise typer.Exit(1)


def cache(
    task: Task,
    root: Root = None,
    architecture: Annotated[
        str | None,
        typer.Option(
            "--architecture",
            "-a",
            help="Whose pictures: it says how they are resized.",
            autocompletion=complete("architectures"),
        ),
    ] = None,
    vision_model: VisionModel = None,
    from_scratch: FromScratch = False,
    split: Annotated[
        list[str] | None, typer.Option("--split", help="All splits if not given; may repeat.")
    ] = None,
    json: Json = False,
) -> None:
    """Decode and resize every picture once; training then reads the pixels.

    They are kept in $ALIGNKIT_CACHE, or else in the user's cache folder, and are used only for
    the same data and the same way to resize: name the vision model that training will have;
    its weights and the text model are of no matter. Prints the folders.

    Examples: alignkit data cache toy_redundant

    alignkit data cache toy_redundant --vision-model vit_base_patch16_224 --from-scratch
    """
    from alignkit.cli import console
    from alignkit.cli.arguments import check_split
    from alignkit.data.pixels import store_pixels
    from alignkit.runs.config import choose, choose_task

    chosen = choose_task(task, root)
    made, reporter = chosen.make(), console.TerminalReporter()
    options = architecture_options(vision_model=vision_model, from_scratch=from_scratch)
    architect = choose("architectures", architecture, options).make()
    inputs = architect.inputs(made.split("train").texts)
    rows = []
    for name in [check_split(name) for name in split or ()] or _splits_of(made):
        found, fingerprint = made.split(name), made.fingerprint()
        folder = store_pixels(chosen.name, found, inputs, name, fingerprint, reporter)
        rows.append({"split": name, "n": len(found), "folder": str(folder)})
    if json:
        console.print_json(rows)
        return
    for row in rows:
        print(row["folder"])


def _splits_of(task: Any) -> list[str]:
    from alignkit.errors import UsageError
    from alignkit.tasks import SPLITS

    found = []
    for name in SPLITS:
        try:
            task.split(name)
        except UsageError:  # the task has no such split, and says so
            continue
        found.append(name)
    return found


def _findings(task: str, root: str | None, pictures: bool) -> "Findings":
    from alignkit.cli import console
    from alignkit.data.inspect import inspect_data
    from alignkit.runs.config import choose_task

    return inspect_data(choose_task(task, root).make(), pictures, console.TerminalReporter())


def _print_problems(findings: "Findings") -> None:
    from alignkit.cli import console

    for picture in findings.pictures[:SHOWN]:
        console.print_line(f"{picture['split']}: {picture['fault']}: {picture['message']}")
    if findings.pictures[SHOWN:]:
        print(f"and {len(findings.pictures) - SHOWN} more pictures; --json lists them all")
    for problem in findings.problems:
        console.print_line(f"problem: {problem}")


def _print(findings: "Findings") -> None:
    from alignkit.cli import console

    looked = any(row["missing"] is not None for row in findings.splits)
    console.print_table(findings.splits, [*COLUMNS, *(("missing", "broken") if looked else ())])
    if findings.labels:
        names = [row["split"] for row in findings.splits]
        console.print_table(findings.labels, ["label", *names])
    for row in findings.overlaps:
        if row["ids"] or row["texts"]:
            both = row["splits"].replace(", ", " and ")
            print(f"{both} share {row['ids']} ids and {row['texts']} texts")
    for row in findings.splits:
        for note, count in row["notes"].items():
            console.print_line(f"{row['split']}: {count} {note}")
