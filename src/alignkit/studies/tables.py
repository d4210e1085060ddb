"""The tables of a study file: their keys, and the values that a key may have."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, TypeVar

from alignkit.bounds.counts import LARGEST_SEED
from alignkit.errors import UsageError
from alignkit.plugins import registry
from alignkit.statistics.equivalence import MARGIN
from alignkit.tasks import SPLITS

T = TypeVar("T")

# Allowed values of some keys in any table, checked before training starts.
ALLOWED: dict[str, Sequence[str]] = {"split": SPLITS, "splits": SPLITS}
# Keys whose values are registered names of a kind.
REGISTERED = {"pool": "poolings", "pools": "poolings"}
MINIMUM = {
    "samples": 2,
    "null": 0,
    "permutations": 1,
    "splits": 1,
    "k": 1,
    "seeds": 1,
    "shard_size": 1,
}


def later(default: T) -> T:
    """Return a key that was added to a table later: its default is not part of a record.

    Analyses that were recorded before the key existed then still count as done.
    """
    value: T = field(default=default, metadata={"later": True})
    return value


def recorded(table: Any) -> dict[str, Any]:
    """Return the keys of a table and their values, as a record holds them."""
    values = {key: getattr(table, key.name) for key in fields(table)}
    return {
        key.name: list(value) if isinstance(value, tuple) else value
        for key, value in values.items()
        if not (key.metadata.get("later") and value == key.default)
    }


@dataclass(frozen=True)
class Evaluate:
    """``[evaluate]``: the splits on which runs are scored."""

    splits: tuple[str, ...] = ("test",)


@dataclass(frozen=True)
class Extract:
    """``[extract]``: representations to keep, also those that measuring does not need."""

    splits: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    shard_size: int | None = None


@dataclass(frozen=True)
class Measure:
    """``[measure]``: the options of ``alignkit measure``."""

    metrics: tuple[str, ...] = ()
    layers: str = "all"
    streams: str = "cross"
    splits: tuple[str, ...] = ("test",)
    pools: tuple[str, ...] = ("cls",)
    samples: int | None = None
    null: int = 0
    within: str = later("")
    groups: str = later("")

    @property
    def designs(self) -> tuple[str, ...]:
        """The classes to measure within: none, and those asked for."""
        return ("", self.within) if self.within else ("",)


@dataclass(frozen=True)
class Correlate:
    """``[correlate]``: the options of ``alignkit correlate``, which runs once per layer rule."""

    metrics: tuple[str, ...] = ()
    layer: tuple[str, ...] = ("last",)
    outcome: str | None = None
    where: tuple[str, ...] = later(())
    split: str | None = None
    pool: str | None = None
    unit: str = "placement"
    control: tuple[str, ...] = later(())
    margin: float = later(MARGIN)
    within: str | None = later(None)
    groups: str | None = later(None)
    permutations: int = 9999
    seed: int = 0


@dataclass(frozen=True)
class Report:
    """``[report]``: the options of ``alignkit report``."""

    metrics: tuple[str, ...] = ()
    layer: str = "last"
    outcome: str | None = None
    where: tuple[str, ...] = later(())
    split: str | None = None
    pool: str | None = None
    unit: str = later("placement")
    control: tuple[str, ...] = later(())
    margin: float = later(MARGIN)
    within: str | None = later(None)
    groups: str | None = later(None)
    sections: tuple[str, ...] = later(())
    figure_formats: tuple[str, ...] = later(())
    permutations: int = 9999
    seed: int = 0


@dataclass(frozen=True)
class Hypotheses:
    """``[hypotheses]``: the options of ``alignkit hypotheses``."""

    questions: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    layer: str = "last"
    outcome: str | None = None
    raw_scores: bool = False
    where: tuple[str, ...] = later(())
    split: str | None = None
    pool: str | None = None
    unit: str = later("placement")
    permutations: int = 9999
    seed: int = 0


@dataclass(frozen=True)
class Agreement:
    """``[agreement]``: the options of ``alignkit agreement``."""

    metrics: tuple[str, ...] = ()
    layers: str = "same"
    alike: float = 0.95
    where: tuple[str, ...] = later(())
    split: str | None = None
    pool: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Stability:
    """``[stability]``: the options of ``alignkit stability``, for all or some runs.

    ``tasks`` and ``placements`` restrict it, since it is costly; empty means all.
    """

    metrics: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    placements: tuple[str, ...] = ()
    samples: tuple[int, ...] = ()
    k: tuple[int, ...] = ()
    splits: int = 5
    null: int = 10
    where: tuple[str, ...] = later(())
    split: str | None = None
    pool: str | None = None
    seed: int = 0

    def covers(self, task: str | None, placement: str | None) -> bool:
        """Whether runs of a task and placement are included; the task's options may be left out."""
        names = {str(task), str(task).partition(":")[0]}
        return (not self.tasks or bool(names & set(self.tasks))) and (
            not self.placements or str(placement) in self.placements
        )


@dataclass(frozen=True)
class Dimension:
    """``[dimension]``: the options of ``alignkit dimension``."""

    layers: str = "all"
    where: tuple[str, ...] = ()
    split: str | None = None
    pool: str | None = None
    permutations: int = 9999
    seed: int = 0


