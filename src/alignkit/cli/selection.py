"""Which runs, metrics, splits and tables a command works on."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from alignkit.cli.attempts import Failure, attempted, count_runs, note_failures
from alignkit.errors import AlignkitError, DataError, UsageError

if TYPE_CHECKING:
    import typer

    from alignkit.analysis.options import TableOptions
    from alignkit.runs import Run
    from alignkit.tables import Table


def given_options(**given: object) -> dict[str, object]:
    """Return the options of a command that were given: neither None nor False."""
    return {key: value for key, value in given.items() if value not in (None, False)}


def on_the_line(context: "typer.Context") -> dict[str, object]:
    """Return what the command line gives, by parameter, even where it is the default."""
    return {
        name: value
        for name, value in context.params.items()
        if (source := context.get_parameter_source(name)) and source.name == "COMMANDLINE"
    }


def refuse(given: Mapping[str, object], reason: str) -> None:
    """Refuse options that were given where they mean nothing.

    Raises
    ------
    UsageError
        When there is one: ``NAME REASON``.
    """
    from alignkit.errors import UsageError

    for name in given:
        shown = "RUN" if name == "paths" else f"`{name}`"
        raise UsageError(f"{shown} {reason}")


def chosen_runs(
    paths: Sequence[Path] | None,
    root: Path,
    tasks: Sequence[str] | None = None,
    placements: Sequence[str] | None = None,
    scored: bool = False,
    splits: Sequence[str] = (),
    data: str | None = None,
    force: bool = False,
    opened: bool = True,
    where: Sequence[str] | None = None,
) -> "list[Run]":
    """Load the runs that were named or are in a named folder, or else every run that matches.

    Left out with a note are runs that cannot be read; that have other data or options than the
    ones given; and, of those that were not named, runs that were trained without labels on data
    that lack one of the ``splits`` or, with ``scored``, that cannot have scores.

    Parameters
    ----------
    paths : sequence of Path, optional
    root : Path
        The folder of runs.
    tasks, placements : sequence of str, optional
        A task may have options, as in ``folder:PATH`` or ``NAME:KEY=VALUE``: the runs use these
        from now on, where they do not change what the runs were trained on.
    scored : bool
    splits : sequence of str
    data : str, optional
        The folder in which the data of the runs are now.
    force : bool
        Replace results on splits that other options change.
    opened : bool
        Whether the runs are to be opened, which needs their plugins, and not only listed.
    where : sequence of str, optional
        Conditions on their options, see ``select_runs``.

    Raises
    ------
    AlignkitError
        When a path is not a run directory, or no run is left.
    """
    from alignkit.runs.units import select_runs

    specs = {spec: spec.partition(":")[0].strip() for spec in tasks or ()}
    named = bool(paths) and all((path / "config.json").is_file() for path in paths or ())
    runs = _loaded(paths, root, list(specs.values()), placements)
    if opened:
        runs = attempted(runs, lambda run: run.config, complain=False).runs
    _say_data_sets(runs)
    runs = _on_their_data(runs, specs, data, force)
    if scored and not named:
        runs = _kept(
            runs,
            lambda run: run.unscored,
            "no run has scores: {}; train a run that has: alignkit train",
        )
    for split in () if named else splits:
        runs = _kept(runs, partial(_lacks, split=split), "{}")
    return select_runs(runs, where or ())


def are_runs(paths: Sequence[Path] | None) -> bool:
    """Whether paths are runs or folders with runs; without paths, all runs are meant."""
    from alignkit.runs.run import folders_of_runs

    return not paths or any(
        (path / "config.json").is_file() or folders_of_runs(path) for path in paths
    )


def _loaded(
    paths: Sequence[Path] | None, root: Path, tasks: Sequence[str], placements: Sequence[str] | None
) -> "list[Run]":
    from alignkit.plugins import registry
    from alignkit.runs import load_run, load_runs
    from alignkit.runs.run import folders_of_runs

    damaged: list[Failure] = []

    def below(folder: Path) -> "list[Run]":
        folders = folders_of_runs(folder) if paths else None
        return load_runs(folder, tasks, placements or (), keep, folders)

    def keep(run: "Run", error: AlignkitError) -> None:
        damaged.append((run, error))

    def at(path: Path) -> "list[Run]":
        return below(path) if folders_of_runs(path) else [load_run(path)]

    if not paths:
        for name in tasks:
            if not (root / name).is_dir() and not _names_data_set(root, name):
                registry().get("tasks", name)  # suggests the right name for a misspelt one
    try:
        runs = [run for path in paths for run in at(path)] if paths else below(root)
    except AlignkitError:
        if damaged:
            raise damaged[0][1] from None
        raise
    note_failures(damaged, len(runs) + len(damaged))
    return list({run.path: run for run in runs}.values())


def _on_their_data(
    runs: "list[Run]", specs: Mapping[str, str], data: str | None, force: bool
) -> "list[Run]":
    """Let runs use the data and the options that were given; leave out those that cannot."""
    from alignkit.cli.printing import console
    from alignkit.plugins import registry
    from alignkit.plugins.options import parse_spec
    from alignkit.runs.config import fingerprint_once
    from alignkit.runs.data import use_data

    further: dict[str, list[str]] = {}
    for spec, name in specs.items():
        if ":" in spec:
            further.setdefault(name, []).append(spec)
    if data is None and not further:
        return runs

    def use(run: "Run") -> bool:
        name = str(run.stored["task"]["name"])
        positional = getattr(registry().get("tasks", name).load(), "positional", None)
        folder = {} if data is None else {"root": data}
        if folder and "root" not in run.config.task.options:
            raise UsageError(f"task '{name}' does not read a folder; leave out `data`")
        *others, last = further.get(name) or further.get(run.task) or [""]
        for spec in others:
            with suppress(DataError):  # it may fit another run
                return use_data(run, parse_spec(spec, positional)[1] | folder, force)
        given = (parse_spec(last, positional)[1] if last else {}) | folder
        return bool(given) and use_data(run, given, force)

    with fingerprint_once():
        done = attempted(runs, use, complain=False)
    changed = sum(done.results)
    if changed:
        console.note(f"{count_runs(changed)}: the data are read as given here from now on")
    return done.runs


def measurable(runs: "Sequence[Run]", split: str, pool: str) -> "list[Run]":
    """Leave out, with a note, runs that cannot be measured on a split; extract where needed.

    An analysis of several runs then goes on with the others.
    """
    from alignkit.alignment.layers import check_extracted
    from alignkit.cli.printing import console
    from alignkit.runs.config import fingerprint_once

    reporter = console.TerminalReporter()
    with fingerprint_once():
        return attempted(
            runs, lambda run: check_extracted(run, split, pool, reporter), complain=False
        ).runs


def _names_data_set(root: Path, name: str) -> bool:
    """Whether a name is one that tells data sets of one name apart."""
    from alignkit.runs import load_runs

    try:
        return any(run.task_label == name for run in load_runs(root, on_damaged=lambda *_: None))
    except UsageError:
        return False


def _say_data_sets(runs: "Sequence[Run]") -> None:
    """Say which data sets share a name, and how they are told apart."""
    from alignkit.cli.printing import console
    from alignkit.runs.data_sets import tell_apart

    for task, names in tell_apart(runs).items():
        those = ", ".join(f"{name} ({place})" if place else name for name, place in names.items())
        console.note(f"note: {task} is the name of {len(names)} data sets: {those}")


def _kept(runs: "Sequence[Run]", reason: "Callable[[Run], str]", none_left: str) -> "list[Run]":
    """Leave out the runs for which there is a reason against, and say so."""
    from alignkit.cli.printing import console

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
    from alignkit.runs.data import open_task

    try:
        if run.stored["data"].get("labels") or run.representation_index(split):
            return ""
        task = open_task(run)
    except AlignkitError:  # what cannot be read is reported by the step that needs it
        return ""
    try:
        task.split(split)
    except UsageError as error:
        return str(error)
    except AlignkitError:
        return ""
    return ""


def check_split(name: str) -> str:
    """Return the name of a split; refuse an unknown one.

    Raises
    ------
    UsageError
        When there is no such split.
    """
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
    from alignkit.tables import read_table as read

    if not path.exists():
        raise DataError(f"{path} does not exist; expected a CSV file with {expected}")
    if not path.is_file():
        raise DataError(f"{path} is not a regular file; expected a CSV file with {expected}")
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
    if len(paths) != 2:
        names = ", ".join(map(str, paths))
        verb = "is not a run directory" if len(paths) == 1 else "are not run directories"
        raise UsageError(f"{names} {verb}; pass run directories, or two arrays or folders")
    return paths[0], paths[1]


def single_pool(given: Sequence[str] | None) -> str | None:
    """Return the pooling that was given; None for none.

    Raises
    ------
    UsageError
        When several were, which only two arrays may differ in.
    """
    if given and len(given) > 1:
        raise UsageError("`pool` is given twice, which only two arrays can differ in; give one")
    return given[0] if given else None


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

    specs = registry().meant("metrics", given or ())
    return specs if k is None else list(dict.fromkeys(_with_k(specs, k)))


def _with_k(specs: Sequence[str], k: int) -> list[str]:
    from alignkit.plugins import registry
    from alignkit.plugins.options import format_spec, parse_spec

    changed, takers = [], 0
    for spec in specs:
        name, given = parse_spec(spec)
        has_k = "k" in registry().get("metrics", name).options()
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


def runs_and_options(
    paths: list[Path] | None,
    root: Path,
    selected: Mapping[str, list[str] | None],
    *,
    metric: list[str] | None,
    layer: str,
    outcome: str | None,
    split: str,
    pool: str,
    samples: int | None,
    seed: int,
    within: str | None,
    groups: str | None,
    needs_layers: bool = True,
) -> "tuple[list[Run], TableOptions]":
    """Return the runs that are selected, and how they become a table.

    Parameters
    ----------
    paths : list of Path, optional
    root : Path
    selected : mapping of str to list of str, optional
        ``task``, ``placement`` and ``where``.
    metric, layer, outcome, split, pool, samples, seed, within, groups
        As for ``TableOptions``; metrics of the primary family without any.
    needs_layers : bool
        Whether runs are left out that have no representations and cannot get any.
    """
    from alignkit.analysis.options import TableOptions

    chosen = chosen_runs(
        paths,
        root,
        selected["task"],
        selected["placement"],
        scored=True,
        splits=[check_split(split)],
        where=selected["where"],
    )
    options = TableOptions(
        tuple(metric_specs_or_family(metric)),
        layer,
        outcome,
        split,
        pool,
        samples,
        seed,
        within=within or "",
        groups=groups or "",
    )
    return list(measurable(chosen, split, pool) if needs_layers else chosen), options


def metrics_or_all(given: Sequence[str] | None) -> tuple[list[str], bool]:
    """Return the metrics that were named, or all registered ones; and whether these were chosen.

    Of all registered metrics, those that cannot take the data are skipped with a note.
    """
    from alignkit.plugins import registry

    named = [name for name in given or () if name != "all"]
    return named or registry().names("metrics"), not named
