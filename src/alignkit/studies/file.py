"""Read a study file: from TOML to a checked description of runs and analyses."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from alignkit.documents import read_toml
from alignkit.errors import DataError, MissingError, UsageError
from alignkit.studies.options import Entry, known_options, read_option
from alignkit.studies.tables import (
    Ablation,
    Agreement,
    Correlate,
    Dimension,
    EngineChoice,
    Evaluate,
    Explain,
    Extract,
    Hypotheses,
    Measure,
    Probe,
    Report,
    Source,
    Stability,
    Trajectory,
    as_type,
    read_table,
)

T = TypeVar("T")

MOST_RUNS = 100_000  # of a grid
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
    "dimension",
    "trajectory",
    "probe",
    "ablation",
    "explain",
    "engine",
)


ANALYSES: dict[str, type] = {
    "correlate": Correlate,
    "report": Report,
    "hypotheses": Hypotheses,
    "agreement": Agreement,
    "stability": Stability,
    "dimension": Dimension,
    "trajectory": Trajectory,
    "probe": Probe,
    "ablation": Ablation,
    "explain": Explain,
}


@dataclass(frozen=True)
class Study:
    """A study, as its file describes it.

    Attributes
    ----------
    name : str
        Names the study and the folder of its records.
    runs, output : Path
        The folder of runs, and that of tables and the report, both relative to the working
        directory.
    entries : tuple of Entry
        The runs: those of the grid, then those listed one by one.
    pretrain : mapping or None
        Task, seed and options of the run that the others start from.
    evaluate, extract, measure
        Options of the steps.
    correlate, report, hypotheses, agreement, stability
    dimension, trajectory, probe, ablation, explain
        Options of the analyses; None for one that is not requested.
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
    dimension: Dimension | None
    trajectory: Trajectory | None
    probe: Probe | None
    ablation: Ablation | None
    explain: Explain | None
    engine: EngineChoice

    @property
    def analyses(self) -> dict[str, Any]:
        """The tables of the analyses that are requested, by name."""
        tables = {name: getattr(self, name) for name in ANALYSES}
        return {name: table for name, table in tables.items() if table is not None}


def read_study(path: Path) -> Study:
    """Read and check a study file.

    Raises
    ------
    DataError
        When the file does not exist.
    UsageError
        For an unknown key or an invalid value, with the line where possible.
    """
    try:
        text, content = read_toml(path)
    except MissingError:
        raise DataError(f"there is no study file {path}; docs/studies.md has an example") from None
    except DataError as error:
        raise UsageError(str(error)) from None
    source = Source(path.name, text)
    for key in content:
        if key not in TOP:
            raise source.unknown("", key, TOP, "table or key")
    return _study(source, content, path)


def _study(source: Source, content: Mapping[str, Any], path: Path) -> Study:
    name = as_type(source, "", "name", content.get("name", path.stem), str)
    if not re.fullmatch(r"[\w-][\w.-]*", name):
        raise source.error("", "name", f"name is {name!r}; use letters, digits, - and _")
    shared = _Shared(source, content)
    entries = _entries(source, content, shared)
    analyses: dict[str, Any] = {
        name: _optional(source, content, name, kind) for name, kind in ANALYSES.items()
    }
    if analyses["ablation"] is not None and not analyses["ablation"].options:
        raise source.error(
            "ablation", "ablation", 'needs the options to compare: options = ["pretraining"]'
        )
    if "pretrain" not in content:
        _refuse_pretrained(source, entries)
    measure = _optional(source, content, "measure", Measure)
    if measure is None and any(analyses.values()):
        metrics = [spec for table in analyses.values() for spec in getattr(table, "metrics", ())]
        measure = Measure(metrics=tuple(dict.fromkeys(metrics)))
    return Study(
        name=name,
        runs=Path(as_type(source, "", "runs", content.get("runs", "runs"), str)),
        output=Path(as_type(source, "", "output", content.get("output", f"results/{name}"), str)),
        entries=entries,
        pretrain=_pretrain(source, content, shared),
        evaluate=read_table(source, "evaluate", content.get("evaluate", {}), Evaluate),
        extract=read_table(source, "extract", content.get("extract", {}), Extract),
        measure=measure,
        **analyses,
        engine=read_table(source, "engine", content.get("engine", {}), EngineChoice),
    )


