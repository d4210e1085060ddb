"""Results that are several tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from alignkit.cleaning import as_html, visible

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 60


class Tabled:
    """A result that is several tables; a notebook shows those that commands print.

    Attributes
    ----------
    shown : tuple of str
        The names of these; the others are for files.
    settings : dict
        What the numbers depend on.
    """

    shown: ClassVar[tuple[str, ...]]
    settings: dict[str, Any]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name."""
        raise NotImplementedError

    @property
    def shown_tables(self) -> dict[str, pd.DataFrame]:
        """The tables that commands print."""
        return {name: self.tables[name] for name in self.shown}

    def _repr_html_(self) -> str:
        """Return the tables that have rows, for a notebook; of long ones, both ends."""
        return "".join(
            f"<h4>{as_html(name)}</h4>{_html(table)}"
            for name, table in self.shown_tables.items()
            if len(table)
        )


def _html(table: pd.DataFrame) -> str:
    import pandas as pd

    texts = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    html: str = table.to_html(
        index=False,
        max_rows=MOST_ROWS,
        float_format="{:.3g}".format,
        na_rep="",
        formatters=dict.fromkeys(texts, _text),
    )
    return html


def _text(cell: object) -> str:
    return "" if cell is None or cell != cell else visible(cell)
