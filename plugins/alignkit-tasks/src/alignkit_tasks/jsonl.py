"""Readers of JSON annotations, within bounds, with errors that name the file and the line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import alignkit
from alignkit.bounds import check_holes, require_regular
from alignkit.documents import parse_json
from alignkit.documents import read_json as read_json

LONGEST_LINE = 32 << 20  # bytes


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the objects of a file with their line numbers; empty lines are skipped.

    Raises
    ------
    alignkit.MissingError
        If there is no such file.
    alignkit.DataError
        If it is no regular file, and at the first line that is no JSON object, too long, nested
        too deep, or repeats a key.
    """
    require_regular(path)
    try:
        check_holes(path)
        lines = path.open("rb")
    except FileNotFoundError:
        raise alignkit.MissingError(f"there is no {path}") from None
    except (OSError, ValueError) as error:
        raise alignkit.DataError(f"{path} cannot be read: {alignkit.first_line(error)}") from None
    with lines:
        for number, line in enumerate(iter(lambda: lines.readline(LONGEST_LINE), b""), start=1):
            if len(line) == LONGEST_LINE:
                raise alignkit.DataError(
                    f"{path}:{number}: a line has more than {LONGEST_LINE:,} bytes; it is damaged"
                )
            if line.strip():
                yield number, _parse(line, f"{path.name}:{number}")


def _parse(line: bytes, where: str) -> dict[str, object]:
    record = parse_json(line.rstrip(), where)
    if not isinstance(record, dict):
        raise alignkit.DataError(f"{where} is not a JSON object: {record!s:.40}")
    return record
