"""Train one run: one readable loop, from configuration to a directory with a model."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from alignkit.chain.encoded import Encoded
from alignkit.chain.evaluate import score
from alignkit.chain.model import build, make_repeatable, save
from alignkit.chain.talk import SILENT, Talk
from alignkit.errors import AlignkitError, DataError
from alignkit.models.walk import walk
from alignkit.runs import Run, RunConfig, Training
from alignkit.runs.files import discard, locked, sha256_of, write_csv, write_json
from alignkit.tasks import Target, Task
from alignkit.versions import versions

OnEpoch = Callable[[int, dict[str, float]], None]


def train(
    config: RunConfig, root: Path, force: bool = False, talk: Talk = SILENT,
    on_epoch: OnEpoch | None = None,
) -> Run:  # fmt: skip
    """Train a run, unless that is done already.

    The test split is never read. The weights kept are those of the epoch with the best
    validation score, the earliest of equals; epoch 0 is the untrained model.

    Parameters
    ----------
    config : RunConfig
    root : Path
        The folder of runs.
    force : bool
        Train anew and drop everything that was made from the old model.
    on_epoch : callable, optional
        Called with the epoch and its scores after each validation. What it raises ends the
        training and leaves the run untrained.

    Returns
    -------
    Run

    Raises
    ------
    AlignkitError
        When the folder holds another run, or cannot be written to.
    """
    run = Run(root / config.folder)
    _refuse_another(run, config)
    if run.is_trained and not force:
        talk.note(f"{run.path} is trained already; --force trains it anew")
        return run
    with locked(run.path):
        if run.is_trained and not force:  # another process may have done it meanwhile
            return run
        _clear(run)
        _train(run, config, talk, on_epoch)
    return run


def _train(run: Run, config: RunConfig, talk: Talk, on_epoch: OnEpoch | None) -> None:
    options = config.training
    make_repeatable(config.seed, options.threads)
    task: Task = config.task.make()
    splits = {name: task.split(name) for name in ("train", "validation")}
    inputs = config.architecture.make().inputs(splits["train"].texts)
    data = {name: Encoded(split, inputs, name, task.fingerprint) for name, split in splits.items()}
    for name, split in splits.items():
        data[name].targets()  # a split without labels fails before the work, not after
        for note, count in split.notes.items():
            talk.note(f"{config.task_name} {name}: {count} {note}")
    model, schedule = build(config, task.target.n_outputs, inputs)
    loop = _Loop(model, schedule, task.target, data, options, config.seed, talk, on_epoch)
    history, best = loop.run()
    write_json(run.path / "config.json", _stored(config, task.target, splits))
    save(run, model, inputs)
    write_csv(run.path / "history.csv", history)
    write_json(
        run.performance_file,
        {"primary": task.target.primary, "epoch": best["epoch"],
         "splits": {"validation": best["scores"]}},
    )  # fmt: skip
    write_json(run.train_manifest, {"model_sha256": sha256_of(run.model_file)})


class _Loop:
    """Everything that one training needs, epoch by epoch."""

    def __init__(
        self, model: Any, schedule: Any, target: Target, data: dict[str, Encoded],
        options: Training, seed: int, talk: Talk, on_epoch: OnEpoch | None = None,
    ) -> None:  # fmt: skip
        self.on_epoch = on_epoch
        self.model, self.schedule, self.target = model, schedule, target
        self.data, self.options, self.seed, self.talk = data, options, seed, talk
        per_epoch = math.ceil(len(data["train"]) / options.batch_size)
        self.steps = per_epoch * options.epochs
        self.optimizer = torch.optim.AdamW(
            _groups(model, options.weight_decay), lr=options.learning_rate, fused=True
        )
        self.schedule_rate = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, learning_rate_factor(self.steps, options.warmup, options.floor)
        )
        self.rows: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {}

    def run(self) -> tuple[Any, dict[str, Any]]:
        """Train, put the best weights back, and give the history and the best epoch."""
        import pandas as pd

        self._validate(0)
        with self.talk.progress("train", self.steps) as bar:
            for epoch in range(1, self.options.epochs + 1):
                self._epoch(epoch, bar)
                self._validate(epoch)
                bar.describe(
                    f"train, {self.target.primary} {self.rows[-1][self.target.primary]:.3f}"
                )
                if self._out_of_patience(epoch):
                    self.talk.note(
                        f"stopped after epoch {epoch}: no better since {self.best['epoch']}"
                    )
                    break
        self.model.load_state_dict(self.best.pop("weights"))
        return pd.DataFrame(self.rows), self.best

    def _epoch(self, epoch: int, bar: Any) -> None:
        self.model.train()
        total = 0.0
        train = self.data["train"]
        for rows in train.shuffled(self.options.batch_size, self.seed, epoch):
            logits = walk(self.model, self.schedule, train.batch(rows))
            loss = self.target.loss(logits, torch.from_numpy(train.targets(rows)))
            if not torch.isfinite(loss):
                raise AlignkitError(
                    f"the training loss became {loss.item()} in epoch {epoch}; "
                    "try a smaller --learning-rate"
                )
            self._step(loss)
            total += loss.item() * len(rows)
            bar.advance()
        rate = self.schedule_rate.get_last_lr()[0]
        self.rows.append(
            {"epoch": epoch, "split": "train", "loss": total / len(train), "learning_rate": rate}
        )

    def _step(self, loss: torch.Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.options.clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip)
        self.optimizer.step()
        self.schedule_rate.step()

    def _validate(self, epoch: int) -> None:
        scores = score(self.model, self.schedule, self.data["validation"], self.target)
        row = {key: value for key, value in scores.items() if key != "n"}
        self.rows.append({"epoch": epoch, "split": "validation", **row})
        if not self.best or scores[self.target.primary] > self.best["scores"][self.target.primary]:
            weights = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
            self.best = {"epoch": epoch, "scores": scores, "weights": weights}
        if self.on_epoch:
            self.on_epoch(epoch, scores)

    def _out_of_patience(self, epoch: int) -> bool:
        return 0 < self.options.patience <= epoch - self.best["epoch"]


def learning_rate_factor(steps: int, warmup: float, floor: float) -> Callable[[int], float]:
    """Share of the peak learning rate at a step: linear warm-up, then a cosine to a floor."""
    rising = max(1, round(steps * warmup))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        done = min(1.0, (step - rising) / max(1, steps - rising))
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))

    return factor


def _groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Decay matrices; leave norms, biases and learned positions alone."""
    decayed: list[torch.Tensor] = []
    left: list[torch.Tensor] = []
    for name, parameter in model.named_parameters():
        matrix = parameter.ndim >= 2 and not name.endswith(("positions", "cls"))
        (decayed if matrix else left).append(parameter)
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": left, "weight_decay": 0.0},
    ]


