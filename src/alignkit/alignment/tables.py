"""The tables of several metrics: one file each in a folder, a run's or any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alignkit.alignment.layers import LayerSource
from alignkit.alignment.options import MeasureOptions
from alignkit.alignment.selection import PairSelection
from alignkit.alignment.table import UNKNOWN, AlignmentTable, Digests
from alignkit.errors import DamagedError
from alignkit.runs.files import discard
from alignkit.runs.manifests import manifest_of_table

if TYPE_CHECKING:
    from alignkit.metrics import Metric


@dataclass(frozen=True)
class AlignmentTables:
    """The tables of several metrics that are measured in the same way.

    Attributes
    ----------
    options : MeasureOptions
    folder : Path, optional
        Holds one file per metric; without one, nothing is stored.
    subset : int, optional
        Size of the random subset of samples; None where all are measured.
    split, pool : str
        Which representations are measured; empty for arrays.
    within, groups : str
        The columns of the samples' facts that give classes and groups; empty for none.
    digests : (mapping, mapping)
        Of the representations on either side, by site; stored values of others are stale.
    """

    options: MeasureOptions
    folder: Path | None = None
    subset: int | None = None
    split: str = ""
    pool: str = ""
    within: str = ""
    groups: str = ""
    digests: Digests = UNKNOWN

    def table(self, metric: Metric, maxima: bool) -> AlignmentTable:
        """Return the table of a metric, with the values that its file holds.

        Parameters
        ----------
        metric : Metric
        maxima : bool
            The best values over pairs, which are kept apart from those of pairs.

        Raises
        ------
        DamagedError
            When the file is not as it was written, or no table.
        """
        return AlignmentTable(
            metric,
            self.options,
            self._file(metric, maxima),
            ("layers", "streams") if maxima else ("x", "y"),
            self.subset is not None,
            self.digests,
            split=self.split,
            pool=self.pool,
            within=self.within,
            groups=self.groups,
        )

    def discard(self, metric: Metric, maxima: bool) -> None:
        """Remove the stored table of a metric, which is damaged."""
        file = self._file(metric, maxima)
        if file is not None:
            discard(file)
            discard(manifest_of_table(file))

    def complete(
        self, metrics: Sequence[Metric], selection: PairSelection, source: LayerSource
    ) -> list[AlignmentTable] | None:
        """Return the tables of metrics where there is nothing to measure, or to say; else None."""
        tables = []
        for metric in metrics:
            try:
                table = self.table(metric, selection.is_maximum)
            except DamagedError:
                return None
            if table.stale or table.missing(selection.keys):
                return None
            if selection.is_maximum and any(
                table.pairs((selection.layers, streams)) != len(source.distinct(metric, pairs))
                for streams, pairs in selection.groups.items()
            ):
                return None
            tables.append(table)
        return tables

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Guard the block in which tables may be written; here, nothing has to be done."""
        yield

    def _file(self, metric: Metric, maxima: bool) -> Path | None:
        if self.folder is None:
            return None
        parts = [metric.spec.replace(":", "-").replace("/", "_")]
        parts += [self.pool] if self.pool else []
        designs = {"within": self.within, "groups": self.groups}
        parts += [
            f"{kind}-{name.replace('/', '_').replace(':', '-')}"
            for kind, name in designs.items()
            if name
        ]
        parts += [] if self.subset is None else [f"n{self.subset}s{self.options.seed}"]
        folder = self.folder / "maxima" if maxima else self.folder
        return folder / ".".join([*parts, "csv"])
