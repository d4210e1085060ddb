"""Readers of JSON annotations, with errors that name the file and the line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import alignkit


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the objects of a file with their line numbers; empty lines are skipped.

    Raises
    ------
    alignkit.DataError
        At the first line that is not a JSON object.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, _parse(line, f"{path.name}:{number}")


def read_json(path: Path) -> object:
    """Read one JSON file.

    Raises
    ------
    alignkit.MissingError
        If it does not exist.
    alignkit.DataError
        If it is not JSON.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise alignkit.MissingError(f"there is no {path}") from None
    return _loads(content, str(path))  # unchecked: only a few keys of a large dump matter


def _parse(line: bytes, where: str) -> dict[str, object]:
    record = _loads(line.rstrip(), where, strict=True)
    if not isinstance(record, dict):
        raise alignkit.DataError(f"{where}: not a JSON object: {record!s:.40}")
    return record


def _loads(content: bytes, where: str, strict: bool = False) -> object:
    """Parse JSON; if strict, refuse repeated keys and constants such as NaN."""
    try:
        result: object = json.loads(
            content.decode("utf-8-sig"),
            object_pairs_hook=_unique_keys if strict else None,
            parse_constant=_refuse_constant if strict else None,
        )
        return result
    except UnicodeDecodeError as error:
        raise alignkit.DataError(f"{where}: not UTF-8 (byte {error.start + 1})") from None
    except json.JSONDecodeError as error:
        raise alignkit.DataError(f"{where}: not JSON: {error.msg} (column {error.colno})") from None
    except (ValueError, RecursionError) as error:  # too many digits, too deep nesting
        raise alignkit.DataError(f"{where}: not JSON: {error!s:.60}") from None


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    items = dict(pairs)
    if len(items) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(n for n in names if names.count(n) > 1)!r} appears twice")
    return items


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not valid JSON")
