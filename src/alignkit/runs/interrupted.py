"""Runs whose training was interrupted, and the command that resumes each."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignkit.errors import DataError
from alignkit.plugins import registry
from alignkit.plugins.options import format_spec, options_of
from alignkit.runs.config import RunConfig
from alignkit.runs.files import held_by_another, read_json
from alignkit.runs.listing import found
from alignkit.runs.placements import placements_that_fit
from alignkit.runs.training import RuntimeOptions, Training

# Options of `alignkit train` that are not named after their parameter.
NAMES = {"objectives": "objective", "track": "track-alignment"}


@dataclass(frozen=True)
class Interrupted:
    """A run whose training was interrupted, or is still running.

    Attributes
    ----------
    path : Path
    step : int
        Optimiser steps that its checkpoint holds.
    command : str
        What resumes it; empty where an earlier version wrote the checkpoint.
    runs_now : bool
        Whether a process is training it.
    """

    path: Path
    step: int
    command: str
    runs_now: bool


def interrupted_runs(root: Path) -> Iterator[Interrupted]:
    """Yield the runs below a folder that have a checkpoint and are not trained."""
    for folder in found(root, "*/*/*/checkpoint"):
        if (folder.parent / "train.json").is_file():
            continue
        steps = {int(file.parent.name[5:]): file for file in found(folder, "step-*/state.json")}
        if not steps:
            continue
        last = max(steps)
        try:
            command = str(read_json(steps[last], dict).get("command", ""))
        except DataError:
            command = ""
        yield Interrupted(folder.parent, last, command, held_by_another(folder.parent))


def train_command(config: RunConfig, root: Path) -> str:
    """Return the command that trains a run, as one types it.

    Parameters
    ----------
    config : RunConfig
    root : Path
        The folder of runs.
    """
    words = ["alignkit", "train", "--task", _spec(config.task)]
    words += ["--placement", _placement(config)]
    words += ["--architecture", _spec(config.architecture), "--seed", str(config.seed)]
    words += _differing(config.training.to_json(), Training().to_json())
    words += _differing(config.runtime.to_json(), RuntimeOptions().to_json())
    words += ["--init", config.init.run] if config.init else []
    words += ["--runs", str(root)] if root != Path("runs") else []
    return shlex.join(words)


def _spec(chosen: Any) -> str:
    """Return a name with the options that differ from the default, and its paths."""
    known = options_of(registry().get(chosen.kind, chosen.name).load())
    paths = {k: v for k, v in chosen.options.items() if known[k].is_path and v is not None}
    return format_spec(chosen.name, {**chosen.changed, **paths})


def _placement(config: RunConfig) -> str:
    placement = config.placement
    known = placements_that_fit(config.architecture.make().depths())
    if any(each == placement for each in known):
        return placement.name
    return "/".join(",".join(map(str, side)) for side in (placement.text, placement.vision))


def _differing(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Return the options of the command line for values that are not the default."""
    words: list[str] = []
    for key, value in options.items():
        if value == defaults[key]:
            continue
        option = f"--{NAMES.get(key, key).replace('_', '-')}"
        if isinstance(value, bool):
            words.append(option)
        else:
            for each in value if isinstance(value, list) else [value]:
                words += [option, str(each)]
    return words
