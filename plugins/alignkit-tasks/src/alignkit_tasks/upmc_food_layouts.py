"""The forms in which UPMC Food-101 is passed on, each read into the same lists of dishes."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alignkit
from alignkit_tasks.columns import picture_in, read_columns
from alignkit_tasks.folders import Layout, first_that_exists, moved_path, picture_path
from alignkit_tasks.jsonl import read_json, read_jsonl
from alignkit_tasks.pictures import File, Source
from alignkit_tasks.tables import read_rows, read_table

PARTS = ("train", "dev", "test")
STUDY_PARTS = ("trainval", "test")
_PLACES = ("", "texts", "UPMC_Food101", "UPMC_Food101/texts")
_WRAPPED = re.compile(r"""\[\[\s*(["'])(.*)\1\s*\]\]""", re.DOTALL)


@dataclass(frozen=True)
class Dish:
    """One picture with the title of the web page it was found on.

    Attributes
    ----------
    id : str
        The file name without its ending, which is the same in every copy.
    title : str or None
        None where a list of pictures has one without title.
    page : Path or None
        Where the whole page's text would lie.
    """

    id: str
    title: str | None
    label: str | None
    picture: Source
    where: str
    page: Path | None = None


Dishes = Mapping[str, Sequence[Dish]]


def cleaned(title: str) -> str:
    """Undo what scraping left: HTML entities, and titles wrapped as ``[["..."]]``."""
    found = _WRAPPED.fullmatch(title.strip())
    return html.unescape(found[2] if found else title).strip()


def _class_of(name: str) -> str:
    return Path(name).stem.rpartition("_")[0]


def _base(folder: Path) -> Path:
    """The folder that holds images/."""
    return folder / "UPMC_Food101" if (folder / "UPMC_Food101").is_dir() else folder


def _titles_file(folder: Path, part: str) -> Path | None:
    return first_that_exists(folder, _PLACES, (f"{part}_titles.csv",))


def _is_distributed(folder: Path) -> bool:
    titled = _titles_file(folder, "train") or (_base(folder) / "text.json").is_file()
    return bool(titled) and (_base(folder) / "images").is_dir()


def _distributed_files(folder: Path) -> list[Path | None]:
    base = _base(folder)
    titled = [_titles_file(folder, part) for part in ("train", "test")]
    return [*titled, base / "text.json", base / "split.json", base / "texts_txt"]


def _read_distributed(folder: Path) -> Dishes:
    """Titles and pictures in folders; with split.json, also a development part."""
    base = _base(folder)
    listed = {part: _titles(folder, part) for part in ("train", "test")}
    titles: dict[str, tuple[str, str]] = {}
    for name, title, where in (row for rows in listed.values() for row in rows):
        titles.setdefault(name, (title, where))
    if (base / "text.json").is_file():
        found = _mapping(base / "text.json")
        titles = {name: (str(title), "text.json") for name, title in found.items()} | titles
    parts = {part: [name for name, _, _ in rows] for part, rows in listed.items()}
    if (base / "split.json").is_file():
        named = _mapping(base / "split.json")
        dev = named.get("val") or named.get("dev") or named.get("validation") or []
        parts = {"train": named.get("train", []), "dev": dev, "test": named.get("test", [])}
    return {
        part: [
            _dish(base, "test" if part == "test" else "train", str(name), titles) for name in names
        ]
        for part, names in parts.items()
    }


def _titles(folder: Path, part: str) -> list[tuple[str, str, str]]:
    """File names, titles, and where they stand: three columns, no header, quoted, CRLF."""
    path = _titles_file(folder, part)
    found = []
    for where, (name, title, label) in read_rows(path, 3) if path else ():
        if _class_of(name) != label:
            raise alignkit.DataError(
                f"{where}: {name!r} is not named after its class {label!r}: class_number.jpg"
            )
        found.append((name, title, where))
    return found


def _dish(base: Path, part: str, name: str, titles: Mapping[str, tuple[str, str]]) -> Dish:
    label, (title, where) = _class_of(name), titles.get(name, (None, "split.json"))
    if not label or "/" in name:
        raise alignkit.DataError(f"{where}: {name!r} is no file name such as apple_pie_107.jpg")
    stem = Path(name).stem
    return Dish(
        stem,
        None if title is None else cleaned(title),
        label,
        File(picture_path(base / "images" / part / label, name, where)),
        where,
        base / "texts_txt" / label / f"{stem}.txt" if (base / "texts_txt").is_dir() else None,
    )


def _mapping(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise alignkit.DataError(f"{path}: expected a JSON object")
    return content


def _lines_file(folder: Path, part: str) -> Path | None:
    return first_that_exists(folder, ("", "UPMC_Food101"), (f"{part}.jsonl",))


def _read_lines(folder: Path) -> Dishes:
    return {
        part: [
            _from_line(line, path.parent, f"{path.name}:{number}")
            for number, line in read_jsonl(path)
        ]
        for part in PARTS
        if (path := _lines_file(folder, part))
    }


def _from_line(line: Mapping[str, Any], base: Path, where: str) -> Dish:
    label, text = line.get("label"), line.get("text")
    label = label[0] if isinstance(label, list) and len(label) == 1 else label
    if not isinstance(text, str) or not isinstance(label, (str, type(None))):
        raise alignkit.DataError(f"{where}: text and label must be texts: {text!r}, {label!r}")
    path = picture_path(base, line.get("img") or line.get("image"), where)
    return Dish(str(line.get("id", path.stem)), cleaned(text), label, File(path), where)


def _table_file(folder: Path, part: str) -> Path | None:
    names = (f"food101_{part}.arrow", f"food101_{part}.parquet")
    return first_that_exists(folder, ("", "UPMC_Food101", "arrow"), names)


def _read_tables(folder: Path) -> Dishes:
    files = {part: _table_file(folder, part) for part in ("train", "val", "test")}
    return {
        "dev" if part == "val" else part: list(_from_table(path, folder))
        for part, path in files.items()
        if path
    }


def _from_table(path: Path, folder: Path) -> Iterator[Dish]:
    # The label is a number in an order of its own; the file name says which class it is.
    for row, cells in enumerate(read_columns(path, ["text", "image_id"])):
        where, name = f"{path.name}, row {row + 1}", str(cells["image_id"])
        text = cells["text"]
        title = text[0] if isinstance(text, list) and text else text
        if not isinstance(title, str) or not _class_of(name):
            raise alignkit.DataError(f"{where}: no title, or {name!r} names no class")
        yield Dish(
            Path(name).stem,
            cleaned(title),
            _class_of(name),
            picture_in(path, "image", row, folder),
            where,
        )


def _study_file(folder: Path, part: str) -> Path | None:
    return first_that_exists(folder, ("", "upmc_food"), (f"upmcfood_{part}.csv",))


def _read_study(folder: Path) -> Dishes:
    """The study's copy: picture, flags, class and text, told by their position."""
    parts: dict[str, list[Dish]] = {}
    for part in STUDY_PARTS:
        path = _study_file(folder, part)
        if path is None:
            raise alignkit.MissingError(f"there is no upmcfood_{part}.csv in {folder}")
        parts[part] = [_from_study(row, path.parent, where) for where, row in read_table(path)]
    return parts


def _from_study(row: Mapping[str, str], base: Path, where: str) -> Dish:
    if len(row) != 4:
        raise alignkit.DataError(
            f"{where}: {len(row)} columns, expected picture, label, class, text"
        )
    named, _, label, text = row.values()
    path = moved_path(base, named, where)
    return Dish(path.stem, cleaned(text), label, File(path), where)


LAYOUTS: tuple[Layout[Dishes], ...] = (
    Layout(
        "distributed",
        "images/train/apple_pie/apple_pie_0.jpg ..., images/test/, texts/train_titles.csv, "
        "texts/test_titles.csv; with texts_txt/ for whole pages, split.json for a dev part",
        _is_distributed,
        _read_distributed,
        _distributed_files,
    ),
    Layout(
        "Arrow",
        "food101_train.arrow, food101_val.arrow, food101_test.arrow",
        lambda folder: _table_file(folder, "train") is not None,
        _read_tables,
        lambda folder: [_table_file(folder, part) for part in ("train", "val", "test")],
    ),
    Layout(
        "jsonl",
        "train.jsonl, dev.jsonl, test.jsonl, pictures as they name them",
        lambda folder: _lines_file(folder, "train") is not None,
        _read_lines,
        lambda folder: [_lines_file(folder, part) for part in PARTS],
    ),
    Layout(
        "study",
        "upmcfood_trainval.csv, upmcfood_test.csv, images/",
        lambda folder: _study_file(folder, "trainval") is not None,
        _read_study,
        lambda folder: [_study_file(folder, part) for part in STUDY_PARTS],
    ),
)
