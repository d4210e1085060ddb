"""What a run is made of, resolved, and the identity that follows from it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alignkit.errors import DataError, UsageError
from alignkit.models.placement import Placement, parse_placement
from alignkit.plugins import registry
from alignkit.plugins.options import bind, changed, options_of, parse_spec
from alignkit.plugins.registry import singular
from alignkit.runs.files import read_json
from alignkit.runs.training import RuntimeOptions, Training, read_options
from alignkit.tasks import default_root


@dataclass(frozen=True)
class Choice:
    """A registered name with its options: all of them, and those that were changed."""

    kind: str
    name: str
    options: Mapping[str, Any]
    changed: Mapping[str, Any]

    @property
    def content(self) -> dict[str, Any]:
        """The options that decide a result: all but where things lie."""
        known = options_of(registry().get(self.kind, self.name).load())
        return {key: v for key, v in self.options.items() if not known[key].is_path}

    def make(self, **further: Any) -> Any:
        """Build the thing that was chosen; a task's folder follows ``$ALIGNKIT_DATA``."""
        options = {**self.options, **further}
        if self.kind == "tasks" and options.get("root", ...) is None:
            options["root"] = default_root(self.name)
        return registry().get(self.kind, self.name).load()(**options)

    def resolved(self) -> Choice:
        """Fill in the options that others decide, and look up what options name, if it can."""
        made = self.make()
        resolve = getattr(made, "resolve", dict)
        return _bound(self.kind, self.name, {**_settled(made, self.options), **resolve()})


@dataclass(frozen=True)
class Init:
    """The run that training starts from: where it lies, and its identity."""

    run: str
    identity: str


@dataclass(frozen=True)
class RunConfig:
    """One trained model: architecture x placement x task x seed, and how it is trained."""

    task: Choice
    architecture: Choice
    placement: Placement
    training: Training = field(default_factory=Training)
    seed: int = 0
    fingerprint: str = ""
    alias: str = ""
    init: Init | None = None
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)

    @property
    def task_name(self) -> str:
        """What folders and tables call the task: its name, unless it gives another."""
        return self.alias or self.task.name

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
        return (
            not self.task.changed
            and not self.architecture.changed
            and self.training == Training()
            and self.init is None
            and _is_default_architecture(self.architecture.name)
        )

    @property
    def folder(self) -> str:
        """Where the run lies below the folder of runs: ``toy_match/late/seed0``."""
        suffix = "" if self.is_default else f"-{self.unit[:8]}"
        return f"{self.task_name}/{self.placement.name}/seed{self.seed}{suffix}"

    def to_json(self) -> dict[str, Any]:
        """Everything resolved, as it is stored in ``config.json``."""
        return {
            "identity": self.identity,
            "unit": self.unit,
            "task": {"name": self.task.name, "options": _plain(self.task.options)}
            | ({"alias": self.alias} if self.alias else {}),
            "architecture": {
                "name": self.architecture.name,
                "options": _plain(self.architecture.options),
            },
            "placement": {
                "name": self.placement.name,
                "text": list(self.placement.text),
                "vision": list(self.placement.vision),
            },
            "training": self.training.to_json(),
            "conduct": self.runtime.to_json(),
            "init": vars(self.init) if self.init else None,
            "seed": self.seed,
            "data": {"fingerprint": self.fingerprint},
        }

    def _content(self) -> dict[str, Any]:
        # The task's options are in its fingerprint; a placement is its indices, not its name.
        content = {
            "task": [self.task.name, self.fingerprint],
            "architecture": [self.architecture.name, _plain(self.architecture.content)],
            "placement": [list(self.placement.text), list(self.placement.vision)],
            "training": self.training.identity(),
        }
        return content | ({"init": self.init.identity} if self.init else {})


def choose(kind: str, spec: str | None, further: Mapping[str, Any] | None = None) -> Choice:
    """Resolve ``name:key=value`` of a kind; the embedded default when None.

    Parameters
    ----------
    kind : str
    spec : str or None
    further : mapping, optional
        Options that were given beside the spec, such as ``--text-model``.

    Raises
    ------
    UsageError
        For an unknown name or option, with a suggestion, or one given in both places.
    """
    name, given = parse_choice(kind, spec) if spec else (registry().default(kind).name, {})
    for key in further or {}:
        if key in given:
            raise UsageError(f"option '{key}' is given in '{spec}' and on its own; give it once")
    return _bound(kind, name, {**given, **(further or {})})


