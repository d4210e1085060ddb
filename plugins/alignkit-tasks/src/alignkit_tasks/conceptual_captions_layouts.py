"""The forms in which Conceptual Captions is distributed, each read one pair at a time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import alignkit
from alignkit.documents import parse_json
from alignkit.file_names import listed, readable
from alignkit.tables import read_rows, read_table
from alignkit_tasks.archives import PICTURES, Member, TarPicture, samples_of
from alignkit_tasks.columns import column_names, picture_in, read_columns
from alignkit_tasks.folders import first_that_exists, picture_file
from alignkit_tasks.records import Record
from alignkit_tasks.sources import Absent, File, Source

TSV = {
    "train": ("Train_GCC-training.tsv", "Train-GCC-training.tsv", "train.tsv"),
    "validation": ("Validation_GCC-1.1.0-Validation.tsv", "validation.tsv"),
}
CSV = {"train": ("train.csv",), "validation": ("validation.csv",)}
CAPTIONS = ("caption", "text", "TEXT")
IMAGES = ("image", "jpg", "img", "image_bytes")
ADDRESSES = ("image_url", "url", "URL")
NAME_LENGTH = 32


@dataclass(frozen=True)
class Captions:
    """One layout: where its annotations are and how to read them.

    Attributes
    ----------
    files : callable
        ``files(root, part)`` lists the annotation files or shards of a part, in order.
    pairs : callable
        ``pairs(path, root)`` yields the pairs of one of these files.
    """

    name: str
    tree: str
    files: Callable[[Path, str], list[Path]]
    pairs: Callable[[Path, Path], Iterator[Record]]


def picture_of_address(root: Path, address: str) -> Source:
    """Return the file of a downloaded picture, named after the SHA-256 of its URL.

    The file names in URLs are not unique: pictures from different sites would overwrite each
    other and be paired with the wrong captions.
    """
    name = hashlib.sha256(address.encode()).hexdigest()[:NAME_LENGTH]
    places = [root / "images" / f"{name}.{ending}" for ending in PICTURES]
    return File(next((path for path in places if path.is_file()), places[0]))


def _shards(suffix: str) -> Callable[[Path, str], list[Path]]:
    """Return a function that finds the shards of a part; names with ``val`` mean validation."""

    def find(root: Path, part: str) -> list[Path]:
        ending = "".join(f"[{letter}{letter.upper()}]" for letter in suffix)
        shards = sorted(set(listed(root, f"*.{ending}", f"*/*.{ending}")))
        return [p for p in shards if _is_validation(p, root) == (part == "validation")]

    return find


def _is_validation(path: Path, root: Path) -> bool:
    name = str(path.relative_to(root)).lower()
    return re.search("(?<![a-z])val(id|idation)?(?![a-z])", name) is not None


def _one_file(names: Mapping[str, tuple[str, ...]]) -> Callable[[Path, str], list[Path]]:
    """Return a function that finds the one file of a part."""

    def find(root: Path, part: str) -> list[Path]:
        path = first_that_exists(root, ("", "annotations"), names[part])
        return [path] if path else []

    return find


def _from_tar(path: Path, _root: Path) -> Iterator[Record]:
    for key, parts in samples_of(path):
        picture = next((parts[ending] for ending in PICTURES if ending in parts), None)
        where = f"{path.name}, {key}"
        identity = f"{readable(path.stem)}/{key}"
        if picture is None:  # such as a text about the shard
            yield Record(identity, "", Absent(where), None, where)
        else:
            yield Record(identity, _caption(parts, where), TarPicture(picture), None, where)


def _caption(parts: dict[str, Member], where: str) -> str:
    try:
        if "txt" in parts:
            return parts["txt"].read().decode("utf-8-sig")
        content = parse_json(parts["json"].read(), where, {}) if "json" in parts else {}
    except ValueError as error:
        raise alignkit.DataError(f"{where}: the caption cannot be read: {error!s:.60}") from None
    caption = next((content[key] for key in CAPTIONS if key in content), None)
    if not isinstance(caption, str):
        raise alignkit.DataError(f"{where}: there is no caption, neither in .txt nor in .json")
    return caption


def _from_columns(path: Path, root: Path) -> Iterator[Record]:
    names = column_names(path)
    text = next((name for name in CAPTIONS if name in names), CAPTIONS[0])
    image = next((name for name in IMAGES if name in names), None)
    address = next((name for name in ADDRESSES if name in names), None)
    if image is None and address is None:
        raise alignkit.DataError(
            f"{path.name} has neither pictures ({', '.join(IMAGES)}) nor URLs "
            f"({', '.join(ADDRESSES)}); it has: {', '.join(names)}"
        )
    for row, cells in enumerate(read_columns(path, [text] if image else [text, str(address)])):
        where = f"{path.name}, row {row + 1}"
        source = (
            picture_in(path, image, row, root)
            if image
            else picture_of_address(root, str(cells[str(address)]))
        )
        yield Record(f"{path.stem}/{row}", str(cells[text]), source, None, where)


def _from_tsv(path: Path, root: Path) -> Iterator[Record]:
    for where, (caption, address) in read_rows(path, 2, "\t", quotes=False):
        identity = hashlib.sha256(address.encode()).hexdigest()[:NAME_LENGTH]
        yield Record(identity, caption, picture_of_address(root, address), None, where)


def _from_csv(path: Path, root: Path) -> Iterator[Record]:
    for where, row in read_table(path).records():
        if not {"text", "filepath"} <= set(row):
            raise alignkit.DataError(
                f"{where}: expected the columns text and filepath, not {', '.join(row)}"
            )
        picture = picture_file(root, row["filepath"], where, "images")
        identity = hashlib.sha256(f"{row['filepath']}\t{row['text']}".encode()).hexdigest()
        yield Record(identity[:NAME_LENGTH], row["text"], picture, None, where)


LAYOUTS = (
    Captions("webdataset", "*.tar with KEY.jpg and KEY.txt or KEY.json", _shards("tar"), _from_tar),
    Captions(
        "Parquet",
        "*.parquet with caption and image, or with caption and image_url and images/ as below",
        _shards("parquet"),
        _from_columns,
    ),
    Captions("Arrow", "*.arrow with the same columns", _shards("arrow"), _from_columns),
    Captions(
        "TSV",
        "Train_GCC-training.tsv, Validation_GCC-1.1.0-Validation.tsv, and images/ "
        f"with files named after the first {NAME_LENGTH} hexadecimal digits of the SHA-256 of "
        "their URL",
        _one_file(TSV),
        _from_tsv,
    ),
    Captions("study", "train.csv, validation.csv, images/", _one_file(CSV), _from_csv),
)
