"""Reading a study file: TOML in, a checked description of runs and of what follows out."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from alignkit.errors import DataError, UsageError
from alignkit.studies.options import Entry, known_options, read_option
from alignkit.studies.tables import (
    Agreement,
    Correlate,
    EngineChoice,
    Evaluate,
    Extract,
    Hypotheses,
    Measure,
    Report,
    Source,
    Stability,
    as_type,
    read_table,
)

T = TypeVar("T")

GRID = {"tasks": str, "placements": str, "seeds": int}
TOP = (
    "name",
    "runs",
    "output",
    "grid",
    "run",
    "options",
    "task",
    "pretrain",
    "evaluate",
    "extract",
    "measure",
    "correlate",
    "report",
    "hypotheses",
    "agreement",
    "stability",
    "engine",
)


@dataclass(frozen=True)
class Study:
    """A study, as its file describes it.

    Attributes
    ----------
    name : str
        What its records are filed under.
    runs, output : Path
        The folder of runs, and that of tables and the report; both from where the command
        is run.
    entries : tuple of Entry
        The runs: the grid first, then those listed one by one.
    pretrain : mapping or None
        Task, seed and options of the run that each starts from.
    evaluate, extract, measure, correlate, report, hypotheses, agreement, stability
        What follows; None where it is not asked for.
    engine : EngineChoice
    """

    name: str
    runs: Path
    output: Path
    entries: tuple[Entry, ...]
    pretrain: Mapping[str, Any] | None
    evaluate: Evaluate
    extract: Extract
    measure: Measure | None
    correlate: Correlate | None
    report: Report | None
    hypotheses: Hypotheses | None
    agreement: Agreement | None
    stability: Stability | None
    engine: EngineChoice


def read_study(path: Path) -> Study:
    """Read and check a study file.

    Raises
    ------
    DataError
        When there is no such file.
    UsageError
        For anything in it that is not understood, with the line where that can be told.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text)
    except FileNotFoundError:
        raise DataError(f"there is no study file {path}; docs/studies.md shows one") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    source = Source(path.name, text)
    for key in found:
        if key not in TOP:
            raise source.unknown("", key, TOP, "table or key")
    return _study(source, found, path)


def _study(source: Source, found: Mapping[str, Any], path: Path) -> Study:
    name = as_type(source, "", "name", found.get("name", path.stem), str)
    if not re.fullmatch(r"[\w-][\w.-]*", name):
        raise source.error("", "name", f"name is {name!r}; use letters, digits, - and _")
    shared = _Shared(source, found)
    entries = _entries(source, found, shared)
    analyses: dict[str, Any] = {
        "correlate": _optional(source, found, "correlate", Correlate),
        "report": _optional(source, found, "report", Report),
        "hypotheses": _optional(source, found, "hypotheses", Hypotheses),
        "agreement": _optional(source, found, "agreement", Agreement),
        "stability": _optional(source, found, "stability", Stability),
    }
    measure = _optional(source, found, "measure", Measure)
    if measure is None and any(analyses.values()):
        asked = [spec for table in analyses.values() if table for spec in table.metrics]
        measure = Measure(metrics=tuple(dict.fromkeys(asked)))
    return Study(
        name=name,
        runs=Path(as_type(source, "", "runs", found.get("runs", "runs"), str)),
        output=Path(as_type(source, "", "output", found.get("output", f"results/{name}"), str)),
        entries=entries,
        pretrain=_pretrain(source, found, shared),
        evaluate=read_table(source, "evaluate", found.get("evaluate", {}), Evaluate),
        extract=read_table(source, "extract", found.get("extract", {}), Extract),
        measure=measure,
        **analyses,
        engine=read_table(source, "engine", found.get("engine", {}), EngineChoice),
    )


