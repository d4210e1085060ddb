"""Files of arrays that lie about their size, unpack to far more, or run code where pickles do."""

import base64
import bz2
import collections
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np

MANY = 10**12
# Reading its list of links never ends in libhdf5 1.14.
_ENDLESS = (
    b"H4sIAAAAAAACA+v0cHHj5ZLiYgABDg4GFgYBBmTwHwo2yKHyYfIJUJoRSndA6RVMMHFGsJwEVFwQaj66upAgV9dR"
    b"+VH5UflR+VH5UXns8ozw+ge9HjJggdAcDKNgJAIPV8cAEB0B5StA6RNMqOoqoHR6UX5pAZAuSEzOTk1BtF8sSLSX"
    b"kYEVopcRxteA0EwQATaoOmYojc5nBraMQCoFFeQZWKAuF+dgEK+HyrMCUzRInokJYiAHtCXFzAhL6h4M2H04MCDY"
    b"z9+FEegrWCuygw21fQiT2AAVh7ULM4TxmwvL1wrMIyM9D1y68hiU6QpXPwI9PaGXA7B0eIEN1bxKtH6Lx2gRihXk"
    b"7Gewq3dj37f3k7L9/avXbBcqcu7/q7TTrvLlMvtnxUX2/9RN9of+XLj/VZ/8/jxXTVu/syIH3nAl7GOumr//Qan1"
    b"/v4Q7v0Snxbuo5Y5FXGMHgzb/1PLOLFSFdPRSB4Fo2AUjIJRMArQAKF+t4LQaL97JANIfw/eGWWoYB0NE/L6N2z0"
    b"6e8xQwzkBsqDGIxw+zjAPayU1LScxJJUqBlI/UIm5goRhNUga6FKAmhW7jBiKXeCCeibgFYQoYcTy2hSGwWjYBSM"
    b"glEwCkbBKBhWAACjJnez0CQAAA=="
)


def npy(shape: object = "(4, 3)", kind: str = "'<f8'", data: bytes = b"\0" * 96) -> bytes:
    """A .npy file that states what is asked for."""
    header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}}}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header) % 65536) + header + data


def raw_header(header: bytes, version: bytes = b"\x01\0", length: int | None = None) -> bytes:
    size = struct.pack("<H" if version == b"\x01\0" else "<I", length or len(header))
    return b"\x93NUMPY" + version + size + header + b"\0" * 96


NPY = {
    "10^12 rows": npy(f"({MANY}, 3)"),
    "10^12 columns": npy(f"(4, {MANY})"),
    "10^30 rows": npy(f"({10**30}, 3)"),
    "a product beyond 2^64": npy(f"({2**33}, {2**33})"),
    "negative rows": npy("(-4, -3)"),
    "rows that are a text": npy("('4', 3)"),
    "rows that are a float": npy("(4.0, 3)"),
    "sixty axes": npy(f"({'1, ' * 60})"),
    "fewer bytes than stated": npy(data=b"\0" * 95),
    "more bytes than stated": npy(data=b"\0" * 97),
    "no bytes": npy(data=b""),
    "objects": npy(kind="'|O'", data=pickle.dumps([1] * 12)),
    "objects in a structure": npy(kind="[('a', '|O'), ('b', '<f8')]"),
    "an unknown type": npy(kind="'<z9'"),
    "a type of 10^9 bytes": npy(kind="'|V1000000000'"),
    "a text as header": raw_header(b"'x'"),
    "a call in the header": raw_header(b"__import__('os').system('true')"),
    "a header of brackets": raw_header(b"(" * 9000),
    "a header of minus signs": raw_header(b"-" * 9000 + b"1"),
    "a header of 4 GB": raw_header(b"{}", b"\x02\0", 2**32 - 1),
    "an unknown version": raw_header(b"{}", b"\x09\x09"),
    "the magic number only": b"\x93NUMPY",
    "a key that is missing": raw_header(b"{'descr': '<f8'}"),
    "keys twice": raw_header(b"{'descr': '<f8', 'descr': '|O', 'shape': (1, 1)}"),
    "empty": b"",
    "a pickle": pickle.dumps({"a": 1}),
}


