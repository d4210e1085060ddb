"""Manifests: what a step wrote, with checksums, so that damage and changes are found.

Every step writes its manifest last: ``train.json``, ``index.json`` of representations,
``state.json`` of a checkpoint, and one beside every table of alignment values. It lists the files
of the step with size and SHA-256, and has a checksum of its own. What was stored before there were
manifests is read as it is, unverified.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from alignkit.documents import Form, check_form
from alignkit.errors import DamagedError, DataError
from alignkit.runs.files import read_json, read_once, sha256_of, write_json, write_text

FORMAT = 1
# Two keys, of which damage to one leaves the other.
_OWN = ("format", "checksum")

Entry = dict[str, Any]
FILES: Form = {"*": {"size": int, "sha256": str}}
_STATE: dict[str, Form] = {"files": FILES, "inputs": {"*": {"*": str}}}
_TABLE: Form = {**_STATE, "previous?": _STATE}


def write_checked(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object with a checksum of itself."""
    marked = {**content, "format": FORMAT}
    write_json(path, {**marked, "checksum": _checksum(marked)})


def read_checked(path: Path) -> dict[str, Any]:
    """Read a JSON object, and check it against its own checksum where it has one.

    Returns
    -------
    dict
        Without what ``write_checked`` added.

    Raises
    ------
    DamagedError
        When it is not as it was written.
    DataError
        When there is no such file, or it is no JSON object.
    """
    content: dict[str, Any] = read_json(path, dict)
    if any(key in content for key in _OWN):
        rest = {key: value for key, value in content.items() if key != "checksum"}
        if content.get("checksum") != _checksum(rest):
            raise DamagedError(f"{path} is damaged: it is not as it was written")
    return {key: value for key, value in content.items() if key not in _OWN}


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest as ``read_checked`` does, and check the form of its list of files.

    Raises
    ------
    DataError
        As ``read_checked``, and where a file has no size and SHA-256.
    """
    content = read_checked(path)
    check_form(content, {"files?": FILES}, str(path))
    return content


def is_checked(path: Path) -> bool:
    """Whether a JSON object has a checksum of itself."""
    return all(key in read_json(path, dict) for key in _OWN)


def entries_of(folder: Path, names: Iterable[str]) -> dict[str, Entry]:
    """Return size and SHA-256 of files in a folder, by name."""
    return {name: entry_of(folder / name) for name in names}


def entry_of(path: Path) -> Entry:
    """Return size and SHA-256 of a file."""
    return {"size": path.stat().st_size, "sha256": digest_of(path)}


@read_once
def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file; one that did not change meanwhile is read once."""
    return sha256_of(path)


def verify(path: Path, entries: Mapping[str, Entry]) -> Path:
    """Check a file against the manifest that lists it.

    Parameters
    ----------
    path : Path
    entries : mapping
        Of the manifest, by the names of files; one that it does not list is not checked.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    DamagedError
        When the file is missing or differs.
    """
    entry = entries.get(path.name)
    if entry is None:
        return path
    problem = difference(path, entry)
    if problem:
        raise DamagedError(f"{path} {problem}")
    return path


def is_stored(path: Path) -> bool:
    """Whether there is a file that a manifest lists, by whatever name damage has given it."""
    try:
        return path.is_file()
    except OSError:  # such as of a name that is too long for a disk
        return False


def difference(path: Path, entry: Entry) -> str:
    """Return how a file differs from the entry of a manifest; empty where it does not."""
    if not is_stored(path):
        return "is missing"
    try:
        return _difference(path, entry)
    except FileNotFoundError:  # removed meanwhile
        return "is missing"


def _difference(path: Path, entry: Entry) -> str:
    size = path.stat().st_size
    if size != entry["size"]:
        return f"is damaged: it has {size:,} bytes, and {entry['size']:,} were written"
    if digest_of(path) != entry["sha256"]:
        return "is damaged: its content is not what was written"
    return ""


def write_table(path: Path, text: str, inputs: Mapping[str, Any] | None = None) -> None:
    """Write a table that grows, and before it its manifest, beside it and named like it.

    The manifest lists the new table and its predecessor, so that either is whole after a kill
    between the two writes.

    Parameters
    ----------
    path : Path
        The file of the table, ``NAME.csv``; its manifest is ``NAME.json``.
    text : str
    inputs : mapping, optional
        What the values were made from, as plain values.
    """
    content = text.encode()
    entry = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest: dict[str, Any] = {"files": {path.name: entry}, "inputs": dict(inputs or {})}
    if path.is_file():
        before = {path.name: entry_of(path)}
        manifest["previous"] = {"files": before, "inputs": inputs_of_table(path)}
    write_checked(manifest_of_table(path), manifest)
    write_text(path, text)


def settle(path: Path) -> None:
    """Let the manifest of a whole table list it alone, and be no older than the table."""
    manifest = manifest_of_table(path)
    if not manifest.is_file():  # an earlier version wrote the table
        return
    content = read_checked(manifest)
    if content.pop("previous", None) is not None:
        write_checked(manifest, content)
    os.utime(manifest)


def inputs_of_table(path: Path) -> dict[str, Any]:
    """Check a table against its manifest, and return what its values were made from.

    Returns
    -------
    dict
        Empty for a table without a manifest, which an earlier version wrote.

    Raises
    ------
    DamagedError
        When the table is not as it was written.
    """
    manifest = manifest_of_table(path)
    if not manifest.is_file():
        return {}
    states = _states(manifest, path.name)
    problems = [difference(path, state["files"][path.name]) for state in states]
    for state, problem in zip(states, problems, strict=True):
        if not problem:
            inputs: dict[str, Any] = state["inputs"]
            return inputs
    if _states(manifest, path.name) != states:
        return inputs_of_table(path)  # another process has written both meanwhile
    raise DamagedError(f"{path} {problems[0]}")


def _states(manifest: Path, table: str) -> list[dict[str, Any]]:
    """Return what a table's manifest says of the table, and of the one before it."""
    try:
        content = read_checked(manifest)
        check_form(content, _TABLE, str(manifest))
    except DataError as error:  # whatever is wrong with it, the table cannot be checked
        raise DamagedError(str(error)) from None
    states = [content, content["previous"]] if "previous" in content else [content]
    if not all(table in state["files"] for state in states):
        raise DamagedError(f"{manifest} does not list {table}")
    return states


def manifest_of_table(path: Path) -> Path:
    """Return the manifest of a table."""
    return path.with_suffix(".json")


def _checksum(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
