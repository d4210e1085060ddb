"""Build the model of a run, store it, and load a trained one."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from alignkit.errors import DataError, UsageError, first_line
from alignkit.models.protocols import Inputs
from alignkit.models.schedule import Schedule, check_schedule
from alignkit.plugins.calls import PluginCall
from alignkit.runs import Run, RunConfig
from alignkit.runs.files import read_json, whole_file, write_json
from alignkit.tasks import Task


def make_repeatable(seed: int, threads: int) -> None:
    """Seed all global generators and fix the number of threads, which affects rounding."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (third-party code may draw from the global one)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)


def outputs_of(task: Task) -> int:
    """Return the number of logits of a task's model; one, unused, if it has no labels."""
    return max(1, task.target.n_outputs) if task.target is not None else 1


def build(config: RunConfig, n_outputs: int, inputs: Inputs) -> tuple[nn.Module, Schedule]:
    """Return a freshly initialised model and its schedule, checked against each other.

    Parameters
    ----------
    config : RunConfig
    n_outputs : int
        The number of logits.
    inputs : Inputs
    """
    architecture = config.architecture.make()
    schedule = architecture.schedule(config.placement)
    model: Any = architecture.build(config.placement, n_outputs, inputs)
    try:
        check_schedule(schedule, architecture.depths(), len(model.fusions))
    except UsageError as error:
        call = PluginCall(
            config.architecture.entry, f"a model on placement '{config.placement.name}'"
        )
        raise call.failed(f"gave one that does not go with its {error}") from None
    return model, schedule


def save(run: Run, model: nn.Module, inputs: Inputs) -> None:
    """Store the weights, and what the inputs learned from the training texts."""
    write_json(run.path / "inputs.json", inputs.to_json())
    with whole_file(run.model_file) as temporary:
        save_file({k: v.cpu().contiguous() for k, v in model.state_dict().items()}, temporary)


def load(
    run: Run, n_outputs: int, device: torch.device | str = "cpu", trained: bool = True
) -> tuple[nn.Module, Schedule, Inputs]:
    """Return the model of a run, its schedule and its inputs.

    The model is in evaluation mode.

    Parameters
    ----------
    run : Run
    n_outputs : int
        The number of logits.
    device : torch.device or str
    trained : bool
        Whether with the trained weights, or with those that its seed gave it: before training,
        and before it took over those of another run. The latter seeds the global generators.

    Raises
    ------
    DataError
        If the run is not trained, or its weights are missing or do not fit its
        configuration.
    """
    if not run.is_trained:
        raise DataError(f"{run.path} is not trained; train it first: alignkit train")
    if trained and not run.model_file.is_file():
        raise DataError(
            f"the weights of {run.path} are missing; retrain it with: alignkit train --force, or "
            "import an export that includes them"
        )
    architecture = run.config.architecture.make()
    inputs: Inputs = architecture.load_inputs(read_json(run.trained_file("inputs.json")))
    if not trained:
        make_repeatable(run.seed, run.config.training.threads)
    model, schedule = build(run.config, n_outputs, inputs)
    if not trained:
        return model.to(device).eval(), schedule, inputs
    weights = run.trained_file(run.model_file.name)
    try:
        model.load_state_dict(load_file(weights))
    except Exception as error:
        raise DataError(
            f"the weights in {run.model_file} do not fit this model: {first_line(error)}; "
            "retrain with: alignkit train --force"
        ) from None
    return model.to(device).eval(), schedule, inputs
