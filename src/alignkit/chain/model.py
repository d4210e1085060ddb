"""Building a run's model and bringing a trained one back."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from alignkit.errors import DataError
from alignkit.models.schedule import Schedule, check_schedule
from alignkit.runs import Run, RunConfig
from alignkit.runs.files import read_json, whole_file


def make_repeatable(seed: int, threads: int) -> None:
    """Seed every generator and fix the number of threads, on which float sums depend."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (third-party code may draw from the global one)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)


def outputs_of(task: Any) -> int:
    """How many logits a task's model gives; one, which nothing reads, where it has no labels."""
    return max(1, task.target.n_outputs) if task.target is not None else 1


def build(config: RunConfig, n_outputs: int, inputs: Any) -> tuple[Any, Schedule]:
    """Build a fresh model and its schedule, and check that they fit."""
    architecture = config.architecture.make()
    schedule = architecture.schedule(config.placement)
    model = architecture.build(config.placement, n_outputs, inputs)
    check_schedule(schedule, architecture.depths(), len(model.fusions))
    return model, schedule


def save(run: Run, model: Any, inputs: Any) -> None:
    """Store weights and what the inputs learnt from the training texts."""
    from alignkit.runs.files import write_json

    write_json(run.path / "inputs.json", inputs.to_json())
    with whole_file(run.model_file) as temporary:
        save_file({k: v.cpu().contiguous() for k, v in model.state_dict().items()}, temporary)


def load(run: Run, n_outputs: int, device: torch.device | str = "cpu") -> tuple[Any, Schedule, Any]:
    """Bring back a run's trained model, its schedule and its inputs.

    Raises
    ------
    DataError
        When the run is not trained, or its weights do not fit its configuration.
    """
    if not run.is_trained:
        raise DataError(f"{run.path} holds no trained model; train it first: alignkit train")
    if not run.model_file.is_file():
        raise DataError(
            f"{run.path} is here without its weights; train it anew: alignkit train --force, "
            "or import an export that has them"
        )
    architecture = run.config.architecture.make()
    inputs = architecture.load_inputs(read_json(run.path / "inputs.json"))
    model, schedule = build(run.config, n_outputs, inputs)
    try:
        model.load_state_dict(load_file(run.model_file))
    except Exception as error:
        first = str(error).strip().splitlines()[0]
        raise DataError(
            f"{run.model_file} does not hold the weights of this model: {first}; "
            "retrain with: alignkit train --force"
        ) from None
    return model.to(device).eval(), schedule, inputs
