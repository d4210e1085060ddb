"""``alignkit runs``: list, show, remove, clean up, export and import runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.app import App
from alignkit.cli.arguments import Json, Placements, RunPaths, RunsFolder, Tasks
from alignkit.cli.attempts import note_damaged
from alignkit.cli.encoders import EncodersFolder
from alignkit.cli.selection import chosen_runs

if TYPE_CHECKING:
    from alignkit.runs import Run
    from alignkit.runs.verify import Part

Option = typer.Option
DEFAULT = Path("runs")
MOST_NAMED = 4  # metrics in one cell


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    runs = App(invoke_without_command=True, help=_first.__doc__)
    runs.callback()(_first)
    runs.command("list")(list_runs)
    runs.command("show")(show)
    runs.command("rm")(remove)
    runs.command("gc")(collect)
    runs.command("verify")(verify)
    runs.command("export")(export)
    runs.command("import")(import_)
    app.add_typer(runs, name="runs", rich_help_panel="Inspection")


def _first(
    ctx: typer.Context, task: Tasks = None, runs: RunsFolder = DEFAULT, json: Json = False
) -> None:
    """List, show, remove, export and import runs."""
    if ctx.invoked_subcommand is None:
        list_runs(task, None, runs, json)


def list_runs(
    task: Tasks = None, placement: Placements = None, runs: RunsFolder = DEFAULT, json: Json = False
) -> None:
    """List trained runs and what has been computed for each; and runs that were interrupted.

    Runs of plugins whose code has changed since, and of initial weights that have, are named as
    stale; whether their pictures have is told by `alignkit runs show` and `verify`.

    Example: alignkit runs list --task toy_redundant
    """
    from alignkit.cli.printing import console
    from alignkit.errors import UsageError
    from alignkit.runs import load_runs
    from alignkit.runs.interrupted import interrupted_runs
    from alignkit.runs.variants import variant_names

    stopped = list(interrupted_runs(runs))
    try:
        chosen = load_runs(runs, task or (), placement or (), note_damaged)
    except UsageError:
        if not stopped:
            raise
        chosen = []
    variants = variant_names(chosen, across_placements=True)
    rows = [_row(run, variants[run.path]) for run in chosen]
    if json:
        console.print_json(rows)
    else:
        columns = ["run", "variant", "scores", "representations", "alignment"]
        columns += ["stale"] if any(row["stale"] for row in rows) else []
        for row in rows:
            if len(row["alignment"]) > MOST_NAMED:  # --json names them all
                row["alignment"] = f"{len(row['alignment'])} metrics"
        console.print_table(rows, [c for c in columns if c != "variant" or any(variants.values())])
    for each in stopped:
        state = "is being trained" if each.runs_now else "was interrupted"
        resume = each.command or "the alignkit train command that began it"
        how = "" if each.runs_now else f"; resume with: {resume}"
        console.note(f"{each.path} {state}, {each.step} steps are stored{how}")


def show(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")], json: Json = False
) -> None:
    """Show one run: its configuration, its scores, and the size of its files.

    Example: alignkit runs show runs/toy_match/late/seed0
    """
    from alignkit.cli.printing import console
    from alignkit.runs import load_run
    from alignkit.runs.inputs import changes_since_training
    from alignkit.runs.makers import missing_plugins

    run = load_run(path)
    page = run.stored | {
        "missing": missing_plugins(run.stored),
        "stale": " and ".join(changes_since_training(run)) if run.is_trained else "",
        "performance": run.performance() if run.performance_file.is_file() else None,
        "files": _files(run.path),
    }
    if json:
        console.print_json(page)
        return
    facts = ("identity", "unit", "seed", "task", "architecture", "placement", "training", "data")
    shown = [*facts, *(key for key in ("stale", "missing") if page[key]), "plugins", "versions"]
    console.print_facts({key: page[key] for key in shown if key in page})
    if page["performance"]:
        console.print_text("")
        console.print_table(
            [{"split": split} | scores for split, scores in page["performance"]["splits"].items()],
            list(
                dict.fromkeys(
                    key
                    for scores in page["performance"]["splits"].values()
                    for key in ("split", *scores)
                )
            ),
        )
    console.print_text("")
    console.print_table(page["files"], ["part", "files", "bytes"])


def remove(
    paths: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run directories.")],
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Remove runs and everything computed from them.

    Example: alignkit runs rm runs/toy_match/late/seed0 --yes
    """
    from alignkit.cli.printing import console
    from alignkit.errors import UsageError
    from alignkit.runs import load_run
    from alignkit.runs.files import discard, locked
    from alignkit.runs.listing import size_of

    runs = [load_run(path) for path in paths]
    total = sum(size_of(run.path) for run in runs)
    if not yes:
        for run in runs:
            console.note(str(run.path))
        if not typer.confirm(f"Remove {len(runs)} run(s), {total:,} bytes?", err=True):
            raise UsageError("nothing was removed")
    for run in runs:
        with locked(run.path):
            discard(run.path)
        console.print_line(run.path)


