"""Tiny parts of a training, put together as ``train`` does."""

from __future__ import annotations

import numpy as np
import torch

from alignkit.chain.model import build, make_repeatable
from alignkit.data.encoded import EncodedSplit
from alignkit.runs import Training, resolve_config
from alignkit.training.batches import Collator
from alignkit.training.build import build_aux, build_objectives
from alignkit.training.learner import Learner
from alignkit.training.objectives import Parts, probe_shapes
from alignkit.training.processes import Processes
from tiny import TINY_MODEL, TINY_TASK


def config(task=TINY_TASK, model=TINY_MODEL, **options):
    """A tiny run's configuration."""
    return resolve_config(task, "1,2", model, Training(**options))


def encoded(task=TINY_TASK, split="train", model=TINY_MODEL):
    """A tiny split as a model takes it."""
    chosen = config(task, model)
    data = chosen.task.make().split(split)
    return EncodedSplit(data, chosen.architecture.make().inputs(data.texts), split)


def learner_and_batches(task=TINY_TASK, model=TINY_MODEL, seed=0, double=False, **options):
    """A learner and what prepares its batches."""
    chosen = config(task, model, **options)
    data = encoded(task, model=model)
    target = chosen.task.make().target
    make_repeatable(seed, 1)
    built, schedule = build(chosen, target.n_outputs, data.inputs)
    shapes = probe_shapes(built, schedule, data)
    weights = None
    if chosen.training.class_weights:
        weights = target.class_weights(data.targets())
    parts = Parts(shapes, data, target, weights)
    objectives = build_objectives(chosen.training.weighted_objectives, parts, schedule)
    aux = build_aux(chosen.training.weighted_aux, schedule, shapes)
    learner = Learner(built, schedule, objectives, aux, "float32", torch.device("cpu"), Processes())
    return learner, Collator(data, objectives, seed)


def gradients(learner, group):
    """The gradient of a step over a group of batches, as one vector, and what was measured."""
    for _, parameter in learner.named_parameters():
        parameter.grad = None
    measured = learner.backward(group)
    parts = [
        p.grad if p.grad is not None else torch.zeros_like(p) for _, p in learner.named_parameters()
    ]
    return torch.cat([part.flatten() for part in parts]).numpy(), measured


def cut(rows, *sizes):
    """Rows in batches of these sizes."""
    return np.split(np.asarray(rows), np.cumsum(sizes)[:-1])
