"""What a run is made of, resolved, and the identity that follows from it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from alignkit.errors import UsageError
from alignkit.models.placement import Placement, parse_placement
from alignkit.plugins import registry
from alignkit.plugins.options import bind, changed, options_of, parse_spec


@dataclass(frozen=True)
class Training:
    """Options of the training loop.

    Attributes
    ----------
    epochs : int
        0 stores the untrained model.
    batch_size : int
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


@dataclass(frozen=True)
class Choice:
    """A registered name with its options: all of them, and those that were changed."""

    kind: str
    name: str
    options: Mapping[str, Any]
    changed: Mapping[str, Any]

    def make(self, **further: Any) -> Any:
        """Build the thing that was chosen."""
        return registry().get(self.kind, self.name).load()(**{**self.options, **further})


@dataclass(frozen=True)
class RunConfig:
    """One trained model: architecture x placement x task x seed, and how it is trained."""

    task: Choice
    architecture: Choice
    placement: Placement
    training: Training = field(default_factory=Training)
    seed: int = 0
    fingerprint: str = ""

    @property
    def unit(self) -> str:
        """Hash of everything but the seed: runs that share it are repetitions."""
        return _hash(self._content())

    @property
    def identity(self) -> str:
        """Hash of everything that decides the result, without paths and versions."""
        return _hash(self._content() | {"seed": self.seed})

    @property
    def is_default(self) -> bool:
        """Whether all but task, placement and seed stands at its default."""
        return not self.task.changed and not self.architecture.changed and (
            self.training == Training() and _is_default_architecture(self.architecture.name)
        )  # fmt: skip

    @property
    def folder(self) -> str:
        """Where the run lies below the folder of runs: ``toy_match/late/seed0``."""
        suffix = "" if self.is_default else f"-{self.unit[:8]}"
        return f"{self.task.name}/{self.placement.name}/seed{self.seed}{suffix}"

    def to_json(self) -> dict[str, Any]:
        """Everything resolved, as it is stored in ``config.json``."""
        return {
            "identity": self.identity,
            "unit": self.unit,
            "task": {"name": self.task.name, "options": _plain(self.task.options)},
            "architecture": {
                "name": self.architecture.name,
                "options": _plain(self.architecture.options),
            },
            "placement": {
                "name": self.placement.name,
                "text": list(self.placement.text),
                "vision": list(self.placement.vision),
            },
            "training": asdict(self.training),
            "seed": self.seed,
            "data": {"fingerprint": self.fingerprint},
        }

    def _content(self) -> dict[str, Any]:
        # The task's options are in its fingerprint; a placement is its indices, not its name.
        return {
            "task": [self.task.name, self.fingerprint],
            "architecture": [self.architecture.name, _plain(self.architecture.options)],
            "placement": [list(self.placement.text), list(self.placement.vision)],
            "training": asdict(self.training),
        }


def choose(kind: str, spec: str | None) -> Choice:
    """Resolve ``name:key=value`` of a kind; the embedded default when None.

    Raises
    ------
    UsageError
        For an unknown name or option, with a suggestion.
    """
    name, given = parse_spec(spec) if spec else (registry().default(kind).name, {})
    return _bound(kind, name, given)


def choose_placement(text: str | None) -> Placement:
    """Resolve a placement by name, or spelled out as ``3,4,10`` or ``6,7/3,5``.

    Raises
    ------
    UsageError
        For an unknown name or an illegal list.
    """
    spelled = parse_placement(text) if text else None
    if spelled is None:
        entry = registry().get("placements", text) if text else registry().default("placements")
        return entry.load()
    for entry in registry().entries("placements"):
        known = entry.load()
        if (known.text, known.vision) == (spelled.text, spelled.vision):
            return known
    return spelled


def resolve_config(
    task: str | None = None,
    placement: str | None = None,
    architecture: str | None = None,
    training: Training | None = None,
    seed: int = 0,
    data: str | None = None,
) -> RunConfig:
    """Resolve what a user asked for into a run's configuration, data fingerprint included.

    Raises
    ------
    UsageError
        For unknown names, bad options, or a placement that the architecture cannot hold.
    DataError
        When the task's data are not there.
    """
    chosen = choose("tasks", task)
    if data is not None:
        chosen = _with_root(chosen, data)
    built = choose("architectures", architecture)
    where = choose_placement(placement)
    built.make().schedule(where)
    if seed < 0:
        raise UsageError(f"seed {seed} must be at least 0")
    return RunConfig(chosen, built, where, training or Training(), seed, _fingerprint(chosen))


_fingerprints: dict[str, str] | None = None


@contextlib.contextmanager
def data_looked_at_once() -> Iterator[None]:
    """Take the fingerprint of the same data only once while many runs are resolved."""
    global _fingerprints
    _fingerprints = {}
    try:
        yield
    finally:
        _fingerprints = None


def _fingerprint(task: Choice) -> str:
    if _fingerprints is None:
        return task.make().fingerprint()
    key = json.dumps([task.name, _plain(task.options)], sort_keys=True)
    if key not in _fingerprints:
        _fingerprints[key] = task.make().fingerprint()
    return _fingerprints[key]


def config_from_json(stored: Mapping[str, Any]) -> RunConfig:
    """Read back what ``RunConfig.to_json`` wrote."""
    known = {field.name for field in fields(Training)}
    return RunConfig(
        task=_bound("tasks", stored["task"]["name"], stored["task"]["options"]),
        architecture=_bound(
            "architectures", stored["architecture"]["name"], stored["architecture"]["options"]
        ),
        placement=Placement(
            stored["placement"]["text"], stored["placement"]["vision"], stored["placement"]["name"]
        ),
        training=Training(**{k: v for k, v in stored["training"].items() if k in known}),
        seed=stored["seed"],
        fingerprint=stored["data"]["fingerprint"],
    )


def _bound(kind: str, name: str, given: Mapping[str, Any]) -> Choice:
    target = registry().get(kind, name).load()
    options = bind(target, given, f"{kind[:-1]} '{name}'")
    # Where something lies does not make a run another one.
    paths = {key for key, option in options_of(target).items() if option.is_path}
    differing = {k: v for k, v in changed(target, options).items() if k not in paths}
    return Choice(kind, name, options, differing)


def _with_root(task: Choice, root: str) -> Choice:
    if "root" not in task.options:
        raise UsageError(f"task '{task.name}' reads no folder; leave out --data")
    return _bound(task.kind, task.name, {**task.options, "root": root})


def _is_default_architecture(name: str) -> bool:
    return any(e.default and e.name == name for e in registry().entries("architectures"))


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    simple = (int, float, bool, str, type(None))
    return {
        key: value if isinstance(value, simple) else str(value) for key, value in options.items()
    }


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _require(holds: bool, option: str, value: Any, expected: str) -> None:
    if not holds:
        raise UsageError(f"{option} is {value}; it must be {expected}")
