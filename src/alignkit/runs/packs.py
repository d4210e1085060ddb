"""Packing runs into one file and taking them out of one: for pooling studies.

A pack is a tar file. Its first member, ``pack.json``, lists every run with its identity and
every file with its size and checksum; whatever is not listed there is refused, as is
anything that is no plain file or lies outside its run.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from alignkit.errors import DataError, UsageError
from alignkit.runs.files import locked, put_folder, sha256_of, whole_file
from alignkit.runs.run import Run

LIST = "pack.json"
FORMAT = 1
WEIGHTS = ".safetensors"
KINDS = (".json", ".csv", ".npy", WEIGHTS)  # nothing that could hold a pickle
MOST_LIST_BYTES = 100_000_000
CHUNK = 1 << 20


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
        The file to write; gzip where it ends in ``.gz``.
    weights, representations : bool
        Whether to take those along; they are nearly all of the size.

    Returns
    -------
    int
        Bytes of the file.

    Raises
    ------
    UsageError
        When a run does not lie below the folder of runs.
    """
    chosen = {_folder(run, root): run for run in runs}
    files = {
        folder: _files(run, weights, representations) for folder, run in sorted(chosen.items())
    }
    listed = [
        {
            "folder": folder,
            "identity": chosen[folder].stored["identity"],
            "files": {
                name: {"size": path.stat().st_size, "sha256": sha256_of(path)}
                for name, path in found.items()
            },
        }
        for folder, found in files.items()
    ]
    text = json.dumps({"format": FORMAT, "runs": listed}, indent=1, sort_keys=True).encode()
    with whole_file(target) as temporary, _tar_to_write(temporary, target) as tar:
        _add(tar, LIST, len(text), io.BytesIO(text))
        for folder, found in files.items():
            for name, path in found.items():
                with path.open("rb") as file:
                    _add(tar, f"{folder}/{name}", path.stat().st_size, file)
    return target.stat().st_size


def import_runs(pack: Path, root: Path, told: Callable[[str], None]) -> dict[str, str]:
    """Take runs out of a pack; what is here already, or would overwrite another, stays out.

    Parameters
    ----------
    pack : Path
    root : Path
        The folder of runs.
    told : callable
        Is told of every run what became of it.

    Returns
    -------
    dict of str to str
        For every run: ``imported``, ``here already``, or ``refused: ...``.

    Raises
    ------
    DataError
        When the pack is broken, was changed, or holds what it must not; nothing is imported.
    """
    if not pack.is_file():
        raise DataError(f"there is no pack {pack}; make one with: alignkit runs export")
    with _as_pack(pack):
        tarfile.open(pack, "r:*").close()  # before a folder is made for what is none
    with (
        locked(root),
        tempfile.TemporaryDirectory(prefix=".import.", suffix=".tmp", dir=root) as folder,
    ):
        with _as_pack(pack), tarfile.open(pack, "r:*") as tar:
            listed = _unpack(tar, Path(folder), pack)
        found = {}
        for run in listed:
            found[run["folder"]] = _put(run, Path(folder), root)
            told(f"{root / run['folder']}: {found[run['folder']]}")
        return found


@contextmanager
def _as_pack(pack: Path) -> Iterator[None]:
    """Say in one line that a file is no pack."""
    try:
        yield
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
        raise DataError(f"{pack} cannot be read as a pack of runs: {said}") from None


def _put(run: Mapping[str, Any], unpacked: Path, root: Path) -> str:
    """Move one run to its place, unless something is there."""
    target = root / run["folder"]
    if (target / "config.json").is_file():
        if Run(target).stored.get("identity") != run["identity"]:
            return "refused: another run is there; import into another folder with --runs"
        if Run(target).is_trained:
            return "here already"
    with locked(target):
        put_folder(unpacked / run["folder"], target)
    return "imported"


