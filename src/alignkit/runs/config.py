"""The resolved configuration of a run, and the identity that follows from it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from alignkit.bounds.counts import check_seed
from alignkit.errors import DataError, PluginError, UsageError
from alignkit.models.placement import Placement
from alignkit.plugins import registry
from alignkit.plugins.calls import PluginCall
from alignkit.plugins.option_types import plain_value
from alignkit.plugins.options import bind, changed, options_of, parse_spec
from alignkit.plugins.registry import Entry, in_path, singular
from alignkit.runs.files import read_json
from alignkit.runs.makers import owned_name, require_plugins
from alignkit.runs.placements import choose_placement
from alignkit.runs.terms import check_terms
from alignkit.runs.tracking import check_tracking
from alignkit.runs.training import RuntimeOptions, Training, read_options
from alignkit.tasks import default_root
from alignkit.tasks.split import content_digest_of

# It becomes a folder; letters of every script are welcome.
_ALIAS = re.compile(r"\w[\w.+-]{0,199}")


@dataclass(frozen=True)
class Choice:
    """A registered name with its options: all of them, and those that differ from the default."""

    kind: str
    name: str
    options: Mapping[str, Any]
    changed: Mapping[str, Any]

    @property
    def entry(self) -> Entry:
        """Whose name it is."""
        return registry().get(self.kind, self.name)

    @property
    def content(self) -> dict[str, Any]:
        """The options that determine a result: all but paths."""
        known = options_of(self.entry.load())
        return {key: v for key, v in self.options.items() if not known[key].is_path}

    def make(self, **further: Any) -> Any:
        """Build the chosen object; the default folder of a task is below ``$ALIGNKIT_DATA``."""
        options = {**self.options, **further}
        if self.kind == "tasks" and options.get("root", ...) is None:
            options["root"] = default_root(self.name.rpartition("/")[2])
        from alignkit.contracts.kinds import made_by

        target = self.entry.load()
        with PluginCall(self.entry, f"a {singular(self.kind)} with its options"):
            made = target(**options)
        return made_by(self.entry, made)

    def resolved(self) -> Choice:
        """Return the choice with the options filled in that the object derives or looks up."""
        made = self.make()
        resolve = getattr(made, "resolve", dict)
        return _bound(self.kind, self.name, {**_with_defaults(made, self.options), **resolve()})


@dataclass(frozen=True)
class Init:
    """The run that training starts from: its path, its identity, and the options that it had."""

    run: str
    identity: str
    config: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, run: str, stored: Mapping[str, Any]) -> Init:
        """Return that of a run with such a ``config.json``; it need not be trained yet."""
        kept = ("task", "architecture", "placement", "training", "data")
        config = {key: stored[key] for key in kept}
        if first := stored.get("init"):
            config["init"] = {key: first[key] for key in ("run", "identity")}
        return cls(run, stored["identity"], config)

    def to_json(self) -> dict[str, Any]:
        """Return plain values to store with a run."""
        own = {"run": self.run, "identity": self.identity}
        return own | ({"config": dict(self.config)} if self.config else {})


@dataclass(frozen=True)
class RunConfig:
    """The configuration of a run: architecture x placement x task x seed, and its training."""

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
        """The name of the task in folders and tables: its alias, or else its registered name."""
        return self.alias or in_path(self.task.name)

    @cached_property
    def unit(self) -> str:
        """Hash of everything but the seed: runs that share it repeat each other."""
        return _hash(self._content)

    @cached_property
    def identity(self) -> str:
        """Hash of everything that determines the result, without paths and versions."""
        return _hash(self._content | {"seed": self.seed})

    @property
    def is_default(self) -> bool:
        """Whether all options but task, placement and seed have their defaults."""
        return (
            not self.task.changed
            and not self.architecture.changed
            and self.training == Training()
            and self.init is None
            and _is_default_architecture(self.architecture.name)
        )

    @property
    def folder(self) -> str:
        """The folder of the run below the folder of runs: ``toy_match/late/seed0``."""
        suffix = "" if self.is_default else f"-{self.unit[:8]}"
        return f"{self.task_name}/{self.placement.name}/seed{self.seed}{suffix}"

    def to_json(self) -> dict[str, Any]:
        """Return the resolved configuration, as it is stored in ``config.json``."""
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
            "init": self.init.to_json() if self.init else None,
            "seed": self.seed,
            "data": {"fingerprint": self.fingerprint},
        }

    @cached_property
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
    """Resolve ``name:key=value`` of a kind; the default when None.

    Parameters
    ----------
    kind : str
    spec : str or None
    further : mapping, optional
        Options given separately, such as ``text_model`` of an architecture.

    Raises
    ------
    UsageError
        For an unknown name or option, with a suggestion, or an option that is given twice.
    """
    name, given = parse_choice(kind, spec) if spec else (registry().default(kind).name, {})
    for key in further or {}:
        if key in given:
            raise UsageError(
                f"option '{key}' is given both in '{spec}' and separately; give it once"
            )
    return _bound(kind, registry().get(kind, name).name, {**given, **(further or {})})


def parse_choice(kind: str, spec: str) -> tuple[str, dict[str, str]]:
    """Split a spec into name and options; a plugin may declare one option as positional."""
    target = registry().get(kind, spec.partition(":")[0].strip()).load()
    return parse_spec(spec, getattr(target, "positional", None))


def choose_task(spec: str | None, root: str | None = None) -> Choice:
    """Resolve a task, and the folder of its data where one is given.

    Raises
    ------
    UsageError
        For an unknown name or option, or a folder for a task that reads none.
    """
    chosen = choose("tasks", spec)
    return chosen if root is None else _with_root(chosen, root)


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
    """Resolve names and options into the configuration of a run, with the data's fingerprint.

    Parameters
    ----------
    task, placement, architecture : str, optional
        As on the command line; the default when None.
    training : Training, optional
    seed : int
    data : str, optional
        The folder of the task's data.
    init : str or Path, optional
        The run to start from.
    runtime : RuntimeOptions, optional
    options : mapping, optional
        Options of the architecture that are given separately from its spec.

    Raises
    ------
    UsageError
        For unknown names, invalid options, or a placement that does not fit the architecture.
    DataError
        When the task's data, or the run to start from, do not exist.
    """
    chosen = choose_task(task, data)
    built = choose("architectures", architecture, options)
    where = choose_placement(placement, built.make())
    built = built.resolved()
    schedule = built.make().schedule(where)
    check_seed(seed)
    training = training or Training()
    runtime = runtime or RuntimeOptions()
    check_terms(training)
    check_tracking(runtime, schedule)
    made = chosen.make()
    return RunConfig(
        chosen,
        built,
        where,
        training,
        seed,
        fingerprint_of_task(chosen),
        alias_of(made),
        choose_init(init, built.name) if init is not None else None,
        runtime,
    )


def alias_of(task: Any) -> str:
    """Return the name that a task gives to its data; empty for none.

    Raises
    ------
    PluginError
        When it is a path, which would leave the folder of runs, or no name at all.
    """
    alias = getattr(task, "alias", "")
    if alias and not (isinstance(alias, str) and _ALIAS.fullmatch(alias)):
        raise PluginError(
            f"the task gives its data the name {str(alias)[:100]!r}; a name begins with a letter "
            "or digit and holds letters, digits and . _ + - only"
        )
    return alias or ""


def choose_init(run: str | Path, architecture: str) -> Init:
    """Identify the run to start from.

    Raises
    ------
    DataError
        When the folder does not hold a trained model.
    UsageError
        When its architecture is a different one, whose weights do not fit.
    """
    folder = Path(run)
    if not (folder / "train.json").is_file():
        raise DataError(
            f"`init={run}`: this folder does not hold a trained run; see: alignkit runs"
        )
    sections = dict.fromkeys(("task", "placement", "training", "data"), dict)
    form = {"identity": str, "architecture": {"name": str}, "*": object, **sections}
    stored = read_json(folder / "config.json", form)
    if stored["architecture"]["name"] != architecture:
        raise UsageError(
            f"`init={run}` has the architecture '{stored['architecture']['name']}', the new run "
            f"has '{architecture}'; start from a run of the same architecture"
        )
    return Init.of(str(run), stored)


_fingerprints: dict[str, str] | None = None


@contextlib.contextmanager
def fingerprint_once() -> Iterator[None]:
    """Look at the same data only once within the block, for many runs."""
    global _fingerprints
    outer = _fingerprints
    _fingerprints = {} if outer is None else outer
    try:
        yield
    finally:
        _fingerprints = outer


def fingerprint_of_task(task: Choice) -> str:
    """Return the fingerprint of a task's data; within ``fingerprint_once``, taken only once."""
    return _once(task, "", lambda: str(task.make().fingerprint()))


