"""Folders: whether they can be written and locked, what they hold, and the space that is left."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from alignkit.data.pixels import VARIABLE as CACHE
from alignkit.data.pixels import cache_folder
from alignkit.doctor.finding import OK, PROBLEM, WARNING, Finding
from alignkit.errors import AlignkitError
from alignkit.plugins import registry
from alignkit.runs.files import LOCK, held_by_another, sync
from alignkit.runs.litter import find_litter
from alignkit.runs.space import in_bytes
from alignkit.tasks.root import VARIABLE as DATA

Item = TypeVar("Item")
LEAST, LITTLE = 200_000_000, 5_000_000_000  # bytes without which nothing, or little, can be done
_ELSEWHERE = "choose a folder on a disk"
PATIENCE = 5.0  # seconds for the size of a folder, or the locks in it
_UNLOCKABLE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def check_folder(runs: Path) -> list[Finding]:
    """Write, lock and rename a file in the working folder, and in that of the runs."""
    folders = {"working folder": Path.cwd()}
    if runs.is_dir() and runs.resolve() != Path.cwd():
        folders["runs"] = runs
    return [_writable(name, folder) for name, folder in folders.items()]


def _writable(name: str, folder: Path) -> Finding:
    handle = None
    try:
        handle, written = tempfile.mkstemp(prefix=".alignkit.", suffix=".tmp", dir=folder)
        place = Path(written)
        try:
            os.write(handle, b"written by alignkit doctor")
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            place = place.rename(place.with_suffix(".tmp2"))
            sync(folder)
        finally:
            place.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in _UNLOCKABLE:
            found = f"files in {folder} cannot be locked: {error.strerror}"
            remedy = "keep runs on a disk that has locks, and name it: `runs=FOLDER`"
        else:
            found = f"{folder} cannot be written: {error.strerror}"
            remedy = "go to a folder of your own, or name one: `runs=FOLDER`"
        return Finding(name, PROBLEM, found, remedy)
    finally:
        if handle is not None:
            os.close(handle)
    return Finding(name, OK, f"{folder}: can be written and locked")


def check_disk(runs: Path) -> list[Finding]:
    """Look at the free space for results, cached pixels and temporary files, each disk once."""
    places = {"results": runs, "cache": cache_folder(), "temporary files": _temporary()}
    disks: dict[int, list[str]] = {}
    folders: dict[int, Path] = {}
    for what, place in places.items():
        folder = _existing(place)
        disk = folder.stat().st_dev
        disks.setdefault(disk, []).append(what)
        folders.setdefault(disk, folder)
    return [_space(folders[disk], " and ".join(what)) for disk, what in disks.items()]


def _temporary() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except OSError:  # no place that can be written
        return Path("/")


def _existing(folder: Path) -> Path:
    """Return the folder, or the first above it that exists."""
    folder = folder.expanduser().absolute()
    return next(each for each in (folder, *folder.parents) if each.exists())


def _space(folder: Path, what: str) -> Finding:
    (total, _, free), numbers = shutil.disk_usage(folder), os.statvfs(folder)
    if not total:
        return Finding("disk", WARNING, f"{folder}, for {what}, is on no disk", _ELSEWHERE)
    found = f"{in_bytes(free)} free for {what}"
    if numbers.f_files and not numbers.f_favail:
        remedy = f"remove files: no further one fits into {folder}, whatever its size"
        return Finding("disk", PROBLEM, f"{found}, but no file can be added", remedy)
    if free < LITTLE:
        remedy = "free some space: alignkit runs gc removes what killed commands left"
        return Finding("disk", PROBLEM if free < LEAST else WARNING, found, remedy)
    return Finding("disk", OK, found)


def check_locks(runs: Path) -> list[Finding]:
    """Find runs that a process holds, whether it still works, and what killed ones have left.

    The lock of a process that has ended is released by the system, so none can be left behind;
    one that was stopped, as by Ctrl-Z, holds its locks.
    """
    if not runs.is_dir():
        return [Finding("locks", OK, f"there is no folder {runs} yet")]
    holders = _holders()
    findings, held = [], 0
    looked = _Patient()
    for lock in looked.at(_locks(runs)):
        if not held_by_another(lock.parent):
            continue
        held += 1
        status = lock.stat()
        process = holders.get((os.major(status.st_dev), os.minor(status.st_dev), status.st_ino))
        if process is not None and _is_stopped(process):
            found = f"{lock.parent} is held by process {process}, which is stopped"
            remedy = f"let it go on: kill -CONT {process}; or end it: kill -KILL {process}"
            findings.append(Finding("locks", WARNING, found, remedy))
    litter = [each for each in looked.at(find_litter(runs)) if not each.in_use]
    if litter:
        size = in_bytes(sum(each.bytes for each in litter))
        found = f"killed commands have left {len(litter)} files or folders, {size}, in {runs}"
        findings.append(Finding("locks", WARNING, found, "remove them: alignkit runs gc"))
    if findings:
        return findings
    said = f"{held} in {runs} held by running commands" if held else f"none in {runs} is held"
    part = f", of those that {PATIENCE:g} s are enough for" if looked.is_cut else ""
    return [Finding("locks", OK, said + part)]


def _locks(runs: Path) -> Iterator[Path]:
    for folder, _, files in os.walk(runs):
        if LOCK in files:
            yield Path(folder) / LOCK


class _Patient:
    """Looks at items until patience ends: there may be a million runs."""

    def __init__(self) -> None:
        self.is_cut = False

    def at(self, items: Iterable[Item]) -> Iterator[Item]:
        until = time.monotonic() + PATIENCE
        for item in items:
            if time.monotonic() > until:
                self.is_cut = True
                return
            yield item


def _holders() -> dict[tuple[int, int, int], int]:
    """Return the processes that hold locks, by device and number of the file; on Linux only."""
    holders = {}
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return {}
    for line in lines:
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK":
            major, minor, inode = words[5].split(":")
            holders[int(major, 16), int(minor, 16), int(inode)] = int(words[4])
    return holders


def _is_stopped(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] in ("T", "t")


def check_data(_: Path) -> list[Finding]:
    """Look at the folder in which tasks look for their data."""
    named = os.environ.get(DATA)
    if not named:
        return [Finding("data", OK, f"{DATA} is not set; tasks are given their folders")]
    folder = Path(named).expanduser()
    try:
        there = sorted(each.name for each in folder.iterdir() if each.is_dir())
    except OSError as error:
        remedy = f"make the folder, or set {DATA} to the one that has your data sets"
        return [Finding("data", PROBLEM, f"{DATA}: {folder}: {error.strerror}", remedy)]
    tasks: list[str] = []
    with contextlib.suppress(AlignkitError):  # of plugins, which have a check of their own
        tasks = registry().names("tasks")
    known = [name for name in there if name in tasks]
    if not known:
        remedy = f"its folders are named after tasks: {folder}/TASK; see: alignkit list tasks"
        return [Finding("data", WARNING, f"{DATA}: no folder in {folder} is a task's", remedy)]
    return [Finding("data", OK, f"{DATA}: {folder} has {', '.join(known)}")]


def check_caches(_: Path) -> list[Finding]:
    """Look at the folders of cached pixels and of downloaded models."""
    pixels = cache_folder()
    findings = [_cache("cached pixels", pixels, f"set {CACHE} to a folder that you may write")]
    hub = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    torch = Path(os.environ.get("TORCH_HOME") or "~/.cache/torch").expanduser()
    for what, folder, variable in (
        ("models of the hub", hub, "HF_HOME"),
        ("models of torch", torch, "TORCH_HOME"),
    ):
        if folder.exists():
            findings.append(_cache(what, folder, f"set {variable} to a folder that you may write"))
    return findings


def _cache(what: str, folder: Path, remedy: str) -> Finding:
    existing = _existing(folder)
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        found = f"{what}: {folder} cannot be written: {error.strerror}"
        return Finding("caches", PROBLEM, found, remedy)
    if existing != folder.absolute():
        return Finding("caches", OK, f"{what}: {folder}, not made yet")
    return Finding("caches", OK, f"{what}: {folder}, {_size(folder)}")


def _size(folder: Path) -> str:
    total, until = 0, time.monotonic() + PATIENCE
    for place, _, files in os.walk(folder):
        for file in files:
            try:
                total += (Path(place) / file).lstat().st_size
            except OSError:
                continue
        if time.monotonic() > until:
            return f"more than {in_bytes(total)}"
    return in_bytes(total)
