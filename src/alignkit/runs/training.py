"""Training options: those that determine the result, and those that do not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from alignkit.bounds.counts import MOST_PROCESSES
from alignkit.errors import UsageError
from alignkit.plugins import Entry, registry
from alignkit.plugins.options import format_spec, parse_spec

T = TypeVar("T")

PRECISIONS = ("auto", "float32", "bf16", "fp16")
MOST_EPOCHS = 1_000_000
_MOST = f"at most {MOST_PROCESSES}"
# alignkit's own objectives, in the order in which they are summed; those of plugins follow by name.
OBJECTIVES = ("task", "mlm", "mim", "itm")
PRETRAIN = ("mlm", "mim", "itm")  # what `pretrain` stands for

OWN = "alignkit"  # the distribution that registers them

# Options added after runs had been stored: they enter the identity only when they are not at
# their default, so that stored runs keep their identity.
_LATER = {"later": True}


@dataclass(frozen=True)
class Weighted:
    """A name with a weight and options: ``cka=0.2:layer=last,pool=mean``."""

    name: str
    weight: float = 1.0
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name as that of a torch module, which has no dot, and in the names of columns."""
        return self.name.replace(".", "_")

    def __str__(self) -> str:
        """Return the spec that ``parse_weighted`` reads."""
        name, _, options = format_spec(self.name, self.options).partition(":")
        return f"{name}={self.weight:g}" + (f":{options}" if options else "")