def archive(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


def packed_zeros(megabytes: int, before: bytes = b"") -> bytes:
    """What zlib makes of some bytes and many zeros, without the work."""
    packer = zlib.compressobj(9)
    start = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    part = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    check = zlib.adler32(before)
    low, high = check & 0xFFFF, check >> 16
    high = (high + low * (megabytes << 20)) % 65521
    return start + part * megabytes + b"\x03\0" + struct.pack(">HH", high, low)


def zeros(rows: int, name: str = "x.npy", how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of an array of 1 KB of zeros a row, made without the array in memory."""
    out = io.BytesIO()
    header = npy(f"({rows}, 128)", data=b"")
    with zipfile.ZipFile(out, "w", how, compresslevel=9) as file, file.open(name, "w") as member:
        member.write(header)
        for _ in range(rows // 1024):
            member.write(bytes(1 << 20))
    return out.getvalue()


def stating(content: bytes, unpacked: int, packed: int | None = None) -> bytes:
    """An archive with one member whose sizes in the list of members are others."""
    at = content.rindex(b"PK\x01\x02")
    start, end = content[: at + 20], content[at + 28 :]
    own = struct.unpack("<I", content[at + 20 : at + 24])[0]
    return start + struct.pack("<II", own if packed is None else packed, unpacked) + end


def overlapping(content: bytes, count: int) -> bytes:
    """Members that are all the same bytes of the file, each with a few bytes of list."""
    at, end = content.index(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")
    entry, tail = content[at:end], content[end:]
    entries = b"".join(entry[:46] + f"{number:06}".encode() + entry[52:] for number in range(count))
    counts = struct.pack("<HH", *(min(count, 65535),) * 2)
    tail = tail[:8] + counts + struct.pack("<II", len(entries), at) + tail[20:]
    return content[:at] + entries + tail


NPZ = {
    "70 MB of zeros": lambda: zeros(70 * 1024),
    "70 MB of zeros by bzip2": lambda: zeros(70 * 1024, how=zipfile.ZIP_BZIP2),
    "70 MB of zeros by lzma": lambda: zeros(70 * 1024, how=zipfile.ZIP_LZMA),
    "members upon each other": lambda: overlapping(zeros(8 * 1024, "000000.npy"), 400),
    "10^12 rows": lambda: archive({"x.npy": npy(f"({MANY}, 3)")}),
    "10^12 rows, stored": lambda: archive({"x.npy": npy(f"({MANY}, 3)")}, zipfile.ZIP_STORED),
    "4 GB stated": lambda: stating(archive({"x.npy": npy()}), 2**32 - 2),
    "4 GB stated and stored": lambda: stating(
        archive({"x.npy": npy()}, zipfile.ZIP_STORED), 2**32 - 2, 2**32 - 2
    ),
    "fewer bytes stated": lambda: stating(archive({"x.npy": npy()}), 100),
    "objects": lambda: archive({"x.npy": NPY["objects"]}),
    "a text": lambda: archive({"x.txt": b"hello"}),
    "an archive": lambda: archive({"x.npz": archive({"x.npy": npy()})}),
    "a name that leaves": lambda: archive({"../../x": b"evil"}),
    "no members": lambda: archive({}),
    "no list of members": lambda: archive({"x.npy": npy()})[:-22],
    "100,001 members": lambda: overlapping(archive({"000000.npy": b""}), 100_001),
    "no archive": lambda: b"PK\x03\x04" + b"x" * 500,
}


def safetensors(header: object, data: bytes = b"\0" * 96, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(shape: object = (4, 3), begin: int = 0, end: int = 96, kind: str = "F64") -> dict:
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}


def _many(entry: str) -> bytes:
    return b"{" + ",".join(f'"{number}": {entry}' for number in range(100_001)).encode() + b"}"


SAFETENSORS = {
    "a header of 10^9 bytes": safetensors({"x": tensor()}, length=10**9),
    "a header of 2^63 bytes": safetensors({"x": tensor()}, length=2**63),
    "a header of 2^64 bytes": safetensors({"x": tensor()}, length=2**64 - 1),
    "no header": b"",
    "a header that is cut": safetensors({"x": tensor()})[:20],
    "tensors upon each other": safetensors({"x": tensor(), "y": tensor()}),
    "a hole": safetensors({"x": tensor(), "y": tensor((1, 1), 200, 208)}, b"\0" * 208),
    "an end before its begin": safetensors({"x": tensor(begin=96, end=0)}),
    "an end beyond the file": safetensors({"x": tensor((MANY, 1), 0, 8 * MANY)}),
    "an end of 2^64": safetensors({"x": tensor((1, 1), 0, 2**64)}),
    "a product beyond 2^64": safetensors({"x": tensor((2**33, 2**33))}),
    "10^12 rows of nothing": safetensors({"x": tensor((MANY, 0), 0, 0)}, b""),
    "more rows than bytes": safetensors({"x": tensor((MANY, 3))}),
    "negative rows": safetensors({"x": tensor((-4, -3))}),
    "an unknown type": safetensors({"x": tensor(kind="O")}),
    "a shape that is a text": safetensors({"x": tensor("43")}),
    "a list": safetensors([]),
    "a header nested 10^5 deep": safetensors(b"[" * 100_000),
    "a header that is no text": safetensors(b"\xff" * 40),
    "a name twice": safetensors(b'{"x": %s, "x": %s}' % ((json.dumps(tensor()).encode(),) * 2)),
    "100,001 tensors": lambda: safetensors(_many(json.dumps(tensor((1, 0), 0, 0))), b""),
    "a pickle": pickle.dumps({"a": 1}),
}


class _Runs:
    def __reduce__(self):
        return os.system, ("touch canary",)


def pt(content: object, old: bool = False) -> bytes:
    import torch

    out = io.BytesIO()
    torch.save(content, out, _use_new_zipfile_serialization=not old)
    return out.getvalue()


def _ones(*shape: int):
    import torch

    return torch.ones(1).expand(*shape)


def _shared(levels: int, leaf: object) -> object:
    for _ in range(levels):
        leaf = {"a": leaf, "b": leaf}
    return leaf


def _deep(levels: int) -> object:
    content: object = {"x": _ones(4, 3).clone()}
    for _ in range(levels):
        content = {"a": content}
    return content


def _in_itself() -> dict:
    content: dict = {"x": _ones(4, 3).clone()}
    content["y"] = content
    return content


def with_pickle(code: bytes, old: bool = False) -> bytes:
    """A file in the form of torch whose pickle is given."""
    if old:
        return b"".join((pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2), code))
    members = {"a/data.pkl": code, "a/version": b"3\n", "a/byteorder": b"little"}
    return archive(members, zipfile.ZIP_STORED)


def _legacy_storage(numbers: int) -> bytes:
    """A pickle in the form of before 2020 with a storage of many numbers, which it lacks."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    code = (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(("
        b"X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0a"
        b"X\x03\0\0\0cpu\x8a\x08" + struct.pack("<q", numbers) + b"NtQ"
        b"K\0K\x04K\x03\x86K\x03K\x01\x86\x89ccollections\nOrderedDict\n)RtR."
    )
    keys = pickle.dumps(["a"], 2)
    return with_pickle(pickle.dumps(system, 2) + code + keys + struct.pack("<q", numbers), True)


def _tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        for name in ("storages", "tensors", "pickle"):
            member = tarfile.TarInfo(name)
            member.size = 4
            file.addfile(member, io.BytesIO(b"I1\n."))
    return out.getvalue()


PT = {
    "a call of the shell": lambda: pt(_Runs()),
    "a call of the shell in the form of before 2020": lambda: pt(_Runs(), old=True),
    "a plain pickle that calls the shell": lambda: pickle.dumps(_Runs()),
    "eval": lambda: with_pickle(b"cbuiltins\neval\n(X\x04\0\0\01+1tR."),
    "one number shown 10^12 times": lambda: pt({"x": _ones(10**9, 1000)}),
    "one number shown 10^12 times, alone": lambda: pt(_ones(10**9, 1000)),
    "rows of one number": lambda: pt([_ones(10**9) for _ in range(100)]),
    "2^40 places of one tensor": lambda: pt(_shared(40, _ones(4, 3).clone())),
    "2^40 places of nothing": lambda: pt(_shared(40, {})),
    "2^40 places of a number": lambda: pt(_shared(40, 1)),
    "nested 100 deep": lambda: pt(_deep(100)),
    "a dict in itself": lambda: pt(_in_itself()),
    "a bytearray of 10^12": lambda: with_pickle(
        b"\x80\x02cbuiltins\nbytearray\n\x8a\x06" + struct.pack("<Q", MANY)[:6] + b"\x85R."
    ),
    "a text of 10^12 stated": lambda: with_pickle(b"\x80\x04\x8d" + struct.pack("<Q", MANY)),
    "a stack that is empty": lambda: with_pickle(b"\x80\x02tRR."),
    "100 MB of brackets": lambda: archive({"a/data.pkl": b"(" * (100 << 20)}),
    "a storage of 10^12 in the form of before 2020": lambda: _legacy_storage(MANY),
    "a storage of -1 in the form of before 2020": lambda: _legacy_storage(-1),
    "the form of before 2017": _tarred,
    "a script": lambda: archive({"a/constants.pkl": b"", "a/data.pkl": b""}),
    "a module": lambda: pt(collections.Counter()),
    "an archive without a pickle": lambda: archive({"a/version": b"3"}),
    "a sparse tensor": lambda: pt({"x": _ones(4, 3).clone().to_sparse()}),
    "a tensor without values": lambda: pt({"x": _ones(4, 3).to("meta")}),
    "empty": lambda: b"",
}


def hdf5(fill) -> bytes:
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        fill(file)
    return out.getvalue()


def _unallocated(file, shape=(10**9, 1000), name="x", **options) -> None:
    file.create_dataset(name, shape, "f8", fillvalue=1.0, **options)


def _one_text_many_times(file) -> None:
    """References to one text of 10 MB; libhdf5 stores it once for each, so they are set after."""
    import h5py

    data = file.create_dataset("ids", (1000,), h5py.string_dtype())
    data[0] = "x" * 1_000_000
    file["x"] = np.zeros((1000, 3))


def texts_of_one(count: int = 1000) -> bytes:
    """A file in which many texts are the same million of letters."""
    content = bytearray(hdf5(_one_text_many_times))
    reference = struct.pack("<I", 1_000_000)
    at = next(
        place
        for place in range(len(content))
        if content.startswith(reference, place) and not any(content[place + 16 : place + 32])
    )
    for number in range(1, count):
        content[at + 16 * number : at + 16 * number + 16] = content[at : at + 16]
    return bytes(content)


def _packed_chunk(file) -> None:
    """A chunk that unpacks to far more than a chunk is."""
    data = file.create_dataset("x", (4, 3), "f8", chunks=(4, 3), compression="gzip")
    data.id.write_direct_chunk((0, 0), packed_zeros(4 << 10))


def _packed_pictures(file) -> None:
    """Small pictures whose chunk unpacks to far more than a chunk is."""
    kept = {"chunks": (2, 3, 8, 8), "compression": "gzip"}
    pictures = file.create_dataset("images", (4, 3, 8, 8), "u1", **kept)
    pictures.id.write_direct_chunk((0, 0, 0, 0), packed_zeros(4 << 10))


def _chunk_of_all(file) -> None:
    """One picture, whose chunk has room for 10^9 of them."""
    kept = {"maxshape": (None, 3, 8, 8), "chunks": (20_000_000, 3, 8, 8), "compression": "gzip"}
    pictures = file.create_dataset("images", (1, 3, 8, 8), "u1", **kept)
    pictures.id.write_direct_chunk((0, 0, 0, 0), packed_zeros(3 << 10))


PIXELS = {
    "a chunk that unpacks to 4 GB": lambda: hdf5(_packed_pictures),
    "one picture in a chunk of 4 GB": lambda: hdf5(_chunk_of_all),
}


def _groups_in_each_other(file) -> None:
    group = file.create_group("g")
    group["g"] = group


def _groups_shared(file) -> None:
    groups = [file.create_group(f"g{number}") for number in range(40)]
    for outer, inner in pairwise(groups):
        outer["a"], outer["b"] = inner, inner


def _elsewhere(file) -> None:
    import h5py

    file["x"] = h5py.ExternalLink("/etc/hostname", "/")
    file["y"] = h5py.SoftLink("/nowhere")


HDF5 = {
    "links without end": lambda: gzip.decompress(base64.b64decode(b"".join((_ENDLESS,)))),
    "8 TB never written": lambda: hdf5(_unallocated),
    "8 TB never written, in chunks": lambda: hdf5(
        lambda file: _unallocated(file, chunks=(1000, 1000))
    ),
    "8 TB never written, packed": lambda: hdf5(
        lambda file: _unallocated(file, chunks=(10, 10), compression="gzip")
    ),
    "100 times 100 MB never written": lambda: hdf5(
        lambda file: [_unallocated(file, (100, 125_000), f"x{i}") for i in range(100)]
    ),
    "ids that are 8 TB never written": lambda: hdf5(
        lambda file: [_unallocated(file, (10**12,), "ids"), file.create_dataset("x", (4, 3), "f8")]
    ),
    "texts that are one": texts_of_one,
    "a chunk that unpacks to 4 GB": lambda: hdf5(_packed_chunk),
    "a group in itself": lambda: hdf5(_groups_in_each_other),
    "groups in 2^40 places": lambda: hdf5(_groups_shared),
    "links to other files": lambda: hdf5(_elsewhere),
    "cut": lambda: hdf5(lambda file: file.create_dataset("x", data=np.ones((400, 30))))[:3000],
    "the magic number only": lambda: b"\x89HDF\r\n\x1a\n",
    "a text": lambda: b"hello",
}


def in_matlab(content: bytes) -> bytes:
    """A file of HDF5 as MATLAB 7.3 writes it, behind 512 bytes."""
    return b"MATLAB 7.3 MAT-file".ljust(512) + content


def _matlab(fill) -> bytes:
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w", userblock_size=512) as file:
        fill(file)
    return in_matlab(out.getvalue()[512:])


def _cells_of_one_text(file) -> None:
    import h5py

    text = file.create_group("#refs#").create_dataset("a", data=np.ones(500_000, "u2"))
    text.attrs["MATLAB_class"] = np.bytes_("char")
    cells = file.create_dataset("names", (3000, 1), h5py.ref_dtype)
    cells[:, 0] = [text.ref] * 3000
    cells.attrs["MATLAB_class"] = np.bytes_("cell")


def _not_empty(file) -> None:
    data = file.create_dataset("x", data=np.array([10**9, 10**6], "u8"))
    data.attrs["MATLAB_empty"] = np.uint8(1)


def mat(*elements: bytes) -> bytes:
    """A file of MATLAB 5 with elements."""
    return b"MATLAB 5.0".ljust(116) + bytes(8) + b"\0\1IM" + b"".join(elements)


def _packed(megabytes: int) -> bytes:
    content = packed_zeros(megabytes, struct.pack("<II", 9, megabytes << 20))
    return struct.pack("<II", 15, len(content)) + content


MAT = {
    "1 GB of zeros": lambda: mat(_packed(1 << 10)),
    "10 times 40 MB of zeros": lambda: mat(*[_packed(40)] * 10),
    "an unknown type": lambda: mat(struct.pack("<II", 77, 8) + bytes(8)),
    "a length of 4 GB": lambda: mat(struct.pack("<II", 9, 2**32 - 8) + bytes(8)),
    "a matrix without its class": lambda: mat(struct.pack("<II", 14, 16) + bytes(16)),
    "version 4 with 10^9 x 10^9 numbers": lambda: struct.pack("<5i2s", 0, 10**9, 10**9, 0, 2, b"x"),
    "version 4 with -1 numbers": lambda: struct.pack("<5i2s", 0, -1, -1, 0, 2, b"x"),
    "version 4 with a name of 2 GB": lambda: struct.pack("<5i2s", 0, 4, 3, 0, 2**31 - 1, b"x"),
    "version 7.3 that is never written": lambda: _matlab(_unallocated),
    "version 7.3 with cells of one text": lambda: _matlab(_cells_of_one_text),
    "version 7.3 with an empty array of 10^15": lambda: _matlab(_not_empty),
    "version 7.3 with a structure in itself": lambda: _matlab(_groups_in_each_other),
    "version 7.3 with structures in 2^40 places": lambda: _matlab(_groups_shared),
    "version 7.3 that is cut": lambda: in_matlab(b"\x89HDF\r\n\x1a\n" + bytes(100)),
    "empty": lambda: b"",
}


def repeated(times: int, columns: dict[str, object]) -> bytes:
    """Row groups of the same rows, many times."""
    import pyarrow as pa
    import pyarrow.parquet

    table = pa.table(columns)
    out = pa.BufferOutputStream()
    with pyarrow.parquet.ParquetWriter(out, table.schema, compression="zstd") as writer:
        for _ in range(times):
            writer.write_table(table)
    return out.getvalue().to_pybytes()


def _constant(rows: int, kind: str = "float64"):
    import pyarrow as pa

    return pa.array(np.zeros(rows, kind))


def _long_texts():
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(10_000, "int32")), pa.array(["x" * 1_000_000])
    )


