"""The forms in which MM-IMDb is distributed, each read into the same lists of movies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import alignkit
from alignkit.documents import parse_json
from alignkit.file_names import listed
from alignkit.tables import read_table
from alignkit_tasks.columns import column_names, picture_in, read_columns
from alignkit_tasks.folders import (
    Layout,
    first_that_exists,
    inner_path,
    layout_of_parts,
    picture_file,
)
from alignkit_tasks.genres import GENRES
from alignkit_tasks.hdf5 import ArrayPicture, open_hdf5
from alignkit_tasks.jsonl import read_json, read_jsonl
from alignkit_tasks.sources import Source

PARTS = ("train", "dev", "test")
STUDY_PARTS = ("trainval", "test")
HDF5 = ("multimodal_imdb.hdf5",)
# Rows of the parts in the HDF5 file, for copies without the attribute that lists them.
ROWS = {"train": (0, 15552), "dev": (15552, 18160), "test": (18160, 25959)}
_PLACES = ("", "mmimdb")


@dataclass(frozen=True)
class Movie:
    """One movie: its texts, its genres as annotated, and its poster.

    Attributes
    ----------
    plots : tuple of str
        In the order of the annotation; a single one in copies that have only one.
    genres : tuple of str, or None
        None if the annotation has no genres at all.
    """

    id: str
    plots: tuple[str, ...]
    genres: tuple[str, ...] | None
    poster: Source
    where: str
    outline: str = ""
    title: str = ""


Movies = Mapping[str, Sequence[Movie]]


def _original_base(folder: Path) -> tuple[Path, Path] | None:
    """Return the folder of split.json and the folder of the JSON files next to it, if any."""
    split_file = first_that_exists(folder, _PLACES, ("split.json",))
    details = _details_folder(split_file.parent) if split_file else None
    return (split_file.parent, details) if split_file and details else None


def _details_folder(base: Path) -> Path | None:
    return next((base / name for name in ("dataset", "labels") if (base / name).is_dir()), None)


def _original_files(folder: Path) -> list[Path]:
    base, details = _original_base(folder) or (folder, folder)
    return [base / "split.json", details, base / "images"]


def _read_original(folder: Path) -> Movies:
    """Read split.json, and one JSON file and one poster per movie."""
    base, details = _original_base(folder) or (folder, folder)
    posters = details if details.name == "dataset" else base / "images"
    parts = read_json(base / "split.json")
    if not isinstance(parts, dict) or not all(isinstance(parts.get(p), list) for p in PARTS):
        raise alignkit.DataError(
            f"{base / 'split.json'}: expected a list of ids for each of {', '.join(PARTS)}"
        )
    return {
        part: [
            _movie(details, str(number), _poster(posters, str(number))) for number in parts[part]
        ]
        for part in PARTS
    }


def _poster(folder: Path, number: str) -> Source:
    files = [picture_file(folder, f"{number}.{e}", "split.json") for e in ("jpeg", "jpg")]
    return next((file for file in files if file.place.is_file()), files[0])


def _movie(details: Path, number: str, poster: Source) -> Movie:
    path = inner_path(details, f"{number}.json", "split.json")
    try:
        fields = read_json(path, infinite=True)  # of a large dump only a few keys matter
    except alignkit.MissingError:
        raise alignkit.MissingError(f"there is no {path}, which the split lists") from None
    if not isinstance(fields, dict):
        raise alignkit.DataError(f"{path}: expected a JSON object")
    genres = fields.get("genres")
    return Movie(
        number,
        _texts(fields.get("plot"), f"{path}: plot"),
        None if genres is None else _texts(genres, f"{path}: genres"),
        poster,
        path.name,
        str(fields.get("plot outline") or ""),
        str(fields.get("title") or ""),
    )


def _texts(value: object, where: str) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value or []
    if not isinstance(values, (list, tuple)) or not all(isinstance(v, str) for v in values):
        raise alignkit.DataError(f"{where} is {value!r:.60}; expected a text or a list of texts")
    return tuple(values)


def _is_hdf5(folder: Path) -> bool:
    """Return whether only the HDF5 file is there; its posters are smaller than the original's."""
    if _hdf5_file(folder) is None:
        return False
    base, details = _original_base(folder) or (None, None)
    return base is None or details is None or next(listed(details, "*.[jJ][pP]*[gG]"), None) is None


def _hdf5_file(folder: Path) -> Path | None:
    return first_that_exists(folder, _PLACES, HDF5)


def _hdf5_files(folder: Path) -> list[Path | None]:
    path = _hdf5_file(folder)
    return [path, _details_folder(path.parent) or _details_folder(folder) if path else None]


def _read_hdf5(folder: Path) -> Movies:
    """Read posters and genres from the HDF5 file, and texts from the JSON files of the same ids."""
    path = _hdf5_file(folder)
    assert path is not None
    details = _details_folder(path.parent) or _details_folder(folder)
    if details is None:
        raise alignkit.DataError(
            f"{path} holds no plots; put the original JSON files next to it: dataset/ID.json"
        )
    file = open_hdf5(path)
    for name in ("images", "genres", "imdb_ids"):
        if name not in file:
            raise alignkit.DataError(f"{path} has no '{name}'; it has: {', '.join(file)}")
    ids = [_decoded(number) for number in file["imdb_ids"][:]]
    names = file["genres"].attrs.get("target_names")
    labels = GENRES
    if names is not None:
        labels = tuple(parse_json(_decoded(names), f"{path}: target_names", [str]))
    flags = file["genres"][:]
    parts: dict[str, list[Movie]] = {}
    for part, rows in _hdf5_rows(file, len(ids)).items():
        parts[part] = []
        for row in rows:
            movie = _movie(details, ids[row], ArrayPicture(path, "images", row))
            genres = tuple(name for name, flag in zip(labels, flags[row], strict=True) if flag)
            parts[part].append(replace(movie, genres=genres, where=f"{path.name}[{row}]"))
    return parts