def parse_weighted(spec: str, parameter: str, weight: float | None = None) -> Weighted:
    """Parse ``name=weight`` or ``name=weight:key=value,...``.

    Parameters
    ----------
    spec : str
    parameter : str
        The parameter that holds the spec, for messages.
    weight : float, optional
        The default weight, where it may be left out.

    Raises
    ------
    UsageError
        When the spec has another form, or the weight is not a positive number.
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
            f"`{parameter}={spec}` needs a weight above 0; write it as NAME=WEIGHT or "
            "NAME=WEIGHT:key=value"
        )
    return Weighted(name.strip(), value, dict(sorted(options.items())))


def objective_entry(name: str) -> Entry:
    """Return whose objective a name is; alignkit's own keep theirs, whatever plugins claim.

    Raises
    ------
    UsageError
        For an unknown name, with a suggestion.
    PluginError
        For a name that several plugins claim.
    """
    try:
        return registry().get("objectives", f"{OWN}/{name}" if name in OBJECTIVES else name)
    except UsageError as error:
        raise UsageError(f"{error}; pretrain stands for {', '.join(PRETRAIN)}") from None


@dataclass(frozen=True)
class Training:
    """Training options that determine the result.

    Attributes
    ----------
    epochs : int
        Number of epochs; 0 stores the untrained model.
    batch_size : int
        Samples per forward pass, over all processes together.
    learning_rate : float
        Peak learning rate, reached after the warm-up and followed by cosine decay.
    warmup : float
        Warm-up steps as a fraction of all steps, from 0 to below 1.
    floor : float
        Final learning rate as a fraction of the peak, from 0 to 1.
    weight_decay : float
        Decay of weight matrices; norms, biases and position embeddings are not decayed.
    clip : float
        Gradient clipping norm; 0 disables clipping.
    patience : int
        Early-stopping patience in epochs; 0 disables early stopping.
    threads : int
        CPU threads of the run. Results repeat byte for byte only with the same number.
    accumulate : int
        Batches per optimiser step. The gradient is that of their union, also for the last,
        smaller group of an epoch.
    precision : str
        ``float32``, ``bf16``, ``fp16`` or ``auto``: bf16 where the device supports it and
        the model is wide enough to gain from it, otherwise float32.
    class_weights : bool
        Weight classes by their inverse frequency in the training split.
    bucket : bool
        Batch texts of similar length, to reduce padding.
    objectives : tuple of str
        Registered objectives, as ``name``, ``name=weight`` or ``name=weight:key=value``:
        ``task`` (the task's own loss), ``mlm``, ``mim``, ``itm``, those of plugins; ``pretrain``
        means the second to the fourth. Empty means ``task`` alone.
    aux : tuple of str
        Registered losses to add to the objectives, as ``name=weight:key=value``.
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
        _require(self.epochs >= 0, "epochs", self.epochs, "at least 0")
        _require(self.epochs <= MOST_EPOCHS, "epochs", self.epochs, f"at most {MOST_EPOCHS:,}")
        _require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        _require(self.learning_rate > 0, "learning_rate", self.learning_rate, "above 0")
        _require(0 <= self.warmup < 1, "warmup", self.warmup, "from 0 to below 1")
        _require(0 <= self.floor <= 1, "floor", self.floor, "from 0 to 1")
        _require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "at least 0")
        _require(self.clip >= 0, "clip", self.clip, "at least 0")
        _require(self.patience >= 0, "patience", self.patience, "at least 0")
        _require(self.threads >= 1, "threads", self.threads, "at least 1")
        _require(
            self.threads <= MOST_PROCESSES, "threads", self.threads, f"at most {MOST_PROCESSES}"
        )
        _require(self.accumulate >= 1, "accumulate", self.accumulate, "at least 1")
        known = ", ".join(PRECISIONS)
        _require(self.precision in PRECISIONS, "precision", self.precision, f"one of: {known}")
        object.__setattr__(self, "objectives", _objectives(self.objectives))
        object.__setattr__(
            self, "aux", _distinct((parse_weighted(spec, "aux") for spec in self.aux), "aux")
        )

    @property
    def weighted_objectives(self) -> list[Weighted]:
        """The objectives in the order in which they are summed; the default is ``task`` alone."""
        return [parse_weighted(spec, "objectives", 1) for spec in self.objectives or ("task",)]

    @property
    def weighted_aux(self) -> list[Weighted]:
        """The auxiliary losses."""
        return [parse_weighted(spec, "aux") for spec in self.aux]

    @property
    def uses_labels(self) -> bool:
        """Whether the task's own loss is among the objectives."""
        return any(objective.name == "task" for objective in self.weighted_objectives)

    @property
    def pretraining(self) -> list[Weighted]:
        """The objectives that need no labels."""
        return [o for o in self.weighted_objectives if o.name != "task"]

    @property
    def plugin_objectives(self) -> list[Weighted]:
        """The objectives of plugins."""
        return [o for o in self.weighted_objectives if o.name not in OBJECTIVES]

    def to_json(self) -> dict[str, Any]:
        """Return every option as plain values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def identity(self) -> dict[str, Any]:
        """Return the options that enter the identity of a run."""
        defaults = {f.name: f.default for f in fields(self) if f.metadata.get("later")}
        plain, stored = asdict(self), self.to_json()
        return {k: v for k, v in stored.items() if k not in defaults or plain[k] != defaults[k]}


@dataclass(frozen=True)
class RuntimeOptions:
    """Options of how training runs, which do not determine its result.

    Attributes
    ----------
    device : str
        ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto``.
    workers : int
        Threads that load images ahead of training; 0 loads them in the training thread.
    checkpoint_every : str
        Interval between checkpoints: ``10m``, ``30s``, or a number of optimiser steps; ``0``
        writes one only when training is interrupted.
    track : tuple of str
        Metrics to measure during training on a fixed probe set of the validation split.
    track_every : str
        Interval in epochs, such as ``2``, or in steps, such as ``50s``; epoch 0 is always
        measured.
    track_samples : int
        Size of the probe set.
    tensorboard : bool
        Also write the history as TensorBoard events.
    track_layers : str
        Pairs of layers to measure beside those of equal depth and the last states, as for
        ``select_pairs``; ``all`` for whole grids.
    track_streams : str
        The streams of these: ``cross``, ``text``, ``vision`` or ``all``.
    """

    device: str = "auto"
    workers: int = 0
    checkpoint_every: str = "10m"
    track: tuple[str, ...] = ()
    track_every: str = "1"
    track_samples: int = 256
    tensorboard: bool = False
    track_layers: str = "same"
    track_streams: str = "cross"

    def __post_init__(self) -> None:
        object.__setattr__(self, "track", tuple(dict.fromkeys(self.track)))
        _require(self.workers >= 0, "workers", self.workers, "at least 0")
        _require(
            self.workers <= MOST_PROCESSES, "workers", self.workers, f"at most {MOST_PROCESSES}"
        )
        _require(
            re.fullmatch(r"\d+[ms]?", self.checkpoint_every) is not None,
            "checkpoint_every",
            self.checkpoint_every,
            "a number of steps such as 500, or a duration such as 10m or 30s",
        )
        _require(
            re.fullmatch(r"[1-9]\d*s?", self.track_every) is not None,
            "track_every",
            self.track_every,
            "a number of epochs such as 2, or of steps such as 50s",
        )
        _require(self.track_samples >= 4, "track_samples", self.track_samples, "at least 4")

    def to_json(self) -> dict[str, Any]:
        """Return every option as plain values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def read_options(kind: type[T], stored: Mapping[str, Any]) -> T:
    """Read what ``to_json`` of ``Training`` or ``RuntimeOptions`` wrote, known options only."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
    return kind(**{k: v for k, v in plain.items() if k in known})


def _objectives(specs: Iterable[str]) -> tuple[str, ...]:
    """Expand ``pretrain`` and sort; empty for the task's loss alone."""
    chosen: list[Weighted] = []
    for spec in specs:
        objective = parse_weighted(spec, "objectives", 1)
        names = PRETRAIN if objective.name == "pretrain" else (_plain_name(objective.name),)
        chosen += [Weighted(name, objective.weight, objective.options) for name in names]
    chosen.sort(key=lambda objective: (_place(objective.name), objective.name))
    objectives = _distinct(chosen, "objectives")
    return () if objectives == ("task=1",) else objectives


def _place(name: str) -> int:
    return OBJECTIVES.index(name) if name in OBJECTIVES else len(OBJECTIVES)


def _plain_name(name: str) -> str:
    """Return ``mlm`` for ``alignkit/mlm``, which it means without its distribution as well."""
    plain = name.removeprefix(f"{OWN}/")
    return plain if plain in OBJECTIVES else name


def _distinct(chosen: Iterable[Weighted], parameter: str) -> tuple[str, ...]:
    specs = tuple(dict.fromkeys(map(str, chosen)))
    names = [spec.partition("=")[0] for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"`{parameter}={name}` is given twice with different weights or options"
            )
    return specs


def _require(holds: bool, parameter: str, value: object, expected: str) -> None:
    if not holds:
        raise UsageError(f"`{parameter}` is {value}; it must be {expected}")