def _optional(source: Source, content: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    return read_table(source, name, content[name], kind) if name in content else None


class _Shared:
    """Options of all runs, and of all runs of a task."""

    def __init__(self, source: Source, content: Mapping[str, Any]) -> None:
        self.all = _options(source, "options", content.get("options", {}))
        self.of_task = {
            name: _options(source, f"task.{name}", table)
            for name, table in _table(source, content, "task").items()
        }

    def joined(self, task: str | None, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of a run; the most specific table takes precedence."""
        return self.all | self.of_task.get(_bare(task), {}) | dict(own)


def _entries(source: Source, content: Mapping[str, Any], shared: _Shared) -> tuple[Entry, ...]:
    listed = content.get("run", [])
    if not isinstance(listed, list) or not all(isinstance(run, dict) for run in listed):
        raise source.error("", "run", "'run' must be a list of tables: write [[run]]")
    specs = [
        *_grid(source, _table(source, content, "grid")),
        *(spec for run in listed for spec in _listed(source, run)),
    ]
    if not specs:
        raise UsageError(
            f"{source.name} describes no runs; write a [grid], or a [[run]] for each run"
        )
    used = {_bare(task) for task, _, _, _ in specs}
    used |= {_bare(str(_table(source, content, "pretrain").get("task", "")))}
    for name in shared.of_task:
        if name not in used:
            raise source.unknown("task", name, used, "task among the runs named")
    return tuple(
        Entry(task, placement, seed, shared.joined(task, more))
        for task, placement, seed, more in specs
    )


# Task, placement, seed and further options of a run.
RunSpec = tuple[str | None, str | None, int, dict[str, Any]]


def _grid(source: Source, grid: Mapping[str, Any]) -> Iterator[RunSpec]:
    """Yield every combination: by task, then by placement, further options and seed."""
    if not grid:
        return
    grid = dict(grid)
    first = _pretrain_grid(source, grid.pop("pretrain", {}))
    for key, values in grid.items():
        if key not in GRID and key not in known_options() and key != "init":
            raise source.unknown("grid", key, [*GRID, *known_options(), "pretrain"])
        _require_list(source, "grid", key, values)
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
    sizes = (*plain.values(), *further.values(), *first.values())
    count = math.prod(len(values) for values in sizes)
    if count > MOST_RUNS:  # counted before any is made
        raise source.error(
            "",
            "grid",
            f"[grid] describes {count:,} runs; at most {MOST_RUNS:,} are planned at once",
        )
    for task, placement, *chosen, seed in itertools.product(
        plain.get("tasks", (None,)),
        plain.get("placements", (None,)),
        *further.values(),
        *first.values(),
        plain.get("seeds", (0,)),
    ):
        own = dict(zip(further, chosen, strict=False))
        if first:
            own["pretrain"] = dict(zip(first, chosen[len(further) :], strict=True))
        yield task, placement, seed, own


def _pretrain_grid(source: Source, table: Any) -> dict[str, list[Any]]:
    """Return the values of the options in which pretraining runs differ."""
    name = "grid.pretrain"
    if not isinstance(table, Mapping):
        raise source.error("grid", "pretrain", f"'pretrain' must be a table: write [{name}]")
    for key, values in table.items():
        _require_list(source, name, key, values)
    return {
        key: [read_option(source, name, key, value) for value in values]
        for key, values in table.items()
    }


def _require_list(source: Source, table: str, key: str, values: Any) -> None:
    if not isinstance(values, list) or not values:
        raise source.error(table, key, f"{key} is {values!r}; expected a list of values")


def _listed(source: Source, run: Mapping[str, Any]) -> Iterator[RunSpec]:
    """Yield the runs of a [[run]]: a task, a placement, one or several seeds, and options."""
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
    source: Source, content: Mapping[str, Any], shared: _Shared
) -> Mapping[str, Any] | None:
    if "pretrain" not in content:
        return None
    table = dict(_table(source, content, "pretrain"))
    own = {"task": str, "seed": int}
    for key in table:
        if key not in own and key not in known_options():
            raise source.unknown("pretrain", key, [*own, *known_options()])
    if "init" in shared.all:
        raise source.error(
            "options", "init", "init and [pretrain] both say which run to start from; remove one"
        )
    chosen = {k: as_type(source, "pretrain", k, table.pop(k), own[k]) for k in own if k in table}
    options = shared.joined(chosen.get("task"), _options(source, "pretrain", table))
    return chosen | {"options": options}


def _refuse_pretrained(source: Source, entries: Sequence[Entry]) -> None:
    """Refuse runs that are to start from a pretraining run that is not described."""
    if any("pretrain" in entry.options for entry in entries):
        raise source.error("grid", "pretrain", "[grid.pretrain] needs a table [pretrain] as well")
    if any(entry.options.get("init") is True for entry in entries):
        raise source.error("grid", "init", "init = true needs a table [pretrain]")


def _options(source: Source, table: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise source.error("", table, f"'{table}' must be a table: write [{table}]")
    return {key: read_option(source, table, key, value) for key, value in given.items()}


def _table(source: Source, content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = content.get(name, {})
    if not isinstance(table, Mapping):
        raise source.error("", name, f"'{name}' must be a table: write [{name}]")
    return table


def _bare(task: str | None) -> str:
    """Return a task's name without its options."""
    return (task or "").partition(":")[0]
