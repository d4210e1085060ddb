"""``alignkit data``: inspect and check a task's data, and cache its images."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.app import App
from alignkit.cli.arguments import Architecture, Data, FromScratch, Json, VisionModel, complete
from alignkit.cli.selection import check_split, given_options

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
        metavar="TASK",
        help="Task, as NAME, NAME:KEY=VALUE,... or NAME:FOLDER.",
        autocompletion=complete("tasks"),
    ),
]
Root = Annotated[
    str | None,
    typer.Argument(
        metavar="FOLDER", help="Folder with the task's data.", show_default="$ALIGNKIT_DATA/TASK"
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    commands = App(no_args_is_help=True, help="Inspect and check a task's data.")
    commands.command()(info)
    commands.command()(verify)
    commands.command()(cache)
    app.add_typer(commands, name="data", rich_help_panel="Inspection")


def info(task: Task, root: Root = None, data: Data = None, json: Json = False) -> None:
    """Count the samples, labels and duplicates in each split.

    The published sample counts are shown for comparison where the task declares them.

    Example: alignkit data info toy_redundant
    """
    from alignkit.cli.printing import console

    findings = _findings(task, _folder(root, data), pictures=False)
    if json:
        console.print_json(vars(findings))
        return
    _print(findings)
    _print_problems(findings)


def verify(task: Task, root: Root = None, data: Data = None, json: Json = False) -> None:
    """Check counts, labels, ids and every image; exit with code 1 if there is a problem.

    Example: alignkit data verify toy_redundant
    """
    from alignkit.cli.printing import console

    findings = _findings(task, _folder(root, data), pictures=True)
    if json:
        console.print_json(vars(findings))
    else:
        _print(findings)
        _print_problems(findings)
        if not findings.problems:
            print("no problems found")
    if findings.problems:
        raise typer.Exit(1)


def cache(
    task: Task,
    root: Root = None,
    data: Data = None,
    architecture: Architecture = None,
    vision_model: VisionModel = None,
    from_scratch: FromScratch = False,
    split: Annotated[
        list[str] | None,
        typer.Option(
            "--split", metavar="SPLIT", help="Data split; repeatable.", show_default="all"
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Decode and resize all images once, so that training reads the cached pixels.

    The cache is stored in $ALIGNKIT_CACHE or, if that is unset, in your cache directory. It is
    used only for the same data and the same resizing, so pass the architecture and vision model
    that you will train; weights and text model do not matter. Prints the folders.

    Examples: alignkit data cache toy_redundant

    alignkit data cache toy_redundant --vision-model vit_base_patch16_224 --from-scratch
    """
    from alignkit.cli.printing import console
    from alignkit.data.pixels import identity_of_pictures, store_pixels
    from alignkit.runs.config import choose, choose_task

    chosen = choose_task(task, _folder(root, data))
    made = chosen.make()
    options = given_options(vision_model=vision_model, from_scratch=from_scratch)
    architect = choose("architectures", architecture, options).make()
    inputs = architect.inputs(made.split("train").texts)
    rows = []
    for name in [check_split(name) for name in split or ()] or _splits_of(made):
        samples = made.split(name)
        identity = identity_of_pictures(made, name)
        folder = store_pixels(
            chosen.name, samples, inputs, name, identity, console.TerminalReporter()
        )
        rows.append({"split": name, "n": len(samples), "folder": str(folder)})
    if json:
        console.print_json(rows)
        return
    for row in rows:
        console.print_line(row["folder"])


def _folder(argument: str | None, option: str | None) -> str | None:
    """Return the folder of the data, given as an argument or, as in ``train``, as an option."""
    from alignkit.errors import UsageError

    if argument is not None and option is not None and argument != option:
        raise UsageError(f"the folder is given twice: {argument} and `data={option}`")
    return argument if option is None else option


def _splits_of(task: Any) -> list[str]:
    from alignkit.errors import UsageError
    from alignkit.tasks import SPLITS

    names = []
    for name in SPLITS:
        try:
            task.split(name)
        except UsageError:  # the task has no such split
            continue
        names.append(name)
    return names


def _findings(task: str, root: str | None, pictures: bool) -> "Findings":
    from alignkit.cli.printing import console
    from alignkit.data.inspect import inspect_data
    from alignkit.runs.config import choose_task

    return inspect_data(choose_task(task, root).make(), pictures, console.TerminalReporter())


def _print_problems(findings: "Findings") -> None:
    from alignkit.cli.printing import console

    for picture in findings.pictures[:SHOWN]:
        console.print_line(f"{picture['split']}: {picture['fault']}: {picture['message']}")
    if findings.pictures[SHOWN:]:
        more = len(findings.pictures) - SHOWN
        console.print_text(f"and {more} more images; --json lists them all")
    for problem in findings.problems:
        console.print_line(f"problem: {problem}")


def _print(findings: "Findings") -> None:
    from alignkit.cli.printing import console

    opened = any(row["missing"] is not None for row in findings.splits)
    console.print_table(findings.splits, [*COLUMNS, *(("missing", "broken") if opened else ())])
    if findings.labels:
        names = [row["split"] for row in findings.splits]
        console.print_text("")
        console.print_table(findings.labels, ["label", *names])
    for row in findings.overlaps:
        if row["ids"] or row["texts"]:
            both = row["splits"].replace(", ", " and ")
            console.print_text(f"{both} share {row['ids']} ids and {row['texts']} texts")
    for row in findings.splits:
        for note, count in row["notes"].items():
            console.print_line(f"{row['split']}: {count} {note}")
