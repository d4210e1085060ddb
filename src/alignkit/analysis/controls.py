"""Controlled variables of runs: an option, or a property of the placement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alignkit.analysis.questions.placement import describe
from alignkit.errors import UsageError
from alignkit.runs import Run
from alignkit.runs.units import option_values

if TYPE_CHECKING:
    import pandas as pd

DEPTH, FUSIONS = "depth", "fusions"
OF_PLACEMENTS = (DEPTH, FUSIONS)


def add_controls(table: pd.DataFrame, runs: Sequence[Run], controls: Sequence[str]) -> pd.DataFrame:
    """Add a column per controlled variable to a table of runs.

    Parameters
    ----------
    table : DataFrame
        One row per run, with its path in ``run``.
    runs : sequence of Run
    controls : sequence of str
        ``depth`` (mean index of the fusions in both streams, as a share of their depth),
        ``fusions`` (their number), or an option of the runs. An option whose values are all
        numbers is one.

    Raises
    ------
    UsageError
        For an unknown option, a column that the table has already, or depths without fusions.
    """
    import pandas as pd

    for control in controls:
        if control in table:
            raise UsageError(
                f"`control` is {control}, which is correlated or names a run; choose an option, "
                f"{' or '.join(OF_PLACEMENTS)}"
            )
        if control in OF_PLACEMENTS:
            values = pd.Series(_of_placements(runs, control))
        else:
            values = pd.Series(option_values(runs, control))
            numbers = pd.to_numeric(values, errors="coerce")
            values = values if numbers.isna().any() else numbers
        values.index = values.index.map(str)
        table = table.assign(**{control: table["run"].map(values)})
    return table


def _of_placements(runs: Sequence[Run], control: str) -> dict[str, float]:
    values = {}
    for run in runs:
        described = describe(run.config.placement, run.config.architecture.make().depths())
        if control == DEPTH and not described["blocks"]:
            raise UsageError(
                f"`control` is {DEPTH}, but the placement {run.placement} has no fusion and so no "
                "depth; name the other ones with `placement`, or control for fusions"
            )
        depth = (described["text_depth"] + described["vision_depth"]) / 2
        values[str(run.path)] = depth if control == DEPTH else described["blocks"]
    return values
