"""Values measured for a table that is not complete yet, kept in a hidden folder next to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alignkit.errors import DataError
from alignkit.progress import Reporter
from alignkit.runs.files import discard, locked, sha256_of
from alignkit.runs.manifests import read_checked, write_checked


@contextmanager
def parts_of(
    output: Path | None, inputs: Iterable[str], reporter: Reporter
) -> Iterator[Path | None]:
    """Yield a folder next to ``output`` for partial tables, removed once the block succeeds.

    After an interruption, the partial tables are used again if they were measured on the same
    inputs.

    Parameters
    ----------
    output : Path, optional
        The table that will be written; without one, None is yielded.
    inputs : iterable of str
        Digests of what is measured.
    reporter : Reporter
    """
    if output is None:
        yield None
        return
    folder = output.parent / f".{output.name}.parts"
    manifest = {"inputs": list(inputs)}
    with locked(folder):
        file = folder / "inputs.json"
        known = None
        with suppress(DataError):  # values of which nobody knows where they are from
            known = read_checked(file)
        if known == manifest:
            reporter.note(f"resuming with the values in {folder}")
        else:
            for part in folder.iterdir():
                if part.name != ".lock":
                    discard(part)
            write_checked(file, manifest)
        try:
            yield folder
        except BaseException:
            if list(folder.rglob("*.csv")):
                reporter.note(
                    f"measured values are kept in {folder}; rerun the same command to resume"
                )
            else:
                discard(folder)
            raise
        discard(folder)


def digests_of(path: Path, files: Iterable[Path]) -> list[str]:
    """Return name and checksum of files, which are named by their place below a path."""
    return [
        f"{file.relative_to(path) if path in file.parents else file.name} {sha256_of(file)}"
        for file in files
    ]
