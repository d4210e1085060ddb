"""A folder that holds representations by split, site and pooling: of a run, or of an encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.documents import Form, check_form
from alignkit.errors import DamagedError, DataError, first_line
from alignkit.runs.files import read_json, read_once
from alignkit.runs.manifests import read_checked, verify

if TYPE_CHECKING:
    from alignkit.metrics import Representation


# What index.json must hold.
INDEX: Form = {
    "sites": [str],
    "pools": [str],
    "n": int,
    "arrays?": {"*": [str]},
    "files?": {"*": {"size": int, "sha256": str}},
    "data?": str,
    "poolings?": {"*": str},
    "split?": str,
    "dtype?": str,
}


class RepresentationStore:
    """A folder of representations; this class only locates and reads its files.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def representations_folder(self, split: str) -> Path:
        """Return the folder of the representations of a split."""
        return self.path / "representations" / split

    def alignment_folder(self, split: str) -> Path:
        """Return the folder of the alignment of a split, one file per metric."""
        return self.path / "alignment" / split

    def representation_index(self, split: str) -> dict[str, Any] | None:
        """Return the manifest of the representations of a split, or None if there are none.

        Raises
        ------
        DamagedError
            When it is not what the extraction wrote.
        """
        file = self.representations_folder(split) / "index.json"
        try:
            return dict(read_index(file)) if file.is_file() else None
        except DataError as error:
            raise DamagedError(f"{error}; {self._extract_again(split)}") from None

    def split_file(self, split: str, name: str) -> Path:
        """Return a file beside the representations of a split, checked against their index.

        Raises
        ------
        DamagedError
            When it is not what the extraction wrote.
        """
        index = self.representation_index(split)
        try:
            return verify(self.representations_folder(split) / name, (index or {}).get("files", {}))
        except DamagedError as error:
            now = self.representation_index(split)
            if now not in (None, index):
                return self.split_file(split, name)  # another process has stored it anew meanwhile
            raise DamagedError(f"{error}; {self._extract_again(split)}") from None

    def digests(self, split: str, pool: str = "") -> dict[str, str]:
        """Return the SHA-256 of the representation of every site, as the index lists them.

        Parameters
        ----------
        split : str
        pool : str
            Empty for the default pooling of each site.

        Returns
        -------
        dict
            Without the sites that were stored without checksums, or are not stored any more.
        """
        index = self.representation_index(split)
        files = (index or {}).get("files", {})
        names = {
            site: f"{site}.{pool or next(iter(pools), '')}.npy"
            for site, pools in _pools_by_site(index).items()
        }
        return {site: files[name]["sha256"] for site, name in names.items() if name in files}

    def pools(self, site: str, split: str) -> list[str]:
        """Return the poolings that are stored of a site, the default first; none if unknown."""
        return list(_pools_by_site(self.representation_index(split)).get(site, ()))

    def ids(self, split: str) -> list[str]:
        """Return the sample ids of a split, in the order of the rows of its representations."""
        file = self.split_file(split, "ids.json")
        ids: list[str] = read_json(file, [str])
        return ids

    def representation(
        self, site: str, split: str = "test", pool: str = "cls", **options: Any
    ) -> Representation:
        """Return the representation of a site, opened as a memory map.

        Parameters
        ----------
        site : str
            Such as ``t03``, ``v.f0`` or ``encoder.layer.3``.
        split, pool : str
        **options
            ``dtype`` and ``device`` of ``Representation``.

        Raises
        ------
        DataError
            When it was not extracted, or does not fit its sample ids.
        """
        import numpy as np

        from alignkit.metrics import Representation

        if pool not in self.pools(site, split):
            raise DataError(
                f"{self.path} holds no {pool} representation of {site} on {split}; "
                f"extract it with: {self.extract_command(split, pool)}"
            )
        folder, ids = self.representations_folder(split), self.ids(split)
        file = self.split_file(split, f"{site}.{pool}.npy")
        try:
            values = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DataError(
                f"{file} cannot be read ({first_line(error)}); extract it again: "
                f"{self.extract_command(split, pool, again=True)}"
            ) from None
        if values.shape[0] != len(ids):
            raise DataError(
                f"{folder}: {site} has {values.shape[0]} rows for {len(ids)} sample ids"
            )
        return Representation(values, ids=ids, name=site, **options)

    def _extract_again(self, split: str) -> str:
        return f"extract it again: {self.extract_command(split, '', again=True)}"

    def extract_command(self, split: str, pool: str, again: bool = False) -> str:
        """Return the command that extracts what is missing, or all ``again``, for messages."""
        words = ["alignkit", "extract", str(self.path), "--split", split]
        words += ["--pool", pool] if pool else []
        words += ["--force"] if again else []
        return " ".join(words)


@read_once
def read_index(file: Path) -> dict[str, Any]:
    """Read the manifest of representations, which is not to be changed."""
    index = read_checked(file)
    check_form(index, INDEX, str(file))
    return index


def _pools_by_site(index: Mapping[str, Any] | None) -> Mapping[str, Sequence[str]]:
    """Return the poolings of every site, the default first; none without an index."""
    if index is None:
        return {}
    by_site: Mapping[str, Sequence[str]] = index.get(
        "arrays", dict.fromkeys(index["sites"], index["pools"])
    )
    return by_site
