"""The classes and groups of samples: from the facts of a run, or from a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alignkit.bounds import check_holes, require_regular
from alignkit.data.facts import label_set, label_texts
from alignkit.errors import DataError, UsageError, first_line
from alignkit.tables import as_ids, find_id, read_table

if TYPE_CHECKING:
    from alignkit.alignment.options import MeasureOptions
    from alignkit.metrics import Design

SUFFIXES = (".csv", ".tsv", ".npy")
# Follows the name of a column of labels that are to be removed by regression.
RESIDUALS = ":residuals"


@dataclass(frozen=True)
class Facts:
    """Facts of the samples of both sides, and how a column of them is found.

    Attributes
    ----------
    ids : sequence of str or None
        The samples, in the order in which they are measured.
    n : int
    stored : callable, optional
        ``stored(column)`` gives a fact that is stored with a run, in the order of ``ids``.
    """

    ids: Sequence[str] | None
    n: int
    stored: Callable[[str], Sequence[str]] | None = None

    def column(self, name: str) -> tuple[list[str], str]:
        """Return a column by name, and a name that tells it from others of other content.

        Parameters
        ----------
        name : str
            A stored fact; or ``FILE.csv/COLUMN``, or ``FILE.npy`` with a value per sample.

        Raises
        ------
        UsageError
            When there is no such column, or it does not fit the samples.
        DataError
            When the file cannot be read.
        """
        file, column = _split(name)
        if file is None:
            if self.stored is None:
                raise UsageError(
                    f"'{name}' is not a file: arrays have no facts of their own; name a .npy file "
                    "with a value per sample, or a column of a .csv file, as in facts.csv/COLUMN"
                )
            return list(self.stored(name)), name
        values = self._of_array(file) if file.suffix == ".npy" else self._of_table(file, column)
        digest = blake2b("\n".join(values).encode(), digest_size=4).hexdigest()
        return values, f"{name_of(name)}#{digest}"

    def named(self, spec: str) -> tuple[list[str], str]:
        """Return a column as ``column`` does, also one whose residuals are asked for.

        Parameters
        ----------
        spec : str
            A column, or ``COLUMN:residuals``.
        """
        values, name = self.column(spec.removesuffix(RESIDUALS))
        if spec.endswith(RESIDUALS):
            shown, mark, content = name.partition("#")
            name = f"{shown}{RESIDUALS}{mark}{content}"
        return values, name

    def design(
        self, options: MeasureOptions, rows: np.ndarray | None
    ) -> tuple[Design | None, dict[str, str]]:
        """Return the design that options name, of some samples, and its columns of a table.

        Parameters
        ----------
        options : MeasureOptions
        rows : ndarray, optional
            The samples that are measured; all of them when None.

        Returns
        -------
        Design or None
            None for neither classes nor groups.
        dict of str to str
            ``within`` and ``groups``: names of columns, empty where not asked for.
        """
        if not options.within and not options.groups:
            return None, {"within": "", "groups": ""}
        from alignkit.metrics import Design

        labels: list[np.ndarray | None] = []
        names = []
        for name in (options.within, options.groups):
            values, kept = self.named(name) if name else (None, "")
            labels.append(
                None if values is None else np.array(values)[slice(None) if rows is None else rows]
            )
            names.append(kept)
        shown = (shown_name(names[0]), shown_name(names[1]))
        if options.groups.endswith(RESIDUALS):
            raise UsageError(
                f"`groups` is {options.groups}, but only `within` takes residuals; name the column"
            )
        if options.within.endswith(RESIDUALS):
            assert labels[0] is not None
            missing = int((labels[0] == "").sum())
            if missing:
                raise UsageError(
                    f"{missing:,} of {len(labels[0]):,} samples have no value of `{shown[0]}`; "
                    "leave these samples out, or give each a value"
                )
            sets = [label_set(text) for text in labels[0]]
            design = Design.of_residuals(sets, labels[1], shown)
        else:
            design = Design.of(labels[0], labels[1], shown)
        return design, {"within": names[0], "groups": names[1]}

    def _of_array(self, file: Path) -> list[str]:
        from alignkit.metrics.files.numpy_files import mapped

        try:
            require_regular(file)
            check_holes(file)
            values = mapped(file, 0, file.stat().st_size)
        except (OSError, ValueError) as error:
            raise DataError(f"{file} cannot be read: {first_line(error)}") from None
        if values.ndim == 2 and values.dtype.kind in "biuf":
            values = np.array(label_texts(values))
        if values.ndim != 1 or len(values) != self.n:
            raise UsageError(
                f"{file} has shape {values.shape}; expected a value for each of {self.n} samples, "
                "or a row of zeros and ones"
            )
        return ["" if value != value else str(value) for value in values.tolist()]

    def _of_table(self, file: Path, column: str) -> list[str]:
        if not file.is_file():
            raise DataError(f"{file} cannot be read: there is no such file")
        table = read_table(file, index=True)
        ids = find_id([name for name in table.names if name != column]).name
        others = [name for name in table.names if name != ids]
        if not column and len(others) == 1:
            column = others[0]
        if column not in table.names or not column:
            raise UsageError(
                f"{file} has no column '{column}'; known: {', '.join(others)}"
                if column
                else f"name a column of {file}, as in {file}/{others[0] if others else 'COLUMN'}; "
                f"it has: {', '.join(others) or 'none but id'}"
            )
        values = table.texts(column)
        if self.ids is not None and ids is not None:
            return self._joined(file, as_ids(table.texts(ids)), values)
        if len(table) != self.n:
            raise UsageError(f"{file} has {len(table)} rows, and there are {self.n} samples")
        return values

    def _joined(self, file: Path, ids: Sequence[str], values: Sequence[str]) -> list[str]:
        """Return the values in the order of the ids; further rows of the file do not matter."""
        assert self.ids is not None
        if len(set(ids)) < len(ids):
            twice = next(sample for sample, count in Counter(ids).items() if count > 1)
            raise UsageError(f"{file}: sample id '{twice}' occurs more than once")
        known = dict(zip(ids, values, strict=True))
        wanted = as_ids(self.ids)
        missing = [sample for sample in wanted if sample not in known]
        if missing:
            raise UsageError(
                f"{file} has no row for {len(missing):,} of {self.n:,} samples (first: id "
                f"'{missing[0]}')"
            )
        return [known[sample] for sample in wanted]


def is_file(spec: str) -> bool:
    """Return whether a column of classes or groups is that of a file, not a stored fact."""
    return _split(spec.removesuffix(RESIDUALS))[0] is not None


def shown_name(column: str) -> str:
    """Return the name of a column of classes or groups without what tells its content apart."""
    return column.partition("#")[0]


def name_of(spec: str) -> str:
    """Return the name that a fact or ``FILE.csv/COLUMN`` is shown by."""
    residuals = RESIDUALS if spec.endswith(RESIDUALS) else ""
    file, column = _split(spec.removesuffix(RESIDUALS))
    return spec if file is None else "/".join(filter(None, (file.stem, column))) + residuals


def _split(name: str) -> tuple[Path | None, str]:
    """Split ``FILE/COLUMN``; the path is None where the name is that of a stored fact."""
    path = Path(name)
    if path.suffix in SUFFIXES:
        return path, ""
    if path.parent.suffix in (".csv", ".tsv"):
        return path.parent, path.name
    return None, name