def _unpack(tar: tarfile.TarFile, folder: Path, pack: Path) -> list[dict[str, Any]]:
    """Write every listed file below a folder, and check it on the way."""
    first = tar.next()
    if first is None or first.name != LIST or first.size > MOST_LIST_BYTES:
        raise DataError(f"{pack} is no pack of runs: it does not begin with {LIST}")
    listed = _listed(tar, first, pack)
    expected = {
        f"{run['folder']}/{name}": told for run in listed for name, told in run["files"].items()
    }
    needed, free = sum(told["size"] for told in expected.values()), shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(f"{pack} needs {needed} bytes, and {folder.parent} has {free} free")
    for member in iter(tar.next, None):
        told = expected.pop(member.name, None)
        if told is None or not member.isreg():
            raise DataError(f"{pack} holds '{member.name}', which its list does not; refused")
        if member.size != told["size"]:
            raise DataError(f"{pack}: {member.name} has another size than its list says")
        source = tar.extractfile(member)
        assert source is not None
        target = folder / member.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if _copy(source, target) != told["sha256"]:
            raise DataError(f"{pack}: {member.name} has another checksum than its list says")
    if expected:
        raise DataError(f"{pack} lacks {next(iter(expected))}; it was cut off, or changed")
    for run in listed:
        stored = Run(folder / run["folder"]).stored
        if not isinstance(stored, dict) or stored.get("identity") != run["identity"]:
            raise DataError(f"{pack}: {run['folder']} is not the run that its list says")
    return listed


def _listed(tar: tarfile.TarFile, member: tarfile.TarInfo, pack: Path) -> list[dict[str, Any]]:
    """Read and check the list, before anything is written."""
    source = tar.extractfile(member)
    try:
        content = json.loads(source.read() if source else b"")
        form = content["format"]
        runs: list[dict[str, Any]] = [
            {
                "folder": str(run["folder"]),
                "identity": str(run["identity"]),
                "files": {
                    str(name): {"size": int(told["size"]), "sha256": str(told["sha256"])}
                    for name, told in run["files"].items()
                },
            }
            for run in content["runs"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError(f"{pack}: its {LIST} is not what a pack begins with") from None
    if form != FORMAT:
        raise DataError(f"{pack} is of format {form}; known is {FORMAT}")
    for run in runs:
        if len(PurePosixPath(run["folder"]).parts) != 3 or not _is_safe(run["folder"]):
            raise DataError(f"{pack} names the folder '{run['folder']}'; refused")
        for name in run["files"]:
            if not _is_safe(name) or PurePosixPath(name).suffix not in KINDS:
                raise DataError(f"{pack} names the file '{name}'; refused")
        if not {"config.json", "train.json"} <= set(run["files"]):
            raise DataError(f"{pack}: {run['folder']} is not the whole of a run")
    return runs


def _is_safe(path: str) -> bool:
    """Whether every part is a plain name: nothing hidden, absolute, or upwards."""
    return all(re.fullmatch(r"[\w,=+@-][\w.,=+@-]*", part) for part in path.split("/"))


def _files(run: Run, weights: bool, representations: bool) -> dict[str, Path]:
    """The files of a run that are worth packing, by their names within it."""
    found = {}
    for path in sorted(run.path.rglob("*")):
        parts = path.relative_to(run.path).parts
        hidden = any(part.startswith(".") for part in parts)
        left_out = (
            parts[0] == "checkpoint"
            or (parts[0] == "representations" and not representations)
            or (path.suffix == WEIGHTS and not weights)
        )
        if path.is_file() and path.suffix in KINDS and not hidden and not left_out:
            name = "/".join(parts)
            if not _is_safe(name):
                raise DataError(f"{path} cannot be packed: use letters, digits and .,-_=+@ only")
            found[name] = path
    return found


def _folder(run: Run, root: Path) -> str:
    try:
        folder = run.path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        folder = ""
    if len(PurePosixPath(folder).parts) != 3:
        raise UsageError(f"{run.path} does not lie below {root}; name the folder with --runs")
    return folder


@contextmanager
def _tar_to_write(path: Path, target: Path) -> Iterator[tarfile.TarFile]:
    """A tar file whose bytes depend on its content alone."""
    import gzip

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


def _add(tar: tarfile.TarFile, name: str, size: int, source: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)  # time, owner and the like are zero
    member.size, member.mode = size, 0o644
    tar.addfile(member, source)


def _copy(source: IO[bytes], target: Path) -> str:
    """Copy a stream to a file; give its checksum."""
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()
