"""How the agreement of metrics is printed: their correlations, in the order of the groups."""

from typing import TYPE_CHECKING, Any

from alignkit.cli.printing import console

if TYPE_CHECKING:
    from alignkit.analysis.agreement import MetricAgreement


def show(result: "MetricAgreement") -> None:
    """Print the Spearman correlations between metrics, and a sentence."""
    clusters, settings = result.correlations, result.settings
    numbers = {i: str(place + 1) for place, i in enumerate(clusters.order)}
    rows: list[dict[str, Any]] = [
        {"": numbers[i], "metric": clusters.metrics[i], "group": clusters.groups[i]}
        | {numbers[j]: f"{clusters.spearman[i, j]:.2f}" for j in clusters.order}
        for i in clusters.order
    ]
    console.print_table(
        rows,
        ["", "metric", "group", *(numbers[j] for j in clusters.order)],
        title=f"Spearman over {settings['values']} pairs of layers of {settings['runs']} run(s), "
        f"n={settings['samples']}",
    )
    console.print_text(result.sentence)
