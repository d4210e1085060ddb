"""What was asked, of how many units, and what they can find: the lines above a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from alignkit.statistics.tasks import EXPLORATORY, power_line


def head_lines(
    task: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> Iterator[str]:
    """What was correlated, over how many units, and what that can find."""
    outcome, unit = rows[0]["outcome"], settings["unit"]
    asked = [
        f"task {task['task']}",
        f"split {settings.get('split', 'not named')}",
        f"outcome {outcome} ({rows[0]['outcome_direction']})",
        f"layer: {settings['layer']}",
    ]
    if settings.get("values") == "calibrated":
        asked.append("calibrated values")
    yield " | ".join(asked)
    low, high = task["seeds_low"], task["seeds_high"]
    seeds = f"{low}" if low == high else f"{low} to {high}"
    many = f"{task['n']} placements x {seeds} seeds = {task['runs']} runs"
    if unit == "run":
        many = f"{task['runs']} runs as units"
    spread = "ICC: -, one seed each or none differ"
    if task["icc"] is not None:
        spread = (
            f"ICC({outcome}) {task['icc']:.2f} ({task['icc_low']:.2f} to {task['icc_high']:.2f}), "
            f"effective n {task['effective_n']:.1f}"
        )
    missing = f" ({task['missing']} without {outcome})" if task["missing"] else ""
    yield f"units: {many}{missing} | {spread}"
    yield _family_line(rows, settings)
    yield EXPLORATORY if unit == "run" else power_line(SimpleNamespace(**task))


def _family_line(rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> str:
    tested = [row for row in rows if row["p"] is not None]
    if not tested:
        return "p: none, nothing is testable"
    n, exact = tested[0]["n"], tested[0]["exact"]
    counted = (
        f"exact over {n}! = {math.factorial(n):,}"
        if exact
        else f"of {tested[0]['permutations']:,} drawn permutations, (1 + b) / (1 + m)"
    )
    primary = settings["tested_family"]
    if not primary:
        return f"p: {counted} | every row is exploratory"
    return f"p: {counted} | primary: {', '.join(settings['family'])}; " + (
        f"{len(primary)} tests corrected together" if len(primary) > 1 else "1 test"
    )
