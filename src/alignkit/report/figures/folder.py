"""Figures written as SVG, PNG or PDF, with the CSV of the data of each."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from alignkit.cleaning import visible
from alignkit.errors import UsageError
from alignkit.report.style import pdf, png, svg
from alignkit.runs.files import results_csv, whole_file, write_results, write_text

# PNG for slides and for viewers that show no SVG, PDF for papers.
FORMATS: dict[str, Callable[[Figure], bytes]] = {
    "svg": lambda figure: svg(figure).encode(),
    "png": png,
    "pdf": pdf,
}


def check_formats(names: Sequence[str]) -> None:
    """Raise ``UsageError`` unless every name is a format that figures can be written as."""
    for name in names:
        if name not in FORMATS:
            raise UsageError(
                f"'{visible(name)}' is no format of figures; choose {', '.join(FORMATS)}"
            )


@dataclass(frozen=True)
class Shown:
    """A figure on the page: its file name, what it shows, and its SVG; empty if not drawn.

    Its height is in inches.
    """

    name: str
    title: str
    alternative: str
    picture: str
    height: float = 0.0

    @property
    def source(self) -> str:
        """The picture as a data address, so that the page needs no other file."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.picture.encode()).decode()


class FigureFolder:
    """A folder of figures, each under a name of its own.

    Parameters
    ----------
    folder : Path
    formats : sequence of str
        What to write each as: any of ``FORMATS``.

    Attributes
    ----------
    shown : list of Shown
        Those that were written, in their order.
    """

    def __init__(self, folder: Path, formats: Sequence[str] = ("svg", "png")) -> None:
        self.folder, self.formats = folder, tuple(dict.fromkeys(formats))
        self.shown: list[Shown] = []
        self._taken: set[str] = set()

    def add(
        self, name: str, figure: Figure, data: pd.DataFrame, title: str, alternative: str
    ) -> Shown:
        """Write a figure and its data."""
        name = self._free(name)
        written = {chosen: FORMATS[chosen](figure) for chosen in self.formats}
        for chosen, content in written.items():
            with whole_file(self.folder / f"{name}.{chosen}") as temporary:
                temporary.write_bytes(content)
        write_results(self.folder / f"{name}.csv", data)
        drawn, height = written.get("svg", b"").decode(), float(figure.get_figheight())
        self.shown.append(Shown(name, title, alternative, drawn, height))
        return self.shown[-1]

    def add_data(self, name: str, data: pd.DataFrame) -> str:
        """Write the data of a figure that the page draws, and return the name of the file.

        Where a figure of that name has the same data beside it, its file serves for both.
        """
        content, plain = results_csv(data), _plain(name)
        file = self.folder / f"{plain}.csv"
        if (
            plain.lower() in self._taken
            and file.is_file()
            and file.read_bytes() == content.encode()
        ):
            return plain
        name = self._free(name)
        write_text(self.folder / f"{name}.csv", content)
        return name

    def _free(self, name: str) -> str:
        """A file name that any system takes, and that no other figure has."""
        plain = _plain(name)
        free = next(
            candidate
            for i in range(1, len(self._taken) + 2)
            if (candidate := plain if i == 1 else f"{plain}-{i}").lower() not in self._taken
        )
        self._taken.add(free.lower())
        return free


def _plain(name: str) -> str:
    plain = "".join(c if (c.isascii() and c.isalnum()) or c in "._=" else "-" for c in name)
    return plain.lstrip(".")[:100]
