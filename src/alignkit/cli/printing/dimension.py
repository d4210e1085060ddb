"""How the dimensions of layers are printed: a row per layer, and what fusions change."""

from typing import TYPE_CHECKING

from alignkit.cli.printing import console

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.analysis.dimension import Dimensions

_MEAN = ("n", "width", "components_90", "components_95", "components_99")
_SHOWN = (*_MEAN, "participation_ratio", "twonn")
# JSON and CSV have the other cuts of the variance too.
_AT_FUSIONS = ("components_95", "participation_ratio", "twonn")
_COLLAPSE = (
    "task",
    "stream",
    "quantity",
    "placements",
    "drop",
    "low",
    "high",
    "p",
    "p_adjusted",
    "least_p",
    "verdict",
    "reason",
)


def show(result: "Dimensions") -> None:
    """Print means over seeds by layer, by fusion, and the tests over placements."""
    columns = ("task", "unit", "stream", "layer", "runs", *_SHOWN, "reason")
    console.print_named(_means(result.layers), columns, title="dimensions of layers")
    if not len(result.fusions):
        return
    console.print_gap()
    fusions = result.fusions[result.fusions["quantity"].isin(_AT_FUSIONS)]
    fusions = fusions.drop(columns=["placement", "depth"])
    console.print_named(console.records(fusions), fusions, title="across fusions")
    console.print_gap()
    console.print_named(console.records(result.collapse), _COLLAPSE, title="over placements")


def _means(table: "pd.DataFrame") -> list[dict[str, object]]:
    """Return means over seeds, in the order of the layers."""
    grouped = table.groupby(["task", "unit", "stream", "layer"], sort=False)
    means = grouped[list(_SHOWN)].agg(lambda column: column.astype(float).mean())
    means.insert(0, "runs", grouped.size())
    means["reason"] = grouped["reason"].agg(lambda given: next((g for g in given if g), ""))
    rows = console.records(means.reset_index())
    for row in rows:
        for name in _MEAN:
            value = row[name]
            row[name] = int(value) if value is not None and value == int(value) else value
    return rows
