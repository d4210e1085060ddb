"""The lines above a table of correlations: what was tested, over which units, with what power."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alignkit.report.cautions import SEEDS_AS_UNITS
from alignkit.statistics.correlation.tasks import LIKELY_R
from alignkit.statistics.equivalence import least_units_for
from alignkit.statistics.requirements import LEVEL, MIN_UNITS

Row = Mapping[str, Any]


def summary_lines(task: Row, rows: Sequence[Row], settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was correlated, over how many units, how it was tested, and with what power.

    Parameters
    ----------
    task : mapping
        A row of ``Correlations.tasks``.
    rows : sequence of mapping
        The rows of ``Correlations.table`` of this task; at least one.
    settings : mapping
        ``Correlations.settings``.
    """
    outcome, unit = rows[0]["outcome"], settings["unit"]
    subject = [
        f"task {task['task']}",
        f"split {settings.get('split', 'not given')}",
        f"outcome {outcome} ({rows[0]['outcome_direction']})",
        f"layer: {settings['layer']}",
    ]
    if settings.get("values") == "calibrated":
        subject.append("calibrated values")
    if settings.get("control"):
        subject.append(f"controlled for {', '.join(settings['control'])}")
    yield " | ".join(subject)
    yield _units_line(task, outcome, unit)
    yield _tests_line(rows, settings)
    yield SEEDS_AS_UNITS if unit == "run" else power_line(task)
    if unit != "run" and rows[0].get("margin") is not None:
        yield absence_line(rows[0])


def absence_line(row: Row) -> str:
    """Return whether as many units could show that an association is absent.

    Parameters
    ----------
    row : mapping
        A row of ``Correlations.table`` with ``margin`` and ``smallest_margin``.
    """
    margin, smallest = row["margin"], row["smallest_margin"]
    needed = f"r within ±{margin:g} needs {least_units_for(margin)} units"
    if smallest is None or math.isnan(smallest):
        return f"absence: not testable, {needed}"
    if row["absence"] == "not testable":
        return f"absence: not testable, {needed}; these could show ±{smallest:.2f} at best"
    return f"absence: testable, {needed}; these could show ±{smallest:.2f} at best"


def power_line(task: Row) -> str:
    """Return the power of a task's units as one line.

    Parameters
    ----------
    task : mapping
        A row of ``Correlations.tasks``.
    """
    power = task["power"]
    if power is None or math.isnan(power):
        return f"power: none, a test needs at least {MIN_UNITS} units"
    corrected = (
        f" ({task['power_corrected']:.2f} corrected for {task['tests']} tests)"
        if task["tests"] > 1
        else ""
    )
    return f"power: {power:.2f} to detect r = {LIKELY_R} at {LEVEL}{corrected}"


def _units_line(task: Row, outcome: str, unit: str) -> str:
    low, high = task["seeds_low"], task["seeds_high"]
    seeds = f"{low}" if low == high else f"{low} to {high}"
    units = f"{task['n']} {unit}s x {seeds} seed{'s' * (high != 1)} = {task['runs']} runs"
    if unit == "run":
        units = f"{task['runs']} runs, each counted as a unit"
    elif unit not in ("placement", "variant"):
        units = f"{task['n']} values of {unit}, {task['runs']} runs"
    missing = f" ({task['missing']} without {outcome})" if task["missing"] else ""
    icc = "ICC: unknown, it needs several seeds per placement"
    if task["icc"] is not None:
        icc = (
            f"ICC({outcome}) {task['icc']:.2f} ({task['icc_low']:.2f} to {task['icc_high']:.2f}), "
            f"effective n {task['effective_n']:.1f}"
        )
    return f"units: {units}{missing} | {icc}"


def _tests_line(rows: Sequence[Row], settings: Mapping[str, Any]) -> str:
    tested = [row for row in rows if row["p"] is not None]
    if not tested:
        return "p: none, no test is possible"
    n, exact = tested[0]["n"], tested[0]["exact"]
    counted = (
        f"{'all' if settings.get('control') else 'exact over'} {n}! = {math.factorial(n):,} "
        "permutations"
        if exact
        else f"(1 + b) / (1 + m) over m = {tested[0]['permutations']:,} random permutations"
    )
    if settings.get("control"):
        counted += " of residuals (Freedman and Lane)"
    primary = settings["tested_family"]
    if not primary:
        return f"p: {counted} | every row is exploratory"
    return f"p: {counted} | primary: {', '.join(settings['family'])}; " + (
        f"{len(primary)} tests corrected together" if len(primary) > 1 else "1 test"
    )
