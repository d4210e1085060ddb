"""Packs of runs whose lists or headers lie, or that unpack to far more."""

import bz2
import gzip
import io
import json
import lzma
import tarfile

from hostile.arrays import packed_zeros

GIGABYTE = 1 << 30
RUN = "task/none/seed0"


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as file:
        for info, content in members:
            file.addfile(info, io.BytesIO(content))
    return out.getvalue()


def member(name: str, content: bytes = b"", size: int | None = None, kind: bytes = b"0"):
    info = tarfile.TarInfo(name)
    info.size, info.type = len(content) if size is None else size, kind
    return info, content


def listing(files: dict | None = None, folder: str = RUN, **other: object) -> bytes:
    """The list of a pack with one run."""
    entry = {"size": 2, "sha256": "0" * 64}
    files = {"config.json": entry, "train.json": entry} | (files or {})
    run = {"folder": folder, "identity": "0" * 64, "files": files}
    return json.dumps({"format": 1, "runs": [run]} | other).encode()


def pack(content: bytes, *others: tuple[tarfile.TarInfo, bytes]) -> bytes:
    return tar(member("pack.json", content), *others)


def header(name: str, size: int, kind: bytes = b"0") -> bytes:
    info, _ = member(name, size=size, kind=kind)
    return info.tobuf(tarfile.GNU_FORMAT)


def _of(size: object, name: str = "a.npy") -> bytes:
    return listing({name: {"size": size, "sha256": "0" * 64}})


def zipped_zeros(before: bytes, megabytes: int) -> bytes:
    """What gzip makes of some bytes and many zeros; its checksum is wrong."""
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + packed_zeros(megabytes, before)[2:-4] + bytes(8)


def _named(name: str) -> bytes:
    return _of(2, name)


PACKS = {
    "2 GB of zeros for a list": lambda: zipped_zeros(header("pack.json", 2 * GIGABYTE), 2048),
    "90 MB of zeros for a list": lambda: zipped_zeros(header("pack.json", 90_000_000), 100),
    "a long name of 2 GB": lambda: zipped_zeros(header("a", 2 * GIGABYTE, b"L"), 2048),
    "a long link of 2 GB": lambda: zipped_zeros(header("a", 2 * GIGABYTE, b"K"), 2048),
    "facts of 2 GB": lambda: zipped_zeros(header("a", 2 * GIGABYTE, b"x"), 2048),
    "facts on all of 2 GB": lambda: zipped_zeros(header("a", 2 * GIGABYTE, b"g"), 2048),
    "facts of 2 GB behind the list": lambda: zipped_zeros(
        pack(listing())[:-1024] + header("a", 2 * GIGABYTE, b"x"), 2048
    ),
    "a member of 2 GB of zeros": lambda: zipped_zeros(
        pack(_of(2 * GIGABYTE))[:-1024] + header(f"{RUN}/a.npy", 2 * GIGABYTE), 2048
    ),
    "zeros by bzip2": lambda: bz2.compress(header("pack.json", 70_000_000) + bytes(70_000_000)),
    "zeros by xz": lambda: lzma.compress(
        header("pack.json", 70_000_000) + bytes(70_000_000), preset=0
    ),
    "a sparse member of 1 TB": lambda: pack(_of(1 << 40), member(f"{RUN}/a.npy", kind=b"S")),
    "a size of 1 TB": lambda: pack(_of(1 << 40)),
    "a size of 10^30": lambda: pack(_of(10**30)),
    "a size of -1": lambda: pack(_of(-1)),
    "a size that is a text": lambda: pack(_of("2")),
    "a size that is a list": lambda: pack(_of([2])),
    "a size that is NaN": lambda: pack(_of(2).replace(b'"size": 2', b'"size": NaN')),
    "a list of 150 MB stated": lambda: header("pack.json", 150_000_000) + bytes(1024),
    "a list that is cut": lambda: pack(listing())[:600],
    "a list that is a number": lambda: pack(b"3"),
    "a list that is deep": lambda: pack(b"[" * 100_000),
    "a list with a key twice": lambda: pack(b'{"format": 1, "format": 1, "runs": []}'),
    "a list in UTF-16": lambda: pack(listing().decode().encode("utf-16")),
    "runs that are a text": lambda: pack(listing(runs="all")),
    "files that are a list": lambda: pack(
        b'{"format": 1, "runs": [{"folder": "a/b/c", "identity": "0", "files": []}]}'
    ),
    "format 2": lambda: pack(listing(format=2)),
    "a folder that leaves": lambda: pack(listing(folder="../../x")),
    "an absolute folder": lambda: pack(listing(folder="/a/b")),
    "a folder with a NUL": lambda: pack(listing(folder="a/b/c\0d")),
    "a folder of four parts": lambda: pack(listing(folder="a/b/c/d")),
    "a hidden folder": lambda: pack(listing(folder="a/b/.c")),
    "a file that leaves": lambda: pack(_named("../x.json")),
    "a file with a backslash": lambda: pack(_named("..\\x.json")),
    "a file that is hidden": lambda: pack(_named(".x.json")),
    "a file with a control character": lambda: pack(_named("x\x1b[31m.json")),
    "a file that may run code": lambda: pack(_named("x.pkl")),
    "a module": lambda: pack(_named("x.py")),
    "a member that is not listed": lambda: pack(listing(), member("../evil.json", b"{}")),
    "a link": lambda: pack(listing(), member(f"{RUN}/config.json", kind=b"2")),
    "a hard link": lambda: pack(listing(), member(f"{RUN}/config.json", kind=b"1")),
    "a pipe": lambda: pack(listing(), member(f"{RUN}/config.json", kind=b"6")),
    "a device": lambda: pack(listing(), member(f"{RUN}/config.json", kind=b"3")),
    "another checksum": lambda: pack(listing(), member(f"{RUN}/config.json", b"{}")),
    "another size": lambda: pack(listing(), member(f"{RUN}/config.json", b"{ }")),
    "no list": lambda: tar(member(f"{RUN}/config.json", b"{}")),
    "no members": lambda: bytes(10240),
    "an archive by gzip in gzip": lambda: gzip.compress(gzip.compress(pack(listing()))),
    "gzip that is cut": lambda: gzip.compress(pack(listing()))[:40],
    "gzip with another checksum": lambda: gzip.compress(pack(listing()))[:-8] + bytes(8),
    "a zip archive": lambda: b"PK\x03\x04" + bytes(500),
    "a text": lambda: b"hello",
    "empty": lambda: b"",
}