def collect(
    runs: RunsFolder = DEFAULT,
    output: Annotated[
        list[Path] | None,
        Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Also clean up a folder of results; repeatable.",
        ),
    ] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Only show what would be removed.")] = False,
    json: Json = False,
) -> None:
    """Remove partly written or partly removed files that killed processes left behind.

    Files that a running process may still be writing are kept, and so are unfinished
    extractions, which can be resumed. In folders of results, which no process locks, that is what
    was written within the last hour.

    Example: alignkit runs gc --dry-run
    """
    from alignkit.cli.printing import console
    from alignkit.runs.files import discard
    from alignkit.runs.litter import find_litter, find_litter_of_results

    rows = []
    results = [litter for folder in output or () for litter in find_litter_of_results(folder)]
    for litter in [*find_litter(runs), *results]:
        if not litter.in_use and not dry_run:
            discard(litter.path)
        done = "in use, kept" if litter.in_use else "found" if dry_run else "removed"
        rows.append(
            {"path": str(litter.path), "why": litter.why, "bytes": litter.bytes, "done": done}
        )
    if json:
        console.print_json(rows)
    elif rows:
        console.print_table(rows, ["path", "why", "bytes", "done"])
    else:
        console.note(f"nothing to remove under {', '.join(map(str, [runs, *(output or ())]))}")


def verify(
    paths: RunPaths = None,
    repair: Annotated[
        bool,
        Option(
            "--repair",
            help="Remove what is damaged or out of date, so that it is made again; weights stay.",
        ),
    ] = False,
    retrain: Annotated[
        bool,
        Option(
            "--retrain",
            help="With --repair, let a run whose training is damaged or stale count as untrained.",
        ),
    ] = False,
    task: Tasks = None,
    placement: Placements = None,
    runs: RunsFolder = DEFAULT,
    encoders: EncodersFolder = Path("encoders"),
    json: Json = False,
) -> None:
    """Check every stored file against the checksums that were written with it.

    Checks runs, and encoders where there are any. What is damaged, or was made from what has
    changed since, is listed with the reason; the command then ends with exit code 1, unless
    --repair could remove it. What an earlier version stored without checksums is counted as
    unverified.

    Examples: alignkit runs verify

    alignkit runs verify runs/toy_match/late/seed0 --repair
    """
    from alignkit.cli.printing import console
    from alignkit.errors import DamagedError
    from alignkit.runs.config import fingerprint_once
    from alignkit.runs.listing import found
    from alignkit.runs.verify import repair as repaired
    from alignkit.runs.verify import verify_encoders, verify_run

    folders = _run_folders(paths, runs, task, placement)
    stores = [] if paths or task or placement else found(encoders, "*")
    reporter = console.TerminalReporter()
    parts: list[tuple[Run | Path, Part]] = []
    with fingerprint_once(), reporter.progress("verify", len(folders) + len(stores)) as bar:
        for run in folders:
            parts += [(run, part) for part in verify_run(run)]
            bar.advance()
        for folder in stores:
            parts += [(folder, part) for part in verify_encoders(folder)]
            bar.advance()
    rows, left = [], 0
    for owner, part in parts:
        if part.state not in ("stale", "damaged"):
            continue
        done = repaired(owner, part, retrain) if repair else ""
        left += not done
        row = {"path": str(part.path), "state": part.state, "why": part.why}
        rows.append(row | ({"done": done or _remedy(part)} if repair else {}))
    counts = {
        state: sum(part.files for _, part in parts if part.state == state)
        for state in ("whole", "unverified", "missing", "stale", "damaged")
    }
    if json:
        console.print_json({"files": counts, "parts": rows})
    else:
        if rows:
            console.print_table(rows, list(rows[0]))
        console.note(_counted(counts, len(folders), len(stores)))
    if left:
        how = "" if repair else "; remove what can be made again with --repair"
        raise DamagedError(f"{left} of {len(parts)} parts are damaged or stale{how}")


