"""Starting from another run: which of its weights are taken, and which are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from alignkit.errors import DataError
from alignkit.runs import Run
from alignkit.runs.config import Init
from alignkit.training.learner import Learner

# What the objectives of a run read with, beside its model.
HEADS = "heads.safetensors"


def open_init(init: Init) -> Run:
    """Open the run to start from.

    Raises
    ------
    DataError
        When it is gone, or another run lies in its place.
    """
    run = Run(Path(init.run))
    if not run.is_trained:
        raise DataError(f"--init {init.run}: this folder holds no trained run")
    if run.stored["identity"] != init.identity:
        raise DataError(f"--init {init.run}: another run lies there than when this one was begun")
    return run


def take_weights(run: Run, learner: Learner, labels: list[str]) -> str:
    """Take over what fits by name and shape, and say what was taken.

    Streams and fusions are taken wherever they fit. A head is taken only whole, and only
    from a run that was trained on the same labels: any other head means something else.

    Returns
    -------
    str
        One line for the user.
    """
    theirs = load_file(run.model_file)
    ours = learner.model.state_dict()
    same_labels = bool(labels) and run.stored["data"].get("labels") == labels
    head = {name for name in ours if not name.startswith(("streams.", "fusions."))}
    head_fits = (
        same_labels
        and run.config.training.uses_labels
        and not _misfits({name: ours[name] for name in head}, theirs)
    )
    wanted = {name: value for name, value in ours.items() if name not in head or head_fits}
    misfits = _misfits(wanted, theirs)
    taken = {name: theirs[name] for name in wanted if name not in misfits}
    learner.model.load_state_dict({**ours, **taken})
    left = [*misfits, *([] if head_fits else [f"the head ({len(head)} weights)"])]
    taken_heads = _take_heads(run, learner)
    line = f"starting from {run.path}: {len(taken)} of {len(ours)} weights"
    line += f" and the heads of {', '.join(taken_heads)}" if taken_heads else ""
    return line + (f"; fresh: {_listing(left)}" if left else "")


def _take_heads(run: Run, learner: Learner) -> list[str]:
    """Heads of the objectives that both runs have."""
    file = run.path / HEADS
    if not file.is_file():
        return []
    theirs, ours = load_file(file), learner.heads.state_dict()
    names = []
    for name in learner.objectives:
        prefix = f"objectives.{name}."
        part = {k: v for k, v in ours.items() if k.startswith(prefix)}
        if part and not _misfits(part, theirs):
            ours |= {k: theirs[k] for k in part}
            names.append(name)
    learner.heads.load_state_dict(ours)
    return names


def _misfits(ours: dict[str, torch.Tensor], theirs: dict[str, Any]) -> list[str]:
    return [k for k, v in ours.items() if k not in theirs or theirs[k].shape != v.shape]


def _listing(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