@dataclass(frozen=True)
class Trajectory:
    """``[trajectory]``: the options of ``alignkit trajectory``."""

    metrics: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    split: str | None = None
    pool: str | None = None
    permutations: int = 9999
    seed: int = 0


@dataclass(frozen=True)
class Probe:
    """``[probe]``: the options of ``alignkit probe``, which reads all three splits."""

    probe: str = "ridge"
    streams: tuple[str, ...] = ("text", "vision", "both")
    layers: str = "all"
    metrics: tuple[str, ...] = ()
    samples: int | None = None
    seeds: int = 3
    where: tuple[str, ...] = ()
    pool: str | None = None
    permutations: int = 9999
    seed: int = 0


@dataclass(frozen=True)
class Ablation:
    """``[ablation]``: the options of ``alignkit ablation``, which runs once per option."""

    options: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    layer: str = "last"
    outcome: str | None = None
    where: tuple[str, ...] = ()
    split: str | None = None
    pool: str | None = None
    permutations: int = 9999
    seed: int = 0


@dataclass(frozen=True)
class Explain:
    """``[explain]``: the options of ``alignkit explain``, whose commands are in ``kinds``."""

    kinds: tuple[str, ...] = ("attention",)
    samples: int = 64
    untrained: bool = True
    where: tuple[str, ...] = ()
    split: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class EngineChoice:
    """``[engine]``: where jobs run; options of the command line take precedence."""

    name: str = "local"
    jobs: int = 1
    workers: int = 2
    scheduler: str = ""
    gpus: int = 0
    trust_network: bool = False
    queue: Mapping[str, Any] = field(default_factory=dict)


class Source:
    """The text of a study file, to name the line of an error."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.lines = name, text.splitlines()

    def error(self, table: str, key: str, text: str) -> UsageError:
        """Return an error at a key of a table; the table is ``""`` at the top of the file."""
        line = self._line(table, key)
        where = f"{self.name}, line {line}" if line else self.name
        return UsageError(f"{where}: {f'[{table}] ' if table else ''}{text}")

    def unknown(self, table: str, key: str, known: Iterable[str], what: str = "key") -> UsageError:
        """Return an error for an unknown key, with the closest known one."""
        names = sorted(known)
        close = get_close_matches(key, names, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names)}"
        return self.error(table, key, f"has no {what} '{key}'; {hint}")

    def _line(self, table: str, key: str) -> int | None:
        """Return the first line that sets a key of a table, or the table's header."""
        current = ""
        for number, line in enumerate(self.lines, 1):
            bare = line.split("#")[0].strip()
            if bare.startswith("["):
                current = bare.strip("[] ").replace('"', "").replace("'", "")
                if current == (f"{table}.{key}" if table else key):
                    return number
            name = bare.split("=")[0].strip().strip("\"'")
            if "=" in bare and current == table and name in (key, f'"{key}"'):
                return number
        return None


def read_table(source: Source, name: str, value: Any, kind: type[T]) -> T:
    """Check a table of the file against a dataclass: its keys and the types of their values.

    Raises
    ------
    UsageError
        With file, line, table and key.
    """
    if not isinstance(value, Mapping):
        raise source.error("", name, f"'{name}' must be a table: write [{name}]")
    hints = typing.get_type_hints(kind)
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for key in value:
        if key not in names:
            raise source.unknown(name, key, names)
    read = {k: as_type(source, name, k, v, hints[k]) for k, v in value.items()}
    for key, given in read.items():
        for item in given if isinstance(given, tuple) else (given,):
            _check_value(source, name, key, item)
    return kind(**read)


def _check_value(source: Source, table: str, key: str, value: Any) -> None:
    known = registry().names(REGISTERED[key]) if key in REGISTERED else ALLOWED.get(key)
    if isinstance(value, str) and known is not None and value not in known:
        raise source.error(table, key, f"{key} is '{value}'; known: {', '.join(known)}")
    if isinstance(value, int) and value < MINIMUM.get(key, value):
        raise source.error(table, key, f"{key} is {value}; it must be at least {MINIMUM[key]}")


def as_type(source: Source, table: str, key: str, value: Any, hint: Any) -> Any:
    """Check a value against a type; a single value counts as a list with one item."""
    if isinstance(value, int) and abs(value) > LARGEST_SEED:
        raise source.error(table, key, f"{key} is {value}; it must be below 2^63")
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(arm for arm in typing.get_args(hint) if arm is not type(None))
    if typing.get_origin(hint) is tuple:
        values = value if isinstance(value, list) else [value]
        kind = typing.get_args(hint)[0]
        return tuple(as_type(source, table, key, item, kind) for item in values)
    if typing.get_origin(hint) in (Mapping, dict):
        if isinstance(value, Mapping):
            return dict(value)
        raise source.error(table, key, f"{key} is {value!r}; expected a table")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Any or (isinstance(value, hint) and (hint is bool or not isinstance(value, bool))):
        return value
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    raise source.error(table, key, f"{key} is {value!r}; expected {words.get(hint, hint)}")
