"""How the commands end whose result is several tables."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.cli.pages import link_results

if TYPE_CHECKING:
    from alignkit.analysis.tabled import Tabled


def finish(
    result: "Tabled",
    show: "Callable[[Any], None]",
    *,
    output: Path | None,
    figures: Path | None,
    json: bool,
    tables_as: str,
) -> None:
    """Write tables and figures where asked for, link them, and print the result.

    Parameters
    ----------
    result : Tabled
    show : callable
        Prints it as tables.
    output, figures : Path, optional
    json : bool
    tables_as : str
        The format of tables for a paper.
    """
    from alignkit.cli.printing import console
    from alignkit.cli.printing.results import plain_tables, print_result

    if output is not None or figures is not None:
        from alignkit.report.tabled import write_tabled

        reporter = console.TerminalReporter()
        write_tabled(result, folder=output, figures=figures, reporter=reporter)
        link_results(output, figures=figures)
    print_result(
        lambda: plain_tables(result.shown_tables, result.settings),
        lambda: show(result),
        lambda: next(iter(result.tables.values())),
        json=json,
        tables_as=tables_as,
    )
