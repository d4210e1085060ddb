"""How a run is trained: the options that decide the result, and those that do not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from alignkit.errors import UsageError
from alignkit.plugins.options import format_spec, parse_spec

PRECISIONS = ("auto", "float32", "bf16", "fp16")
OBJECTIVES = ("task", "mlm", "mim", "itm")
PRETRAINING = ("mlm", "mim", "itm")

# Options that came after runs had been stored: they enter the identity when they are not at
# their default, so that a run keeps the identity it was stored with.
_LATER = {"later": True}


@dataclass(frozen=True)
class Weighted:
    """A name with a weight and options: ``cka=0.2:layer=last,pool=mean``."""

    name: str
    weight: float = 1.0
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        name, _, options = format_spec(self.name, self.options).partition(":")
        return f"{name}={self.weight:g}" + (f":{options}" if options else "")


def parse_weighted(spec: str, option: str, weight: float | None = None) -> Weighted:
    """Read ``name=weight`` or ``name=weight:key=value,...``.

    Parameters
    ----------
    spec : str
    option : str
        The option of the command line that it came from, for messages.
    weight : float, optional
        Where the weight may be left out, its default.

    Raises
    ------
    UsageError
        When it cannot be read, or the weight is not above 0.
    """
    head, colon, tail = spec.partition(":")
    name, equals, number = head.partition("=")
    options = parse_spec(f"{name}:{tail}")[1] if colon else {}
    try:
        value = float(number) if equals or weight is None else weight
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf") or not name.strip():
        raise UsageError(
            f"{option} {spec} gives no weight above 0; write {option} NAME=WEIGHT, or "
            f"{option} NAME=WEIGHT:key=value"
        )
    return Weighted(name.strip(), value, dict(sorted(options.items())))


@dataclass(frozen=True)
class Training:
    """Options of the training loop that decide the result.

    Attributes
    ----------
    epochs : int
        0 stores the untrained model.
    batch_size : int
        Samples of a forward pass; with several processes, of all of them together.
    learning_rate : float
        Peak; reached after the warm-up, then a cosine down to ``floor``.
    warmup, floor : float
        Shares of all steps, and of the peak learning rate.
    weight_decay : float
        On matrices only; never on norms, biases and embeddings of positions.
    clip : float
        Largest norm of the gradient; 0 leaves it as it is.
    patience : int
        Epochs without a better validation score before training stops; 0 never stops.
    threads : int
        Threads of this run. Results repeat byte for byte only with the same number.
    accumulate : int
        Batches of an optimiser step. The gradient is that of their union, in the last,
        smaller group of an epoch too.
    precision : str
        ``float32``, ``bf16``, ``fp16`` or ``auto``: bf16 where the device is made for it
        and the model is wide enough to gain by it, float32 otherwise.
    class_weights : bool
        Weigh classes against their frequency in the training split.
    bucket : bool
        Batch texts of similar length, so that little is padding.
    objectives : tuple of str
        ``name``, ``name=weight`` or ``name=weight:key=value`` of ``task`` (the task's own
        loss), ``mlm``, ``mim``, ``itm``; ``pretrain`` stands for the last three. Empty for
        ``task`` alone.
    aux : tuple of str
        Registered losses added to the objectives, as ``name=weight:key=value``.
    """

    epochs: int = 4
    batch_size: int = 32
    learning_rate: float = 5e-4
    warmup: float = 0.1
    floor: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0
    patience: int = 0
    threads: int = 1
    accumulate: int = field(default=1, metadata=_LATER)
    precision: str = field(default="auto", metadata=_LATER)
    class_weights: bool = field(default=False, metadata=_LATER)
    bucket: bool = field(default=False, metadata=_LATER)
    objectives: tuple[str, ...] = field(default=(), metadata=_LATER)
    aux: tuple[str, ...] = field(default=(), metadata=_LATER)

    def __post_init__(self) -> None:
        _require(self.epochs >= 0, "--epochs", self.epochs, "at least 0")
        _require(self.batch_size >= 1, "--batch-size", self.batch_size, "at least 1")
        _require(self.learning_rate > 0, "--learning-rate", self.learning_rate, "above 0")
        _require(0 <= self.warmup < 1, "--warmup", self.warmup, "from 0 to below 1")
        _require(0 <= self.floor <= 1, "--floor", self.floor, "from 0 to 1")
        _require(self.weight_decay >= 0, "--weight-decay", self.weight_decay, "at least 0")
        _require(self.clip >= 0, "--clip", self.clip, "at least 0")
        _require(self.patience >= 0, "--patience", self.patience, "at least 0")
        _require(self.threads >= 1, "--threads", self.threads, "at least 1")
        _require(self.accumulate >= 1, "--accumulate", self.accumulate, "at least 1")
        known = ", ".join(PRECISIONS)
        _require(self.precision in PRECISIONS, "--precision", self.precision, f"one of: {known}")
        object.__setattr__(self, "objectives", _objectives(self.objectives))
        object.__setattr__(
            self, "aux", _distinct((parse_weighted(spec, "--aux") for spec in self.aux), "--aux")
        )

    @property
    def weighted_objectives(self) -> list[Weighted]:
        """The objectives in the order in which they are summed; ``task`` alone if none."""
        return [parse_weighted(spec, "--objective", 1) for spec in self.objectives or ("task",)]

    @property
    def weighted_aux(self) -> list[Weighted]:
        """The auxiliary losses."""
        return [parse_weighted(spec, "--aux") for spec in self.aux]

    @property
    def uses_labels(self) -> bool:
        """Whether the task's own loss is among the objectives."""
        return any(objective.name == "task" for objective in self.weighted_objectives)

    @property
    def pretraining(self) -> list[Weighted]:
        """The objectives that need no labels."""
        return [o for o in self.weighted_objectives if o.name in PRETRAINING]

    def to_json(self) -> dict[str, Any]:
        """Every option, as plain values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def identity(self) -> dict[str, Any]:
        """What enters the identity of a run."""
        defaults = {f.name: f.default for f in fields(self) if f.metadata.get("later")}
        plain, stored = asdict(self), self.to_json()
        return {k: v for k, v in stored.items() if k not in defaults or plain[k] != defaults[k]}


@dataclass(frozen=True)
class RuntimeOptions:
    """How a training is carried out; nothing here is meant to change its result.

    Attributes
    ----------
    device : str
        ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto``.
    workers : int
        Threads that open pictures ahead of the training; 0 opens them in between.
    checkpoint_every : str
        ``10m`` or ``30s`` of time, or a number of optimiser steps; ``0`` only when the
        training is told to stop.
    track : tuple of str
        Metrics to measure on a fixed probe set of the validation split while training.
    track_every : str
        ``2`` epochs, or ``50s`` steps; epoch 0 is always measured.
    track_samples : int
        Size of the probe set.
    tensorboard : bool
        Write the history as TensorBoard events too.
    """

    device: str = "auto"
    workers: int = 0
    checkpoint_every: str = "10m"
    track: tuple[str, ...] = ()
    track_every: str = "1"
    track_samples: int = 256
    tensorboard: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "track", tuple(dict.fromkeys(self.track)))
        _require(self.workers >= 0, "--workers", self.workers, "at least 0")
        _require(
            re.fullmatch(r"\d+[ms]?", self.checkpoint_every) is not None,
            "--checkpoint-every",
            self.checkpoint_every,
            "a number of steps such as 500, or a time such as 10m or 30s",
        )
        _require(
            re.fullmatch(r"[1-9]\d*s?", self.track_every) is not None,
            "--track-every",
            self.track_every,
            "epochs such as 2, or steps such as 50s",
        )
        _require(self.track_samples >= 4, "--track-samples", self.track_samples, "at least 4")

    def to_json(self) -> dict[str, Any]:
        """Every option, as plain values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def read_options(kind: type, stored: Mapping[str, Any]) -> Any:
    """Read back what ``to_json`` of ``Training`` or ``RuntimeOptions`` wrote."""
    known = {field.name for field in fields(kind)}
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
    return kind(**{k: v for k, v in plain.items() if k in known})


def _objectives(specs: Iterable[str]) -> tuple[str, ...]:
    """Check names, spell out ``pretrain``; the task's loss alone is the default."""
    chosen: list[Weighted] = []
    for spec in specs:
        one = parse_weighted(spec, "--objective", 1)
        names = PRETRAINING if one.name == "pretrain" else (one.name,)
        _require(
            set(names) <= set(OBJECTIVES),
            "--objective",
            spec,
            f"one of: {', '.join(OBJECTIVES)}, pretrain",
        )
        chosen += [Weighted(name, one.weight, one.options) for name in names]
    found = _distinct(sorted(chosen, key=lambda one: OBJECTIVES.index(one.name)), "--objective")
    return () if found == ("task=1",) else found


def _distinct(chosen: Iterable[Weighted], option: str) -> tuple[str, ...]:
    specs = tuple(dict.fromkeys(map(str, chosen)))
    names = [spec.partition("=")[0] for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{option} {name} is given twice with different weights or options")
    return specs


def _require(holds: bool, option: str, value: Any, expected: str) -> None:
    if not holds:
        raise UsageError(f"{option} is {value}; it must be {expected}")
