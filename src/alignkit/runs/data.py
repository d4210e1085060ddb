"""Where the data of a run are now, and options of its task that were given after training.

The fingerprint decides whether data are those of a run, never their place. ``data.json`` in a
run directory remembers another place, and options that change no more than the splits that
training did not see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.documents import Form, check_form
from alignkit.errors import AlignkitError, DataError, UsageError
from alignkit.plugins import registry
from alignkit.plugins.options import bind, options_of
from alignkit.runs.config import Choice, RunConfig, fingerprint_of_task
from alignkit.runs.files import discard, locked
from alignkit.runs.listing import found
from alignkit.runs.manifests import manifest_of_table, read_checked, write_checked
from alignkit.runs.run import Run
from alignkit.tasks import default_root

if TYPE_CHECKING:
    from alignkit.tasks import Split, Task

FILE = "data.json"
SEEN = ("train", "validation")  # the splits that training sees
OTHER = "it holds other data than at the training"
Options = Mapping[str, Any]
REMEMBERED: Form = {"paths?": {"*": str}, "options?": dict, "fingerprint?": str}


def open_task(run: Run) -> Task:
    """Return the task of a run, on the data that it was trained on, wherever they are now.

    Raises
    ------
    DataError
        As ``find_data``.
    """
    task: Task = find_data(run).make()
    return task


def find_data(run: Run) -> Choice:
    """Return the task of a run with the place where the data that it was trained on are now.

    Looked for in the place that was given last, in the one that training used, in the same
    relative to the folders above the run, and below ``$ALIGNKIT_DATA``.

    Raises
    ------
    DataError
        When the data are in none of these places, or are not those of the run any more.
    """
    known = _remembered(run)
    expected = known.get("fingerprint", run.config.fingerprint)
    reasons: dict[str, str] = {}
    for paths in _places(run, known.get("paths", {})):
        choice = _choice(run, {**known.get("options", {}), **paths})
        if _absent(paths):
            reasons.setdefault(_place(paths), "it does not exist")
            continue
        try:
            actual = fingerprint_of_task(choice)
        except (AlignkitError, OSError) as error:
            reasons.setdefault(_place(paths), str(error))
            continue
        if actual == expected:
            return choice
        reasons[_place(paths)] = _changed(run, choice)
    raise DataError(_not_there(run, reasons))


def open_split(run: Run, split: str) -> tuple[Task, Split]:
    """Return the task of a run and one of its splits.

    Raises
    ------
    DataError
        When the data are not there, or lack the split.
    """
    task = open_task(run)
    try:
        return task, task.split(split)
    except UsageError as error:
        raise DataError(str(error)) from None


def use_data(run: Run, given: Options, force: bool = False) -> bool:
    """Let a run use data in another place, or its task with other options from now on.

    Parameters
    ----------
    run : Run
    given : mapping
        Options of the task, such as ``root``, as text or as values.
    force : bool
        Remove scores and representations of splits that these options change.

    Returns
    -------
    bool
        Whether anything changed.

    Raises
    ------
    DataError
        When there are no such data, or they, or the options, are not those of the training.
    UsageError
        For an option that the task does not have.
    """
    chosen = run.config.task
    target = registry().get("tasks", chosen.name).load()
    bound = bind(target, given, f"task '{chosen.name}'")
    names = _path_options(chosen)
    known = _remembered(run)
    paths = dict(known.get("paths", {}))
    paths |= {key: str(Path(bound[key]).expanduser().resolve()) for key in given if key in names}
    options = {
        key: value
        for key, value in {**known.get("options", {}), **{k: bound[k] for k in given}}.items()
        if key not in names and value != chosen.options[key]
    }
    if not paths and not options:
        return _remember(run, {}, force)
    here = paths if set(given) & names else _place_now(run)
    choice = _choice(run, {**options, **here})
    fingerprint = fingerprint_of_task(choice)
    if fingerprint == run.config.fingerprint:
        return _remember(run, {"paths": paths} if paths else {}, force)
    if _seen_splits(choice.make()) != _splits_of_training(run, here):
        changed = {key: value for key, value in options.items() if key in given}
        raise DataError(f"{run.path}: {_refusal(chosen, changed, here)}")
    return _remember(run, {"paths": paths, "options": options, "fingerprint": fingerprint}, force)


def adopt_data(run: Run, config: RunConfig) -> None:
    """Let a trained run use its data where they are now, if they are no longer where it knows.

    Parameters
    ----------
    run : Run
    config : RunConfig
        Of the same identity, with the place of the data.
    """
    if not knows_data(run):
        paths = {key: config.task.options[key] for key in _path_options(config.task)}
        use_data(run, {key: value for key, value in paths.items() if value is not None})


def knows_data(run: Run) -> bool:
    """Whether the data of a run are in a place that it knows."""
    try:
        find_data(run)
    except DataError:
        return False
    return True


def _remembered(run: Run) -> dict[str, Any]:
    file = run.path / FILE
    known: dict[str, Any] = read_checked(file) if file.is_file() else {}
    check_form(known, REMEMBERED, str(file))
    return known


def _remember(run: Run, state: Options, force: bool) -> bool:
    """Write ``data.json``, or remove it where it would say nothing."""
    state = {key: value for key, value in state.items() if value}
    known = _remembered(run)
    if state == known:
        return False
    with locked(run.path):
        if state.get("fingerprint") != known.get("fingerprint"):
            _drop_results(run, force)
        if state:
            write_checked(run.path / FILE, state)
        else:
            discard(run.path / FILE)
    return True


def _drop_results(run: Run, force: bool) -> None:
    """Remove what was made from splits that change; refuse to unless that is asked for."""
    performance = run.performance() if run.performance_file.is_file() else {"splits": {}}
    scored = [split for split in performance["splits"] if split not in SEEN]
    folders = [
        folder
        for part in ("representations", "alignment")
        for folder in found(run.path, f"{part}/*")
        if folder.is_dir() and folder.name not in SEEN
    ]
    if not scored and not folders:
        return
    if not force:
        splits = dict.fromkeys([*scored, *(folder.name for folder in folders)])
        raise DataError(
            f"{run.path}: has results on {', '.join(splits)} of other data; replace them with: "
            "alignkit evaluate --force, with the same options"
        )
    for split in scored:
        for part in ("splits", "errors", "inputs"):
            performance.get(part, {}).pop(split, None)
    for folder in folders:
        discard(folder)
    if run.alignment_file.is_file():
        # It is derived from the tables that are left.
        discard(run.alignment_file)
        discard(manifest_of_table(run.alignment_file))
    write_checked(run.performance_file, performance)


def _path_options(chosen: Choice) -> set[str]:
    known = options_of(registry().get("tasks", chosen.name).load())
    return {key for key, option in known.items() if option.is_path}


def _places(run: Run, remembered: Options) -> Iterator[dict[str, Any]]:
    """Yield the values of the task's path options to try, each once."""
    chosen = run.config.task
    stored = {key: chosen.options[key] for key in sorted(_path_options(chosen))}
    candidates = [stored | dict(remembered), stored]
    relative = {k: v for k, v in stored.items() if v and not v.expanduser().is_absolute()}
    for base in run.path.resolve().parents if relative else ():
        moved = {key: base / value for key, value in relative.items()}
        if all(path.exists() for path in moved.values()):
            candidates.append(stored | moved)
    if "root" in stored and default_root(chosen.name) is not None:
        candidates.append(stored | {"root": None})
    seen = set()
    for paths in candidates:
        if _place(paths) not in seen:
            seen.add(_place(paths))
            yield paths


