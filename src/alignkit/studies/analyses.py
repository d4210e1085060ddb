"""The analyses of a study: what each is asked, and whether that is answered already."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alignkit.documents import NUMBER, Form
from alignkit.engines import Job, Outcome
from alignkit.errors import DataError, UsageError
from alignkit.runs import Run, RunConfig
from alignkit.runs.files import read_json, sha256_of, write_json
from alignkit.runs.units import (
    check_control,
    check_option,
    check_unit,
    check_where,
    refuse_variants,
    select_runs,
    unit_labels,
)
from alignkit.statistics.equivalence import check_margin
from alignkit.studies.file import Study
from alignkit.studies.records import State
from alignkit.studies.splits import size_of_split
from alignkit.studies.status import selects_nothing
from alignkit.studies.tables import Explain, Measure, Probe, Report, recorded

FOLDER = "analyses"
# The commands of ``alignkit explain``.
EXPLAINED = ("attention", "grad-cam", "tokens")
WORK = "alignkit.studies.analyse"
# What the record of an analysis must hold.
ANALYSED: Form = {
    "key": str,
    "stands_on?": {"*": str},
    "seconds?": NUMBER,
    "shown?": [str],
    "files?": {"*": str},
    "without?": [str],
    "error?": str,
    "traceback?": str,
}


REPORT = "report"
# Analyses whose tables the report shows, so that it is made after them.
SHOWN = ("stability", "dimension", "trajectory", "probe")


@dataclass
class Analysis:
    """One analysis: ``correlate last``, ``report``, ``hypotheses``, ...

    Attributes
    ----------
    name : str
    unit : Job
        Its work, on the runs that are complete.
    key : str
        Hash of everything that its result stands on.
    stands_on : dict of str to str
        The same in parts, each by its name in a sentence.
    record : Path
        Remembers, under the key, the files that it wrote, or its error.
    waits : bool
        Whether runs are still to come, so that it will be done on more than now.
    shows : list of Analysis
        Those whose tables it shows; one that failed is left out, until it succeeds.
    """

    name: str
    unit: Job
    key: str
    stands_on: dict[str, str]
    record: Path
    waits: bool = False
    shows: list[Analysis] = field(default_factory=list)

    @property
    def state(self) -> State:
        """How far the analysis is, read from its record."""
        if self.waits:
            return "missing"
        if self.error:
            return "failed"
        return "missing" if self.why else "done"

    @property
    def why(self) -> str:
        """Why it is to be done, as a clause; empty where it is done."""
        if self.waits:
            return "runs of it are still to be done"
        if self.error:
            return "it failed"
        record = self._record
        if not record:
            return "it was not done yet"
        if record["key"] != self.key:
            told = record.get("stands_on", {})
            changed = [name for name, key in self.stands_on.items() if told.get(name, key) != key]
            return f"{' and '.join(changed) or 'what it stands on'} changed since"
        left_out = set(record.get("without", ()))
        if shown := [each.name for each in self.shows if each.name in left_out and not each.error]:
            return f"it lacks {' and '.join(shown)}, which failed then"
        for file, told in record["files"].items():
            if not Path(file).is_file():
                return f"{file} is gone"
            if sha256_of(Path(file)) != told:
                return f"{file} was changed"
        return ""

    @property
    def error(self) -> str:
        """Why it failed, if it did, on just these runs."""
        return str(self._stored.get("error", ""))

    @property
    def shown(self) -> list[str]:
        """The files that a reader begins with."""
        return list(self._stored.get("shown", ()))

    def add(self, outcome: Outcome) -> None:
        """Remember how it ended."""
        stored: dict[str, Any] = {
            "key": self.key,
            "stands_on": self.stands_on,
            "seconds": round(outcome.seconds, 3),
        }
        if outcome.state == "done":
            files = {file: sha256_of(Path(file)) for file in outcome.value["files"]}
            stored |= {"shown": outcome.value["shown"], "files": files}
            if failed := [each.name for each in self.shows if each.error]:
                stored["without"] = failed
        else:
            stored |= {"error": outcome.error, "traceback": outcome.traceback}
        write_json(self.record, stored)

    @property
    def _stored(self) -> dict[str, Any]:
        """The record, where it is of just this analysis; otherwise empty."""
        record = self._record
        return record if record.get("key") == self.key else {}

    @property
    def _record(self) -> dict[str, Any]:
        try:
            record: dict[str, Any] = read_json(self.record, ANALYSED)
        except DataError:  # none, or one that says nothing: the analysis is made again
            return {}
        return record


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def plan_analyses(
    study: Study, runs: Sequence[Any], evidence: Sequence[Any], records: Path, waits: bool
) -> list[Analysis]:
    """Describe the analyses that a study asks for.

    Parameters
    ----------
    study : Study
        With its metrics named.
    runs : sequence of Planned
        Those that are complete.
    evidence : sequence
        For each of them, plain values that its results stand on.
    records : Path
        The folder of the study's records.
    waits : bool
        Whether further runs are still to be done.
    """
    from alignkit.plugins.versions import versions

    told = versions()
    analyses: list[Analysis] = []
    for name, work, options, chosen in _asked(study, runs):
        paths = [str(study.runs / p.name) for p in chosen]
        unit = Job(name, f"{WORK}:{work}", {"runs": paths, **options})
        values = [e for p, e in zip(runs, evidence, strict=True) if p in chosen]
        sections = _code_of_sections(options.get("sections", ()))
        parts = [unit.work, unit.arguments, values, told, *([sections] if sections else [])]
        shows = [a for a in analyses if name == REPORT and a.name in SHOWN]
        shown = {each.name: each.key for each in shows}
        key = _hash([*parts, shown] if shown else parts)
        stands_on = {
            "its settings": _hash([unit.work, options]),
            "its runs": _hash(paths),
            "scores or alignment of its runs": _hash(values),
            "alignkit or a plugin": _hash([told, sections] if sections else told),
        } | ({"an analysis that it shows": _hash(shown)} if shown else {})
        record = records / FOLDER / (re.sub(r"[^\w.-]", "_", name) + ".json")
        waiting = waits or not chosen
        analyses.append(Analysis(name, unit, key, stands_on, record, waiting, shows))
    return analyses


def _code_of_sections(specs: Sequence[str]) -> dict[str, str]:
    """Return what the code of sections goes by, so that they are made again where it changes."""
    if not specs:
        return {}
    from alignkit.plugins import registry
    from alignkit.plugins.code import code_of
    from alignkit.report.sections import choose_sections

    names = [choice.name for choice in choose_sections(specs)]
    return {name: code_of(registry().get("sections", name)) for name in names}


def check_analyses(study: Study, configs: Sequence[RunConfig | None]) -> None:
    """Refuse settings on which measuring or an analysis would fail, before any work is done.

    Parameters
    ----------
    study : Study
    configs : sequence of RunConfig or None
        Those of the runs to analyse; None for one that cannot be resolved yet.

    Raises
    ------
    UsageError
        For an unknown metric, layer rule or question, or a number that makes no sense; or
        where an analysis would average runs that differ in their options.
    """
    from alignkit.analysis.agreement import check_alike
    from alignkit.analysis.options import TableOptions
    from alignkit.analysis.questions import Evidence, check_questions
    from alignkit.metrics import resolve

    for table in (study.measure, *study.analyses.values()):
        for spec in getattr(table, "metrics", ()):
            resolve(spec)
    rules = study.correlate.layer if study.correlate else ()
    for layer in (*rules, *([study.ablation.layer] if study.ablation else [])):
        TableOptions((), layer)
    if study.report:
        _check_report(study.report)
    if study.hypotheses:
        check_questions(study.hypotheses.questions, study.hypotheses.unit)
        options = TableOptions((), study.hypotheses.layer)
        Evidence([], options, study.hypotheses.permutations)
    if study.agreement:
        check_alike(study.agreement.alike)
    _check_numbers(study)
    resolved = [config for config in configs if config is not None]
    if resolved:
        _check_on_run(study, resolved[0])
        _check_layers(study, resolved)
        _check_neighbours(study, resolved)
        _check_variants(study, resolved, whole=len(resolved) == len(configs))


def _check_numbers(study: Study) -> None:
    """Refuse names and numbers of single analyses that make no sense."""
    if study.stability:
        _check_stability(study)
    if study.probe:
        _probe_options(study.probe)
    if study.explain:
        _check_explain(study.explain)


def _check_report(table: Report) -> None:
    """Refuse an unknown layer rule, section or format of figures."""
    from alignkit.analysis.options import TableOptions

    TableOptions((), table.layer)
    if table.sections:
        from alignkit.report.sections import choose_sections

        choose_sections(table.sections)
    if table.figure_formats:
        from alignkit.report.figures.folder import check_formats

        check_formats(table.figure_formats)


def _check_on_run(study: Study, config: RunConfig) -> None:
    """Check units, controls, margins and conditions on the configuration of a run."""
    for grouped in (study.correlate, study.report, study.hypotheses):
        if grouped:
            check_unit(grouped.unit, config)
    for tested in (study.correlate, study.report):
        if tested:
            check_margin(tested.margin)
            for control in tested.control:
                check_control(control, config)
    for option in study.ablation.options if study.ablation else ():
        check_option(option, config)
    for table in study.analyses.values():
        check_where(table.where, config)


def _check_layers(study: Study, configs: Sequence[RunConfig]) -> None:
    """Check the selections of layers on every model, which may differ in depth and fusions."""
    from alignkit.models.pairs import select_pairs

    models = {
        json.dumps([c.architecture.name, c.to_json()["architecture"], c.placement.name]): c
        for c in configs
    }
    for config in models.values():
        schedule = config.architecture.make().schedule(config.placement)
        try:
            if study.measure and not selects_nothing(config, study.measure):
                select_pairs(schedule, study.measure.layers, study.measure.streams)
            if study.agreement:
                select_pairs(schedule, study.agreement.layers)
        except UsageError as error:
            raise UsageError(f"{config.folder}: {error}") from None


def _check_neighbours(study: Study, configs: Sequence[RunConfig]) -> None:
    """Refuse a metric with more neighbours than there are samples to measure."""
    from alignkit.alignment.job import check_k
    from alignkit.metrics import resolve

    measure = study.measure
    if measure is None:
        return
    sizes: dict[int, str] = {}
    for config in configs:
        for split in measure.splits:
            n = size_of_split(config, split)
            if n is not None:
                n = min(n, measure.samples or n)
                sizes.setdefault(n, f"{config.task_name}, {split}")
    for n, where in sizes.items():
        for spec in measure.metrics:
            try:
                check_k(resolve(spec), n)
            except UsageError as error:
                raise UsageError(f"{where}: {error}") from None


def _check_variants(study: Study, configs: Sequence[RunConfig], whole: bool) -> None:
    """Refuse to average over runs of one unit and placement that will differ in their options.

    Parameters
    ----------
    study : Study
    configs : sequence of RunConfig
    whole : bool
        Whether these are all runs to analyse; otherwise a condition may hold for another one.
    """
    runs = [Run.planned(study.runs, config) for config in configs]
    for name in ("correlate", "report", "hypotheses"):
        table = getattr(study, name)
        if table is None:
            continue
        try:
            chosen = select_runs(runs, table.where)
        except UsageError as error:
            if whole:
                raise UsageError(f"[{name}] {error}") from None
            continue
        try:
            if name == "hypotheses" and table.unit == "placement":
                refuse_variants(chosen)
            unit_labels(chosen, table.unit)
        except UsageError as error:
            raise UsageError(f"[{name}] {error}") from None


def _asked(
    study: Study, runs: Sequence[Any]
) -> Iterator[tuple[str, str, dict[str, Any], Sequence[Any]]]:
    """Name, function, arguments and runs of every analysis; the report stands last."""
    measure = study.measure or Measure()
    yield from _asked_before_the_report(study, runs, measure)
    if study.report:
        options = _options(study.report, measure) | {"output": str(study.output / REPORT)}
        # Without any, as before they were shown: what is done stays done.
        if shown := [str(study.output / name) for name in SHOWN if getattr(study, name)]:
            options |= {"results": shown}
        yield REPORT, REPORT, options, runs


def _asked_before_the_report(
    study: Study, runs: Sequence[Any], measure: Measure
) -> Iterator[tuple[str, str, dict[str, Any], Sequence[Any]]]:
    if study.correlate:
        options = _options(study.correlate, measure) | {"output": str(study.output)}
        for layer in study.correlate.layer:
            yield f"correlate {layer}", "correlate", options | {"layer": layer}, runs
    for name in ("hypotheses", "agreement"):
        if table := getattr(study, name):
            options = _options(table, measure) | {"output": str(study.output / name)}
            yield name, name, options, runs
    if study.stability:
        options = _options(study.stability, measure) | {"output": str(study.output / "stability")}
        del options["tasks"], options["placements"]
        covered = [p for p in runs if study.stability.covers(p.entry.task, p.entry.placement)]
        yield "stability", "stability", options, covered
    for name in ("dimension", "trajectory", "probe"):
        if table := getattr(study, name):
            options = _options(table, measure) | {"output": str(study.output / name)}
            yield name, name, options, runs
    yield from _asked_several_times(study, runs, measure)


def _asked_several_times(
    study: Study, runs: Sequence[Any], measure: Measure
) -> Iterator[tuple[str, str, dict[str, Any], Sequence[Any]]]:
    """Yield the analyses that are done once for each of several names."""
    for name, several, one in (("ablation", "options", "option"), ("explain", "kinds", "kind")):
        if table := getattr(study, name):
            options = _options(table, measure)
            for each in options.pop(several):
                own = {"output": str(study.output / name / each), one: each}
                yield f"{name} {each}", name, options | own, runs


def _options(table: Any, measure: Measure) -> dict[str, Any]:
    """The keys of a table; what it leaves open is as measured."""
    options = recorded(table)
    measured = {"metrics": list(measure.metrics), "split": measure.splits[0]}
    for name, value in (measured | {"pool": measure.pools[0]}).items():
        if name in options:
            options[name] = options[name] or value
    for name in ("within", "groups"):
        if hasattr(table, name):
            given = getattr(table, name)
            column = getattr(measure, name) if given is None else given
            options.pop(name, None)
            options |= {name: column} if column else {}
    return {"samples": measure.samples} | options


def _probe_options(table: Probe) -> Any:
    """Return how layers are probed.

    Raises
    ------
    UsageError
        For an unknown probe or stream, or a number out of range.
    """
    from alignkit.analysis.probing.probes import ProbeOptions

    if table.samples is None and table.seeds != Probe.seeds:
        raise UsageError("[probe] seeds draws training samples, so it needs samples")
    return ProbeOptions(
        table.probe, table.streams, table.layers, table.samples, table.seeds, table.seed
    )


def _check_explain(table: Explain) -> None:
    """Refuse a command that there is not, and numbers out of range."""
    from alignkit.analysis.explaining.forward import ForwardOptions

    for kind in table.kinds:
        if kind not in EXPLAINED:
            raise UsageError(f"[explain] kinds names '{kind}'; known: {', '.join(EXPLAINED)}")
    ForwardOptions(samples=table.samples)


def _check_stability(study: Study) -> None:
    """Refuse a task or placement of which the study has no run."""
    table = study.stability
    assert table is not None
    tasks = {str(entry.task) for entry in study.entries}
    known = {
        "tasks": tasks | {task.partition(":")[0] for task in tasks},
        "placements": {str(entry.placement) for entry in study.entries},
    }
    for kind, names in known.items():
        for name in getattr(table, kind):
            if name not in names:
                raise UsageError(
                    f"[stability] {kind} names '{name}'; the runs have: {', '.join(sorted(names))}"
                )
    if not any(table.covers(entry.task, entry.placement) for entry in study.entries):
        raise UsageError(
            "[stability] covers no run: none has one of its tasks together with one of its "
            "placements"
        )
