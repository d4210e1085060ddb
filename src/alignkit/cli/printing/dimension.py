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
    layers = _means(result.layers)
    columns = [
        column
        for column in ("task", "unit", "stream", "layer", "runs", *_SHOWN, "reason")
        if any(row[column] not in (None, "") for row in layers)
    ]
    console.print_table(_headed(layers, columns), _headings(columns), title="dimensions of layers")
    if not len(result.fusions):
        return
    print()
    fusions = result.fusions[result.fusions["quantity"].isin(_AT_FUSIONS)]
    rows = console.records(fusions.drop(columns=["placement", "depth"]))
    columns = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    console.print_table(_headed(rows, columns), _headings(columns), title="across fusions")
    print()
    rows = console.records(result.collapse)
    columns = [name for name in _COLLAPSE if any(row[name] not in (None, "") for row in rows)]
    console.print_table(_headed(rows, columns), _headings(columns), title="over placements")


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


def _headings(columns: list[str]) -> list[str]:
    return [column.replace("_", " ") for column in columns]


def _headed(rows: list[dict[str, object]], columns: list[str]) -> list[dict[str, object]]:
    return [{column.replace("_", " "): row[column] for column in columns} for row in rows]
