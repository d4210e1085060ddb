"""The training loop: epochs, steps, validation, early stopping, checkpoints and resuming."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import torch

from alignkit.errors import AlignkitError
from alignkit.runs import RunConfig
from alignkit.runs.tracking import check_size
from alignkit.tasks import Score
from alignkit.training.batches import Batch, Collator, prefetch
from alignkit.training.checkpoint import Checkpoints, load_weights, weights_of
from alignkit.training.learner import Learner
from alignkit.training.optimizer import learning_rate_factor, make_optimizer, set_rate
from alignkit.training.records import Records
from alignkit.training.signals import StopRequest

if TYPE_CHECKING:
    from alignkit.data.encoded import EncodedSplit
    from alignkit.progress import Progress, Reporter
    from alignkit.training.tracking import Tracker

OnEpoch = Callable[[int, dict[str, float]], None]


@dataclass
class Position:
    """How far training has come.

    Attributes
    ----------
    epoch : int
        The current epoch, counted from 1.
    batches : int
        Batches of this epoch that are done.
    step : int
        Optimiser steps done, over all epochs.
    """

    epoch: int = 1
    batches: int = 0
    step: int = 0


class BestEpoch(TypedDict):
    """The epoch with the best primary score so far, and its validation scores."""

    epoch: int
    scores: dict[str, float]


@dataclass
class TrainingContext:
    """Everything that the training loop works with.

    Attributes
    ----------
    config : RunConfig
    learner : Learner
    data : EncodedSplit
        The training split.
    collate : Collator
        Makes batches of the training split.
    validate : callable
        Returns the validation scores of the current weights by name.
    primary : Score
        The score by which the best epoch is selected.
    checkpoints : Checkpoints
    records : Records
    reporter : Reporter
    tracker : Tracker, optional
        Measures alignment during training.
    on_epoch : callable, optional
        Called as ``on_epoch(epoch, scores)`` after each validation.
    """

    config: RunConfig
    learner: Learner
    data: EncodedSplit
    collate: Collator
    validate: Callable[[], dict[str, float]]
    primary: Score
    checkpoints: Checkpoints
    records: Records
    reporter: Reporter
    tracker: Tracker | None = None
    on_epoch: OnEpoch | None = None


class Loop:
    """One training, from its start or its latest checkpoint to its end.

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
        self.position = Position()
        self.sums: dict[str, list[float]] = {}  # of this epoch, by term: weighted sum and samples
        self.best: BestEpoch | None = None
        self.best_weights: dict[str, torch.Tensor] = {}

    def run(self) -> BestEpoch:
        """Train, restore the weights of the best epoch, and return that epoch with its scores.

        Raises
        ------
        AlignkitError
            If the training loss becomes infinite or NaN.
        UsageError
            If more is to be tracked than is kept.
        DataError
            If there is a checkpoint that cannot be read or belongs to another run.
        """
        reporter, first = self.context.reporter, self.processes.is_first
        check_size(self.config.runtime, self.learner.schedule, self.options.epochs, self.steps)
        with StopRequest() as stop, reporter.progress("train", self.steps if first else 0) as bar:
            best = self._resume() or self._validate(0)
            bar.advance(self.position.step)
            while self.position.epoch <= self.options.epochs and not self._out_of_patience(best):
                self._train_epoch(stop, bar)
                best = self._end_epoch()
                primary = self.context.primary.name
                bar.describe(f"train, {primary} {self.records.epochs[-1][primary]:.3f}")
                if self.position.epoch <= self.options.epochs:
                    self._checkpoint_or_stop(stop)
        if self._out_of_patience(best):
            reporter.note(
                f"stopped after epoch {self.position.epoch - 1}: no improvement since epoch "
                f"{best['epoch']}"
            )
        load_weights(self.learner, self.best_weights)
        return best

    def _train_epoch(self, stop: StopRequest, bar: Progress) -> None:
        self.learner.train()
        collate = partial(self.context.collate, epoch=self.position.epoch)
        for group in prefetch(self._groups(), collate, self.config.runtime.workers):
            self._step(group)
            bar.advance()
            if self.context.tracker:
                self.context.tracker.after_step(self.position.epoch, self.position.step)
            self._checkpoint_or_stop(stop)

    def _groups(self) -> Iterator[list[np.ndarray]]:
        """Yield the remaining optimiser steps of this epoch: the rows of each of their batches."""
        options = self.options
        order = self.context.data.shuffled(
            options.batch_size, self.config.seed, self.position.epoch, options.bucket
        )
        remaining = itertools.islice(order, self.position.batches, None)
        while group := list(itertools.islice(remaining, options.accumulate)):
            yield [self.processes.share(rows) for rows in group]

    def _step(self, group: Sequence[Batch]) -> None:
        learner = self.learner
        self.optimizer.zero_grad(set_to_none=True)
        losses = learner.backward(group)
        if not math.isfinite(losses["loss"]):
            raise AlignkitError(
                f"the training loss became {losses['loss']} in epoch {self.position.epoch}; "
                "try a smaller `learning_rate`"
            )
        self.processes.sum_gradients(self.parameters)
        norm = None
        if self.options.clip:
            learner.scaler.unscale_(self.optimizer)
            norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.options.clip)
        set_rate(self.optimizer, self.options.learning_rate * self.rate(self.position.step))
        learner.scaler.step(self.optimizer)
        learner.scaler.update()
        self.position.step += 1
        self.position.batches += len(group)
        self._record(group, losses, norm)

    def _record(
        self, group: Sequence[Batch], losses: dict[str, float], norm: torch.Tensor | None
    ) -> None:
        n = self.processes.total({"n": sum(batch.n for batch in group)})["n"]
        for name, value in losses.items():  # a small group may lack a term
            total, count = self.sums.get(name, (0.0, 0.0))
            self.sums[name] = [total + value * n, count + n]
        row = {"loss": losses["loss"], "learning_rate": self.optimizer.param_groups[0]["lr"]}
        if norm is not None and norm.isfinite():  # fp16 skips a step that overflows
            row["gradient_norm"] = float(norm)
        self.records.step(self.position.epoch, self.position.step, row)

    def _end_epoch(self) -> BestEpoch:
        """Record the mean losses of the epoch, validate, and move on to the next one."""
        epoch = self.position.epoch
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
                "learning_rate": self.options.learning_rate * self.rate(self.position.step),
            },
        )
        self.position.epoch, self.position.batches = epoch + 1, 0
        return self._validate(epoch)

    def _validate(self, epoch: int) -> BestEpoch:
        """Score the current weights, keep them if they are the best so far, return the best."""
        scores, primary = self.context.validate(), self.context.primary
        row = {key: value for key, value in scores.items() if key != "n"}
        self.records.epoch(epoch, "validation", row)
        value, best = scores[primary.name], self.best
        if best is None or primary.is_better(value, best["scores"][primary.name]):
            self.best = best = {"epoch": epoch, "scores": scores}
            self.best_weights = weights_of(self.learner)
        if self.context.tracker:
            self.context.tracker.after_epoch(epoch, self.position.step)
        if self.context.on_epoch:
            self.context.on_epoch(epoch, scores)
        return best

    def _out_of_patience(self, best: BestEpoch) -> bool:
        if self.position.batches:  # resumed within an epoch
            return False
        return 0 < self.options.patience <= self.position.epoch - 1 - best["epoch"]

    def _checkpoint_or_stop(self, stop: StopRequest) -> None:
        """Write a checkpoint if one is due; also stop if any of the processes was told to."""
        first, checkpoints = self.processes.is_first, self.context.checkpoints
        if self.processes.any(stop.signal is not None):
            self._save()
            if first:
                self.context.reporter.note(
                    f"stopped by {stop.signal.name if stop.signal else 'a signal'} after step "
                    f"{self.position.step} of {self.steps} and wrote a checkpoint"
                )
            stop.leave()
        elif self.processes.any(first and checkpoints.is_due(self.position.step)):
            self._save()

    def _save(self) -> None:
        assert self.best is not None
        progress = {
            "step": self.position.step,
            "epoch": self.position.epoch,
            "batches": self.position.batches,
            "sums": self.sums,
            "best_epoch": self.best["epoch"],
            "best": self.best,
            "records": self.records.state(),
            "tracking": self.context.tracker.state() if self.context.tracker else [],
        }
        self.context.checkpoints.save(self.learner, self.optimizer, progress, self.best_weights)

    def _resume(self) -> BestEpoch | None:
        """Restore the state of the latest checkpoint; return its best epoch, or None."""
        checkpoints, reporter = self.context.checkpoints, self.context.reporter
        state = checkpoints.manifest()
        if state is None:
            return None
        changes = checkpoints.changes()
        progress, self.best_weights = checkpoints.restore(state, self.learner, self.optimizer)
        self.position = Position(progress["epoch"], progress["batches"], progress["step"])
        self.sums, self.best = progress["sums"], progress["best"]
        self.records.restore(progress["records"])
        if self.context.tracker:
            self.context.tracker.restore(progress["tracking"])
        reporter.note(
            f"resuming from step {self.position.step} of {self.steps} (epoch {self.position.epoch})"
        )
        for change in changes:
            reporter.note(f"{change}: the result will not be that of one training")
        here = {
            "torch": torch.__version__,
            "device": self.learner.device.type,
            "processes": self.processes.size,
        }
        differing = [
            f"{key} {state[key]}, here {value}"
            for key, value in here.items()
            if state[key] != value
        ]
        if differing:
            reporter.note(
                f"the checkpoint was written elsewhere ({'; '.join(differing)}): the result will "
                "not be identical to the last bit"
            )
        if self.context.on_epoch:  # the caller has not seen the epochs before the checkpoint
            for row in self.records.epochs:
                if row["split"] == "validation":
                    self.context.on_epoch(row["epoch"], self.records.scores(row))
        return self.best
