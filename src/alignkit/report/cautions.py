"""Cautions about correlations and about power, as sentences for a reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from alignkit.report.formatting import r_text
from alignkit.statistics.correlation.cautions import Caution, Kind
from alignkit.statistics.power import Plan
from alignkit.statistics.requirements import MIN_UNITS

NOT_ABSENCE = "a non-significant result does not show that there is no association"
SEEDS_AS_UNITS = (
    "EXPLORATORY: seeds of a placement are treated as independent; a true null hypothesis is "
    "rejected about three times in ten"
)

Values = Mapping[str, Any]


def caution_lines(cautions: Iterable[Caution]) -> list[str]:
    """Return each caution as one line, without a final period.

    Parameters
    ----------
    cautions : iterable of Caution
        As in ``Correlations.cautions``.
    """
    return [_LINES[caution.kind](caution.values) for caution in cautions]


def power_cautions(plan: Plan) -> list[str]:
    """Return what limits a plan: attenuation by seeds.

    Parameters
    ----------
    plan : Plan
    """
    lines = []
    r = plan.settings["r"]
    if abs(plan.observed_r) < abs(r):
        lines.append(
            f"variance between seeds attenuates r = {r:g} to {plan.observed_r:.2f} between unit "
            "means"
        )
    return lines


def _rows_without_unit(values: Values) -> str:
    return f"{values['rows']} row(s) name no task or placement and are left out"


def _missing_values(values: Values) -> str:
    return (
        f"{values['column']} is missing in {values['missing']} of {values['runs']} runs, which "
        f"are left out (task {', '.join(values['tasks'])})"
    )


def _repeated_rows(values: Values) -> str:
    first = _run(values["first"])
    return f"{values['rows']} row(s) repeat a run and are left out; the first is {first}"


def _repeated_seeds(values: Values) -> str:
    return (
        f"{values['rows']} row(s) have the task, placement and seed of another row but different "
        f"numbers; they count as further runs; the first is {_run(values['first'])}"
    )


def _repeated_numbers(values: Values) -> str:
    return (
        f"the run {_run(values['run'])} has exactly the numbers of {_run(values['original'])}; "
        "was one run listed twice?"
    )


def _seeds_as_units(_values: Values) -> str:
    return SEEDS_AS_UNITS


def _too_few_units(values: Values) -> str:
    return f"{values['task']}: {values['n']} unit(s); a test needs at least {MIN_UNITS}"


def _few_units(values: Values) -> str:
    low, high = values["low"], values["high"]
    n = f"{low}" if low == high else f"{low} to {high}"
    return (
        f"{', '.join(values['tasks'])}: with {n} units only strong associations can be detected; "
        f"{NOT_ABSENCE}"
    )


def _leverage_of_none(values: Values) -> str:
    return (
        f"{values['task']}, {values['metric']}: r is {r_text(values['r'])}, but "
        f"{r_text(values['without'])} without the placement 'none'"
    )


def _influential_unit(values: Values) -> str:
    without = values["without"]
    return (
        f"{values['task']}, {values['metric']}: unit '{values['unit']}' has a Cook's distance of "
        f"{values['distance']:.1f}; r is {r_text(values['r'])}"
        + ("" if without is None else f" with it and {r_text(without)} without it")
    )


def _impossible_correlations(values: Values) -> str:
    (first, second), (r_first, r_second) = values["metrics"], values["r"]
    return (
        f"{values['task']}: no data have r = {r_text(r_first)} for {first}, {r_text(r_second)} for "
        f"{second} and {r_text(values['r_between'])} between them; they were computed on "
        "different units (missing values)"
    )


def _run(name: tuple[str, str, Any]) -> str:
    task, placement, seed = name
    return f"task {task}, placement {placement}, seed {seed}"


_LINES: dict[Kind, Callable[[Values], str]] = {
    "rows_without_unit": _rows_without_unit,
    "missing_values": _missing_values,
    "repeated_rows": _repeated_rows,
    "repeated_seeds": _repeated_seeds,
    "repeated_numbers": _repeated_numbers,
    "seeds_as_units": _seeds_as_units,
    "too_few_units": _too_few_units,
    "few_units": _few_units,
    "leverage_of_none": _leverage_of_none,
    "influential_unit": _influential_unit,
    "impossible_correlations": _impossible_correlations,
}