def _hdf5_rows(file: Any, n: int) -> dict[str, range]:
    """Return the rows of each part, from the file's own table of splits if it has one."""
    table = file.attrs.get("split")
    if table is None:
        if n != ROWS["test"][1]:
            raise alignkit.DataError(
                f"{file.filename} has {n} rows and no attribute 'split', so its splits are unknown"
            )
        return {part: range(*bounds) for part, bounds in ROWS.items()}
    rows_of = {_decoded(row["split"]): range(int(row["start"]), int(row["stop"])) for row in table}
    names = {"train": ("train",), "dev": ("dev", "valid", "validation"), "test": ("test",)}
    return {
        part: next((rows_of[name] for name in known if name in rows_of), range(0))
        for part, known in names.items()
    }


def _decoded(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _lines_file(folder: Path, part: str) -> Path | None:
    return first_that_exists(folder, _PLACES, (f"{part}.jsonl",))


def _read_lines(path: Path, _folder: Path) -> Iterator[Movie]:
    for number, line in read_jsonl(path):
        yield _from_line(line, path.parent, f"{path.name}:{number}")


def _from_line(line: dict[str, object], base: Path, where: str) -> Movie:
    for key in ("id", "text"):
        if not isinstance(line.get(key), (str, int)):
            raise alignkit.DataError(f"{where}: {key} is {line.get(key)!r}; expected a text")
    label = line.get("label")
    return Movie(
        str(line["id"]),
        (str(line["text"]),),
        None if label is None else _texts(label, f"{where}: label"),
        picture_file(base, line.get("img") or line.get("image"), where),
        where,
    )


def _table_file(folder: Path, part: str) -> Path | None:
    names = (f"mmimdb_{part}.arrow", f"mmimdb_{part}.parquet")
    return first_that_exists(folder, (*_PLACES, "arrow"), names)


def _read_table(path: Path, folder: Path) -> Iterator[Movie]:
    column = "genres" if "genres" in column_names(path) else "label"
    for row, cells in enumerate(read_columns(path, ["plots", "image_id", column])):
        where = f"{path.name}, row {row + 1}"
        genres = cells[column]
        if column == "label" and genres is not None:
            genres = _flagged(genres, where)
        yield Movie(
            str(cells["image_id"]).partition(".")[0],
            _texts(cells["plots"], f"{where}: plots"),
            None if genres is None else _texts(genres, f"{where}: genres"),
            picture_in(path, "image", row, folder),
            where,
        )


def _flagged(flags: object, where: str) -> tuple[str, ...]:
    """Return the genres whose flag is 1."""
    if not isinstance(flags, list) or len(flags) != len(GENRES) or not set(flags) <= {0, 1}:
        raise alignkit.DataError(f"{where}: expected {len(GENRES)} zeros and ones: {flags!s:.60}")
    return tuple(name for name, flag in zip(GENRES, flags, strict=True) if flag)


def _study_file(folder: Path, part: str) -> Path | None:
    return first_that_exists(folder, ("", "mm_imdb", "mmimdb"), (f"mmimdb_{part}.csv",))


def _read_study(path: Path, _folder: Path) -> Iterator[Movie]:
    """Read the study's copy: CSV with row numbers of images.h5, genre flags and a plot."""
    for where, row in read_table(path).records():
        yield _from_study(row, path.parent, where)


def _from_study(row: dict[str, str], base: Path, where: str) -> Movie:
    for column in ("img_index", "genre", "caption"):
        if column not in row:
            raise alignkit.DataError(f"{where}: no column '{column}'; it has: {', '.join(row)}")
    if not re.fullmatch(r"\d+", row["img_index"]):
        raise alignkit.DataError(f"{where}: img_index is {row['img_index']!r}; expected a number")
    flags = [int(float(flag)) for flag in re.findall(r"[\d.]+", row["genre"])]
    number = int(row["img_index"])
    return Movie(
        f"{number:05d}",
        (row["caption"],),
        _flagged(flags, where),
        ArrayPicture(base / "images.h5", "images", number),
        where,
    )


LAYOUTS: tuple[Layout[Movies], ...] = (
    Layout(
        "HDF5", "multimodal_imdb.hdf5, dataset/0114709.json ...", _is_hdf5, _read_hdf5, _hdf5_files
    ),
    Layout(
        "original",
        "split.json, dataset/0114709.json, dataset/0114709.jpeg ...",
        lambda folder: _original_base(folder) is not None,
        _read_original,
        _original_files,
    ),
    layout_of_parts(
        "Arrow",
        "mmimdb_train.arrow, mmimdb_dev.arrow, mmimdb_test.arrow",
        PARTS,
        _table_file,
        _read_table,
    ),
    layout_of_parts(
        "jsonl",
        "train.jsonl, dev.jsonl, test.jsonl, and the pictures that they name",
        PARTS,
        _lines_file,
        _read_lines,
    ),
    layout_of_parts(
        "study",
        "images.h5, mmimdb_trainval.csv, mmimdb_test.csv",
        STUDY_PARTS,
        _study_file,
        _read_study,
    ),
)