def _stored(config: RunConfig, target: Target, splits: dict[str, Any]) -> dict[str, Any]:
    stored = config.to_json()
    stored["data"] |= {
        "labels": list(target.labels),
        "n": {name: len(split) for name, split in splits.items()},
        "notes": {name: dict(split.notes) for name, split in splits.items() if split.notes},
    }
    return stored | {"versions": versions()}


def _refuse_another(run: Run, config: RunConfig) -> None:
    """Never overwrite a folder that holds another run."""
    if not (run.path / "config.json").is_file():
        return
    stored = run.stored.get("identity")
    if stored != config.identity:
        raise DataError(
            f"{run.path} holds another run ({_difference(run.stored, config.to_json())}); "
            "move it away, or choose another folder with --runs"
        )


def _difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    keys = ("architecture", "placement", "training", "seed")
    differing = [key for key in keys if old.get(key) != new[key]]
    if old.get("data", {}).get("fingerprint") != new["data"]["fingerprint"]:
        differing.append("data")
    return f"it differs in: {', '.join(differing)}" if differing else "made by another version"


def _clear(run: Run) -> None:
    """Drop the commit mark first, so that no half of an old run passes for a whole one."""
    for name in ("train.json", "performance.json", "alignment.csv", "alignment",
                 "representations"):  # fmt: skip
        if (run.path / name).exists():
            discard(run.path / name)
