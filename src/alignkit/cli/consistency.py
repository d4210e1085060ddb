"""``alignkit consistency``: can printed correlations come from any data at all?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import Json

if TYPE_CHECKING:
    import pandas as pd


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Questions")(consistency)


def consistency(
    table: Annotated[
        Path | None,
        typer.Argument(
            metavar="[TABLE]",
            help="A CSV of printed correlations: columns x, y, r, "
            "and group, n and p where they are known.",
        ),
    ] = None,
    r: Annotated[
        list[float] | None,
        typer.Option("--r", help="Three correlations: of x with z, y with z, and x with y."),
    ] = None,
    digits: Annotated[
        int, typer.Option("--digits", help="Decimal places to which r and p are printed.")
    ] = 3,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the triples as CSV.")
    ] = None,
    json: Json = False,
) -> None:
    """Check printed correlations: triples that no data have, p-values that do not fit r and n.

    Three correlations among three variables bound each other. If an accuracy and a loss go
    together with -0.97, no metric goes with both at +0.77 and +0.73.

    Examples: alignkit consistency --r 0.771 --r 0.730 --r -0.967

    alignkit consistency printed.csv --digits 3 --json
    """
    from alignkit.cli import console
    from alignkit.errors import UsageError
    from alignkit.report.consistency import consistency_lines
    from alignkit.statistics.consistency import check_printed

    if (table is None) == (r is None):
        raise UsageError("give a TABLE of printed correlations, or --r three times")
    if digits < 0:
        raise UsageError(f"--digits is {digits}; it must be at least 0")
    found = check_printed(_triple(r) if r is not None else _read(table), digits)  # type: ignore[arg-type]
    if output is not None:
        from alignkit.runs.files import write_csv

        write_csv(output, found.triples)
    if json:
        for line in consistency_lines(found):
            console.note(line)
        console.print_json(console.records(found.triples))
        return
    bad = console.records(found.triples[found.triples["verdict"] != "possible"])
    if bad:
        columns = ["group", "x", "y", "z", "r_xy", "r_xz", "r_yz", "low", "high", "verdict"]
        console.print_table(bad, columns, title="low and high: what r_xz and r_yz leave for r_xy")
    for line in consistency_lines(found):
        print(line)


def _triple(r: list[float]) -> "pd.DataFrame":
    import pandas as pd

    from alignkit.errors import UsageError

    if len(r) != 3:
        raise UsageError(f"--r was given {len(r)} time(s); a triple has three correlations")
    r_xz, r_yz, r_xy = r
    return pd.DataFrame({"x": ["x", "x", "y"], "y": ["y", "z", "z"], "r": [r_xy, r_xz, r_yz]})


def _read(path: Path) -> Any:
    from alignkit.cli.correlate import read_table

    return read_table(path, "one row per printed correlation")