def _place_now(run: Run) -> dict[str, Any]:
    """Return the first place that holds the data of a run with the options of its training."""
    expected = run.config.fingerprint
    reasons: dict[str, str] = {}
    for paths in _places(run, _remembered(run).get("paths", {})):
        if _absent(paths):
            reasons.setdefault(_place(paths), "it does not exist")
            continue
        try:
            if fingerprint_of_task(_choice(run, paths)) == expected:
                return paths
            reasons[_place(paths)] = OTHER
        except (AlignkitError, OSError) as error:
            reasons[_place(paths)] = str(error)
    raise DataError(_not_there(run, reasons))


def _absent(paths: Options) -> bool:
    return any(value and not Path(value).expanduser().exists() for value in paths.values())


def _place(paths: Options) -> str:
    return ", ".join(str(value) for value in paths.values() if value is not None)


def _choice(run: Run, further: Options) -> Choice:
    """Return the task of a run with other options."""
    chosen = run.config.task
    target = registry().get("tasks", chosen.name).load()
    options = bind(target, {**chosen.options, **further}, f"task '{chosen.name}'")
    return Choice(chosen.kind, chosen.name, options, {})


def _seen_splits(task: Task) -> dict[str, str] | None:
    """Return the fingerprints of the splits that training sees; None if the task gives none."""
    fingerprint = getattr(task, "split_fingerprint", None)
    prints = {} if fingerprint is None else {name: fingerprint(name) for name in SEEN}
    return prints if prints and None not in prints.values() else None


def fingerprints_of_training(task: Task) -> dict[str, str]:
    """Return the fingerprints of the splits that training sees, as ``config.json`` holds them.

    Empty where the task gives none.
    """
    return _seen_splits(task) or {}


def _splits_of_training(run: Run, paths: Options) -> dict[str, str]:
    """Return the fingerprints of the splits that a run was trained on; empty if unknown."""
    stored: dict[str, str] = run.stored["data"].get("splits", {})
    if stored:
        return stored
    choice = _choice(run, paths)
    same = fingerprint_of_task(choice) == run.config.fingerprint
    return fingerprints_of_training(choice.make()) if same else {}


def _changed(run: Run, choice: Choice) -> str:
    """Say how data differ from those that a run was trained on."""
    stored = run.stored["data"].get("splits", {})
    try:
        only_unseen = bool(stored) and _seen_splits(choice.make()) == stored
    except (AlignkitError, OSError):
        only_unseen = False
    if only_unseen:
        return "its test split is another one than at the training"
    return OTHER


def _not_there(run: Run, reasons: Mapping[str, str]) -> str:
    if list(reasons) == [""] and reasons[""] == OTHER:  # it reads no folder
        return (
            f"{run.path}: the task '{run.task}' gives other data than at the training; install "
            "the versions that config.json names, or train again"
        )
    tried = "; ".join(f"{place}: {why}" if place else why for place, why in reasons.items())
    return (
        f"{run.path}: its data are not found ({tried}); say where they are with: alignkit "
        "evaluate --data FOLDER"
    )


def _refusal(chosen: Choice, options: Options, paths: Options) -> str:
    if options:
        told = ", ".join(f"{key}={value}" for key, value in options.items())
        had = ", ".join(f"{key}={chosen.options[key]}" for key in options)
        return f"it was trained on {had}; {told} would give the model other data"
    return f"{_place(paths)} holds other data than those that it was trained on"
