"""Units of analysis: which runs are averaged, and under what name; and runs chosen by option."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from alignkit.errors import UsageError
from alignkit.runs.config import RunConfig
from alignkit.runs.run import Run
from alignkit.runs.variants import (
    DATA,
    LAYERS,
    PRETRAINING,
    differing_options,
    option_text,
    run_options,
    variant_names,
)

UNITS = ("placement", "variant", "run")
REMEDIES = "`where={0}={1}`, or another unit of analysis with `unit={0}` or `unit=variant`"


def unit_labels(runs: Sequence[Run], unit: str = "placement") -> dict[Path, str]:
    """Name the unit of analysis that each run belongs to.

    Parameters
    ----------
    runs : sequence of Run
    unit : str
        ``placement``; ``variant``, a placement with certain options; ``run``, where a run is
        named after its variant; or an option such as ``learning_rate``, each value of which
        is a unit.

    Returns
    -------
    dict of Path to str
        By the path of the run: ``late``; ``late, learning_rate=3e-4``; or
        ``learning_rate=3e-4``.

    Raises
    ------
    UsageError
        When runs of one placement that differ in their options would be averaged, or for an
        unknown unit.
    """
    if unit in ("variant", "run"):
        names = variant_names(runs)
        return {run.path: ", ".join(filter(None, (run.placement, names[run.path]))) for run in runs}
    if unit == "placement":
        labels = {run.path: run.placement for run in runs}
    else:
        labels = {run.path: f"{unit}={_value(run, unit)}" for run in runs}
    _refuse_pooling(runs, labels)
    return labels


def check_unit(unit: str, config: RunConfig) -> None:
    """Refuse an unknown unit of analysis before any run is trained.

    Raises
    ------
    UsageError
        When it is neither a unit nor an option of such runs.
    """
    if unit not in (*UNITS, *_options_of(config)):
        raise UsageError(
            f"`unit` is '{unit}'; known: {', '.join(UNITS)}, or an option such as learning_rate"
        )


def check_option(option: str, config: RunConfig) -> None:
    """Refuse an unknown option to compare runs by before any run is trained.

    Raises
    ------
    UsageError
        When such runs have no such option; with the closest one.
    """
    known = _options_of(config)
    if option not in known:
        close = get_close_matches(option, known, n=1)
        hint = f"did you mean '{close[0]}'?" if close else "name one such as learning_rate"
        raise UsageError(f"`ablation` is of '{option}', but runs have no such option; {hint}")


def check_control(
    control: str, config: RunConfig, others: Sequence[str] = ("depth", "fusions")
) -> None:
    """Refuse an unknown variable to control for before any run is trained.

    Raises
    ------
    UsageError
        When it is neither an option of such runs nor one of ``others``.
    """
    if control not in (*others, *_options_of(config)):
        raise UsageError(
            f"`control` is '{control}'; known: {', '.join(others)}, or an option such as epochs"
        )


def check_where(where: Sequence[str], config: RunConfig) -> None:
    """Refuse a condition that no run can meet before any run is trained.

    Raises
    ------
    UsageError
        When it is not written as OPTION=VALUE, or such runs do not have the option.
    """
    known = (*_options_of(config), LAYERS, DATA)
    for condition in where:
        name, _ = _parsed(condition)
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean '{close[0]}'?" if close else "name one such as learning_rate"
            raise UsageError(f"`where` is '{condition}', but runs have no option '{name}'; {hint}")


def refuse_variants(runs: Sequence[Run]) -> None:
    """Refuse runs of one placement that differ in their options.

    For analyses whose unit is always a placement.

    Raises
    ------
    UsageError
        With the options, their values, and what to do.
    """
    _refuse_pooling(runs, {run.path: run.placement for run in runs}, "`where={}={}`")


def pooled_placements(
    runs: Sequence[Run], labels: Mapping[Path, str]
) -> dict[tuple[str, str], set[str]]:
    """Return the placements of every unit, by task and label."""
    placements: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        placements.setdefault((run.task, labels[run.path]), set()).add(run.placement)
    return placements


def select_runs(runs: Sequence[Run], where: Sequence[str]) -> list[Run]:
    """Keep the runs whose options have the given values.

    Parameters
    ----------
    runs : sequence of Run
    where : sequence of str
        Conditions such as ``learning_rate=3e-4``, all of which must hold; a number may be
        written in any way.

    Raises
    ------
    UsageError
        When a condition is not of this form, names an unknown option, or holds for no run.
    """
    kept = list(runs)
    for condition in where:
        name, wanted = _parsed(condition)
        values = {run.path: _value(run, name) for run in kept}
        chosen = [run for run in kept if _equal(values[run.path], wanted)]
        if not chosen:
            known = ", ".join(values_in_order(values.values()))
            raise UsageError(f"no run has {condition}; {name} is {known}")
        kept = chosen
    return kept


def option_values(runs: Sequence[Run], option: str) -> dict[Path, str]:
    """Return the value of an option as text, by the path of the run.

    Raises
    ------
    UsageError
        For an unknown option, with the closest one.
    """
    return {run.path: _value(run, option) for run in runs}


def differing_besides(runs: Sequence[Run], option: str) -> dict[Path, str]:
    """Name what tells runs of a task apart besides an option, their placement and their seed.

    The options of a pretraining run belong to ``pretraining``, and that to each of them.

    Returns
    -------
    dict of Path to str
        By the path of the run: ``learning_rate=3e-4, epochs=2``; empty where nothing does.
    """
    first = option.partition(".")[0]
    names: dict[Path, str] = {}
    for task in dict.fromkeys(run.task for run in runs):
        group = [run for run in runs if run.task == task]
        keys = [
            key
            for key in differing_options(group)
            if key not in (option, first) and not key.startswith(f"{option}.")
        ]
        for run in group:
            options = run_options(run)
            names[run.path] = ", ".join(f"{k}={option_text(options.get(k))}" for k in keys)
    return names


def _parsed(condition: str) -> tuple[str, str]:
    """Return the option and the value of a condition.

    Raises
    ------
    UsageError
        When it is not written as OPTION=VALUE.
    """
    name, equals, value = (part.strip() for part in condition.partition("="))
    if not equals:
        raise UsageError(f"`where` is '{condition}'; write it as OPTION=VALUE")
    return name, value


def _options_of(config: RunConfig) -> list[str]:
    """Return the names of the options that runs with such a configuration have."""
    options = {**config.training.to_json(), **config.architecture.options, **config.task.options}
    return [*options, "architecture", PRETRAINING, *(f"{PRETRAINING}.{key}" for key in options)]


def _value(run: Run, option: str) -> str:
    """Return the value of an option as text.

    Raises
    ------
    UsageError
        For an unknown option, with the closest one.
    """
    options = run_options(run)
    if option.startswith(f"{PRETRAINING}.") and options[PRETRAINING] is None:
        return option_text(None)
    if option not in options:
        known = [*UNITS, *options]
        close = get_close_matches(option, known, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"
        raise UsageError(f"{run.path} has no option '{option}'; {hint}")
    return option_text(options[option])


def _equal(value: str, wanted: str) -> bool:
    try:
        return float(value) == float(wanted)
    except ValueError:
        return value == wanted


def values_in_order(values: Iterable[str]) -> list[str]:
    """Return the distinct values of an option: numbers by size, other texts by letter."""
    distinct = sorted(set(values))
    try:
        return sorted(distinct, key=float)
    except ValueError:
        return distinct


def _refuse_pooling(
    runs: Sequence[Run], labels: Mapping[Path, str], remedies: str = REMEDIES
) -> None:
    """Refuse to average over runs of one placement that differ in an option.

    Parameters
    ----------
    runs : sequence of Run
    labels : mapping of Path to str
        The unit of each run.
    remedies : str
        What to do, with places for an option and one of its values.

    Raises
    ------
    UsageError
        With the options, their values, and what to do.
    """
    pooled: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        pooled.setdefault((run.task, run.placement, labels[run.path]), []).append(run)
    for (task, placement, label), group in pooled.items():
        keys = differing_options(group)
        if keys:
            where = placement if label == placement else f"{placement} and {label}"
            which = f"the {task} runs with placement {where}"
            raise UsageError(_refusal(which, group, keys, remedies))


def _refusal(which: str, runs: Sequence[Run], keys: Sequence[str], remedies: str) -> str:
    options = [run_options(run) for run in runs]
    values = {key: values_in_order(option_text(own.get(key)) for own in options) for key in keys}
    differ = "; ".join(f"{key} is {', '.join(values[key])}" for key in keys)
    remedy = remedies.format(keys[0], values[keys[0]][0])
    return (
        f"{which} differ in more than the seed and are not averaged: {differ}. Choose one value "
        f"with {remedy}"
    )
