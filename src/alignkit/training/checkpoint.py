"""Checkpoints: everything that exact resuming needs, as safetensors and JSON."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from alignkit.documents import Form, check_form
from alignkit.errors import DamagedError, DataError, first_line
from alignkit.runs.files import discard, whole_file, whole_folder
from alignkit.runs.inputs import changes_between
from alignkit.runs.manifests import entries_of, entry_of, read_checked, verify, write_checked
from alignkit.runs.run import INPUTS
from alignkit.training.learner import Learner, random_state, set_random_state

MANIFEST = "state.json"
PARTS = ("weights.safetensors", "optimizer.safetensors", "random.safetensors")
# What it must hold for the training to go on.
STATE: Form = {
    "identity": str,
    "inputs?": INPUTS,
    "progress": {"step": int, "*": object},
    "optimizer": [dict],
}


class Checkpoints:
    """The checkpoints of one training, in ``checkpoint/`` of its run.

    A checkpoint is a folder that appears whole, and its predecessor is deleted only
    afterwards, so there is always one to resume from. The best weights are in a file beside
    it, which is written only when they change.

    Parameters
    ----------
    folder : Path
    identity : str
        The identity of the run; the checkpoint of another run is refused.
    every : str
        How often a checkpoint is due: ``10m``, ``30s`` or a number of optimiser steps; never
        for ``0``.
    command : str
        What resumes the training, for ``alignkit runs``.
    inputs : mapping, optional
        What the training is made from, as by ``inputs_of_training``; the checkpoint of other
        pictures is refused.

    Attributes
    ----------
    inputs : dict
        What the training was made from when it began.
    """

    def __init__(
        self,
        folder: Path,
        identity: str,
        every: str = "0",
        command: str = "",
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self.identity, self.command = folder, identity, command
        self.inputs = dict(inputs or {})
        unit = every[-1] if every[-1] in "ms" else ""
        amount = int(every.removesuffix(unit))
        self.steps = amount if not unit else 0
        self.seconds = amount * {"m": 60, "s": 1}.get(unit, 0)
        self._last_time, self._last_step = time.monotonic(), 0

    def latest(self) -> Path | None:
        """Return the folder of the latest checkpoint, or None if there is none."""
        complete = [path.parent for path in self.folder.glob(f"step-*/{MANIFEST}")]
        return max(complete, key=lambda path: int(path.name.partition("-")[2]), default=None)

    def is_due(self, step: int) -> bool:
        """Return whether it is time for another checkpoint after this optimiser step."""
        if self.steps and step - self._last_step >= self.steps:
            return True
        return bool(self.seconds) and time.monotonic() - self._last_time >= self.seconds

    def save(
        self,
        learner: Learner,
        optimizer: torch.optim.Optimizer,
        progress: dict[str, Any],
        best: dict[str, Tensor],
    ) -> None:
        """Write a checkpoint; all processes must call this, and the first one writes.

        Parameters
        ----------
        learner : Learner
        optimizer : Optimizer
        progress : dict
            Plain values, ``step`` and ``best_epoch`` among them.
        best : dict of str to Tensor
            The weights of the best epoch so far.
        """
        generators = {
            name: learner.processes.gather(state[None].to(learner.device))[0].cpu()
            for name, state in random_state(learner.device).items()
        }
        if learner.processes.is_first:
            self._write(learner, optimizer, progress, best, generators)
        learner.processes.wait()
        self._last_time, self._last_step = time.monotonic(), progress["step"]

    def _write(
        self,
        learner: Learner,
        optimizer: torch.optim.Optimizer,
        progress: dict[str, Any],
        best: dict[str, Tensor],
        generators: dict[str, Tensor],
    ) -> None:
        best_file = self.folder / f"best-{progress['best_epoch']}.safetensors"
        if not best_file.is_file():
            with whole_file(best_file) as temporary:
                save_file(best, temporary)
        moments, settings = _optimizer_tensors(optimizer)
        folder = self.folder / f"step-{progress['step']}"
        with whole_folder(folder) as temporary:
            save_file(_weights(learner), temporary / "weights.safetensors")
            save_file(moments, temporary / "optimizer.safetensors")
            save_file(generators, temporary / "random.safetensors")
            files = entries_of(temporary, PARTS) | {best_file.name: entry_of(best_file)}
            write_checked(
                temporary / MANIFEST,
                {
                    "files": files,
                    "identity": self.identity,
                    "inputs": self.inputs,
                    "command": self.command,
                    "progress": progress,
                    "best": best_file.name,
                    "optimizer": settings,
                    "scaler": learner.scaler.state_dict(),
                    "random": _global_state(),
                    "precision": learner.precision,
                    "device": learner.device.type,
                    "torch": torch.__version__,
                    "processes": learner.processes.size,
                },
            )
        for other in [*self.folder.glob("step-*"), *self.folder.glob("best-*")]:
            if other not in (folder, best_file):
                discard(other)

    def manifest(self) -> dict[str, Any] | None:
        """Return the manifest of the latest checkpoint, or None if there is none.

        Raises
        ------
        DataError
            If it belongs to another run, or was written on other pictures.
        """
        latest = self.latest()
        if latest is None:
            return None
        try:
            state = read_checked(latest / MANIFEST)
        except DamagedError as error:
            raise DamagedError(f"{error}; retrain with: alignkit train --force") from None
        check_form(state, STATE, str(latest / MANIFEST))
        if state["identity"] != self.identity:
            raise DataError(
                f"{latest} is the checkpoint of another run; move it away, discard it with "
                "`force`, or choose another folder of runs with `runs`"
            )
        data = {"data": self.inputs.get("data", {})}
        for change in changes_between(state.get("inputs", {}), data):
            raise DataError(
                f"{latest} cannot be resumed: {change}; restore them, or begin anew with: "
                "alignkit train --retrain"
            )
        return state

    def changes(self) -> list[str]:
        """Return what has changed since the latest checkpoint began, each as a clause."""
        latest = self.latest()
        if latest is None:
            return []
        return changes_between(read_checked(latest / MANIFEST).get("inputs", {}), self.inputs)

    def restore(
        self, state: dict[str, Any], learner: Learner, optimizer: torch.optim.Optimizer
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Restore everything from the latest checkpoint.

        Parameters
        ----------
        state : dict
            The manifest.
        learner : Learner
        optimizer : Optimizer

        Returns
        -------
        dict, dict of str to Tensor
            The progress and the best weights, as they were passed to ``save``.

        Raises
        ------
        DataError
            If a file is missing or broken.
        """
        latest = self.latest()
        assert latest is not None
        files = state.get("files", {})
        try:
            for file in (*(latest / name for name in PARTS), self.folder / state["best"]):
                verify(file, files)
            weights = load_file(latest / "weights.safetensors")
            for prefix, module in (("model.", learner.model), ("heads.", learner.heads)):
                module.load_state_dict(_with_prefix(weights, prefix))
            moments = load_file(latest / "optimizer.safetensors")
            best = load_file(self.folder / state["best"])
            generators = load_file(latest / "random.safetensors")
        except Exception as error:
            first = first_line(error)
            raise DataError(
                f"{latest} cannot be read: {first}; retrain with: alignkit train --force"
            ) from None
        optimizer.load_state_dict(_optimizer_state(moments, state["optimizer"]))
        if state["scaler"]:
            learner.scaler.load_state_dict(state["scaler"])
        if len(generators["cpu"]) == learner.processes.size:
            rank = learner.processes.rank  # cloned: torch reads the state as a struct, aligned
            own = {name: states[rank].clone() for name, states in generators.items()}
            set_random_state(own, learner.device)
        _set_global_state(state["random"])
        self._last_step = state["progress"]["step"]
        self.inputs = dict(state.get("inputs", {}))
        return state["progress"], best

    def drop(self) -> None:
        """Delete all checkpoints, because the run is complete."""
        if self.folder.exists():
            discard(self.folder)