def _optional(source: Source, found: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    return read_table(source, name, found[name], kind) if name in found else None


class _Shared:
    """Options of all runs, and those of the runs of one task."""

    def __init__(self, source: Source, found: Mapping[str, Any]) -> None:
        self.all = _options(source, "options", found.get("options", {}))
        self.of_task = {
            name: _options(source, f"task.{name}", table)
            for name, table in _table(source, found, "task").items()
        }

    def joined(self, task: str | None, own: Mapping[str, Any]) -> dict[str, Any]:
        """The options of one run: what is more particular goes before."""
        return self.all | self.of_task.get(_bare(task), {}) | dict(own)


def _entries(source: Source, found: Mapping[str, Any], shared: _Shared) -> tuple[Entry, ...]:
    listed = found.get("run", [])
    if not isinstance(listed, list) or not all(isinstance(run, dict) for run in listed):
        raise source.error("", "run", "'run' must be a list of tables: write [[run]]")
    asked = [
        *_grid(source, _table(source, found, "grid")),
        *(one for run in listed for one in _listed(source, run)),
    ]
    if not asked:
        raise UsageError(f"{source.name} asks for no run; write a [grid], or [[run]] for each")
    used = {_bare(task) for task, _, _, _ in asked}
    used |= {_bare(str(_table(source, found, "pretrain").get("task", "")))}
    for name in shared.of_task:
        if name not in used:
            raise source.unknown("task", name, used, "task among the runs named")
    return tuple(
        Entry(task, placement, seed, shared.joined(task, more))
        for task, placement, seed, more in asked
    )


MeasureOptions = tuple[str | None, str | None, int, dict[str, Any]]


def _grid(source: Source, grid: Mapping[str, Any]) -> Iterator[MeasureOptions]:
    """Every combination: tasks outermost, then placements, further options, and seeds."""
    if not grid:
        return
    for key, values in grid.items():
        if key not in GRID and key not in known_options() and key != "init":
            raise source.unknown("grid", key, [*GRID, *known_options()])
        if not isinstance(values, list) or not values:
            raise source.error("grid", key, f"{key} is {values!r}; expected a list of values")
    plain = {
        key: as_type(source, "grid", key, grid.get(key, default), tuple[kind, ...])  # type: ignore[valid-type]
        for (key, kind), default in zip(GRID.items(), ([None], [None], [0]), strict=True)
        if key in grid
    }
    further = {
        key: [read_option(source, "grid", key, value) for value in values]
        for key, values in grid.items()
        if key not in GRID
    }
    for task, placement, *chosen, seed in itertools.product(
        plain.get("tasks", (None,)),
        plain.get("placements", (None,)),
        *further.values(),
        plain.get("seeds", (0,)),
    ):
        yield task, placement, seed, dict(zip(further, chosen, strict=True))


def _listed(source: Source, run: Mapping[str, Any]) -> Iterator[MeasureOptions]:
    """One [[run]]: a task, a placement, one seed or several, and options of its own."""
    own = {"task": str, "placement": str, "seed": int, "seeds": tuple[int, ...]}
    given = {k: as_type(source, "run", k, v, own[k]) for k, v in run.items() if k in own}
    if "seed" in given and "seeds" in given:
        raise source.error("run", "seeds", "has both seed and seeds; choose one")
    rest = {k: v for k, v in run.items() if k not in own}
    for key in rest:
        if key not in known_options() and key != "init":
            raise source.unknown("run", key, [*own, *known_options()])
    options = _options(source, "run", rest)
    for seed in given.get("seeds", (given.get("seed", 0),)):
        yield given.get("task"), given.get("placement"), seed, options


def _pretrain(
    source: Source, found: Mapping[str, Any], shared: _Shared
) -> Mapping[str, Any] | None:
    if "pretrain" not in found:
        return None
    table = dict(_table(source, found, "pretrain"))
    own = {"task": str, "seed": int}
    for key in table:
        if key not in own and key not in known_options():
            raise source.unknown("pretrain", key, [*own, *known_options()])
    if "init" in shared.all:
        raise source.error("options", "init", "init says where runs start, and so does [pretrain]")
    chosen = {k: as_type(source, "pretrain", k, table.pop(k), own[k]) for k in own if k in table}
    options = shared.joined(chosen.get("task"), _options(source, "pretrain", table))
    return chosen | {"options": options}


def _options(source: Source, table: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise source.error("", table, f"'{table}' must be a table: write [{table}]")
    return {key: read_option(source, table, key, value) for key, value in given.items()}


def _table(source: Source, found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = found.get(name, {})
    if not isinstance(table, Mapping):
        raise source.error("", name, f"'{name}' must be a table: write [{name}]")
    return table


def _bare(task: str | None) -> str:
    """A task's name without its options."""
    return (task or "").partition(":")[0]
