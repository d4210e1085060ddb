"""The training loop: epochs, steps, validation, early stopping, and going on where it was."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from alignkit.errors import AlignkitError
from alignkit.runs import RunConfig
from alignkit.tasks import Score
from alignkit.training.checkpoint import Checkpoints, load_weights, weights_of
from alignkit.training.learner import Learner
from alignkit.training.optimizer import learning_rate_factor, make_optimizer, set_rate
from alignkit.training.prepared import Preparation, Prepared, ahead
from alignkit.training.processes import dealt
from alignkit.training.records import Records
from alignkit.training.signals import StopRequest

if TYPE_CHECKING:
    from alignkit.data.encoded import Encoded
    from alignkit.progress import Reporter
    from alignkit.training.tracking import Tracker

OnEpoch = Callable[[int, dict[str, float]], None]


@dataclass
class Position:
    """Where training stands: in which epoch, after how many of its batches, and steps in all."""

    epoch: int = 1
    batches: int = 0
    step: int = 0


@dataclass
class TrainingContext:
    """What a loop works with."""

    config: RunConfig
    learner: Learner
    data: Encoded
    prepare: Preparation
    validate: Callable[[], dict[str, float]]
    primary: Score
    checkpoints: Checkpoints
    records: Records
    reporter: Reporter
    tracker: Tracker | None = None
    on_epoch: OnEpoch | None = None


class Loop:
    """One training, from wherever it stands to its end.

    Parameters
    ----------
    context : TrainingContext
    """

    def __init__(self, context: TrainingContext) -> None:
        self.context = context
        self.config, self.learner, self.records = context.config, context.learner, context.records
        self.options, self.processes = context.config.training, context.learner.processes
        batches = math.ceil(len(context.data) / self.options.batch_size)
        self.steps = math.ceil(batches / self.options.accumulate) * self.options.epochs
        self.rate = learning_rate_factor(self.steps, self.options.warmup, self.options.floor)
        self.parameters = [p for _, p in self.learner.named_parameters() if p.requires_grad]
        self.optimizer = make_optimizer(self.learner.named_parameters(), self.options)
        self.at = Position()
        self.sums: dict[str, list[float]] = {}  # of the epoch so far: sum and samples by term
        self.best: dict[str, Any] = {}
        self.best_weights: dict[str, torch.Tensor] = {}

    def run(self) -> dict[str, Any]:
        """Train, put the best weights back, and give the best epoch with its scores."""
        reporter, first = self.context.reporter, self.processes.is_first
        with StopRequest() as stop, reporter.progress("train", self.steps if first else 0) as bar:
            self._go_on()
            bar.advance(self.at.step)
            if not self.best:
                self._validate(0)
            while self.at.epoch <= self.options.epochs and not self._out_of_patience():
                self._epoch(stop, bar)
                self._end_epoch()
                bar.describe(f"train, {self.context.primary.name} {self._last_score():.3f}")
                if self.at.epoch <= self.options.epochs:
                    self._maybe_leave(stop)
        if self._out_of_patience():
            reporter.note(
                f"stopped after epoch {self.at.epoch - 1}: no better since {self.best['epoch']}"
            )
        load_weights(self.learner, self.best_weights)
        return self.best

    def _epoch(self, stop: StopRequest, bar: Any) -> None:
        self.learner.train()
        prepare = partial(self.context.prepare, epoch=self.at.epoch)
        for group in ahead(self._groups(), prepare, self.config.runtime.workers):
            self._step(group)
            bar.advance()
            if self.context.tracker:
                self.context.tracker.after_step(self.at.epoch, self.at.step)
            self._maybe_leave(stop)

    def _groups(self) -> Iterator[list[np.ndarray]]:
        """The batches of every optimiser step that this epoch still has, as rows."""
        options = self.options
        order = self.context.data.shuffled(
            options.batch_size, self.config.seed, self.at.epoch, options.bucket
        )
        left = itertools.islice(order, self.at.batches, None)
        while group := list(itertools.islice(left, options.accumulate)):
            yield dealt(group, self.processes)

    def _step(self, group: Sequence[Prepared]) -> None:
        learner = self.learner
        self.optimizer.zero_grad(set_to_none=True)
        measured = learner.backward(group)
        if not math.isfinite(measured["loss"]):
            raise AlignkitError(
                f"the training loss became {measured['loss']} in epoch {self.at.epoch}; "
                "try a smaller --learning-rate"
            )
        self.processes.sum_gradients(self.parameters)
        norm = None
        if self.options.clip:
            learner.scaler.unscale_(self.optimizer)
            norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.options.clip)
        set_rate(self.optimizer, self.options.learning_rate * self.rate(self.at.step))
        learner.scaler.step(self.optimizer)
        learner.scaler.update()
        self.at.step += 1
        self.at.batches += len(group)
        self._record(group, measured, norm)

    def _record(
        self, group: Sequence[Prepared], measured: dict[str, float], norm: torch.Tensor | None
    ) -> None:
        n = self.processes.total({"n": sum(batch.n for batch in group)})["n"]
        for name, value in measured.items():  # a term may be left out of a small group
            total, count = self.sums.get(name, (0.0, 0.0))
            self.sums[name] = [total + value * n, count + n]
        row = {"loss": measured["loss"], "learning_rate": self.optimizer.param_groups[0]["lr"]}
        if norm is not None and norm.isfinite():  # fp16 skips a step that overflows
            row["gradient_norm"] = float(norm)
        self.records.step(self.at.epoch, self.at.step, row)

    def _end_epoch(self) -> None:
        epoch = self.at.epoch
        means = {name: total / count for name, (total, count) in self.sums.items()}
        self.sums = {}
        terms = {
            f"{name}_loss" if name in self.learner.objectives else name: value
            for name, value in means.items()
            if name != "loss"
        }
        self.records.epoch(
            epoch,
            "train",
            {
                "loss": means["loss"],
                **(terms if len(terms) > 1 else {}),
                "learning_rate": self.options.learning_rate * self.rate(self.at.step),
            },
        )
        self.at.epoch, self.at.batches = epoch + 1, 0
        self._validate(epoch)

    def _validate(self, epoch: int) -> None:
        scores = self.context.validate()
        row = {key: value for key, value in scores.items() if key != "n"}
        self.records.epoch(epoch, "validation", row)
        primary = self.context.primary
        value = scores[primary.name]
        if not self.best or primary.is_better(value, self.best["scores"][primary.name]):
            self.best = {"epoch": epoch, "scores": scores}
            self.best_weights = weights_of(self.learner)
        if self.context.tracker:
            self.context.tracker.after_epoch(epoch, self.at.step)
        if self.context.on_epoch:
            self.context.on_epoch(epoch, scores)

    def _out_of_patience(self) -> bool:
        done = self.at.epoch - 1
        return not self.at.batches and 0 < self.options.patience <= done - self.best["epoch"]

    def _last_score(self) -> float:
        return self.records.epochs[-1][self.context.primary.name]

    def _maybe_leave(self, stop: StopRequest) -> None:
        """Write a checkpoint if it is time, or if this process or another was told to stop."""
        first, checkpoints = self.processes.is_first, self.context.checkpoints
        if self.processes.any(stop.signal is not None):
            self._save()
            if first:
                self.context.reporter.note(
                    f"stopped by {stop.signal.name if stop.signal else 'a signal'} after step "
                    f"{self.at.step} of {self.steps} with a checkpoint; the same command goes on"
                )
            stop.leave()
        elif self.processes.any(first and checkpoints.is_due(self.at.step)):
            self._save()

    def _save(self) -> None:
        progress = {
            "step": self.at.step,
            "epoch": self.at.epoch,
            "batches": self.at.batches,
            "sums": self.sums,
            "best_epoch": self.best["epoch"],
            "best": self.best,
            "records": self.records.state(),
            "tracking": self.context.tracker.state() if self.context.tracker else [],
        }
        self.context.checkpoints.save(self.learner, self.optimizer, progress, self.best_weights)

    def _go_on(self) -> None:
        """Put everything back as the newest checkpoint has it, if there is one."""
        checkpoints, reporter = self.context.checkpoints, self.context.reporter
        state = checkpoints.manifest()
        if state is None:
            return
        progress, self.best_weights = checkpoints.restore(state, self.learner, self.optimizer)
        self.at = Position(progress["epoch"], progress["batches"], progress["step"])
        self.sums, self.best = progress["sums"], progress["best"]
        self.records.restore(progress["records"])
        if self.context.tracker:
            self.context.tracker.restore(progress["tracking"])
        reporter.note(f"going on from step {self.at.step} of {self.steps} (epoch {self.at.epoch})")
        here = {
            "torch": torch.__version__,
            "device": self.learner.device.type,
            "processes": self.processes.size,
        }
        other = [
            f"{key} {state[key]}, here {value}"
            for key, value in here.items()
            if state[key] != value
        ]
        if other:
            reporter.note(
                f"the checkpoint was made elsewhere ({'; '.join(other)}): the result will "
                "not be the same to the last bit"
            )
        if self.context.on_epoch:  # whoever watches this training has not seen its past
            for row in self.records.epochs:
                if row["split"] == "validation":
                    self.context.on_epoch(row["epoch"], self.records.scores(row))
