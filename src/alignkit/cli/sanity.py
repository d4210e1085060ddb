"""``alignkit sanity``: does every metric behave as it declares?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import AllMetrics, Json, Seed, TableFile
from alignkit.cli.pages import link_results
from alignkit.cli.selection import metrics_or_all

if TYPE_CHECKING:
    from alignkit.testing import Examination

# Of the synthetic data, which are made several times.
MOST_SAMPLES, MOST_NUMBERS = 1_000_000, 100_000_000


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Questions")(sanity)


def sanity(
    metric: AllMetrics = None,
    samples: Annotated[
        int, typer.Option("--samples", metavar="N", help="Number of samples in the synthetic data.")
    ] = 128,
    width: Annotated[
        int, typer.Option("--width", metavar="N", help="Dimension of the synthetic data.")
    ] = 32,
    seed: Seed = 0,
    output: TableFile = None,
    json: Json = False,
) -> None:
    """Check that metrics behave as they declare.

    The input is identical, rotated, scaled, noisy or random. Every registered metric is
    checked, those of third-party plugins included, unless you name some. Prints the values
    next to the best possible value and the chance level, and the declared properties that do not
    hold: range, identity, direction, symmetry, invariances or chance level. The exit code is 1
    if any property fails.

    Example: alignkit sanity --metric unbiased_cka --metric mknn:k=5
    """
    from alignkit.bounds.counts import check_count, check_seed
    from alignkit.cli.printing import console
    from alignkit.cli.printing.sanity import show
    from alignkit.metrics import resolve
    from alignkit.testing import examine

    check_count("samples", samples, 1, MOST_SAMPLES)
    check_count("width", width, 1, MOST_NUMBERS // samples)
    check_seed(seed)
    specs, _ = metrics_or_all(metric)
    metrics = [resolve(spec) for spec in specs]
    examinations = []
    with console.TerminalReporter().progress("checking metrics", len(metrics)) as bar:
        for each in metrics:
            bar.describe(f"checking {each.spec}")
            examinations.append(examine(each, samples, width, seed))
            bar.advance()
    rows = [_row(examination, samples, width, seed) for examination in examinations]
    if output is not None:
        _write(output, rows)
        link_results(output)
    if json:
        console.print_json(rows)
    else:
        show(rows, examinations)
    if any(examination.failures for examination in examinations):
        raise typer.Exit(1)


def _row(result: "Examination", samples: int, width: int, seed: int) -> dict[str, Any]:
    from alignkit.cli.printing.sanity import INPUTS

    return {
        "metric": result.metric,
        **{name: result.values[name] for name in INPUTS},
        "best": result.best,
        "self_score": result.self_score,
        "chance": result.chance,
        "fails": [check.name for check in result.failures],
        "checks": [
            {"property": check.name, "holds": check.holds, "detail": check.detail}
            for check in result.checks
        ],
        "reasons": result.reasons,
        "samples": samples,
        "width": width,
        "seed": seed,
    }


def _write(output: Path, rows: Sequence[dict[str, Any]]) -> None:
    import pandas as pd

    from alignkit.runs.files import write_results

    flat = [
        {key: value for key, value in row.items() if key not in ("checks", "reasons", "fails")}
        | {"fails": ", ".join(row["fails"])}
        | {c["property"]: "holds" if c["holds"] else "fails" for c in row["checks"]}
        for row in rows
    ]
    write_results(output, pd.DataFrame(flat))
