"""How a command ends: its result as JSON, or as tables for the terminal or for a paper."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from alignkit.cli.printing import console

if TYPE_CHECKING:
    import pandas as pd


def print_result(
    plain: Callable[[], Any],
    show: Callable[[], None],
    table: Callable[[], "pd.DataFrame"],
    *,
    json: bool,
    tables_as: str,
) -> None:
    """Print a result.

    Parameters
    ----------
    plain : callable
        Returns the result as values for JSON.
    show : callable
        Prints it as tables and sentences.
    table : callable
        Returns it as one table, for CSV.
    json : bool
    tables_as : str
        The format of tables for a paper; the terminal's where it is empty.
    """
    if json:
        console.print_json(plain())
    elif tables_as == "csv":
        from alignkit.runs.files import results_csv

        print(results_csv(table()), end="")
    else:
        with console.tables_as(tables_as):
            show()


def plain_tables(
    tables: Mapping[str, "pd.DataFrame"], settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return tables, and settings where there are any, as values for JSON."""
    plain: dict[str, Any] = {name: console.records(table) for name, table in tables.items()}
    return plain if settings is None else plain | {"settings": settings}
