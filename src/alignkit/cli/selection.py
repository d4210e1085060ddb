"""Which runs, metrics, splits and tables a command works on."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alignkit.runs import Run
    from alignkit.tables import Table


def given_options(**given: object) -> dict[str, object]:
    """Return the options of a command that were given: neither None nor False."""
    return {key: value for key, value in given.items() if value not in (None, False)}


def chosen_runs(
    paths: Sequence[Path] | None,
    root: Path,
    tasks: Sequence[str] | None = None,
    placements: Sequence[str] | None = None,
    scored: bool = False,
    splits: Sequence[str] = (),
) -> "list[Run]":
    """Load the runs that were named, or else every run that matches.

    Runs that were not named are left out, with a note, if they were trained without labels on
    data that lack one of the ``splits`` or, with ``scored``, if they cannot have scores.

    Raises
    ------
    AlignkitError
        When a path is not a run directory, or no run matches.
    """
    from alignkit.plugins import registry
    from alignkit.runs import load_run, load_runs

    if paths:
        return [load_run(path) for path in paths]
    for name in tasks or ():
        if not (root / name).is_dir():  # suggests the right name for a misspelt one
            registry().get("tasks", name)
    runs = load_runs(root, tasks or (), placements or ())
    if scored:
        runs = _kept(
            runs,
            lambda run: run.unscored,
            "no run has scores: {}; train a run that has: alignkit train",
        )
    for split in splits:
        runs = _kept(runs, partial(_lacks, split=split), "{}")
    return runs


def _kept(runs: "Sequence[Run]", reason: "Callable[[Run], str]", none_left: str) -> "list[Run]":
    """Leave out the runs for which there is a reason against, and say so."""
    from alignkit.cli.printing import console
    from alignkit.errors import DataError

    against = [(run, reason(run)) for run in runs]
    kept = [run for run, why in against if not why]
    if not kept:
        raise DataError(none_left.format(against[0][1]))
    for run, why in against:
        if why:
            console.note(f"{run.path} is left out: {why}")
    return kept


def _lacks(run: "Run", split: str) -> str:
    """Return why the data of a pretraining run lack a split; empty if they do not."""
    from alignkit.errors import AlignkitError, UsageError

    if run.stored["data"].get("labels") or run.representation_index(split):
        return ""
    try:
        run.config.task.make().split(split)
    except UsageError as error:
        return str(error)
    except AlignkitError:  # the data cannot be read; the step that needs them reports it
        return ""
    return ""


def check_split(name: str) -> str:
    """Return the name of a split; refuse an unknown one.

    Raises
    ------
    UsageError
        When there is no such split.
    """
    from alignkit.errors import UsageError
    from alignkit.tasks import SPLITS

    if name not in SPLITS:
        raise UsageError(f"unknown split '{name}'; known: {', '.join(SPLITS)}")
    return name


def read_table(path: Path, expected: str) -> "Table":
    """Read a table, and say how where it is not as usual.

    Parameters
    ----------
    path : Path
    expected : str
        What the table should hold, for the error message.

    Raises
    ------
    DataError
        When the file is missing or is not a table.
    """
    from alignkit.cli.printing import console
    from alignkit.errors import DataError
    from alignkit.tables import read_table as read

    if not path.is_file():
        raise DataError(f"{path} does not exist; expected a CSV file with {expected}")
    table = read(path, index=True)
    for note in table.notes:
        console.note(f"note: {note}")
    return table


def two_paths(paths: Sequence[Path]) -> tuple[Path, Path]:
    """Return the two arrays, or folders of arrays, that a command compares.

    Raises
    ------
    UsageError
        When there are not two.
    """
    from alignkit.errors import UsageError

    if len(paths) != 2:
        names = ", ".join(map(str, paths))
        verb = "is not a run directory" if len(paths) == 1 else "are not run directories"
        raise UsageError(f"{names} {verb}; pass run directories, or two arrays or folders")
    return paths[0], paths[1]


def metric_specs(given: Sequence[str] | None, k: int | None = None) -> list[str]:
    """Return the metrics that were named; all of them for ``all``, the default one for none.

    Parameters
    ----------
    given : sequence of str, optional
    k : int, optional
        Sets the parameter k of every metric that has one and does not set it itself.

    Raises
    ------
    UsageError
        When none of the metrics has a parameter k.
    """
    from alignkit.plugins import registry

    named: list[str] = []
    for spec in given or [registry().default("metrics").name]:
        named += registry().names("metrics") if spec == "all" else [spec]
    specs = list(dict.fromkeys(named))
    return specs if k is None else list(dict.fromkeys(_with_k(specs, k)))


def _with_k(specs: Sequence[str], k: int) -> list[str]:
    from alignkit.errors import UsageError
    from alignkit.plugins import registry
    from alignkit.plugins.options import format_spec, options_of, parse_spec

    changed, takers = [], 0
    for spec in specs:
        name, given = parse_spec(spec)
        has_k = "k" in options_of(registry().get("metrics", name).load())
        takers += has_k
        changed.append(format_spec(name, {"k": str(k)} | given) if has_k else spec)
    if not takers:
        raise UsageError(
            f"`k={k}` has no effect: no chosen metric ({', '.join(specs)}) has a parameter k"
        )
    return changed


def metric_specs_or_family(given: Sequence[str] | None) -> list[str]:
    """Return the metrics that were named; else the installed ones of the primary family."""
    from alignkit.analysis.options import default_metrics

    return metric_specs(given) if given else default_metrics()


def metrics_or_all(given: Sequence[str] | None) -> tuple[list[str], bool]:
    """Return the metrics that were named, or all registered ones; and whether these were chosen.

    Of all registered metrics, those that cannot take the data are skipped with a note.
    """
    from alignkit.plugins import registry

    named = [name for name in given or () if name != "all"]
    return named or registry().names("metrics"), not named
