"""Verify what is stored against its manifests, and remove what is damaged or out of date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from alignkit.errors import AlignkitError, DataError
from alignkit.runs.data import FILE as DATA
from alignkit.runs.encoders import FILE as ENCODER
from alignkit.runs.encoders import EncoderStore
from alignkit.runs.files import discard, held_by_another, locked
from alignkit.runs.inputs import change_of_representations, change_of_scores, changes_since_training
from alignkit.runs.listing import files_below, found
from alignkit.runs.litter import JOINED, is_spent
from alignkit.runs.manifests import (
    difference,
    inputs_of_table,
    is_checked,
    is_stored,
    manifest_of_table,
    read_checked,
    read_manifest,
    write_checked,
)
from alignkit.runs.representations import RepresentationStore, read_index
from alignkit.runs.run import Run

State = Literal["whole", "unverified", "missing", "stale", "damaged"]
WHOLE: Final = "whole"
UNVERIFIED: Final = "unverified"
MISSING: Final = "missing"
STALE: Final = "stale"
DAMAGED: Final = "damaged"


@dataclass(frozen=True)
class Part:
    """What one step stored, and whether it is as it was written.

    Attributes
    ----------
    path : Path
        A file, or the folder of the representations of a split.
    step : str
        What made it: ``train``, ``evaluate``, ``extract`` or ``measure``.
    state : str
        ``whole``; ``unverified``, stored without checksums by an earlier version; ``missing``,
        weights that are not here, as in a run that was imported without them; ``stale``, made
        from what has changed since; or ``damaged``.
    why : str
        What is wrong with it; empty where nothing is.
    files : int
        How many files it stands for.
    """

    path: Path
    step: str
    state: State
    why: str = ""
    files: int = 1


def verify_run(run: Run) -> list[Part]:
    """Check every file of a run that a manifest lists.

    Parameters
    ----------
    run : Run
        A folder with a trained or an interrupted run. Its pictures are compared where its data
        are here.
    """
    return _looked_at_twice(partial(_of_run, run))


def verify_encoders(folder: Path) -> list[Part]:
    """Check the stored encoders of a task, and the values between them.

    Parameters
    ----------
    folder : Path
        The folder of a task below that of encoders.
    """
    return _looked_at_twice(partial(_of_encoders, folder))


def _looked_at_twice(look: Callable[[], Iterable[Part]]) -> list[Part]:
    """Look again where something is damaged: its manifest may have been replaced meanwhile."""
    parts = list(look())
    return list(look()) if any(part.state == DAMAGED for part in parts) else parts


def _of_run(run: Run) -> Iterator[Part]:
    if run.is_trained:
        yield from _training(run)
        yield _scores(run)
    if (run.path / DATA).is_file():
        yield _object(run.path / DATA, "evaluate")
    for split in _splits(run):
        yield _representations(run, split, run)
    for split in [folder.name for folder in found(run.path, "alignment/*") if folder.is_dir()]:
        yield from _tables(run.alignment_folder(split), run, run, split)
    if run.alignment_file.is_file():
        yield from _table(run.alignment_file, {})
    yield from _unfinished(run)
    for manifest in found(run.path, "checkpoint/step-*/state.json"):
        part = _checkpoint(manifest)
        if manifest.is_file():  # otherwise the training has replaced it meanwhile
            yield part


def _of_encoders(folder: Path) -> Iterator[Part]:
    here = map(EncoderStore, found(folder, "*@*"))
    stores = {store.name: store for store in here if _holds_files(store.path)}
    for store in stores.values():
        yield _object(store.path / ENCODER, "extract")
        for split in _splits(store):
            yield _representations(store, split)
        yield from _unfinished(store)
    for pair in found(folder, "alignment/*"):
        sides = [stores.get(name) for name in pair.name.split("+")]
        for split in [path.name for path in found(pair, "*") if path.is_dir()]:
            x, y = sides if len(sides) == 2 else (None, None)
            yield from _tables(pair / split, x, y, split)


def _holds_files(folder: Path) -> bool:
    """Return whether anything was written there, or its writing was cut off at the very start."""
    return any(file.name[0] != "." for file in files_below(folder))


def repair(owner: Run | Path, part: Part, retrain: bool = False) -> str:
    """Remove a part that is damaged or stale, so that it is made again.

    Parameters
    ----------
    owner : Run or Path
        The run of the part, or the folder of a task below that of encoders.
    part : Part
        What is not damaged any more stays.
    retrain : bool
        Also where that means training again. Without it weights are never removed.

    Returns
    -------
    str
        What was done; empty where nothing can be.
    """
    run = owner if isinstance(owner, Run) else None
    with locked(run.path if run is not None else part.path.parent):
        if part.state == DAMAGED and not _is_damaged(owner, part):
            by_now = "whole by now, as another command wrote it"
            return by_now if part.path.exists() else "removed with another part"
        if part.step == "train" and part.path.parent.name.startswith("step-"):
            discard(part.path.parent)
            return "removed; training begins anew"
        if part.step == "train":
            if not retrain or run is None:
                return ""
            discard(run.train_manifest)
            return "the run counts as untrained; alignkit train trains it again"
        if run is not None and part.path == run.performance_file:
            return _drop_stale_scores(run) if part.state == STALE else _restore_performance(run)
        discard(part.path)
        if part.path.suffix == ".csv":
            discard(manifest_of_table(part.path))
            if run is not None:
                discard(run.alignment_file)  # it is derived from the tables
                discard(manifest_of_table(run.alignment_file))
        return "removed; it is made again when it is needed"


def _is_damaged(owner: Run | Path, part: Part) -> bool:
    if part.path.suffix == ".shards":  # verify_run passes over those of a locked run
        return _shards(part.path).state == DAMAGED
    now = verify_run(owner) if isinstance(owner, Run) else verify_encoders(owner)
    return any(each.path == part.path and each.state == DAMAGED for each in now)


def _training(run: Run) -> Iterator[Part]:
    try:
        manifest = read_manifest(run.train_manifest)
    except AlignkitError as error:
        yield Part(run.train_manifest, "train", DAMAGED, _reason(error, run.train_manifest))
        return
    files: Mapping[str, Any] = manifest.get("files", {})
    if not files:
        yield Part(run.train_manifest, "train", UNVERIFIED)
        return
    for name, entry in files.items():
        if name.endswith(".safetensors") and not is_stored(run.path / name):
            yield Part(run.path / name, "train", MISSING)
            continue
        problem = difference(run.path / name, entry).removeprefix("is damaged: ")
        yield Part(run.path / name, "train", DAMAGED if problem else WHOLE, problem)
    with suppress(DataError):  # damage is named by itself
        if changes := changes_since_training(run):
            yield Part(run.train_manifest, "train", STALE, " and ".join(changes))


def _scores(run: Run) -> Part:
    part = _object(run.performance_file, "evaluate")
    if part.state != WHOLE:
        return part
    with suppress(DataError):
        for split in run.performance()["splits"]:
            if change := change_of_scores(run, split):
                return replace(part, state=STALE, why=f"scored on {split}, but {change}")
    return part


def _checkpoint(manifest: Path) -> Part:
    try:
        files = read_manifest(manifest).get("files", {})
    except AlignkitError as error:
        return Part(manifest, "train", DAMAGED, _reason(error, manifest))
    for name, entry in files.items():
        here = is_stored(manifest.parent / name)
        folder = manifest.parent if here else manifest.parents[1]
        problem = difference(folder / name, entry)
        if problem:
            return Part(manifest, "train", DAMAGED, f"{name} {problem}")
    return Part(manifest, "train", WHOLE if files else UNVERIFIED, files=1 + len(files))


def _object(path: Path, step: str) -> Part:
    try:
        read_checked(path)
    except AlignkitError as error:
        return Part(path, step, DAMAGED, _reason(error, path))
    return Part(path, step, WHOLE if is_checked(path) else UNVERIFIED)


def _splits(store: RepresentationStore) -> list[str]:
    return [file.parent.name for file in found(store.path, "representations/*/index.json")]


def _representations(store: RepresentationStore, split: str, run: Run | None = None) -> Part:
    folder = store.representations_folder(split)
    try:
        index = read_index(folder / "index.json")
    except AlignkitError as error:
        return Part(folder, "extract", DAMAGED, _reason(error, folder / "index.json"))
    files = index.get("files", {})
    for name, entry in files.items():
        problem = difference(folder / name, entry)
        if problem:
            return Part(folder, "extract", DAMAGED, f"{name} {problem}")
    with suppress(DataError):  # what it is compared with is damaged, and named itself
        change = change_of_representations(run, split, index) if run is not None else ""
        if change:
            return Part(folder, "extract", STALE, change)
    return Part(folder, "extract", WHOLE if files else UNVERIFIED, files=1 + len(files))


def _unfinished(store: RepresentationStore) -> Iterator[Part]:
    """Yield the extractions that can be resumed; those that go on now are left alone."""
    folders = found(store.path, "representations/.*.shards")
    if not folders or held_by_another(store.path):
        return
    for folder in folders:
        if not is_spent(folder):
            part = _shards(folder)
            if folder.is_dir():  # otherwise they were joined meanwhile
                yield part


def _shards(folder: Path) -> Part:
    # Files that were joined are in one place, and no longer in the shards.
    places = {folder / JOINED: folder / "whole"}
    places |= {file: file.parent for file in found(folder, "[0-9]*/shard.json")}
    try:
        read_checked(folder / "plan.json")
        files = [
            (place / name, entry)
            for manifest, place in places.items()
            if manifest.is_file()
            for name, entry in read_manifest(manifest).get("files", {}).items()
        ]
    except AlignkitError as error:
        return Part(folder, "extract", DAMAGED, _reason(error, folder))
    stored = [(path, entry) for path, entry in files if is_stored(path)]
    problems = ((path, difference(path, entry)) for path, entry in stored)
    why = next((f"{p.relative_to(folder)} {problem}" for p, problem in problems if problem), "")
    return Part(folder, "extract", DAMAGED if why else WHOLE, why, len(stored))


def _tables(
    folder: Path, x: RepresentationStore | None, y: RepresentationStore | None, split: str
) -> Iterator[Part]:
    """Yield the tables of a folder, which say from which representations they were made."""
    now: dict[str, dict[str, set[str]]] = {}
    for side, store in (("x", x), ("y", y)):
        index: dict[str, Any] = {}
        if store is not None:
            try:
                index = store.representation_index(split) or {}
            except DataError:  # it is named itself
                index = {}
        digests: dict[str, set[str]] = {}
        for name, entry in index.get("files", {}).items():
            if name.endswith(".npy"):
                site = name.removesuffix(".npy").rpartition(".")[0]
                digests.setdefault(site, set()).add(entry["sha256"])
        now[side] = digests
    for file in found(folder, "*.csv", "maxima/*.csv"):
        yield from _table(file, now)


def _table(file: Path, now: Mapping[str, Mapping[str, set[str]]]) -> Iterator[Part]:
    part = _checked_table(file, now)
    if file.is_file():  # otherwise it was removed meanwhile
        yield part


def _checked_table(file: Path, now: Mapping[str, Mapping[str, set[str]]]) -> Part:
    try:
        inputs = inputs_of_table(file)
    except AlignkitError as error:
        return Part(file, "measure", DAMAGED, _reason(error, file))
    for side, sites in now.items():
        for site, digest in inputs.get(side, {}).items():
            if site in sites and digest not in sites[site]:
                why = f"the representation of {site} is another one now"
                return Part(file, "measure", STALE, why)
    return Part(file, "measure", WHOLE if manifest_of_table(file).is_file() else UNVERIFIED)


def _drop_stale_scores(run: Run) -> str:
    """Remove the scores of splits that have changed, or of other weights."""
    performance = run.performance()
    stale = [split for split in performance["splits"] if change_of_scores(run, split)]
    for part in ("splits", "errors", "inputs"):
        for split in stale:
            performance.get(part, {}).pop(split, None)
    write_checked(run.performance_file, performance)
    return f"removed the scores on {', '.join(stale)}; made again when they are needed"


def _restore_performance(run: Run) -> str:
    """Write the scores of training again, which its manifest holds too."""
    try:
        scores = read_checked(run.train_manifest).get("performance")
    except DataError:  # it is named itself
        scores = None
    if scores is None:
        return ""
    write_checked(run.performance_file, scores)
    return "restored from train.json; other splits are scored again when they are needed"


def _reason(error: Exception, path: Path) -> str:
    return str(error).removeprefix(f"{path} ").removeprefix("is damaged: ")
