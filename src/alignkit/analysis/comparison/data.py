"""The data that encoders see in a comparison: a task, or a folder or table of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alignkit.errors import AlignkitError, UsageError
from alignkit.plugins import registry
from alignkit.progress import Reporter
from alignkit.runs.config import Choice, choose, choose_task
from alignkit.tasks import SPLITS

ALL = "all"


def choose_data(data: str) -> Choice:
    """Return the task that is named, or the one that reads a folder or table of one's own.

    Raises
    ------
    UsageError
        When it is neither a task nor a path that exists, or no task reads such a path.
    """
    name = data.partition(":")[0].strip()
    if name in registry().names("tasks"):
        return choose_task(data)
    if not Path(data).exists():
        known = ", ".join(registry().names("tasks"))
        raise UsageError(
            f"`data={data}` is neither a task ({known}) nor an existing folder or table"
        )
    for entry in registry().entries("tasks"):
        target = entry.load()
        if getattr(target, "reads_own_data", False):
            return choose("tasks", entry.name, {target.positional: data})
    raise UsageError(f"`data={data}`: no installed task reads folders of one's own; name a task")


def splits_of(task: Choice, data: str, splits: Sequence[str], reporter: Reporter) -> list[str]:
    """Return the splits of the data to compare on.

    Nothing is trained, so of one's own folder all samples are used unless splits are named.

    Parameters
    ----------
    task : Choice
    data : str
        As it was given.
    splits : sequence of str
        Names of splits, or ``all``; empty for all of a folder, and ``test`` of a task.
    reporter : Reporter
        Hears which splits the data do not have, where all were asked for.
    """
    named = data.partition(":")[0].strip() in registry().names("tasks") or not data
    wanted = list(splits) or (["test"] if named else [ALL])
    if ALL not in wanted:
        return wanted
    made, kept, lacking = task.make(), [], []
    for split in SPLITS:
        try:
            some = len(made.split(split)) > 0
        except AlignkitError as error:
            some, reason = False, str(error)
            lacking.append(f"{split} ({reason})")
        if some:
            kept.append(split)
    if not kept:
        raise UsageError(f"`split=all`: the data have no split with samples: {'; '.join(lacking)}")
    if lacking:
        reporter.note(f"note: splits without samples are left out: {'; '.join(lacking)}")
    return kept
