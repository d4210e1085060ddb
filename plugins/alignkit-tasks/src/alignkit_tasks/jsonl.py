"""Reading ``.jsonl`` annotations, with errors that name the file and the line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alignkit


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the objects of a file with their line numbers; empty lines are passed over.

    Raises
    ------
    alignkit.DataError
        At the first line that is no JSON object.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, _parse(line, f"{path.name}:{number}")


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line.decode("utf-8-sig").rstrip())
    except UnicodeDecodeError as error:
        raise alignkit.DataError(f"{where}: not UTF-8 (byte {error.start + 1})") from None
    except json.JSONDecodeError as error:
        raise alignkit.DataError(f"{where}: not JSON: {error.msg} (column {error.colno})") from None
    if not isinstance(record, dict):
        raise alignkit.DataError(f"{where}: not a JSON object: {record!s:.40}")
    return record