def _run_folders(
    paths: list[Path] | None, root: Path, task: list[str] | None, placement: list[str] | None
) -> "list[Run]":
    """Return the runs to verify: also those whose files cannot be read, or that are unfinished."""
    from alignkit.errors import UsageError
    from alignkit.runs import Run
    from alignkit.runs.listing import found

    if paths:
        for path in paths:
            if not path.is_dir():
                raise UsageError(f"{path} is not a folder of a run; see: alignkit runs")
        return [Run(path) for path in paths]
    chosen = [
        Run(path)
        for path in found(root, "*/*/*")
        if path.is_dir()
        and (not task or path.parts[-3] in task)
        and (not placement or path.parts[-2] in placement)
    ]
    if not chosen:
        raise UsageError(f"there is no run under {root} to verify; see: alignkit runs")
    return chosen


def _remedy(part: "Part") -> str:
    if part.step == "train":
        return "kept; --retrain lets the run be trained again"
    return "kept; alignkit evaluate --force scores the run again"


def _counted(counts: dict[str, int], runs: int, encoders: int) -> str:
    from alignkit.report.paragraphs.phrases import counted

    said = [f"{counted(count, 'file')} {state}" for state, count in counts.items() if count]
    of_tasks = f" and the encoders of {counted(encoders, 'task')}" if encoders else ""
    over = counted(runs, "run") + of_tasks
    return f"{over}: {', '.join(said) or 'nothing is stored'}"


def export(
    paths: RunPaths = None,
    output: Annotated[
        Path,
        Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Archive to write; compressed if its name ends in .gz.",
        ),
    ] = Path("runs.tar"),
    task: Tasks = None,
    placement: Placements = None,
    weights: Annotated[
        bool, Option("--weights/--no-weights", help="Include the model weights.")
    ] = True,
    representations: Annotated[
        bool, Option("--representations/--no-representations", help="Include the representations.")
    ] = True,
    runs: RunsFolder = DEFAULT,
) -> None:
    """Export runs to one archive that others can import. Prints its path.

    Example: alignkit runs export --no-weights --output mine.tar
    """
    from alignkit.cli.printing import console
    from alignkit.runs.packs import export_runs

    chosen = chosen_runs(paths, runs, task, placement, opened=False)
    size = export_runs(chosen, runs, output, weights, representations)
    console.note(f"{len(chosen)} runs, {size:,} bytes")
    console.print_line(output)


def import_(
    pack: Annotated[
        Path, typer.Argument(metavar="FILE", help="Archive written by alignkit runs export.")
    ],
    runs: RunsFolder = DEFAULT,
    json: Json = False,
) -> None:
    """Import runs from an archive. Prints the directories of the new runs.

    All checksums are verified before anything is written, and the directory of a different run
    is never overwritten.

    Example: alignkit runs import mine.tar
    """
    from alignkit.cli.printing import console
    from alignkit.errors import DataError
    from alignkit.runs.packs import import_runs

    states = import_runs(pack, runs, console.note)
    if json:
        console.print_json([{"run": str(runs / k), "state": v} for k, v in states.items()])
    else:
        for folder, state in states.items():
            if state == "imported":
                console.print_line(runs / folder)
    refused = [folder for folder, state in states.items() if state.startswith("refused")]
    if refused:
        raise DataError(f"{len(refused)} of {len(states)} runs were refused: {', '.join(refused)}")


def _row(run: "Run", variant: str) -> dict[str, Any]:
    from alignkit.runs.inputs import changes_since_training
    from alignkit.runs.listing import found

    performance = run.performance()
    primary = performance["primary"]
    scores = {split: values[primary] for split, values in performance["splits"].items()}
    extracted = [file.parent.name for file in found(run.path, "representations/*/index.json")]
    return {
        "run": str(run.path),
        "task": run.task,
        "placement": run.placement,
        "seed": run.seed,
        "unit": run.unit[:8],
        "variant": variant,
        "scores": ", ".join(f"{split} {primary} {v:.3f}" for split, v in scores.items()),
        "representations": extracted,
        "alignment": sorted({p.name.split(".")[0] for p in found(run.path, "alignment/*/*.csv")}),
        "stale": " and ".join(changes_since_training(run, pictures=False)),
    }


def _files(folder: Path) -> list[dict[str, Any]]:
    """Return the number and size of the files in each part of a run."""
    from alignkit.runs.listing import files_below, found, size_of

    rows = []
    for part in found(folder, "*"):
        files = list(files_below(part)) if part.is_dir() else [part]
        rows.append({"part": part.name, "files": len(files), "bytes": size_of(part)})
    return rows
