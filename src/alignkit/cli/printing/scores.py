"""How the scores of runs are printed: a row per run, or per unit with means over its runs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alignkit.cli.printing import console

if TYPE_CHECKING:
    import pandas as pd


def show_runs(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a row per run, its path last."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    console.print_table(rows, [*(c for c in columns if c != "run"), "run"])


def show_means(means: "pd.DataFrame", unit: str, split: str) -> None:
    """Print a row per unit: every score as mean and standard deviation over its runs."""
    from alignkit.report.result_tables import score_table

    console.print_paper_table(score_table(means, unit, split))
