"""Data sets that share the name of a task: told apart by their fingerprints, and named."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

ROOT = "root"  # the option of tasks that names the folder or file of the data


class NamedRun(Protocol):
    """What is needed of a run."""

    path: Path
    task_label: str

    @property
    def stored(self) -> dict[str, Any]:
        """The content of ``config.json``."""

    @property
    def stored_task(self) -> str:
        """The name of the task as it is stored."""


def tell_apart(runs: Sequence[NamedRun]) -> dict[str, dict[str, str]]:
    """Give runs of one task name on different data sets different names of their task.

    Data are the same where their fingerprints are, wherever they lie; and where they lie in one
    place, but the options of the task differ.

    Parameters
    ----------
    runs : sequence of Run
        Their ``task`` is renamed.

    Returns
    -------
    dict of str to dict of str to str
        By the name that they share: the new names, and where the data lay. Empty where no name
        is shared.
    """
    shared: dict[str, list[NamedRun]] = {}
    for run in runs:
        shared.setdefault(run.stored_task, []).append(run)
    renamed: dict[str, dict[str, str]] = {}
    for task, group in shared.items():
        sets = _data_sets(group)
        if len(sets) < 2:
            continue
        names = _names(task, sets)
        renamed[task] = {name: _place(of[0]) for name, of in zip(names, sets, strict=True)}
        for name, members in zip(names, sets, strict=True):
            for run in members:
                run.task_label = name
    return renamed


def _data_sets(runs: Sequence[NamedRun]) -> list[list[NamedRun]]:
    """Return the runs by data set, in the order of their paths."""
    alike: dict[tuple[str, str, str], list[NamedRun]] = {}
    for run in sorted(runs, key=lambda run: str(run.path)):
        alike.setdefault((_fingerprint(run), _options(run), _place(run)), []).append(run)
    sets: list[list[list[NamedRun]]] = []
    for group in alike.values():
        same = [of for of in sets if any(_same(group[0], other[0]) for other in of)]
        sets = [of for of in sets if of not in same]
        sets.append([group, *(other for of in same for other in of)])
    members = [[run for group in of for run in group] for of in sets]
    return sorted(members, key=lambda of: min(str(run.path) for run in of))


def _same(run: NamedRun, other: NamedRun) -> bool:
    if _fingerprint(run) == _fingerprint(other):
        return True
    if _options(run) == _options(other):
        return not _place(run) and not _place(other)  # made, not read: the options name it
    return _place(run) == _place(other) or "alias" not in _task(run)


def _names(task: str, sets: Sequence[Sequence[NamedRun]]) -> list[str]:
    """Name data sets by the part of their paths in which these differ, else by fingerprints."""
    parts = [Path(_place(members[0])).parts[::-1] for members in sets]
    for depth in range(min(map(len, parts), default=0)):
        words = [re.sub(r"[^a-z0-9]+", "_", part[depth].lower()).strip("_") for part in parts]
        if len(set(words)) == len(words) and all(words):
            return [f"{task}-{word}" for word in words]
    return [f"{task}-{_fingerprint(members[0])[:8]}" for members in sets]


def _options(run: NamedRun) -> str:
    options: Mapping[str, Any] = _task(run).get("options", {})
    return json.dumps({key: options[key] for key in sorted(options) if key != ROOT})


def _place(run: NamedRun) -> str:
    return str(_task(run).get("options", {}).get(ROOT) or "")


def _fingerprint(run: NamedRun) -> str:
    return str(run.stored.get("data", {}).get("fingerprint", ""))


def _task(run: NamedRun) -> Mapping[str, Any]:
    stored: Mapping[str, Any] = run.stored.get("task", {})
    return stored
