"""What the steps of a run take, from the size of its model: for studies without finished runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from alignkit.errors import AlignkitError
from alignkit.models.size import ModelSize
from alignkit.runs import Training
from alignkit.runs.config import choose, choose_task
from alignkit.runs.placements import choose_placement
from alignkit.runs.run import POOLS
from alignkit.studies.file import Study
from alignkit.studies.plan import Planned
from alignkit.studies.splits import size_of_split

# Floating-point operations per second that training reaches, measured with BERT-base and ViT-B/16
# in float32 (benchmarks/README.md): on one thread of a server's CPU, and on one H200.
THREAD_SPEED, GPU_SPEED = 7e10, 2e13
# A backward pass costs as much as two forward passes.
TRAINING_PASSES = 3
# A step of a run builds or reads the model and writes results: weights per second, and seconds.
BUILD_SPEED, START_SECONDS = 5e7, 1.0
# A metric on one pair of layers of 1,536 samples, 768 wide.
PAIR_SECONDS, PAIR_SAMPLES = 0.013, 1536
# Where only the sum of training and validation samples is known.
VALIDATION_SHARE = 0.1
BYTES = 4
# While training, a checkpoint holds the weights, the best ones, and two moments of each.
CHECKPOINT = 4


@dataclass(frozen=True)
class RunSize:
    """The size of a run that is not done: its model, its data, and what is asked of it.

    Attributes
    ----------
    planned : Planned
    study : Study
    """

    planned: Planned
    study: Study

    @cached_property
    def model(self) -> ModelSize | None:
        """The size of the model; None if its architecture does not say."""
        entry, config = self.planned.entry, self.planned.config
        try:
            made = (config.architecture if config else self._architecture).make()
            placement = config.placement if config else choose_placement(entry.placement, made)
            return _size_of(made, placement)
        except AlignkitError:
            return None

    @property
    def missing(self) -> list[str]:
        """The names of the steps that remain; all that the study asks for if it cannot start."""
        if self.planned.config is not None:
            return [step.name for step in self.planned.steps if step.state == "missing"]
        if self.planned.pretrains:
            return ["train"]
        splits = [f"evaluate {split}" for split in self.study.evaluate.splits]
        measure = self.study.measure
        if measure is None:
            return ["train", *splits]
        measures = [f"measure {split} {pool}" for split in measure.splits for pool in measure.pools]
        return ["train", *splits, *(f"extract {split}" for split in measure.splits), *measures]

    @property
    def epochs(self) -> int:
        """The number of epochs of its training."""
        return int(self.planned.entry.options.get("epochs", Training().epochs))

    @property
    def on_gpu(self) -> bool:
        """Whether it is to run on a GPU."""
        device = str(self.planned.entry.options.get("device", ""))
        return self.study.engine.gpus > 0 or device.startswith("cuda")

    @property
    def stored_bytes(self) -> int | None:
        """Bytes of weights and representations that the run leaves; None if unknown."""
        if self.model is None:
            return None
        stored = self.model.parameters
        if not self.planned.pretrains:
            extract, measure = self.study.extract, self.study.measure
            splits = {*extract.splits, *(measure.splits if measure else ())}
            pools = {*extract.pools, *(measure.pools if measure else ())} or {POOLS[0]}
            per_sample = sum(self.model.widths[s] * n for s, n in self.model.sites.items())
            stored += sum(self._samples(split) or 0 for split in splits) * len(pools) * per_sample
        return BYTES * stored

    @property
    def checkpoint_bytes(self) -> int:
        """Bytes of a checkpoint, which exists while the run is trained."""
        return BYTES * CHECKPOINT * (self.model.parameters if self.model else 0)

    def seconds(self, step: str) -> float | None:
        """Estimate the seconds of a step such as ``train`` or ``measure test cls``.

        None if the size of the model or of the data is unknown.
        """
        kind, *rest = step.split()
        if self.model is None:
            return None
        start = START_SECONDS + self.model.parameters / BUILD_SPEED
        if kind == "train":
            train, validation = self._samples("train"), self._samples("validation")
            if train is None:
                return None
            passes = self.epochs * (TRAINING_PASSES * train + (validation or 0))
            return start + passes * self.model.flops / self._speed
        n = self._samples(rest[0])
        if n is None:
            return None
        if kind == "measure":
            return START_SECONDS + self._seconds_to_measure(self.model, n)
        return start + n * self.model.flops / self._speed

    def _seconds_to_measure(self, model: ModelSize, n: int) -> float:
        measure = self.study.measure
        assert measure is not None
        share = min(n, measure.samples or n) / PAIR_SAMPLES
        text, vision = model.sites.values()
        pairs = text * vision if measure.layers == "all" else max(text, vision)
        return len(measure.metrics) * pairs * PAIR_SECONDS * share * max(1.0, share)

    @property
    def _speed(self) -> float:
        threads = int(self.planned.entry.options.get("threads", Training().threads))
        return GPU_SPEED if self.on_gpu else THREAD_SPEED * threads

    @property
    def _architecture(self) -> Any:
        return choose("architectures", self.planned.entry.options.get("architecture"))

    def _samples(self, split: str) -> int | None:
        """Return the samples of a split: counted, or else as published."""
        config, entry = self.planned.config, self.planned.entry
        n = size_of_split(config, split) if config else None
        if n is not None:
            return n
        try:
            task = choose_task(entry.task, entry.options.get("data")).make()
        except AlignkitError:
            return None
        return _published(getattr(task, "published", {}), split)


# The same few models are used by all runs of a study.
_known: dict[str, ModelSize | None] = {}


def _size_of(architecture: Any, placement: Any) -> ModelSize | None:
    size = getattr(architecture, "size", None)
    if size is None:
        return None
    key = repr((type(architecture), getattr(architecture, "options", id(architecture)), placement))
    if key not in _known:
        _known[key] = size(placement)
    return _known[key]


def _published(published: Mapping[str, int | tuple[int, int]], split: str) -> int | None:
    joint = published.get("train+validation")
    n = published.get(split)
    if n is None and joint is not None and split in ("train", "validation"):
        total = joint[0] if isinstance(joint, tuple) else joint
        held_out = round(total * VALIDATION_SHARE)
        return held_out if split == "validation" else total - held_out
    return n[0] if isinstance(n, tuple) else n
