"""How searches are printed: the best trials, correlations and importances."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alignkit.cli.printing import console

if TYPE_CHECKING:
    from alignkit.search.analysis import Analysis

CORRELATIONS = ["parameter", "objective", "n", "spearman", "p", "p_adjusted", "reason"]
IMPORTANCES = ["parameter", "objective", "importance", "n", "reason"]


def show(analysis: "Analysis") -> None:
    """Print the best trials, the correlations and the importances of a search."""
    show_front(analysis)
    console.print_text("")
    console.print_table(
        analysis.correlations, CORRELATIONS, title="correlation of parameters with objectives"
    )
    evaluator = next((row["evaluator"] for row in analysis.importances), "")
    console.print_text("")
    console.print_table(
        analysis.importances,
        IMPORTANCES,
        title=f"parameter importance ({evaluator})" if evaluator else "parameter importance",
    )


def show_front(analysis: "Analysis") -> None:
    """Print how many trials a search has, and its Pareto front or best trial."""
    counts = ", ".join(f"{count} {state}" for state, count in analysis.states.items() if count)
    console.print_text(
        f"study {analysis.study}: {counts or 'no trials'}; "
        f"{analysis.duplicates} duplicates, {analysis.retried} retried"
    )
    rows = [
        {
            "trial": trial["number"],
            **_with_whole_counts(trial["values"]),
            **_shown(trial),
            "text": trial["placement"] and trial["placement"]["text"],
            "vision": trial["placement"] and trial["placement"]["vision"],
            "run": ", ".join(trial["runs"]),
        }
        for trial in analysis.pareto
    ]
    title = "Pareto front" if len(analysis.objectives) > 1 else "best"
    shown = dict.fromkeys(name for trial in analysis.pareto for name in _shown(trial))
    columns = ["trial", *analysis.names, *shown, "text", "vision", "run"]
    filled = [c for c in columns if any(row.get(c) not in (None, "") for row in rows)]
    console.print_table(rows, filled if rows else columns, title=title)


def _shown(trial: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the search chose, except those that only say where the blocks are."""
    from alignkit.search.layers import describes_layers

    placed = trial["placement"] is not None
    return {
        name: value
        for name, value in trial["parameters"].items()
        if not (placed and describes_layers(name)) and name not in trial["values"]
    }


def _with_whole_counts(values: Mapping[str, float]) -> dict[str, float]:
    """Return the values with numbers of parameters as integers; a storage has only floats."""
    return {k: int(v) if "parameters" in k and v.is_integer() else v for k, v in values.items()}
