"""``alignkit search run``, ``analyse``, ``list`` and ``repair``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import Architecture, Data, Json, RunsFolder, complete

if TYPE_CHECKING:
    from alignkit.search.analysis import Analysis
    from alignkit.search.search import Search

Option = typer.Option
Storage = Annotated[
    str | None,
    Option(
        "--storage",
        help="sqlite:///FILE, journal:///FILE or postgresql://USER@HOST/DATABASE; "
        "search.db in the folder of runs if not given.",
    ),
]
Study = Annotated[str | None, Option("--study", help="The name of the study in the storage.")]
CORRELATIONS = ["parameter", "objective", "n", "spearman", "p", "p_adjusted", "reason"]

app = typer.Typer(
    help="Search for placements and training options, and analyse what was found.",
    no_args_is_help=True,
)


def add_to(root: typer.Typer) -> None:
    """Add the commands of this file."""
    root.add_typer(app, name="search", rich_help_panel="Many runs")


@app.command()
def run(
    task: Annotated[
        list[str] | None,
        Option(
            "--task",
            "-t",
            help="A task, as name or name:key=value; a trial trains on each.",
            autocompletion=complete("tasks"),
        ),
    ] = None,
    space: Annotated[
        str, Option(help="placement, placement:distinct=true, named, mask or hparams.")
    ] = "placement",
    trials: Annotated[
        int, Option("--trials", "-n", help="Finished trials in all, those that are there included.")
    ] = 20,
    storage: Storage = None,
    study: Study = None,
    objective: Annotated[
        list[str] | None,
        Option(
            help="score, loss, the name of a score, parameters, or METRIC@LAYER; after TASK/ "
            "for one of several tasks; may repeat. The primary score if not given."
        ),
    ] = None,
    bound: Annotated[
        list[str] | None,
        Option(
            help="NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=VALUE,VALUE: what a parameter may "
            "be, or a further option of training or architecture; may repeat."
        ),
    ] = None,
    placement: Annotated[
        list[str] | None,
        Option(
            "--placement",
            "-p",
            help="named: the choices, all that fit if none; hparams: the one that stays.",
            autocompletion=complete("placements"),
        ),
    ] = None,
    architecture: Architecture = None,
    epochs: Annotated[int | None, Option(help="Of every run.")] = None,
    option: Annotated[
        list[str] | None,
        Option(help="Another training option that stays, as NAME=VALUE; may repeat."),
    ] = None,
    data: Data = None,
    seed: Annotated[int, Option(help="Of the sampler: what is tried, in which order.")] = 0,
    training_seed: Annotated[int, Option(help="Of every run.")] = 0,
    sampler: Annotated[
        str | None, Option(help="tpe, random or brute; brute for named, else tpe, if not given.")
    ] = None,
    pruner: Annotated[
        str | None,
        Option(help="median, halving or none; median for one score of one task, else none."),
    ] = None,
    workers: Annotated[int, Option("--workers", "-j", help="Processes that share the work.")] = 1,
    heartbeat: Annotated[
        int, Option(help="Seconds between signs of life; after two, a trial is lost.")
    ] = 60,
    retries: Annotated[int, Option(help="How often a lost trial is started again.")] = 3,
    runs: RunsFolder = Path("runs"),
    json: Json = False,
) -> None:
    """Start or continue a search.

    Every trial is a run under --runs. Scores are those of the validation split. Started
    several times, also on several machines, the commands share one study.

    Examples: alignkit search run --task toy_match --space placement --trials 20

    alignkit search run -t toy_match --objective score --objective parameters --workers 2
    """
    from alignkit.cli import console
    from alignkit.search.storage import parse_url
    from alignkit.search.workers import StudyStorage, run_search

    search = _search(
        tasks=tuple(task or ()),
        space=space,
        bounds=tuple(bound or ()),
        objectives=tuple(objective or ()),
        placements=tuple(placement or ()),
        architecture=architecture,
        data=data,
        training=_training(epochs, option),
        seed=seed,
        training_seed=training_seed,
        sampler=sampler,
        pruner=pruner,
        runs=runs,
    )
    url = parse_url(storage or _default(runs))
    stored = StudyStorage(url, study or search.study_name, heartbeat, retries)
    console.note(f"study {stored.study} in {url}")
    found = run_search(search, stored, trials, workers, console.reporter())
    _show_best(found, json)


@app.command()
def analyse(
    storage: Storage = None,
    study: Study = None,
    register: Annotated[
        Path | None,
        Option(metavar="FILE", help="Write the best placements as a plugin, a .py file."),
    ] = None,
    top: Annotated[
        int | None, Option(help="Trials to register; the Pareto front if not given.")
    ] = None,
    figures: Annotated[
        Path | None, Option(metavar="FOLDER", help="Draw history, front, importances and more.")
    ] = None,
    depth: Annotated[
        int, Option(help="Layers per stream, where a study of others does not say.")
    ] = 12,
    seed: Annotated[int, Option(help="Of the forest behind the importances.")] = 0,
    runs: RunsFolder = Path("runs"),
    json: Json = False,
) -> None:
    """Say what a search has found: front, correlations, importances.

    Reads any Optuna study, also an older Optuna's; nothing in the storage is changed. The
    correlations are Spearman's, with Holm's correction over all of them.

    Examples: alignkit search analyse --study placement_toy_match --figures figures

    alignkit search analyse --storage sqlite:///old.db --study NAME --register found.py --json
    """
    from alignkit.cli import console
    from alignkit.errors import UsageError
    from alignkit.search.analyse import analyse as analyse_study
    from alignkit.search.analyse import best
    from alignkit.search.read import read_study, reading
    from alignkit.search.register import write_placements

    if top is not None and top < 1:
        raise UsageError(f"--top is {top}; it must be at least 1")
    address = storage or _default(runs)
    notes: list[str] = []
    with reading(address, notes) as opened:
        loaded = read_study(opened, address, study)
        found = analyse_study(loaded, seed, depth)
        chosen = best(found, loaded, top, depth) if top else found.pareto
    for text in [*notes, *found.notes]:
        console.note(f"note: {text}")
    if register is not None:
        names = write_placements(register, found.study, chosen)
        console.note(f"{register} registers {', '.join(names)}")
    if figures is not None:
        _draw(found, figures)
    if json:
        console.print_json(found.to_json())
    else:
        _show(found)


@app.command("list")
def list_studies(
    storage: Storage = None, runs: RunsFolder = Path("runs"), json: Json = False
) -> None:
    """List the studies of a storage.

    Example: alignkit search list --storage sqlite:///runs/search.db
    """
    from alignkit.cli import console
    from alignkit.search.read import list_of_studies, reading

    notes: list[str] = []
    with reading(storage or _default(runs), notes) as opened:
        rows = list_of_studies(opened)
    for text in notes:
        console.note(f"note: {text}")
    if json:
        console.print_json(rows)
    else:
        console.print_table(rows, ["study", "objectives", "trials", "complete", "best"])


@app.command()
def repair(storage: Annotated[str, Option("--storage", help="journal:///FILE")]) -> None:
    """Take records that were cut short off a journal.

    The old file is kept beside it as .bak. Other storages need no repair.

    Example: alignkit search repair --storage journal:///runs/search.log
    """
    from alignkit.errors import UsageError
    from alignkit.search.journal import lock_of
    from alignkit.search.journal import repair as repair_journal
    from alignkit.search.storage import parse_url

    url = parse_url(storage)
    if not url.is_journal or url.file is None:
        raise UsageError(f"{url} is no journal; only journal:///FILE can be repaired")
    done = repair_journal(url.file, lock_of(url.file))
    kept = f"; the old file is {done.backup}" if done.backup else ""
    print(f"{done.kept} records kept, {done.dropped} dropped{kept}")


def _default(runs: Path) -> str:
    return f"sqlite:///{runs / 'search.db'}"


def _training(epochs: int | None, options: list[str] | None) -> dict[str, Any]:
    from alignkit.errors import UsageError

    given: dict[str, Any] = {} if epochs is None else {"epochs": epochs}
    for text in options or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--option {text} is not NAME=VALUE")
        given[name.strip()] = value.strip()
    return given


def _search(**asked: Any) -> "Search":
    from alignkit.search.search import Search

    return Search(**asked)


def _show_best(study: Any, json: bool) -> None:
    from alignkit.cli import console
    from alignkit.errors import AlignkitError
    from alignkit.search.analyse import analyse as analyse_study

    found = analyse_study(study)
    if json:
        kept = ("study", "objectives", "trials", "duplicates", "retried", "pareto")
        console.print_json({key: found.to_json()[key] for key in kept})
    else:
        _show_front(found)
    if not found.states["COMPLETE"] + found.states["PRUNED"]:
        errors = [t.user_attrs["error"] for t in study.trials if "error" in t.user_attrs]
        raise AlignkitError(f"every trial failed, the last with: {errors[-1]}")


def _show(found: "Analysis") -> None:
    from alignkit.cli import console

    _show_front(found)
    console.print_table(found.correlations, CORRELATIONS, title="parameters against objectives")
    columns = ["parameter", "objective", "importance", "n", "reason"]
    evaluator = next((row["evaluator"] for row in found.importances), "")
    console.print_table(found.importances, columns, title=f"importances ({evaluator})")


def _show_front(found: "Analysis") -> None:
    from alignkit.cli import console

    counts = ", ".join(f"{count} {state}" for state, count in found.states.items() if count)
    again = f"; {found.duplicates} duplicates, {found.retried} retried"
    print(f"study {found.study}: {counts or 'no trial'}{again}")
    rows = [
        {
            "trial": t["number"],
            **_counts_as_such(t["values"]),
            "text": t["placement"] and t["placement"]["text"],
            "vision": t["placement"] and t["placement"]["vision"],
            "run": ", ".join(t["runs"]),
        }
        for t in found.pareto
    ]
    title = "Pareto front" if len(found.objectives) > 1 else "best"
    console.print_table(rows, ["trial", *found.names, "text", "vision", "run"], title=title)


def _counts_as_such(values: Mapping[str, float]) -> dict[str, float]:
    """Values of which a storage knows only that they are numbers: parameters are a count."""
    return {k: int(v) if "parameters" in k and v.is_integer() else v for k, v in values.items()}


def _draw(found: "Analysis", folder: Path) -> None:
    from alignkit.cli import console
    from alignkit.report.search import write_search_figures

    written = write_search_figures(
        folder,
        found.table,
        found.parameters,
        found.objectives,
        found.correlations,
        found.importances,
        [trial["number"] for trial in found.pareto],
    )
    for file in written:
        console.note(f"{file} is drawn")
