"""``alignkit sanity``: does every metric do what it declares?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import Json, Metrics, Seed, TableFile

if TYPE_CHECKING:
    from alignkit.testing import Examination

INPUTS = ("identical", "rotated", "scaled", "noisy", "random")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Questions")(sanity)


def sanity(
    metric: Metrics = None,
    samples: Annotated[int, typer.Option("--samples", help="Rows of the made-up data.")] = 128,
    width: Annotated[int, typer.Option("--width", help="Columns of the made-up data.")] = 32,
    seed: Seed = 0,
    output: TableFile = None,
    json: Json = False,
) -> None:
    """Check metrics on identical, rotated, scaled, noisy and random input.

    Takes every registered metric, third parties' too, unless some are named. Prints the
    values with the best one and the chance level, and which declared property fails: range,
    identity, direction, symmetry, invariances, chance. Exit code 1 if one does.

    Example: alignkit sanity --metric cka --metric mknn:k=5
    """
    from alignkit.cli import console
    from alignkit.metrics import resolve
    from alignkit.plugins import registry
    from alignkit.testing import examine

    named = [one for one in metric or () if one != "all"]
    metrics = [resolve(spec) for spec in named or registry().names("metrics")]
    found = []
    with console.TerminalReporter().progress("check metrics", len(metrics)) as bar:
        for one in metrics:
            bar.describe(f"check {one.spec}")
            found.append(examine(one, samples, width, seed))
            bar.advance()
    rows = [_row(one, samples, width, seed) for one in found]
    if output is not None:
        _write(output, rows)
    if json:
        console.print_json(rows)
    else:
        _show(rows, found)
    if any(one.failures for one in found):
        raise typer.Exit(1)


def _row(one: "Examination", samples: int, width: int, seed: int) -> dict[str, Any]:
    return {
        "metric": one.metric,
        **{name: one.values[name] for name in INPUTS},
        "best": one.best,
        "self_score": one.self_score,
        "chance": one.chance,
        "fails": [check.name for check in one.failures],
        "checks": [{"property": c.name, "holds": c.holds, "detail": c.detail} for c in one.checks],
        "reasons": one.reasons,
        "samples": samples,
        "width": width,
        "seed": seed,
    }


def _write(output: Path, rows: Sequence[dict[str, Any]]) -> None:
    import pandas as pd

    from alignkit.runs.files import write_csv

    flat = [
        {key: value for key, value in row.items() if key not in ("checks", "reasons", "fails")}
        | {"fails": ", ".join(row["fails"])}
        | {c["property"]: "holds" if c["holds"] else "fails" for c in row["checks"]}
        for row in rows
    ]
    write_csv(output, pd.DataFrame(flat))


def _show(rows: Sequence[dict[str, Any]], found: "Sequence[Examination]") -> None:
    from alignkit.cli import console

    shown = [
        row
        | {
            "holds": ", ".join(c["property"] for c in row["checks"] if c["holds"]),
            "fails": ", ".join(row["fails"]) or "-",
        }
        for row in rows
    ]
    first = rows[0]
    console.print_table(
        shown,
        ["metric", *INPUTS, "chance", "best", "self_score", "fails", "holds"],
        title=f"metrics on made-up data, n={first['samples']}, width {first['width']}",
    )
    for one in found:
        for check in one.failures:
            console.note(f"{one.metric} fails {check.name}: {check.detail}")
    broken = [one.metric for one in found if one.failures]
    held = len(found) - len(broken)
    print(
        f"{held} of {len(found)} metrics hold what they declare"
        + (
            f"; {', '.join(broken)} do not"
            if len(broken) > 1
            else f"; {broken[0]} does not"
            if broken
            else ""
        )
    )
