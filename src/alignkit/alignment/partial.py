"""What is measured of a table that is not written yet, kept beside it until it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alignkit.progress import Reporter
from alignkit.runs.files import discard, locked, read_json, sha256_of, write_json


@contextmanager
def parts_of(
    output: Path | None, inputs: Iterable[str], reporter: Reporter
) -> Iterator[Path | None]:
    """Give a folder beside ``output`` for parts; it goes once the block is through.

    After an interruption, the parts that are there already go into the same table, if they
    were measured on the same inputs.

    Parameters
    ----------
    output : Path, optional
        The table to be; without one there are no parts.
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
        known = read_json(file) if file.is_file() else None
        if known == manifest:
            reporter.note(f"going on with what {folder} holds")
        else:
            for part in folder.iterdir():
                if part.name != ".lock":
                    discard(part)
            write_json(file, manifest)
        try:
            yield folder
        except BaseException:
            if list(folder.rglob("*.csv")):
                reporter.note(
                    f"what is measured is kept in {folder}; the same command goes on with it"
                )
            else:
                discard(folder)
            raise
        discard(folder)


def digests(path: Path, suffixes: Sequence[str]) -> list[str]:
    """Checksums of a file, or of the files in a folder that have one of these suffixes."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [
        f"{file.name} {sha256_of(file)}"
        for file in files
        if file.is_file() and file.suffix in suffixes
    ]