def parse_choice(kind: str, spec: str) -> tuple[str, dict[str, str]]:
    """Split a spec into name and options; a target may take one option without its name."""
    target = registry().get(kind, spec.partition(":")[0].strip()).load()
    return parse_spec(spec, getattr(target, "positional", None))


def choose_task(spec: str | None, root: str | None = None) -> Choice:
    """Resolve a task, and the folder of its data where one is named.

    Raises
    ------
    UsageError
        For an unknown name or option, or a folder for a task that reads none.
    """
    chosen = choose("tasks", spec)
    return chosen if root is None else _with_root(chosen, root)


def choose_placement(text: str | None, architecture: Any = None) -> Placement:
    """Resolve a placement by name, or spelled out as ``3,4,10`` or ``6,7/3,5``.

    Without a text it is the one that the architecture has for itself, if it has one, else
    the embedded default.

    Raises
    ------
    UsageError
        For an unknown name or an illegal list.
    """
    own = getattr(architecture, "default_placement", None)
    if not text and own is not None:
        return own()
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
    init: str | Path | None = None,
    runtime: RuntimeOptions | None = None,
    options: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Resolve what a user asked for into a run's configuration, data fingerprint included.

    ``options`` are options of the architecture, given beside its spec.

    Raises
    ------
    UsageError
        For unknown names, bad options, or a placement that the architecture cannot hold.
    DataError
        When the task's data, or the run to start from, are not there.
    """
    chosen = choose_task(task, data)
    built = choose("architectures", architecture, options)
    where = choose_placement(placement, built.make())
    built = built.resolved()
    built.make().schedule(where)
    if seed < 0:
        raise UsageError(f"seed {seed} must be at least 0")
    training = training or Training()
    runtime = runtime or RuntimeOptions()
    for aux in training.weighted_aux:
        registry().get("losses", aux.name)
    for metric in runtime.track:
        registry().get("metrics", parse_spec(metric)[0])
    made = chosen.make()
    return RunConfig(
        chosen,
        built,
        where,
        training,
        seed,
        _fingerprint(chosen),
        getattr(made, "alias", ""),
        choose_init(init, built.name) if init is not None else None,
        runtime,
    )


def choose_init(run: str | Path, architecture: str) -> Init:
    """Identify the run to start from.

    Raises
    ------
    DataError
        When it holds no trained model.
    UsageError
        When its architecture is another one: its weights mean something else there.
    """
    folder = Path(run)
    if not (folder / "train.json").is_file():
        raise DataError(f"--init {run}: this folder holds no trained run; see: alignkit runs")
    stored = read_json(folder / "config.json")
    if stored["architecture"]["name"] != architecture:
        raise UsageError(
            f"--init {run} is of architecture '{stored['architecture']['name']}', the new run of "
            f"'{architecture}'; start from a run of the same architecture"
        )
    return Init(str(run), stored["identity"])


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
    return RunConfig(
        task=_bound("tasks", stored["task"]["name"], stored["task"]["options"]),
        architecture=_bound(
            "architectures", stored["architecture"]["name"], stored["architecture"]["options"]
        ),
        placement=Placement(
            stored["placement"]["text"], stored["placement"]["vision"], stored["placement"]["name"]
        ),
        training=read_options(Training, stored["training"]),
        seed=stored["seed"],
        fingerprint=stored["data"]["fingerprint"],
        alias=stored["task"].get("alias", ""),
        init=Init(**stored["init"]) if stored.get("init") else None,
        runtime=read_options(RuntimeOptions, stored.get("conduct", {})),
    )


def _bound(kind: str, name: str, given: Mapping[str, Any]) -> Choice:
    target = registry().get(kind, name).load()
    options = bind(target, given, f"{singular(kind)} '{name}'")
    # Where something lies does not make a run another one.
    paths = {key for key, option in options_of(target).items() if option.is_path}
    differing = {k: v for k, v in changed(target, options).items() if k not in paths}
    if kind == "architectures" and differing:
        # Neither does an option that spells out what it would have been.
        own = _settled(target(), bind(target, {}))
        differing = {k: v for k, v in differing.items() if v != own[k]}
    return Choice(kind, name, options, differing)


def _settled(made: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of which those at None have the value that the thing itself gave them."""
    own = getattr(made, "options", made)
    return {k: getattr(own, k, None) if v is None else v for k, v in options.items()}


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
