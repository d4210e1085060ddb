"""``alignkit consistency``: can published correlations come from the same data?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alignkit.cli.arguments import Json, TableFile
from alignkit.cli.pages import link_results
from alignkit.cli.selection import read_table

if TYPE_CHECKING:
    import pandas as pd


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Questions")(consistency)


def consistency(
    table: Annotated[
        Path | None,
        typer.Argument(
            metavar="TABLE",
            help="CSV file of published correlations, with columns x, y and r, and optionally "
            "group, n and p. Stars after numbers, a typographic minus and bounds such as <0.001 "
            "for p are read as printed.",
        ),
    ] = None,
    r: Annotated[
        list[float] | None,
        typer.Option(
            "--r",
            metavar="R",
            help="Correlation; repeatable. Give three: x with z, y with z, and x with y.",
        ),
    ] = None,
    digits: Annotated[
        int,
        typer.Option(
            "--digits", metavar="N", help="Number of decimal places to which r and p are rounded."
        ),
    ] = 3,
    output: TableFile = None,
    json: Json = False,
) -> None:
    """Check published correlations for contradictions.

    Three correlations among three variables constrain each other: if accuracy and loss correlate
    at -0.97, no metric can correlate with them at +0.77 and +0.73. If flipping
    the sign of one correlation would resolve every contradiction, that correlation is named. Where
    n and p are given, p-values that do not match r and n are reported too.

    Examples: alignkit consistency --r 0.771 --r 0.730 --r -0.967

    alignkit consistency printed.csv --digits 3 --json
    """
    from alignkit.cli.printing import console
    from alignkit.errors import UsageError
    from alignkit.report.consistency import consistency_lines
    from alignkit.statistics.consistency import check_printed

    if digits < 0:
        raise UsageError(f"--digits is {digits}; it must be at least 0")
    if table is not None and r is None:
        correlations = _published(table, digits)
    elif r is not None and table is None:
        correlations = _triple(r)
    else:
        raise UsageError("give either a TABLE of published correlations or --r three times")
    checked = check_printed(correlations, digits)
    if output is not None:
        from alignkit.runs.files import write_results

        write_results(output, checked.triples)
        link_results(output)
    if json:
        for line in consistency_lines(checked):
            console.note(line)
        console.print_json(console.records(checked.triples))
        return
    bad = console.records(checked.triples[checked.triples["verdict"] != "possible"])
    if bad:
        columns = ["group", "x", "y", "z", "r_xy", "r_xz", "r_yz", "low", "high", "verdict"]
        console.print_table(bad, columns, title="low and high bound r_xy, given r_xz and r_yz")
    for line in consistency_lines(checked):
        console.print_text(line)


def _published(path: Path, digits: int) -> "pd.DataFrame":
    """Read published correlations; of p, the relation may be printed instead of the value."""
    from alignkit.cli.printing import console
    from alignkit.errors import DataError
    from alignkit.tables.frame import text_frame
    from alignkit.tables.printed import printed_numbers

    table = read_table(path, "one row per published correlation")
    numbers = [name for name in ("r", "n", "p") if name in table.names]
    frame = text_frame(table, [name for name in table.names if name not in numbers])
    for name, column in printed_numbers(table, numbers).items():
        frame[name] = [printed.value for printed in column]
        if name == "p":
            frame["p_relation"] = [printed.relation for printed in column]
            continue
        bound = next((row for row, printed in enumerate(column) if printed.relation != "="), None)
        if bound is not None:
            raise DataError(
                f"{table.place(bound)}: column '{name}' holds a bound; expected the number itself"
            )
        places = max((printed.places for printed in column), default=0)
        if name == "r" and places < digits:
            console.note(
                f"note: {path}: r is printed with {places} decimal places at most; "
                f"--digits {places} allows for their rounding"
            )
        marked = sum(printed.marked for printed in column)
        if marked:
            console.note(f"note: {path}: marks after {marked} number(s) of '{name}' are left out")
    return frame


def _triple(r: list[float]) -> "pd.DataFrame":
    import pandas as pd

    from alignkit.errors import UsageError

    if len(r) != 3:
        raise UsageError(f"--r was given {len(r)} time(s); a triple has three correlations")
    for each in r:
        if not -1 <= each <= 1:
            raise UsageError(f"--r is {each:g}; a correlation must be between -1 and 1")
    r_xz, r_yz, r_xy = r
    return pd.DataFrame({"x": ["x", "x", "y"], "y": ["y", "z", "z"], "r": [r_xy, r_xz, r_yz]})