def weights_of(learner: Learner) -> dict[str, Tensor]:
    """Return a copy of the weights of the model and the heads, on the CPU."""
    return {name: value.clone() for name, value in _weights(learner).items()}


def load_weights(learner: Learner, weights: dict[str, Tensor]) -> None:
    """Load weights from ``weights_of`` into the model and the heads."""
    learner.model.load_state_dict(_with_prefix(weights, "model."))
    learner.heads.load_state_dict(_with_prefix(weights, "heads."))


def _weights(learner: Learner) -> dict[str, Tensor]:
    parts = {f"model.{name}": value for name, value in learner.model.state_dict().items()}
    parts |= {f"heads.{name}": value for name, value in learner.heads.state_dict().items()}
    return {name: value.detach().cpu().contiguous() for name, value in parts.items()}


def _with_prefix(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the weights whose names begin with a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def _optimizer_tensors(
    optimizer: torch.optim.Optimizer,
) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Return the optimiser's tensors under flat names, and its settings as plain values."""
    state = optimizer.state_dict()
    tensors = {
        f"{index}.{name}": value.detach().cpu().contiguous()
        for index, values in state["state"].items()
        for name, value in values.items()
    }
    settings = [
        {k: list(v) if isinstance(v, tuple) else v for k, v in group.items()}
        for group in state["param_groups"]
    ]
    return tensors, settings


def _optimizer_state(tensors: dict[str, Tensor], settings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the ``state_dict`` of an optimiser from what ``_optimizer_tensors`` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    groups = [{k: tuple(v) if k == "betas" else v for k, v in group.items()} for group in settings]
    return {"state": state, "param_groups": groups}


def _global_state() -> dict[str, Any]:
    """Return the state of the global generators, which third-party code may draw from."""
    version, numbers, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [name, np.asarray(keys).tolist(), position, has_gauss, cached],
    }


def _set_global_state(state: dict[str, Any]) -> None:
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))  # noqa: NPY002
