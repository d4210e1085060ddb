"""Starting from another run: which of its weights are transferred."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from alignkit.errors import DataError
from alignkit.runs import Run
from alignkit.runs.config import Init
from alignkit.training.learner import Learner

# The heads of a run's objectives and auxiliary losses, stored beside its model.
HEADS = "heads.safetensors"


def open_init(init: Init) -> Run:
    """Open the run to start from.

    Raises
    ------
    DataError
        If it is gone, or has been replaced by another run.
    """
    run = Run(Path(init.run))
    if not run.is_trained:
        raise DataError(f"`init={init.run}` is not the folder of a trained run; see: alignkit runs")
    if run.stored["identity"] != init.identity:
        raise DataError(
            f"the run at `init={init.run}` was replaced by another one since this run was "
            "configured; restore it, or start a new run"
        )
    return run


def transfer_weights(run: Run, learner: Learner, labels: list[str]) -> str:
    """Load the weights of another run that fit by name and shape, and describe the result.

    Streams and fusions are transferred wherever they fit. The head is transferred only as a
    whole, and only from a run that was trained on the same labels, because its outputs mean
    something else otherwise.

    Parameters
    ----------
    run : Run
        The run to start from.
    learner : Learner
    labels : list of str
        The labels of the new run's task.

    Returns
    -------
    str
        A message for the user: how much was transferred and what is freshly initialised.
    """
    theirs = load_file(run.trained_file(run.model_file.name))
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
    fresh = [*misfits, *([] if head_fits else [f"the head ({len(head)} weights)"])]
    taken_heads = _take_heads(run, learner)
    line = f"starting from {run.path}: {len(taken)} of {len(ours)} weights"
    line += f" and the heads of {', '.join(taken_heads)}" if taken_heads else ""
    return line + (f"; freshly initialised: {_listing(fresh)}" if fresh else "")


def _take_heads(run: Run, learner: Learner) -> list[str]:
    """Load the heads of the objectives that both runs have, and return their names."""
    file = run.path / HEADS
    if not file.is_file():
        return []
    theirs, ours = load_file(run.trained_file(HEADS)), learner.heads.state_dict()
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
