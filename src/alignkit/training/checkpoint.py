"""Checkpoints: what exact resume needs, as safetensors and JSON."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from alignkit.errors import DataError
from alignkit.runs.files import discard, read_json, whole_file, whole_folder, write_json
from alignkit.training.learner import Learner, random_state, set_random_state

MANIFEST = "state.json"


class Checkpoints:
    """The checkpoints of one training, in ``checkpoint/`` of its run.

    A checkpoint is a folder that appears whole; the one before it is dropped only then, so
    there is always one to go on from. The best weights lie beside it, written once.

    Parameters
    ----------
    folder : Path
    identity : str
        Of the run: another run's checkpoint is refused.
    every : str
        ``10m``, ``30s``, a number of steps, or ``0``: only on demand.
    """

    def __init__(self, folder: Path, identity: str, every: str = "0") -> None:
        self.folder, self.identity = folder, identity
        unit = every[-1] if every[-1] in "ms" else ""
        amount = int(every.removesuffix(unit))
        self.steps = amount if not unit else 0
        self.seconds = amount * {"m": 60, "s": 1}.get(unit, 0)
        self._last_time, self._last_step = time.monotonic(), 0

    def latest(self) -> Path | None:
        """The newest checkpoint, if there is one."""
        found = [path.parent for path in self.folder.glob(f"step-*/{MANIFEST}")]
        return max(found, key=lambda path: int(path.name.partition("-")[2]), default=None)

    def is_due(self, step: int) -> bool:
        """Whether it is time for another one."""
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
        """Write a checkpoint; ``progress`` is plain values with ``step`` and ``best_epoch``.

        Every process takes part with its generators; the first one writes.
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
        kept = self.folder / f"best-{progress['best_epoch']}.safetensors"
        if not kept.is_file():
            with whole_file(kept) as temporary:
                save_file(best, temporary)
        moments, settings = _flat(optimizer)
        folder = self.folder / f"step-{progress['step']}"
        with whole_folder(folder) as temporary:
            save_file(_weights(learner), temporary / "weights.safetensors")
            save_file(moments, temporary / "optimizer.safetensors")
            save_file(generators, temporary / "random.safetensors")
            write_json(
                temporary / MANIFEST,
                {
                    "identity": self.identity,
                    "progress": progress,
                    "best": kept.name,
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
            if other not in (folder, kept):
                discard(other)

    def manifest(self) -> dict[str, Any] | None:
        """What the newest checkpoint says of itself, if there is one.

        Raises
        ------
        DataError
            When it belongs to another run.
        """
        latest = self.latest()
        if latest is None:
            return None
        state = read_json(latest / MANIFEST)
        if state["identity"] != self.identity:
            raise DataError(
                f"{latest} is the checkpoint of another run; move it away, drop it with --force, "
                "or choose another folder with --runs"
            )
        return state

    def restore(
        self, state: dict[str, Any], learner: Learner, optimizer: torch.optim.Optimizer
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Put everything back as it was, and give the progress and the best weights.

        Raises
        ------
        DataError
            When a file is missing or broken.
        """
        latest = self.latest()
        assert latest is not None
        try:
            weights = load_file(latest / "weights.safetensors")
            for prefix, module in (("model.", learner.model), ("heads.", learner.heads)):
                module.load_state_dict(_under(weights, prefix))
            moments = load_file(latest / "optimizer.safetensors")
            best = load_file(self.folder / state["best"])
            generators = load_file(latest / "random.safetensors")
        except Exception as error:
            first = str(error).strip().splitlines()[0]
            raise DataError(
                f"{latest} cannot be read: {first}; train anew with: alignkit train --force"
            ) from None
        optimizer.load_state_dict(_nested(moments, state["optimizer"]))
        if state["scaler"]:
            learner.scaler.load_state_dict(state["scaler"])
        if len(generators["cpu"]) == learner.processes.size:
            rank = learner.processes.rank  # cloned: torch reads the state as a struct, aligned
            own = {name: states[rank].clone() for name, states in generators.items()}
            set_random_state(own, learner.device)
        _set_global_state(state["random"])
        self._last_step = state["progress"]["step"]
        return state["progress"], best

    def drop(self) -> None:
        """Remove all of it: the run is complete."""
        if self.folder.exists():
            discard(self.folder)


def weights_of(learner: Learner) -> dict[str, Tensor]:
    """A copy of everything that is trained, on the CPU."""
    return {name: value.clone() for name, value in _weights(learner).items()}


def load_weights(learner: Learner, weights: dict[str, Tensor]) -> None:
    """Put weights that ``weights_of`` gave back into model and heads."""
    learner.model.load_state_dict(_under(weights, "model."))
    learner.heads.load_state_dict(_under(weights, "heads."))


def _weights(learner: Learner) -> dict[str, Tensor]:
    parts = {f"model.{name}": value for name, value in learner.model.state_dict().items()}
    parts |= {f"heads.{name}": value for name, value in learner.heads.state_dict().items()}
    return {name: value.detach().cpu().contiguous() for name, value in parts.items()}


def _under(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def _flat(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
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


def _nested(tensors: dict[str, Tensor], settings: list[dict[str, Any]]) -> dict[str, Any]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    groups = [{k: tuple(v) if k == "betas" else v for k, v in group.items()} for group in settings]
    return {"state": state, "param_groups": groups}


def _global_state() -> dict[str, Any]:
    """Generators that a third party's model or task may draw from."""
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