def _long_lists():
    import pyarrow as pa

    ends = pa.array([0, 4_000_000, 8_000_000, 12_000_000], pa.int32())
    return pa.ListArray.from_arrays(ends, pa.array(np.zeros(12_000_000)))


PARQUET = {
    "20 million equal numbers": lambda: repeated(20, {"x": _constant(10**6)}),
    "20 million empty cells": lambda: repeated(2, {"x": _nulls(10**7)}),
    "10,000 times one text of a million": lambda: repeated(1, {"id": _long_texts()}),
    "long lists of equal numbers": lambda: repeated(1, {"x": _long_lists()}),
    "a column twice": lambda: _twice(),
    "no columns": lambda: repeated(1, {}),
    "texts only": lambda: repeated(1, {"x": ["a", "b"]}),
    "cut": lambda: repeated(1, {"x": _constant(100)})[:-20],
    "a footer of 4 GB": lambda: b"PAR1" + bytes(40) + struct.pack("<I", 2**32 - 1) + b"PAR1",
    "a footer that is none": lambda: b"PAR1" + b"\xff" * 40 + struct.pack("<I", 40) + b"PAR1",
    "the magic number only": lambda: b"PAR1",
    "empty": lambda: b"",
}


def _picture(size: int) -> bytes:
    """A picture that can be read, with zeros behind it."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "BMP")
    return out.getvalue().ljust(size, b"\0")


def _one_picture():
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(10_000, "int32")), pa.array([_picture(1_000_000)])
    )


def _equal_pictures():
    import pyarrow as pa

    return pa.array([_picture(20_000_000)] * 50)


CELLS = {
    "10,000 times one picture of a million bytes": lambda: repeated(1, {"image": _one_picture()}),
    "50 pictures of 20 million equal bytes": lambda: repeated(1, {"image": _equal_pictures()}),
}


def _nulls(rows: int):
    import pyarrow as pa

    return pa.nulls(rows)


def _twice() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet

    out = pa.BufferOutputStream()
    values = pa.array([1.0, 2.5])
    pyarrow.parquet.write_table(pa.Table.from_arrays([values, values], ["x", "x"]), out)
    return out.getvalue().to_pybytes()


COMPRESSED = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def write(folder: Path, name: str, content) -> Path:
    """Write a content, which may be one that is only now made."""
    path = folder / name
    path.write_bytes(content() if callable(content) else content)
    return path