def content_of_task(task: Choice, split: str) -> str:
    """Return the digest of what a split's pictures hold; empty where the task gives none.

    Within ``fingerprint_once``, taken only once.

    Raises
    ------
    AlignkitError
        When the data are not there, or lack the split.
    """
    return _once(task, split, lambda: content_digest_of(task.make(), split))


def _once(task: Choice, what: str, look: Callable[[], str]) -> str:
    if _fingerprints is None:
        return look()
    key = json.dumps([task.name, _plain(task.options), what], sort_keys=True)
    if key not in _fingerprints:
        _fingerprints[key] = look()
    return _fingerprints[key]


def config_from_json(stored: Mapping[str, Any]) -> RunConfig:
    """Read what ``RunConfig.to_json`` wrote.

    Raises
    ------
    UsageError
        When a plugin that it needs is not installed.
    """
    require_plugins(stored)
    return RunConfig(
        task=_stored_choice("tasks", "task", stored),
        architecture=_stored_choice("architectures", "architecture", stored),
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


def _stored_choice(kind: str, section: str, stored: Mapping[str, Any]) -> Choice:
    content = stored[section]
    return _bound(kind, owned_name(kind, content["name"], stored), content["options"])


def _bound(kind: str, name: str, given: Mapping[str, Any]) -> Choice:
    target = registry().get(kind, name).load()
    options = bind(target, given, f"{singular(kind)} '{name}'")
    # A path does not make a run a different one.
    paths = {key for key, option in options_of(target).items() if option.is_path}
    differing = {k: v for k, v in changed(target, options).items() if k not in paths}
    if kind == "architectures" and differing:
        # Neither does an option that is written out with the value that None would mean.
        with PluginCall(registry().get(kind, name), "an architecture with its default options"):
            plain = target()
        defaults = _with_defaults(plain, bind(target, {}))
        differing = {k: v for k, v in differing.items() if v != defaults[k]}
    return Choice(kind, name, options, differing)


def _with_defaults(made: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with each None replaced by the value that the object has given it."""
    own = getattr(made, "options", made)
    return {k: getattr(own, k, None) if v is None else v for k, v in options.items()}


def _with_root(task: Choice, root: str) -> Choice:
    if "root" not in task.options:
        raise UsageError(f"task '{task.name}' does not read a folder; leave out `data`")
    return _bound(task.kind, task.name, {**task.options, "root": root})


def _is_default_architecture(name: str) -> bool:
    return any(e.default and e.name == name for e in registry().entries("architectures"))


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: plain_value(value) for key, value in options.items()}


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
