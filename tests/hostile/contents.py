"""Hostile files: what damage, other programs and ill will leave where results are expected."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

# What replaces a whole JSON file.
DOCUMENTS = {
    "empty": b"",
    "an object without entries": b"{}",
    "a list": b"[]",
    "a number": b"3",
    "null": b"null",
    "a text": b'"late"',
    "cut": b'{"identity": "0',
    "no text": b"\xff\xfe\x00\x01" * 10,
    "NUL bytes": b"\0" * 64,
    "a hundred thousand deep": b"[" * 100_000,
    "objects five hundred deep": b'{"a":' * 500 + b"1" + b"}" * 500,
    "a number of 5000 digits": b'{"seed": ' + b"9" * 5000 + b"}",
    "NaN": b'{"seed": NaN}',
    "a number beyond all": b'{"seed": 1e999}',
    "a key twice": b'{"seed": 1, "seed": 2}',
    "lists for objects": b'{"task": [], "placement": [], "splits": [], "steps": []}',
    "escapes": b'{"\\u001b[31mred\\n": "\\u001b]0;title\\u0007"}',
}
# What replaces a single value in one.
VALUES = (None, [], {}, 3, -1, 10**30, 2.5, "", "x", "\x1b[31m", True, [[]], {"a": []}, ["x"])
# What replaces a table.
TABLES = {
    "empty": b"",
    "a header only": b"metric,value\n",
    "no text": b"\xff\xfe\x00\x01" * 10,
    "NUL bytes": b"\0" * 64,
    "ragged rows": b"a,b\n1\n1,2,3\n",
    "an open quote": b'a,b\n"1,2\n' * 3,
    "a number of 5000 digits": b"epoch,split,loss\n" + b"9" * 5000 + b",test,1\n",
    "a field of 200,000 characters": b"a,b\n" + b"x" * 200_000 + b",1\n",
}


def documents(file: Path) -> Iterator[str]:
    """Replace a JSON file by each hostile document; yield how, and put it back in the end."""
    yield from _replaced(file, DOCUMENTS)


def tables(file: Path) -> Iterator[str]:
    """Replace a table by each hostile one; yield how, and put it back in the end."""
    yield from _replaced(file, TABLES)


def values(file: Path) -> Iterator[str]:
    """Replace each value in a JSON file, at every depth, by each hostile one; yield how."""
    whole = file.read_bytes()
    try:
        for place in _places(json.loads(whole)):
            for value in VALUES:
                file.write_text(json.dumps(_with(json.loads(whole), place, value)))
                yield f"{'.'.join(map(str, place))} is {value!r}"
    finally:
        file.write_bytes(whole)


def pipe(file: Path) -> None:
    """Replace a file by a pipe, which whoever opens it waits for."""
    file.unlink()
    os.mkfifo(file)


def _replaced(file: Path, contents: dict[str, bytes]) -> Iterator[str]:
    whole = file.read_bytes()
    try:
        for how, content in contents.items():
            file.write_bytes(content)
            yield how
    finally:
        file.write_bytes(whole)


def _places(value, place=()) -> Iterator[tuple]:
    """Yield the path of every value: keys, and the first index of a list."""
    if place:
        yield place
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*place, key))
    elif isinstance(value, list) and value:
        yield from _places(value[0], (*place, 0))


def _with(content, place, value):
    *outer, last = place
    inner = content
    for key in outer:
        inner = inner[key]
    inner[last] = value
    return content
