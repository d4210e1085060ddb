"""Every hostile input, with what reads it as the commands do."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hostile.arrays import CELLS, HDF5, MAT, NPY, NPZ, PARQUET, PIXELS, PT, SAFETENSORS
from hostile.contents import DOCUMENTS, TABLES
from hostile.packs import PACKS
from hostile.places import PLACES, WIDE


@dataclass(frozen=True)
class Input:
    """A hostile file.

    Attributes
    ----------
    family : str
    how : str
        What is wrong with it.
    name : str
        Of the file.
    write : callable
        Given the path, makes what is there.
    read : callable
        Given the path, reads it as commands do.
    may_be_read : bool
        Whether it may also be read: some are odd, and not wrong.
    """

    family: str
    how: str
    name: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]
    may_be_read: bool = False

    def __str__(self) -> str:
        return f"{self.family}: {self.how}"


def _read_document(path: Path) -> None:
    from alignkit.documents import read_json

    read_json(path, {"identity": str})


def _read_lines(path: Path) -> None:
    from alignkit_tasks.jsonl import read_jsonl

    for _, record in read_jsonl(path):
        assert isinstance(record, dict)


def _read_study(path: Path) -> None:
    from alignkit.studies.file import read_study

    read_study(path)


def _read_samples(path: Path) -> None:
    from alignkit.metrics.tables import read_samples

    read_samples(path)


def _read_scores(path: Path) -> None:
    from alignkit.cli.correlate import _typed

    _typed(path, "accuracy", None, {"unit": "placement", "control": ()})


def _read_arrays(path: Path) -> None:
    from alignkit.metrics.arrays import read_arrays

    for each in read_arrays(path):
        assert each.values.shape[0] < 10**6, "far more rows than the file can hold"


def _read_groups(path: Path) -> None:
    from alignkit.alignment.designs import Facts

    Facts(None, 4)._of_array(path)


def _read_picture(path: Path) -> None:
    from alignkit.data.pictures import fault_of, open_picture

    fault_of(path)
    open_picture(path)


def _read_pack(path: Path) -> None:
    from alignkit.runs.packs import import_runs

    try:
        import_runs(path, path.parent / "runs", lambda text: None)
    finally:
        assert not (path.parent / "runs").exists() or not list(path.parent.rglob("*.json"))


def _read_pixels(path: Path) -> None:
    from alignkit_tasks.hdf5 import ArrayPicture

    ArrayPicture(path, "images", 0).open()


def _read_cell(path: Path) -> None:
    from alignkit_tasks.columns import ColumnPicture

    ColumnPicture(path, "image", 0).open()


def _read_columns(path: Path) -> None:
    from alignkit_tasks.columns import cells_of

    for _ in cells_of(path):
        pass


def _read_weights(path: Path) -> None:
    from alignkit_encoders.checkpoints import read_checkpoint

    read_checkpoint(path)


def _read_config(path: Path) -> None:
    from alignkit_encoders import check_sizes, read_config

    check_sizes(read_config(path.parent), path)


def _put(content: object) -> Callable[[Path], object]:
    """Return what writes a content, which may be one that is only then made."""

    def write(path: Path) -> None:
        made = content() if callable(content) else content
        assert isinstance(made, bytes)
        path.write_bytes(made)

    return write


def _lines() -> dict[str, bytes]:
    good = b'{"id": 1}\n'
    lines = {how: good + content + b"\n" for how, content in DOCUMENTS.items()}
    # A line without content is passed over, and an object without entries is one.
    for how in ("empty", "an object without entries", "lists for objects", "escapes"):
        del lines[how]
    return lines | {
        "a line of 40 MB": good + b'{"a": "' + b"x" * (40 << 20) + b'"}',
        "a byte-order mark in UTF-16": '{"id": 1}'.encode("utf-16"),
        "two objects in a line": b'{"id": 1} {"id": 2}\n',
    }


_GRID = 'runs = "r"\n[grid]\ntasks = ["toy_match"]\nplacements = ["none"]\nseeds = '
STUDIES = {
    "100,000 brackets": b"a = " + b"[" * 100_000,
    "100,000 tables in each other": b"[" + b"a." * 100_000 + b"a]\n",
    "100,000 keys in each other": b"a." * 100_000 + b"a = 1\n",
    "inline tables in each other": b"a = " + b"{a = " * 5000 + b"1" + b"}" * 5000,
    "a number of 5000 digits": b"a = " + b"9" * 5000,
    "no text": b"a = \xff",
    "a key twice": b"a = 1\na = 2\n",
    "5 MB": b"# " + b"x" * (5 << 20),
    "NUL bytes": b"\0" * 100,
    "another table than expected": b"grid = 3\n",
    "a run that is a list": b"run = [1]\n",
    "an unknown table": b"[import]\nos = 1\n",
    "10^9 seeds": (_GRID + '"0-999999999"\n').encode(),
    "200,000 runs": (_GRID + str([*range(200_000)])).encode(),
    "a seed of 10^30": (_GRID + f"[{10**30}]").encode(),
    "seeds that are a text": (_GRID + '"all"').encode(),
    "seeds that are tables": (_GRID + "[{a = 1}]").encode(),
    "a folder with a NUL": b'runs = "a\\u0000b"\n',
    "dates": (_GRID + "[1979-05-27]").encode(),
    "infinity": (_GRID + "[inf]").encode(),
}


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _png_of(width: int, height: int, data: bytes = b"") -> bytes:
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return _png((b"IHDR", size), (b"IDAT", data or zlib.compress(b"\0")), (b"IEND", b""))


def _zeros(megabytes: int) -> bytes:
    from hostile.arrays import packed_zeros

    return packed_zeros(megabytes)


def _gif(width: int, height: int) -> bytes:
    size = struct.pack("<HH", width, height)
    return b"GIF89a" + size + b"\0\0\0," + b"\0\0\0\0" + size + b"\0\x02\x02L\x01\0;"


def _bmp(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def _jpeg(width: int, height: int) -> bytes:
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", 2 + len(frame)) + frame + b"\xff\xd9"


PICTURES = {
    "PNG of 10^9 x 10^9": lambda: _png_of(10**9, 10**9),
    "PNG of 2^31 x 1": lambda: _png_of(2**31, 1),
    "PNG of 0 x 0": lambda: _png_of(0, 0),
    "PNG of 30,000 x 30,000 zeros": lambda: _png_of(30_000, 30_000, _zeros(2600)),
    "PNG of 4 x 4 with 2 GB of data": lambda: _png_of(4, 4, _zeros(2048)),
    "PNG with a chunk of 4 GB": lambda: _png_of(4, 4)[:33] + b"\xff\xff\xff\xffIDAT",
    "PNG without data": lambda: _png_of(4, 4)[:33],
    "GIF of 65,535 x 65,535": lambda: _gif(65_535, 65_535),
    "GIF of 0 x 0": lambda: _gif(0, 0),
    "BMP of 2^31 x 2^31": lambda: _bmp(2**31 - 1, 2**31 - 1),
    "BMP of -1 x -1": lambda: _bmp(-1, -1),
    "JPEG of 65,500 x 65,500": lambda: _jpeg(65_500, 65_500),
    "JPEG of 0 x 0": lambda: _jpeg(0, 0),
    "JPEG without end": lambda: b"\xff\xd8" + b"\xff\xe0\xff\xff" * 10_000,
    "WebP that states 4 GB": lambda: b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff",
    "TIFF": lambda: b"II*\0" + bytes(40),
    "SVG": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "PostScript": lambda: b"%!PS\n(%pipe%touch canary) (w) file\n",
    "HTML": lambda: b"<html><script>1</script>",
    "no picture": lambda: b"hello",
    "empty": lambda: b"",
}


CONFIGS = {
    "10^9 layers": b'{"num_hidden_layers": 1000000000}',
    "10^9 heads": b'{"num_attention_heads": 1000000000}',
    "10^12 words": b'{"vocab_size": 1000000000000}',
    "a width of 10^9": b'{"hidden_size": 1000000000}',
    "a width of -1": b'{"hidden_size": -1}',
    "a width of 0": b'{"hidden_size": 0}',
    "a width that is a text": b'{"hidden_size": "768"}',
    "a width that is true": b'{"hidden_size": true}',
    "a width that is 10^30": b'{"hidden_size": 1' + b"0" * 30 + b"}",
    "a width of 1.5": b'{"hidden_size": 1.5}',
    "10^9 layers in a tower": b'{"text_config": {"num_hidden_layers": 1000000000}}',
    "widths in a list": b'{"hidden_sizes": [4, 1000000000]}',
    "heads that do not divide": b'{"hidden_size": 10, "num_attention_heads": 3}',
    "a list": b"[]",
    "deep": b'{"a":' * 500 + b"1" + b"}" * 500,
    "no text": b"\xff\xfe\0\1",
    "cut": b'{"hidden_size": ',
}


_ARRAYS = (
    ("npy", "x.npy", NPY),
    ("npz", "x.npz", NPZ),
    ("safetensors", "x.safetensors", SAFETENSORS),
    ("torch", "x.pt", PT),
    ("HDF5", "x.h5", HDF5),
    ("MATLAB", "x.mat", MAT),
    ("Parquet", "x.parquet", PARQUET),
)
# Where a pipe, a device and so on may stand, and what reads it there.
_PLACES = (
    *(("x.csv", _read_samples), ("runs.csv", _read_scores), ("x.npy", _read_arrays)),
    *((name, _read_arrays) for name in ("x.npz", "x.safetensors", "x.pt", "x.h5", "x.mat")),
    *(("x.parquet", _read_arrays), ("x.json", _read_document), ("x.jsonl", _read_lines)),
    *(("x.toml", _read_study), ("x.png", _read_picture), ("x.tar", _read_pack)),
    *(("config.json", _read_config), ("groups.npy", _read_groups), ("w.pt", _read_weights)),
    *(("images.h5", _read_pixels), ("train.parquet", _read_columns), ("x.arrow", _read_columns)),
)


_CONTENTS = (
    ("JSON", "x.json", DOCUMENTS, _read_document),
    ("lines of JSON", "x.jsonl", _lines(), _read_lines),
    ("study files", "x.toml", STUDIES, _read_study),
    ("tables of samples", "x.csv", TABLES | WIDE, _read_samples),
    ("tables of runs", "runs.csv", TABLES | WIDE, _read_scores),
    *((family, name, contents, _read_arrays) for family, name, contents in _ARRAYS),
    ("weights of torch", "w.pt", PT, _read_weights),
    ("weights in safetensors", "w.safetensors", SAFETENSORS, _read_weights),
    ("HDF5 of pictures", "images.h5", HDF5 | PIXELS, _read_pixels),
    ("Parquet of a task", "t.parquet", PARQUET, _read_columns),
    ("Parquet of pictures", "p.parquet", CELLS, _read_cell),
    ("pictures", "x.png", PICTURES, _read_picture),
    ("packs", "x.tar", PACKS, _read_pack),
    ("configurations of models", "config.json", CONFIGS, _read_config),
)


def _inputs() -> Iterator[Input]:
    for family, name, contents, read in _CONTENTS:
        for how, content in contents.items():
            yield Input(family, how, name, _put(content), read, (family, how) in MAY_BE_READ)
    for place in PLACES:
        for name, read in _PLACES:
            how = f"{place.__name__.replace('_', ' ')} as {name}"
            yield Input("no regular files", how, name, place, read)


# Odd, and readable: what is beyond the bounds in them is not used, or they are empty tables.
_EMPTY = ("a header only", "no text")
_ODD_ROWS = ("a number of 5000 digits", "a field of 200,000 characters", "20,000 columns of text")
_NOT_BUILT = (
    *("one number shown 10^12 times", "a dict in itself", "a sparse tensor"),
    "a tensor without values",
)
_NO_PLAIN_COLUMNS = (
    *("10,000 times one text of a million", "long lists of equal numbers"),
    *("a column twice", "no columns", "texts only"),
)
MAY_BE_READ = {
    *(("tables of samples", how) for how in _EMPTY),
    *(("tables of runs", how) for how in (*_EMPTY, *_ODD_ROWS)),
    ("tables of runs", "a quote that 20,000 lines do not close"),
    ("pictures", "PNG of 4 x 4 with 2 GB of data"),
    *(("weights of torch", how) for how in _NOT_BUILT),
    ("weights in safetensors", "10^12 rows of nothing"),
    *(("Parquet of a task", how) for how in _NO_PLAIN_COLUMNS),
}
INPUTS = tuple(_inputs())
