"""``alignkit runs``: list, show, remove, tidy up, pack and unpack."""

from pathlib import Path
from typing import Annotated, Any

import typer

from alignkit.cli.arguments import Json, Placements, RunPaths, RunsFolder, Tasks, chosen_runs

Option = typer.Option
DEFAULT = Path("runs")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    runs = typer.Typer(invoke_without_command=True, help=_first.__doc__)
    runs.callback()(_first)
    runs.command("list")(list_runs)
    runs.command("show")(show)
    runs.command("rm")(remove)
    runs.command("gc")(collect)
    runs.command("export")(export)
    runs.command("import")(import_)
    app.add_typer(runs, name="runs", rich_help_panel="Look")


def _first(
    ctx: typer.Context, task: Tasks = None, runs: RunsFolder = DEFAULT, json: Json = False
) -> None:
    """List trained runs; or show, remove, tidy up, pack and unpack them."""
    if ctx.invoked_subcommand is None:
        list_runs(task, None, runs, json)


def list_runs(
    task: Tasks = None, placement: Placements = None, runs: RunsFolder = DEFAULT, json: Json = False
) -> None:
    """List trained runs and what each holds.

    Example: alignkit runs list --task toy_redundant
    """
    from alignkit.cli import console
    from alignkit.runs import load_runs
    from alignkit.runs.variants import variant_names

    chosen = load_runs(runs, task or (), placement or ())
    variants = variant_names(chosen, across_placements=True)
    rows = [_row(run, variants[run.path]) for run in chosen]
    if json:
        console.print_json(rows)
    else:
        columns = ["run", "variant", "scores", "representations", "alignment"]
        console.print_table(rows, [c for c in columns if c != "variant" or any(variants.values())])


def show(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    json: Json = False,
) -> None:
    """Show one run: what it is made of, its scores, and the size of what it holds.

    Example: alignkit runs show runs/toy_match/late/seed0
    """
    from alignkit.cli import console
    from alignkit.runs import load_run

    run = load_run(path)
    page = run.stored | {
        "performance": run.performance() if run.performance_file.is_file() else None,
        "files": _files(run.path),
    }
    if json:
        console.print_json(page)
        return
    for key in ("identity", "unit", "seed"):
        print(f"{key:13} {page[key]}")
    for key in ("task", "architecture", "placement", "training", "data", "versions"):
        print(f"{key:13} {_flat(page.get(key))}")
    if page["performance"]:
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
    console.print_table(page["files"], ["part", "files", "bytes"])


def remove(
    paths: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove runs and everything made from them.

    Example: alignkit runs rm runs/toy_match/late/seed0 --yes
    """
    from alignkit.cli import console
    from alignkit.errors import UsageError
    from alignkit.runs import load_run
    from alignkit.runs.files import discard, locked
    from alignkit.runs.litter import size_of

    runs = [load_run(path) for path in paths]
    total = sum(size_of(run.path) for run in runs)
    if not yes:
        for run in runs:
            console.note(str(run.path))
        if not typer.confirm(f"Remove {len(runs)} run(s), {total} bytes?", err=True):
            raise UsageError("nothing was removed")
    for run in runs:
        with locked(run.path):
            discard(run.path)
        print(run.path)


def collect(
    runs: RunsFolder = DEFAULT,
    dry_run: Annotated[bool, Option("--dry-run", help="Only show it.")] = False,
    json: Json = False,
) -> None:
    """Remove what killed processes left behind: half-written and half-removed files.

    What a running process may be writing is left alone. An unfinished extraction is kept:
    it goes on where it was.

    Example: alignkit runs gc --dry-run
    """
    from alignkit.cli import console
    from alignkit.runs.files import discard
    from alignkit.runs.litter import find_litter

    rows = []
    for litter in list(find_litter(runs)):
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
        console.note(f"there is no litter under {runs}")


def export(
    paths: RunPaths = None,
    output: Annotated[
        Path, Option("--output", "-o", help="The pack; gzip if it ends in .gz.")
    ] = Path("runs.tar"),
    task: Tasks = None,
    placement: Placements = None,
    weights: Annotated[
        bool, Option("--weights/--no-weights", help="Take the weights along.")
    ] = True,
    representations: Annotated[
        bool, Option("--representations/--no-representations", help="Take those along.")
    ] = True,
    runs: RunsFolder = DEFAULT,
) -> None:
    """Pack runs into one file, for a colleague to import. Prints its path.

    Example: alignkit runs export --no-weights --output mine.tar
    """
    from alignkit.cli import console
    from alignkit.runs.packs import export_runs

    chosen = chosen_runs(paths, runs, task, placement)
    size = export_runs(chosen, runs, output, weights, representations)
    console.note(f"{len(chosen)} runs, {size} bytes")
    print(output)


def import_(
    pack: Annotated[Path, typer.Argument(metavar="FILE", help="A pack that export made.")],
    runs: RunsFolder = DEFAULT,
    json: Json = False,
) -> None:
    """Take runs out of a pack. Prints the folders that are new.

    Every checksum is verified before anything is put in place, and a folder that holds
    another run is never overwritten.

    Example: alignkit runs import mine.tar
    """
    from alignkit.cli import console
    from alignkit.errors import DataError
    from alignkit.runs.packs import import_runs

    found = import_runs(pack, runs, console.note)
    if json:
        console.print_json([{"run": str(runs / k), "state": v} for k, v in found.items()])
    else:
        for folder, state in found.items():
            if state == "imported":
                print(runs / folder)
    refused = [folder for folder, state in found.items() if state.startswith("refused")]
    if refused:
        raise DataError(f"{len(refused)} of {len(found)} runs were refused: {', '.join(refused)}")


def _row(run: Any, variant: str) -> dict[str, Any]:
    performance = run.performance()
    primary = performance["primary"]
    scores = {split: values[primary] for split, values in performance["splits"].items()}
    extracted = sorted(file.parent.name for file in run.path.glob("representations/*/index.json"))
    return {
        "run": str(run.path),
        "task": run.task,
        "placement": run.placement,
        "seed": run.seed,
        "unit": run.unit[:8],
        "variant": variant,
        "scores": ", ".join(f"{split} {primary} {v:.3f}" for split, v in scores.items()),
        "representations": extracted,
        "alignment": sorted({p.name.split(".")[0] for p in run.path.glob("alignment/*/*.csv")}),
    }


def _files(folder: Path) -> list[dict[str, Any]]:
    """Number and size of the files of each part of a run."""
    from alignkit.runs.litter import size_of

    rows = []
    for part in sorted(folder.iterdir()):
        if not part.name.startswith("."):
            files = [p for p in part.rglob("*") if p.is_file()] if part.is_dir() else [part]
            rows.append({"part": part.name, "files": len(files), "bytes": size_of(part)})
    return rows


def _flat(value: Any) -> str:
    if not isinstance(value, dict):
        return "-" if value is None else str(value)
    return ", ".join(f"{key}={item}" for key, item in value.items())
