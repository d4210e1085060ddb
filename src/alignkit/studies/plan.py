"""The plan of a study: its runs, their steps, and which of them are done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from alignkit.engines import Job
from alignkit.errors import DataError, UsageError
from alignkit.jobs.steps import evaluate_job, extract_jobs, measure_job, train_job
from alignkit.plugins import registry
from alignkit.runs import Run, RunConfig
from alignkit.runs.config import Init, fingerprint_once
from alignkit.runs.data import knows_data
from alignkit.runs.inputs import changes_of_training
from alignkit.runs.reasons import reason_to_evaluate, reason_to_extract, reason_to_train
from alignkit.runs.run import POOLS, run_of
from alignkit.studies.analyses import Analysis, plan_analyses
from alignkit.studies.file import Study
from alignkit.studies.options import Entry
from alignkit.studies.records import Records, State
from alignkit.studies.splits import FewSamples, missing_split, size_of_split
from alignkit.studies.status import Asked, evidence_of, selects_nothing
from alignkit.studies.tables import Measure
from alignkit.tasks import SPLITS

T = TypeVar("T")
MakeStep = Callable[[str, str, list[Job]], "Step"]


@dataclass
class Step:
    """A step of a run: ``train``, ``evaluate test``, ``measure test cls``, ..."""

    name: str
    jobs: list[Job]
    state: State
    error: str = ""
    why: str = ""  # it is to be done; empty where it is done


@dataclass
class Planned:
    """A run of the study.

    Attributes
    ----------
    entry : Entry
    config : RunConfig or None
        None where it cannot be resolved.
    problem : str
        Why the run cannot start: it cannot be resolved, or its data lack a split.
    first : Planned or None
        The pretraining run that it starts from.
    pretrains : bool
        Whether it is a pretraining run, which is only trained.
    steps : list of Step
    folder : str
        The folder of the run, where the name of its data was another one before.
    stale : str
        What has changed since the run was trained, which a study does not train again.
    """

    entry: Entry
    config: RunConfig | None = None
    problem: str = ""
    first: Planned | None = None
    pretrains: bool = False
    steps: list[Step] = field(default_factory=list)
    folder: str = ""
    stale: str = ""

    @property
    def name(self) -> str:
        """The folder of the run, or a description where it is not resolved."""
        return self.folder or (self.config.folder if self.config else self.entry.words)

    @property
    def state(self) -> Literal["done", "missing", "failed", "unresolved"]:
        """The state of the run: that of its steps together."""
        if self.config is None or self.problem:
            return "unresolved"
        states = {step.state for step in self.steps}
        return "failed" if "failed" in states else "missing" if "missing" in states else "done"

    @property
    def waits_for_a_failure(self) -> bool:
        """Whether the pretraining run that it starts from has failed."""
        return self.first is not None and self.first.state == "failed"

    @property
    def error(self) -> str:
        """Why the run failed or cannot start; empty otherwise."""
        failed = (f"{s.name}: {s.error}" for s in self.steps if s.state == "failed")
        return self.problem or next(failed, "")


@dataclass
class Plan:
    """All runs of a study, pretraining first, with the jobs that remain.

    Attributes
    ----------
    study : Study
    records : Records
    runs : list of Planned
    analyses : list of Analysis
        The analyses of the complete runs.
    """

    study: Study
    records: Records
    runs: list[Planned]
    analyses: list[Analysis] = field(default_factory=list)

    @property
    def to_analyse(self) -> list[Planned]:
        """The runs to analyse: all but the pretraining runs."""
        return [planned for planned in self.runs if not planned.pretrains]

    @property
    def complete(self) -> list[Planned]:
        """The runs to analyse that are done."""
        return [planned for planned in self.to_analyse if planned.state == "done"]

    def units(self, retry: bool = False) -> Iterator[tuple[Planned, Step, Job]]:
        """Yield the remaining jobs in order, those of failed runs only with ``retry``."""
        for planned in self.runs:
            if planned.state == "unresolved":
                continue
            if (planned.state == "failed" or planned.waits_for_a_failure) and not retry:
                continue
            for step in planned.steps:
                if step.state != "done":
                    for job in step.jobs:
                        yield planned, step, job

    @property
    def few_samples(self) -> list[FewSamples]:
        """The splits that have fewer samples than ``[measure]`` asks for: all are used."""
        measure = self.study.measure
        if measure is None or measure.samples is None:
            return []
        few: dict[FewSamples, None] = {}
        for planned in self.to_analyse:
            for split in measure.splits if planned.config else ():
                assert planned.config is not None
                n = size_of_split(planned.config, split)
                if n is not None and n < measure.samples:
                    few[FewSamples(planned.config.task_name, split, n, measure.samples)] = None
        return list(few)

    def analyses_to_do(self, retry: bool = False) -> list[Analysis]:
        """Return the analyses that lack a result on the complete runs.

        With ``retry``, also those that failed, and what shows one of them.
        """
        return [
            analysis
            for analysis in self.analyses
            if analysis.unit.arguments["runs"]
            and (
                analysis.state == "missing"
                or (retry and "failed" in [each.state for each in (analysis, *analysis.shows)])
            )
        ]


def make_plan(study: Study, gpus: int = 0) -> Plan:
    """Resolve every run of a study and determine which steps are done.

    Raises
    ------
    UsageError
        For an unknown name or an invalid option. Missing data are not an error of the plan,
        but a problem of the runs that need them.
    """
    study = _with_metrics(study)
    records = Records(study.runs, study.name)
    asked = None if study.measure is None else Asked(study.measure)
    with fingerprint_once():
        runs = _distinct(_resolved(study))
        for planned in runs:
            if planned.config is not None:
                run = run_of(study.runs, planned.config)
                planned.folder = str(run.path.relative_to(study.runs))
                planned.steps = list(_steps(planned, planned.config, study, asked, records, gpus))
                planned.stale = _changes(run, planned.config)
                planned.problem = _without_data(planned, planned.config)
    plan = Plan(study, records, runs)
    plan.analyses = _analyses(plan, asked)
    return plan


def _with_metrics(study: Study) -> Study:
    """Fill in the metrics: the default for none, every registered one for ``all``."""
    if study.measure is None:
        return study
    default = (registry().default("metrics").name,)
    measure = replace(
        _with_splits_of_analyses(study, study.measure), metrics=study.measure.metrics or default
    )
    named = {name: _named(table) for name, table in study.analyses.items()}
    return replace(study, measure=_named(measure), **named)


def _with_splits_of_analyses(study: Study, measure: Measure) -> Measure:
    """Add the splits and poolings that analyses need, so that workers measure them run by run."""
    # The layers of one stream are not measured run by run: their analyses do that themselves.
    names = ("correlate", "report", "hypotheses", "agreement", "stability", "ablation")
    given = [table for name, table in study.analyses.items() if name in names]
    splits = dict.fromkeys((*measure.splits, *(table.split for table in given if table.split)))
    pools = dict.fromkeys((*measure.pools, *(table.pool for table in given if table.pool)))
    if study.hypotheses and "pooling" in (study.hypotheses.questions or ("pooling",)):
        pools |= dict.fromkeys(POOLS)
    return replace(measure, splits=tuple(splits), pools=tuple(pools))


def _named(table: T) -> T:
    if "all" not in getattr(table, "metrics", ()):
        return table
    return replace(table, metrics=tuple(registry().names("metrics")))  # type: ignore[type-var]


def _analyses(plan: Plan, asked: Asked | None) -> list[Analysis]:
    """Return the analyses of the complete runs; they wait while runs are missing."""
    study = plan.study
    evidence = [
        evidence_of(Run(study.runs / planned.name), planned.config, study.evaluate.splits, asked)
        for planned in plan.complete
        if planned.config is not None
    ]
    waits = any(p.state == "missing" and not p.waits_for_a_failure for p in plan.to_analyse)
    return plan_analyses(study, plan.complete, evidence, plan.records.folder, waits)


def _resolved(study: Study) -> list[Planned]:
    """Resolve all runs: pretraining runs first, then those that start from them."""
    firsts: dict[tuple[Any, ...], Planned] = {}
    runs = []
    for entry in study.entries:
        first = None
        if study.pretrain is not None and entry.options.get("init") in (None, True):
            own = entry.options.get("pretrain", {})
            key = (entry.placement, entry.options.get("architecture"), repr(own))
            if key not in firsts:
                firsts[key] = _pretraining(study, entry)
            first = firsts[key]
        planned = _resolve(entry)
        planned.first = first
        if first is not None and planned.config is not None:
            _start_from(planned, first, study.runs)
        runs.append(planned)
    return [*firsts.values(), *runs]


def _resolve(entry: Entry) -> Planned:
    try:
        return Planned(entry, entry.resolve())
    except DataError as error:
        return Planned(entry, problem=str(error))
    except UsageError as error:
        raise UsageError(f"{entry.words}: {error}") from None


def _pretraining(study: Study, entry: Entry) -> Planned:
    """Return the run that others of the same placement and architecture start from."""
    assert study.pretrain is not None
    options = {**study.pretrain["options"], **entry.options.get("pretrain", {})}
    if entry.options.get("architecture"):
        options["architecture"] = entry.options["architecture"]
    planned = _resolve(
        Entry(study.pretrain.get("task"), entry.placement, study.pretrain.get("seed", 0), options)
    )
    planned.pretrains = True
    return planned


def _without_data(planned: Planned, config: RunConfig) -> str:
    """Return which split a run that is not trained yet would lack; empty if none.

    Found before training rather than after it.
    """
    missing = [step.name.split() for step in planned.steps if step.state == "missing"]
    if ["train"] not in missing:
        return ""
    if planned.first is not None and planned.first.problem:
        return f"its pretraining run: {planned.first.problem}"
    later = (words[1] for words in missing if len(words) > 1)
    return missing_split(config, ("train", "validation", *later))


def _start_from(planned: Planned, first: Planned, root: Path) -> None:
    """Let a run start from one that may not be trained yet, whose identity is already known."""
    assert planned.config is not None
    if first.config is None:
        planned.config, planned.problem = None, f"its pretraining run: {first.problem}"
        return
    init = Init.of(str(run_of(root, first.config).path), first.config.to_json())
    planned.config = replace(planned.config, init=init)


def _changes(run: Run, config: RunConfig) -> str:
    """Return what has changed since a run was trained; empty where nothing has."""
    if reason_to_train(run, config):
        return ""
    with suppress(DataError):  # its manifest is damaged, which the step that reads it says
        return " and ".join(changes_of_training(config, run.inputs))
    return ""


def _distinct(runs: Sequence[Planned]) -> list[Planned]:
    """Return the runs without repetitions."""
    distinct: dict[str, Planned] = {}
    for planned in runs:
        key = planned.config.identity if planned.config else repr(planned.entry)
        distinct.setdefault(key, planned)
    return list(distinct.values())


def _steps(
    planned: Planned,
    config: RunConfig,
    study: Study,
    asked: Asked | None,
    records: Records,
    gpus: int,
) -> Iterator[Step]:
    """Yield the steps of a run: train, evaluate, extract, measure; only train for pretraining."""
    run = run_of(study.runs, config)
    failures = records.failures(config.identity)

    def step(name: str, why: str, jobs: list[Job]) -> Step:
        state: State = "done" if not why else "failed" if name in failures else "missing"
        return Step(name, jobs, state, failures.get(name, ""), why)

    before = planned.first.config if planned.first else None
    train = train_job(
        config, study.runs, gpus=gpus, after=[f"train {before.folder}"] if before else []
    )
    # One of data that had another name is told where they are by the job that would train it.
    is_known = run.path == study.runs / config.folder or knows_data(run)
    moved = "" if is_known else "its data have another name now"
    yield step("train", reason_to_train(run, config) or moved, [train])
    if planned.pretrains:
        return
    for split in study.evaluate.splits:
        job = evaluate_job(run, config.training.threads, split, [train.name], gpus)
        yield step(f"evaluate {split}", reason_to_evaluate(run, split), [job])
    yield from _representation_steps(run, planned, config, study, asked, step, train.name, gpus)


def _representation_steps(
    run: Run,
    planned: Planned,
    config: RunConfig,
    study: Study,
    asked: Asked | None,
    step: MakeStep,
    trained: str,
    gpus: int,
) -> Iterator[Step]:
    """Yield the steps that extract representations, to keep or to measure, and measure them."""
    extract, measure = study.extract, study.measure or Measure(splits=(), pools=())
    measures = bool(study.measure) and not selects_nothing(config, measure)
    kept = _read_by_analyses(study, measure, planned.entry)
    for split in dict.fromkeys((*extract.splits, *measure.splits, *kept)):
        own = measure.pools if split in (*extract.splits, *measure.splits) else ()
        pools = list(dict.fromkeys((*extract.pools, *own, *kept.get(split, ())))) or ["cls"]
        to_measure = measure.pools if measures and split in measure.splits else ()
        missing = [
            pool
            for pool in to_measure
            if asked is None or not asked.is_measured(run, config, split, pool)
        ]
        jobs = extract_jobs(
            run,
            config.training.threads,
            split,
            pools,
            shard_size=extract.shard_size,
            n=size_of_split(config, split) if extract.shard_size is not None else None,
            after=[trained],
            gpus=gpus,
        )
        # Representations that [extract] does not keep are needed only until they are measured,
        # or for analyses that read them.
        needed = split in extract.splits or missing or split in kept
        why = reason_to_extract(run, split, pools) if needed else ""
        yield step(f"extract {split}", why, jobs)
        for pool in to_measure:
            options = {
                "split": split,
                "pool": pool,
                "layers": measure.layers,
                "streams": measure.streams,
                "samples": _samples(config, split, measure.samples),
                "null": measure.null,
            }
            if measure.within or measure.groups:
                options |= {"within": measure.within, "groups": measure.groups}
            job = measure_job(
                run, config.training.threads, measure.metrics, options, [jobs[-1].name]
            )
            lacking = "values are not stored as they are asked for, or are stale"
            yield step(f"measure {split} {pool}", lacking if pool in missing else "", [job])


def _read_by_analyses(study: Study, measure: Measure, entry: Entry) -> dict[str, list[str]]:
    """Return the poolings that analyses read of each split beside the values that are measured."""
    read: dict[str, list[str]] = {}
    for name in ("stability", "dimension", "trajectory", "probe"):
        table = study.analyses.get(name)
        if table is None:
            continue
        if name == "stability" and not table.covers(entry.task, entry.placement):
            continue
        splits = SPLITS if name == "probe" else [table.split or measure.splits[0]]
        for split in splits:
            read.setdefault(split, []).append(table.pool or measure.pools[0])
    return read


def _samples(config: RunConfig, split: str, samples: int | None) -> int | None:
    """Return the number of samples to draw; None for all, also where there are no more."""
    n = None if samples is None else size_of_split(config, split)
    return None if n is not None and samples is not None and n <= samples else samples
