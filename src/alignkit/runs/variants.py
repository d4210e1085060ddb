"""Variants: runs of one placement whose options differ, named by the options that differ."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from alignkit.errors import AlignkitError
from alignkit.plugins import registry
from alignkit.plugins.options import options_of
from alignkit.runs.run import Run
from alignkit.runs.training import Training, read_options

# Not options, but they may differ all the same: named only where no option tells runs apart.
LAYERS, DATA = "layers", "data"
# The task of the run that training started from; its options have this name before theirs.
PRETRAINING = "pretraining"


def variant_names(runs: Sequence[Run], across_placements: bool = False) -> dict[Path, str]:
    """Name the variant of each run among the runs of its task and placement.

    Parameters
    ----------
    runs : sequence of Run
    across_placements : bool
        Also name the options in which only runs of different placements differ.

    Returns
    -------
    dict of Path to str
        By the path of the run: ``learning_rate=3e-4``, several options joined by ``", "``.
        Empty where the runs that are compared agree in everything but the seed.
    """
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        key = (run.task,) if across_placements else (run.task, run.placement)
        groups.setdefault(key, []).append(run)
    names: dict[Path, str] = {}
    for group in groups.values():
        keys = differing_options(group)
        options = {run.path: run_options(run) for run in group}
        tasks = {own[PRETRAINING] for own in options.values()} - {None}
        for path, own in options.items():
            shown = keys
            if len(tasks) == 1 and any(k in own for k in keys if k.startswith(f"{PRETRAINING}.")):
                shown = [key for key in keys if key != PRETRAINING]  # what differs says it all
            names[path] = _name(own, shown)
    return names


def variant_order(runs: Sequence[Run]) -> dict[Path, tuple[tuple[float, str], ...]]:
    """Return keys that sort the variants of a placement by the values of their options.

    Parameters
    ----------
    runs : sequence of Run

    Returns
    -------
    dict of Path to tuple
        By the path of the run: a number and a text per option in which the runs of its task
        and placement differ. Numbers sort by size, and before other values.
    """
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.task, run.placement), []).append(run)
    order: dict[Path, tuple[tuple[float, str], ...]] = {}
    for group in groups.values():
        keys = differing_options(group)
        for run in group:
            options = run_options(run)
            order[run.path] = tuple(_rank(option_text(options.get(key))) for key in keys)
    return order


def differing_options(runs: Sequence[Run]) -> list[str]:
    """Return the names of the options in which runs differ, whatever their placements.

    An option that only some of the runs have counts among those. ``layers`` and ``data``
    are named where runs of one placement agree in their options but not in these.
    """
    options = {run.path: run_options(run) for run in runs}
    values: dict[str, set[str]] = {}
    for own in options.values():
        for key, value in own.items():
            values.setdefault(key, set()).add(option_text(value))
    ignored = {LAYERS, DATA}
    if len(values.get(DATA, ())) == 1:  # then the task's options do not change the data
        ignored |= {key for run in runs for key in _sections(run.stored)["task"]}
    ignored |= _repeated(options.values())
    keys = [key for key, texts in values.items() if len(texts) > 1 and key not in ignored]
    for hidden in (LAYERS, DATA):
        if _share_a_name(runs, options, keys, hidden):
            keys.append(hidden)
    return keys


def _repeated(options: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the options of pretraining that say what the run's own say, such as its head."""
    alike: dict[str, bool] = {}
    for own in options:
        for key, value in own.items():
            section, dot, name = key.partition(".")
            if dot and section == PRETRAINING:
                alike[key] = alike.get(key, True) and name in own and own[name] == value
    return {key for key, same in alike.items() if same}


def run_options(run: Run) -> dict[str, Any]:
    """Return the options of a run, without its seed and placement.

    Returns
    -------
    dict of str to value
        The options of training; ``architecture`` and its options; those of the task; and
        ``pretraining``, the task of the run that training started from, with the options of that
        run as ``pretraining.objectives`` and so on. Folders and files are left out. An option
        whose name is taken has its section before it, as in ``task.epochs``. ``layers`` and
        ``data`` hold the layers of the placement and the fingerprint of the data.
    """
    return _options(run.stored)


def _options(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a run with such a ``config.json``."""
    sections = _sections(stored).values()
    options = {key: value for section in sections for key, value in section.items()}
    options |= _pretraining(stored)
    options[LAYERS] = _layers(stored)
    options[DATA] = stored["data"]["fingerprint"][:8]
    return options


def _pretraining(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return what training started from, as options."""
    init = stored.get("init")
    if not init:
        return {PRETRAINING: None}
    first = init.get("config")
    if not first:  # a run that was trained before these were stored
        return {PRETRAINING: _without_seed(init["run"])}
    theirs = _options(first)
    del theirs[DATA]
    if theirs[LAYERS] == _layers(stored):
        del theirs[LAYERS]
    if theirs[PRETRAINING] is None:
        del theirs[PRETRAINING]
    task = first["task"].get("alias") or first["task"]["name"]
    return {PRETRAINING: task} | {f"{PRETRAINING}.{key}": v for key, v in theirs.items()}


def _layers(stored: Mapping[str, Any]) -> str:
    placement = stored["placement"]
    return "/".join(",".join(map(str, placement[stream])) for stream in ("text", "vision"))


def option_text(value: object) -> str:
    """Write the value of an option as one would on the command line: ``3e-4``, ``true``."""
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        exact = Decimal(repr(value)).normalize()
        return f"{exact:e}" if value and abs(value) < 0.01 else f"{exact:f}"
    if isinstance(value, list):  # of weighted names, of which 1 is the weight unless said
        return "+".join(str(each).removesuffix("=1") for each in value)
    return str(value)


def _sections(stored: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of training, architecture and task, under names that differ."""
    training: dict[str, Any] = read_options(Training, stored["training"]).to_json()
    training["objectives"] = training["objectives"] or ["task"]
    training["architecture"] = stored["architecture"]["name"]
    sections = {"training": training}
    for section, kind in (("architecture", "architectures"), ("task", "tasks")):
        taken = {key for other in sections.values() for key in other}
        paths = _paths(kind, stored[section]["name"])
        sections[section] = {
            f"{section}.{key}" if key in taken else key: value
            for key, value in stored[section]["options"].items()
            if key not in paths
        }
    return sections


@cache
def _paths(kind: str, name: str) -> frozenset[str]:
    """Return the options that name a folder or file; none where the plugin is missing."""
    try:
        known = options_of(registry().get(kind, name).load())
    except AlignkitError:
        return frozenset()
    return frozenset(key for key, option in known.items() if option.is_path)


def _share_a_name(
    runs: Sequence[Run], options: Mapping[Path, Mapping[str, Any]], keys: Sequence[str], hidden: str
) -> bool:
    """Whether runs of a task and placement have one name although something hidden differs."""
    seen: dict[tuple[str, str, str], str] = {}
    for run in runs:
        own = options[run.path]
        name = (run.task, run.placement, _name(own, keys))
        if seen.setdefault(name, own[hidden]) != own[hidden]:
            return True
    return False


def _name(options: Mapping[str, Any], keys: Sequence[str]) -> str:
    return ", ".join(f"{key}={option_text(options[key])}" for key in keys if key in options)


def _rank(value: str) -> tuple[float, str]:
    try:
        return float(value), ""
    except ValueError:
        return float("inf"), value


def _without_seed(run: str) -> str:
    """Return task and placement of a run's folder; the seed is not an option."""
    *_, task, placement, seed = ("", "", *Path(run).parts)
    return "/".join(filter(None, (task, placement + re.sub(r"^seed\d+", "", seed))))
