"""Finished units of work: which stand in a folder, and how much a command does anew.

A unit is finished when its manifest stands: the steps of a trained run or of a checkpoint, the
samples of stored representations or of a shard, the values of a table.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from work import LITTER

from tiny import digest

RANGE = re.compile(r"(\d{9})-(\d{9})")
PASSING = ("checkpoint/", "/.")  # removed when what they belong to is complete


def counting(log: Path) -> Callable[[], None]:
    """Return what lets a fork write down every step, sample and value that it computes."""

    def watch() -> None:
        from torch.optim.optimizer import register_optimizer_step_post_hook

        from alignkit.alignment.table import AlignmentTable
        from alignkit.chain import encode, extract

        handle = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_APPEND, 0o666)

        def note(what: str, n: int = 1) -> None:
            os.write(handle, f"{what} {n}\n".encode())

        def commit(folder: Path) -> None:
            commit_shard(folder)
            note("samples", _samples(folder))

        def add(self: AlignmentTable, *given: Any, **kept: Any) -> None:
            real_add(self, *given, **kept)
            note("values")

        register_optimizer_step_post_hook(lambda *_: note("steps"))
        commit_shard, real_add = extract.commit_shard, AlignmentTable.add
        extract.commit_shard = encode.commit_shard = commit
        AlignmentTable.add = add

    return watch


def done_in(log: Path) -> Counter[str]:
    """Return how many steps, samples and values a command computed."""
    done: Counter[str] = Counter()
    for line in log.read_text().splitlines() if log.is_file() else ():
        what, n = line.split()
        done[what] += int(n)
    return done


def standing(folder: Path) -> Counter[str]:
    """Return how many steps, samples and values stand in a folder, so that none is done anew."""
    stand: Counter[str] = Counter()
    for run in _runs(folder):
        checkpoints = [int(p.parent.name[5:]) for p in run.glob("checkpoint/step-*/state.json")]
        if (run / "train.json").is_file():
            stand["steps"] += len((run / "steps.csv").read_text().splitlines()) - 1
        else:
            stand["steps"] += max(checkpoints, default=0)
    for stored in folder.rglob("representations"):
        for split in {path.name.removeprefix(".").removesuffix(".shards") for path in _in(stored)}:
            if (stored / split / "index.json").is_file():
                lines = (stored / split / "samples.csv").read_text().splitlines()
                stand["samples"] += len(lines) - 1
            else:
                shards = (stored / f".{split}.shards").glob("0*/shard.json")
                stand["samples"] += sum(_samples(shard.parent) for shard in shards)
    for table in folder.rglob("alignment/**/*.csv"):
        if table.with_suffix(".json").is_file():
            stand["values"] += len(table.read_text().splitlines()) - 1
    return stand


def finished_units(folder: Path) -> dict[str, tuple[str, tuple[int, int]]]:
    """Return the files that manifests list: of each its checksum, and which file it is."""
    from alignkit.runs.manifests import read_checked

    units = {}
    sums = digest(folder)
    for name in sums:
        if not name.endswith(".json") or LITTER.search(name):
            continue
        manifest = folder / name
        try:
            content = read_checked(manifest)
        except Exception:  # no object: no manifest
            continue
        listed = content.get("files", {})
        for file in (manifest.parent / each for each in listed if isinstance(listed, dict)):
            if file.is_file():
                state = file.stat()
                relative = str(file.relative_to(folder))
                units[relative] = sums[relative], (state.st_ino, state.st_mtime_ns)
    return units


def lost_and_redone(
    before: dict[str, tuple[str, tuple[int, int]]], after: Path, reference: dict[str, str]
) -> tuple[list[str], list[str]]:
    """Return which files of finished units are not there any more, and which were made again.

    What is only kept until something larger is complete may go, and a table may grow.
    """
    lost, redone = [], []
    for name, (sum_, state) in before.items():
        file = after / name
        if not file.is_file():
            lost += [] if any(part in name for part in PASSING) else [name]
            continue
        now = file.stat()
        if reference.get(name) == sum_ and (now.st_ino, now.st_mtime_ns) != state:
            redone.append(name)
    return lost, redone


def damaged(folder: Path) -> list[str]:
    """Return what `runs verify` finds damaged or stale."""
    from alignkit.runs import Run
    from alignkit.runs.verify import verify_encoders, verify_run

    parts = [part for run in _runs(folder) for part in verify_run(Run(run))]
    parts += [part for task in folder.glob("encoders/*") for part in verify_encoders(task)]
    return [f"{part.path}: {part.why}" for part in parts if part.state in ("damaged", "stale")]


def _runs(folder: Path) -> list[Path]:
    """Return the runs in a folder, also those whose training has just begun."""
    return sorted(
        {path.parent for name in ("config.json", "checkpoint") for path in folder.rglob(name)}
    )


def _samples(shard: Path) -> int:
    match = RANGE.search(shard.name)
    assert match is not None
    return int(match[2]) - int(match[1])


def _in(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.iterdir() if not LITTER.search(path.name))
