"""``alignkit search run``, ``analyse``, ``list`` and ``repair``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.app import App
from alignkit.cli.arguments import EXECUTION, Architecture, Data, Json, RunsFolder, complete
from alignkit.cli.pages import link_results

if TYPE_CHECKING:
    from alignkit.search.analysis import Analysis

Option = typer.Option
SPACE = "Search space"
TRIALS = "Trials"
STORAGE = "Storage"
Storage = Annotated[
    str | None,
    Option(
        "--storage",
        metavar="URL",
        help="Optuna storage: sqlite:///FILE, journal:///FILE or postgresql://USER@HOST/DATABASE.",
        show_default="search.db in the folder of runs",
        rich_help_panel=STORAGE,
    ),
]
Study = Annotated[
    str | None,
    Option(
        "--study", metavar="NAME", help="Name of the study in the storage.", rich_help_panel=STORAGE
    ),
]

app = App(help="Search for placements and training options.", no_args_is_help=True)


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
            metavar="TASK",
            help="Task, as NAME or NAME:KEY=VALUE; repeatable. Every trial trains on each task.",
            show_default="the embedded task",
            autocompletion=complete("tasks"),
            rich_help_panel=SPACE,
        ),
    ] = None,
    space: Annotated[
        str,
        Option(
            "--space",
            metavar="SPACE",
            help="Search space: placement, placement:distinct=true, named, mask, hparams or one "
            "that a plugin adds.",
            autocompletion=complete("spaces"),
            rich_help_panel=SPACE,
        ),
    ] = "placement",
    objective: Annotated[
        list[str] | None,
        Option(
            "--objective",
            metavar="OBJECTIVE",
            help="Objective: score, loss, the name of a score, parameters, or METRIC@LAYER; "
            "with several tasks, TASK/OBJECTIVE names one of them; repeatable.",
            show_default="the primary score of each task",
            rich_help_panel=SPACE,
        ),
    ] = None,
    bound: Annotated[
        list[str] | None,
        Option(
            "--bound",
            metavar="BOUND",
            help="Range or choices of a parameter, or of a further training or architecture "
            "option: NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=VALUE,VALUE; repeatable.",
            rich_help_panel=SPACE,
        ),
    ] = None,
    placement: Annotated[
        list[str] | None,
        Option(
            "--placement",
            "-p",
            metavar="PLACEMENT",
            help="With --space named, a candidate (all that fit if you give none); with --space "
            "hparams, the placement to train; repeatable.",
            autocompletion=complete("placements"),
            rich_help_panel=SPACE,
        ),
    ] = None,
    architecture: Architecture = None,
    epochs: Annotated[
        int | None,
        Option(
            metavar="N",
            help="Number of epochs of every run.",
            show_default="that of alignkit train",
            rich_help_panel=TRIALS,
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        Option(
            metavar="NAME=VALUE",
            help="Fixed value of another training option, such as objectives=mlm+itm; repeatable.",
            rich_help_panel=TRIALS,
        ),
    ] = None,
    training_seed: Annotated[
        int, Option(metavar="N", help="Random seed of every run.", rich_help_panel=TRIALS)
    ] = 0,
    data: Data = None,
    trials: Annotated[
        int,
        Option(
            "--trials",
            "-n",
            metavar="N",
            help="Total number of finished trials, including those already in the study.",
            rich_help_panel=TRIALS,
        ),
    ] = 20,
    sampler: Annotated[
        str | None,
        Option(
            "--sampler",
            metavar="SAMPLER",
            help="Sampler: tpe, random or brute.",
            show_default="brute for --space named, else tpe",
            rich_help_panel=TRIALS,
        ),
    ] = None,
    pruner: Annotated[
        str | None,
        Option(
            "--pruner",
            metavar="PRUNER",
            help="Pruner: median, halving or none.",
            show_default="median for a single score of a single task, else none",
            rich_help_panel=TRIALS,
        ),
    ] = None,
    seed: Annotated[
        int, Option(metavar="N", help="Random seed of the sampler.", rich_help_panel=TRIALS)
    ] = 0,
    storage: Storage = None,
    study: Study = None,
    runs: RunsFolder = Path("runs"),
    workers: Annotated[
        int,
        Option(
            "--workers",
            "-j",
            metavar="N",
            help="Number of processes that run trials in parallel.",
            rich_help_panel=EXECUTION,
        ),
    ] = 1,
    heartbeat: Annotated[
        int,
        Option(
            metavar="SECONDS",
            help="Heartbeat interval; a trial that misses two heartbeats counts as lost.",
            rich_help_panel=EXECUTION,
        ),
    ] = 60,
    retries: Annotated[
        int,
        Option(metavar="N", help="How often to restart a lost trial.", rich_help_panel=EXECUTION),
    ] = 3,
    json: Json = False,
) -> None:
    """Start or continue a search.

    Every trial is a run under --runs, scored on the validation split. You can start the same
    command several times, also on several machines: all processes share one study.

    Examples: alignkit search run --task toy_match --space placement --trials 20

    alignkit search run -t toy_match --objective score --objective parameters --workers 2
    """
    from alignkit.cli.printing import console
    from alignkit.cli.printing.search import show_front
    from alignkit.errors import AlignkitError
    from alignkit.search.analyse import analyse as analyse_study
    from alignkit.search.search import Search
    from alignkit.search.storage import parse_url
    from alignkit.search.workers import StudyStorage, run_search

    search = Search(
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
    finished = run_search(search, stored, trials, workers, console.reporter())
    analysis = analyse_study(finished)
    if json:
        keys = ("study", "objectives", "trials", "duplicates", "retried", "pareto")
        result = analysis.to_json()
        console.print_json({key: result[key] for key in keys})
    else:
        show_front(analysis)
    if not analysis.states["COMPLETE"] + analysis.states["PRUNED"]:
        errors = [t.user_attrs["error"] for t in finished.trials if "error" in t.user_attrs]
        raise AlignkitError(f"every trial failed; the last error was: {errors[-1]}")


@app.command()
def analyse(
    storage: Storage = None,
    study: Study = None,
    register: Annotated[
        Path | None,
        Option(metavar="FILE", help="Write the best placements to a plugin, a .py file."),
    ] = None,
    top: Annotated[
        int | None,
        Option(
            metavar="N",
            help="Number of trials whose placements are written.",
            show_default="the Pareto front",
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        Option(
            metavar="FOLDER",
            help="Draw the history, Pareto front, importances and more in this folder, from which "
            "alignkit report --results shows them too.",
        ),
    ] = None,
    depth: Annotated[
        int, Option(metavar="N", help="Layers per stream, for studies that do not record it.")
    ] = 12,
    seed: Annotated[
        int, Option(metavar="N", help="Random seed of the importances' random forest.")
    ] = 0,
    runs: RunsFolder = Path("runs"),
    json: Json = False,
) -> None:
    """Analyse a search: its Pareto front, correlations and importances.

    Reads any Optuna study, including those of older Optuna versions; nothing in the storage is
    changed. The correlations are Spearman's, with Holm's correction over all of them.

    Examples: alignkit search analyse --study placement_toy_match --figures figures

    alignkit search analyse --storage sqlite:///old.db --study NAME --register found.py --json
    """
    from alignkit.cli.printing import console
    from alignkit.cli.printing.search import show
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
        analysis = analyse_study(loaded, seed, depth)
        chosen = best(analysis, loaded, top, depth) if top else analysis.pareto
    for text in [*notes, *analysis.notes]:
        console.note(f"note: {text}")
    if register is not None:
        names = write_placements(register, analysis.study, chosen)
        console.note(f"wrote {register}, a plugin that registers {', '.join(names)}")
    if figures is not None:
        _draw(analysis, figures)
        link_results(figures=figures)
    if json:
        console.print_json(analysis.to_json())
    else:
        show(analysis)


@app.command("list")
def list_studies(
    storage: Storage = None, runs: RunsFolder = Path("runs"), json: Json = False
) -> None:
    """List the studies in a storage.

    Example: alignkit search list --storage sqlite:///runs/search.db
    """
    from alignkit.cli.printing import console
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
def repair(
    storage: Annotated[
        str, Option("--storage", metavar="URL", help="Journal to repair: journal:///FILE.")
    ],
) -> None:
    """Remove truncated records from a journal storage.

    The old file is kept with the suffix .bak. Other storages need no repair.

    Example: alignkit search repair --storage journal:///runs/search.log
    """
    from alignkit.cli.printing import console
    from alignkit.errors import UsageError
    from alignkit.search.journal import lock_of
    from alignkit.search.journal import repair as repair_journal
    from alignkit.search.storage import parse_url

    url = parse_url(storage)
    if not url.is_journal or url.file is None:
        raise UsageError(f"{url} is not a journal; only journal:///FILE can be repaired")
    repaired = repair_journal(url.file, lock_of(url.file))
    backup = f"; the old file is now {repaired.backup}" if repaired.backup else ""
    console.print_text(f"{repaired.kept} records kept, {repaired.dropped} removed{backup}")


def _default(runs: Path) -> str:
    return f"sqlite:///{runs / 'search.db'}"


def _training(epochs: int | None, options: list[str] | None) -> dict[str, Any]:
    from alignkit.errors import UsageError

    given: dict[str, Any] = {} if epochs is None else {"epochs": epochs}
    for text in options or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--option {text}: expected NAME=VALUE")
        given[name.strip()] = value.strip()
    return given


def _draw(analysis: "Analysis", folder: Path) -> None:
    from alignkit.cli.printing import console
    from alignkit.report.search import write_search_figures
    from alignkit.search.ranges import HUGE

    written = write_search_figures(
        folder,
        analysis.table,
        analysis.parameters,
        analysis.objectives,
        analysis.correlations,
        analysis.importances,
        [trial["number"] for trial in analysis.pareto],
        HUGE,
        analysis.study,
    )
    for file in written:
        console.note(f"wrote {file}")
