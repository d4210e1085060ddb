"""Pack runs into one file and import them from one, to combine studies.

A pack is a tar file. Its first member, ``pack.json``, lists every run with its identity and
every file with its size and checksum. Anything that is not listed there is refused, as is
anything that is not a regular file or is outside its run.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePosixPath
from typing import IO, Any

from alignkit.bounds import check_ratio
from alignkit.documents import parse_json
from alignkit.errors import DataError, UsageError, first_line
from alignkit.runs.files import locked, put_folder, whole_file
from alignkit.runs.listing import files_below
from alignkit.runs.manifests import Entry, entry_of
from alignkit.runs.run import Run

LIST = "pack.json"
FORMAT = 1
WEIGHTS = ".safetensors"
KINDS = (".json", ".csv", ".npy", WEIGHTS)  # nothing that could hold a pickle
MAX_LIST_BYTES = 100_000_000
CHUNK = 1 << 20
# How the compressed files begin that tar can write, and what reads them.
_COMPRESSED: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}


def export_runs(
    runs: Sequence[Run],
    root: Path,
    target: Path,
    weights: bool = True,
    representations: bool = True,
) -> int:
    """Pack runs into a tar file; the same runs give the same bytes.

    Parameters
    ----------
    runs : sequence of Run
        Trained runs below ``root``.
    root : Path
        The folder of runs.
    target : Path
        The file to write, compressed if it ends in ``.gz``.
    weights, representations : bool
        Whether to include them; they make up nearly all of the size.

    Returns
    -------
    int
        Size of the file in bytes.

    Raises
    ------
    UsageError
        When a run is not below the folder of runs.
    DataError
        When another command changes a run meanwhile; then nothing is written.
    """
    chosen = {_folder(run, root): run for run in runs}
    listed = [
        {
            "folder": folder,
            "identity": run.stored["identity"],
            "files": _entries(run, weights, representations),
        }
        for folder, run in sorted(chosen.items())
    ]
    text = json.dumps({"format": FORMAT, "runs": listed}, indent=1, sort_keys=True).encode()
    with whole_file(target) as temporary, _tar_to_write(temporary, target) as tar:
        _add(tar, LIST, len(text), io.BytesIO(text))
        for each in listed:
            folder = str(each["folder"])
            for name, entry in each["files"].items():
                _add_file(tar, f"{folder}/{name}", chosen[folder].path / name, entry)
    return target.stat().st_size


def import_runs(pack: Path, root: Path, report: Callable[[str], None]) -> dict[str, str]:
    """Import the runs of a pack, unless they exist already or would overwrite another run.

    Parameters
    ----------
    pack : Path
    root : Path
        The folder of runs.
    report : callable
        Called with a line about every run.

    Returns
    -------
    dict of str to str
        By the folder of every run: ``imported``, ``exists already``, or ``refused: ...``.

    Raises
    ------
    DataError
        When the pack is damaged, was modified, or holds something that is not allowed; then
        nothing is imported.
    """
    if not pack.exists():
        raise DataError(f"there is no pack {pack}; create one with: alignkit runs export")
    if not pack.is_file():
        raise DataError(f"{pack} is not a regular file; expected a pack of alignkit runs export")
    with _as_pack(pack), _tar_to_read(pack):
        pass  # before creating a folder
    with (
        locked(root),
        tempfile.TemporaryDirectory(prefix=".import.", suffix=".tmp", dir=root) as folder,
    ):
        with _as_pack(pack), _tar_to_read(pack) as tar:
            listed = _unpack(tar, Path(folder), pack)
        states = {}
        for run in listed:
            states[run["folder"]] = _put(run, Path(folder), root)
            report(f"{root / run['folder']}: {states[run['folder']]}")
        return states


@contextmanager
def _as_pack(pack: Path) -> Iterator[None]:
    """Turn errors of reading a file into one line that it is not a pack."""
    try:
        yield
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise DataError(
            f"{pack} is not a pack written by alignkit runs export, or it is damaged: "
            f"{first_line(error)}"
        ) from None


def _put(run: Mapping[str, Any], unpacked: Path, root: Path) -> str:
    """Move a run into place, unless there is a trained run or another one."""
    target = root / run["folder"]
    if (target / "config.json").is_file():
        try:
            identity = Run(target).stored.get("identity")
        except DataError as error:
            return f"refused: {error}"
        if identity != run["identity"]:
            return (
                "refused: the folder holds another run; import into a different folder with `runs`"
            )
        if Run(target).is_trained:
            return "exists already"
    with locked(target):
        put_folder(unpacked / run["folder"], target)
    return "imported"


def _unpack(tar: tarfile.TarFile, folder: Path, pack: Path) -> list[dict[str, Any]]:
    """Write every listed file below a folder, and check its size and checksum."""
    first = tar.next()
    if first is None or first.name != LIST or first.size > MAX_LIST_BYTES:
        raise DataError(f"{pack} is not a pack of runs: it does not begin with {LIST}")
    listed = _listed(tar, first, pack)
    expected = {
        f"{run['folder']}/{name}": entry for run in listed for name, entry in run["files"].items()
    }
    needed = sum(entry["size"] for entry in expected.values())
    check_ratio(needed, pack.stat().st_size)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(f"{pack} needs {needed} bytes, but {folder.parent} has only {free} free")
    for member in iter(tar.next, None):
        entry = expected.pop(member.name, None)
        if entry is None or not member.isreg():
            raise DataError(f"{pack} holds '{member.name}', which {LIST} does not list")
        if member.size != entry["size"]:
            raise DataError(f"{pack}: {member.name} does not have the size in {LIST}")
        source = tar.extractfile(member)
        assert source is not None
        target = folder / member.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if _copy(source, target) != entry["sha256"]:
            raise DataError(f"{pack}: {member.name} does not have the checksum in {LIST}")
    if expected:
        raise DataError(f"{pack} lacks {next(iter(expected))}; it was truncated or modified")
    for run in listed:
        stored = Run(folder / run["folder"]).stored
        if not isinstance(stored, dict) or stored.get("identity") != run["identity"]:
            raise DataError(f"{pack}: {run['folder']} is not the run in {LIST}")
    return listed


def _listed(tar: tarfile.TarFile, member: tarfile.TarInfo, pack: Path) -> list[dict[str, Any]]:
    """Read and check the list of files, before anything is written."""
    source = tar.extractfile(member)
    try:
        content = parse_json(source.read(MAX_LIST_BYTES) if source else b"", f"{pack}: {LIST}")
        version = content["format"]
        runs: list[dict[str, Any]] = [
            {
                "folder": str(run["folder"]),
                "identity": str(run["identity"]),
                "files": {
                    str(name): {"size": int(entry["size"]), "sha256": str(entry["sha256"])}
                    for name, entry in run["files"].items()
                },
            }
            for run in content["runs"]
        ]
    except (DataError, ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{pack}: {LIST} is not a valid list of runs") from None
    if version != FORMAT:
        raise DataError(f"{pack} has format {version}; this version of alignkit reads {FORMAT}")
    for run in runs:
        if len(PurePosixPath(run["folder"]).parts) != 3 or not _is_safe(run["folder"]):
            raise DataError(f"{pack} names the folder '{run['folder']}'; it is refused")
        for name in run["files"]:
            if not _is_safe(name) or PurePosixPath(name).suffix not in KINDS:
                raise DataError(f"{pack} names the file '{name}'; it is refused")
        if not {"config.json", "train.json"} <= set(run["files"]):
            raise DataError(f"{pack}: {run['folder']} is not a complete run")
    return runs


def _is_safe(path: str) -> bool:
    """Whether every part of a path is a plain name: none is hidden, absolute or ``..``."""
    return all(re.fullmatch(r"[\w,=+@-][\w.,=+@-]*", part) for part in path.split("/"))


def _files(run: Run, weights: bool, representations: bool) -> dict[str, Path]:
    """Return the files of a run to pack, by their names within it."""
    files = {}
    for path in sorted(files_below(run.path)):
        parts = path.relative_to(run.path).parts
        hidden = any(part.startswith(".") for part in parts)
        left_out = (
            parts[0] == "checkpoint"
            or (parts[0] == "representations" and not representations)
            or (path.suffix == WEIGHTS and not weights)
        )
        if path.suffix in KINDS and not hidden and not left_out:
            name = "/".join(parts)
            if not _is_safe(name):
                raise DataError(f"{path} cannot be packed: use letters, digits and .,-_=+@ only")
            files[name] = path
    return files


def _folder(run: Run, root: Path) -> str:
    """Return the folder of a run below the folder of runs."""
    try:
        folder = run.path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        folder = ""
    if len(PurePosixPath(folder).parts) != 3:
        raise UsageError(f"{run.path} is not below {root}; give its folder of runs with `runs`")
    return folder


@contextmanager
def _tar_to_read(path: Path) -> Iterator[tarfile.TarFile]:
    """Open a tar file, of which no more is unpacked than a file of its size may hold."""
    with path.open("rb") as raw:
        start = raw.read(max(map(len, _COMPRESSED)))
    opener = next((_COMPRESSED[each] for each in _COMPRESSED if start.startswith(each)), open)
    with (
        opener(path, "rb") as content,
        tarfile.open(fileobj=_Bounded(content, path.stat().st_size), mode="r:") as tar,
    ):
        yield tar


class _Bounded(io.RawIOBase):
    """What is unpacked from a file; refused where it is too much, at once or in all."""

    def __init__(self, content: IO[bytes], size: int) -> None:
        super().__init__()
        self._content, self._size = content, size

    def read(self, size: int = -1) -> bytes:
        """Read some bytes: names and other facts on a member are read at once, however long."""
        if not 0 <= size <= MAX_LIST_BYTES:
            raise ValueError("a member has too long a name")
        check_ratio(self.tell() + size, self._size)
        return self._content.read(size)

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, which unpacks what is before it."""
        check_ratio(place, self._size)
        return self._content.seek(place, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._content.tell()


@contextmanager
def _tar_to_write(path: Path, target: Path) -> Iterator[tarfile.TarFile]:
    """Open a tar file whose bytes depend on its content only."""
    if target.suffix not in (".gz", ".tgz"):
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            yield tar
        return
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        yield tar


def _entries(run: Run, weights: bool, representations: bool) -> dict[str, Entry]:
    """Return size and SHA-256 of the files of a run to pack, which no command writes meanwhile."""
    writable = os.access(run.path, os.W_OK)  # otherwise nobody writes there
    with locked(run.path, shared=True) if writable else nullcontext():
        files = _files(run, weights, representations)
        try:
            return {name: entry_of(path) for name, path in files.items()}
        except FileNotFoundError as error:
            raise _changed(error.filename) from None


def _add_file(tar: tarfile.TarFile, name: str, path: Path, entry: Entry) -> None:
    """Add a file that has not changed since it was listed."""
    try:
        with path.open("rb") as file:
            content = _Hashed(file)
            _add(tar, name, entry["size"], content)
            unchanged = content.digest.hexdigest() == entry["sha256"] and not file.read(1)
    except (FileNotFoundError, _Short):
        unchanged = False
    if not unchanged:
        raise _changed(path)


def _changed(path: str | Path) -> DataError:
    return DataError(
        f"{path} was changed by another command while it was exported; export again when that has "
        "ended"
    )


class _Short(Exception):
    """A file has fewer bytes than it had."""


class _Hashed(io.RawIOBase):
    """What is read from a file, with its checksum."""

    def __init__(self, source: IO[bytes]) -> None:
        super().__init__()
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read some bytes."""
        content = self._source.read(size)
        if len(content) < size:
            raise _Short
        self.digest.update(content)
        return content


def _add(tar: tarfile.TarFile, name: str, size: int, source: io.IOBase) -> None:
    member = tarfile.TarInfo(name)  # with time, owner and group at zero
    member.size, member.mode = size, 0o644
    tar.addfile(member, source)


def _copy(source: IO[bytes], target: Path) -> str:
    """Copy a stream to a file and return its checksum."""
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()
