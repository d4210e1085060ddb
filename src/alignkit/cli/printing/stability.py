"""How the stability of metrics is printed: one row per metric and setting."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alignkit.cli.printing import console

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.analysis.stability import Layers

_COLUMNS = (
    "metric",
    "varied",
    "samples",
    "k",
    "models",
    "value",
    "chance",
    "agreement",
    "agreement_sd",
    "reliability",
    "seconds",
    "reason",
)


def show(summary: "pd.DataFrame", models: "Sequence[Layers]") -> None:
    """Print the summary of metrics by number of samples and k."""
    rows = console.records(summary)
    for row in rows:
        row["k"] = None if row["k"] is None else int(row["k"])
    shown = [c for c in _COLUMNS if any(row[c] not in (None, "") for row in rows)]
    layers = sorted({len(model.xs) for model in models})
    console.print_table(
        rows, shown, title=f"{len(models)} model(s) with {' or '.join(map(str, layers))} layers"
    )
    if max(layers) < 3:
        console.note("note: agreement and reliability need at least 3 layers")
