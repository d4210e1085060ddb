"""The forms in which UPMC Food-101 is distributed, each read into the same lists of dishes."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import alignkit
from alignkit.tables import read_rows, read_table
from alignkit_tasks.columns import picture_in, read_columns
from alignkit_tasks.folders import Layout, first_that_exists, layout_of_parts, picture_file
from alignkit_tasks.jsonl import read_json, read_jsonl
from alignkit_tasks.sources import Source

PARTS = ("train", "dev", "test")
STUDY_PARTS = ("trainval", "test")
_PLACES = ("", "texts", "UPMC_Food101", "UPMC_Food101/texts")
_WRAPPED = re.compile(r"""\[\[\s*(["'])(.*)\1\s*\]\]""", re.DOTALL)


@dataclass(frozen=True)
class Dish:
    """One picture with the title of the web page on which it was found.

    Attributes
    ----------
    id : str
        The file name without its extension, which is the same in every copy.
    title : str or None
        None for a listed picture that has no title.
    page : Path or None
        The file with the text of the whole page; None if the copy has no pages.
    """

    id: str
    title: str | None
    label: str | None
    picture: Source
    where: str
    page: Path | None = None


Dishes = Mapping[str, Sequence[Dish]]


def cleaned(title: str) -> str:
    """Remove traces of scraping from a title: HTML entities, and wrapping as ``[["..."]]``."""
    wrapped = _WRAPPED.fullmatch(title.strip())
    return html.unescape(wrapped[2] if wrapped else title).strip()


def _class_of(name: str) -> str:
    """Return the class in a file name: ``apple_pie`` in ``apple_pie_107.jpg``."""
    return Path(name).stem.rpartition("_")[0]


def _base(folder: Path) -> Path:
    """Return the folder that contains images/."""
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
    """Read titles and picture folders; with split.json, also a development part."""
    base = _base(folder)
    listed = {part: _titles(folder, part) for part in ("train", "test")}
    titles: dict[str, tuple[str, str]] = {}
    for name, title, where in (row for rows in listed.values() for row in rows):
        titles.setdefault(name, (title, where))
    if (base / "text.json").is_file():
        more = _mapping(base / "text.json")
        titles = {name: (str(title), "text.json") for name, title in more.items()} | titles
    parts = {part: [name for name, _, _ in rows] for part, rows in listed.items()}
    if (base / "split.json").is_file():
        split = _mapping(base / "split.json")
        names = {"train": ("train",), "dev": ("val", "dev", "validation"), "test": ("test",)}
        parts = {part: _names(split, keys, base / "split.json") for part, keys in names.items()}
    return {
        part: [_dish(base, "test" if part == "test" else "train", name, titles) for name in names]
        for part, names in parts.items()
    }


def _titles(folder: Path, part: str) -> list[tuple[str, str, str]]:
    """Return file names, titles and where they were read: file and line.

    The file has three columns, quotes, CRLF line ends and no header.
    """
    path = _titles_file(folder, part)
    titles = []
    for where, (name, title, label) in read_rows(path, 3) if path else ():
        if _class_of(name) != label:
            raise alignkit.DataError(
                f"{where}: {name!r} is not named after its class {label!r}: class_number.jpg"
            )
        titles.append((name, title, where))
    return titles


def _dish(base: Path, part: str, name: str, titles: Mapping[str, tuple[str, str]]) -> Dish:
    label, (title, where) = _class_of(name), titles.get(name, (None, "split.json"))
    if not label or "/" in name:
        raise alignkit.DataError(f"{where}: {name!r} is not a file name such as apple_pie_107.jpg")
    stem = Path(name).stem
    return Dish(
        stem,
        None if title is None else cleaned(title),
        label,
        picture_file(base / "images" / part / label, name, where),
        where,
        base / "texts_txt" / label / f"{stem}.txt" if (base / "texts_txt").is_dir() else None,
    )


def _mapping(path: Path) -> dict[str, object]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise alignkit.DataError(f"{path}: expected a JSON object")
    return content


def _names(split: Mapping[str, object], keys: Sequence[str], path: Path) -> list[str]:
    """Return the file names listed under the first key that has any."""
    names = next((split[key] for key in keys if split.get(key)), [])
    if not isinstance(names, list):
        raise alignkit.DataError(f"{path}: {' or '.join(keys)} is not a list of file names")
    return [str(name) for name in names]


def _lines_file(folder: Path, part: str) -> Path | None:
    return first_that_exists(folder, ("", "UPMC_Food101"), (f"{part}.jsonl",))


def _read_lines(path: Path, _folder: Path) -> Iterator[Dish]:
    for number, line in read_jsonl(path):
        yield _from_line(line, path.parent, f"{path.name}:{number}")


def _from_line(line: Mapping[str, object], base: Path, where: str) -> Dish:
    label, text = line.get("label"), line.get("text")
    label = label[0] if isinstance(label, list) and len(label) == 1 else label
    if not isinstance(text, str) or not isinstance(label, (str, type(None))):
        raise alignkit.DataError(
            f"{where}: text and label must be strings, not {text!r} and {label!r}"
        )
    file = picture_file(base, line.get("img") or line.get("image"), where)
    return Dish(str(line.get("id", file.path.stem)), cleaned(text), label, file, where)


def _table_file(folder: Path, part: str) -> Path | None:
    part = "val" if part == "dev" else part
    names = (f"food101_{part}.arrow", f"food101_{part}.parquet")
    return first_that_exists(folder, ("", "UPMC_Food101", "arrow"), names)


def _read_table(path: Path, folder: Path) -> Iterator[Dish]:
    # The labels are numbers in an unknown order; the file name tells the class.
    for row, cells in enumerate(read_columns(path, ["text", "image_id"])):
        where, name = f"{path.name}, row {row + 1}", str(cells["image_id"])
        text = cells["text"]
        title = text[0] if isinstance(text, list) and text else text
        if not isinstance(title, str) or not _class_of(name):
            raise alignkit.DataError(
                f"{where}: there is no title, or {name!r} does not name a class"
            )
        yield Dish(
            Path(name).stem,
            cleaned(title),
            _class_of(name),
            picture_in(path, "image", row, folder),
            where,
        )


def _study_file(folder: Path, part: str) -> Path | None:
    return first_that_exists(folder, ("", "upmc_food"), (f"upmcfood_{part}.csv",))


def _read_study(path: Path, _folder: Path) -> Iterator[Dish]:
    """Read the study's copy: CSV with picture, flags, class and text, in this order."""
    for where, row in read_table(path).records():
        yield _from_study(row, path.parent, where)


def _from_study(row: Mapping[str, str], base: Path, where: str) -> Dish:
    if len(row) != 4:
        raise alignkit.DataError(
            f"{where}: {len(row)} columns; expected picture, label, class, text"
        )
    picture, _, label, text = row.values()
    file = picture_file(base, picture, where, "images")
    return Dish(file.path.stem, cleaned(text), label, file, where)


LAYOUTS: tuple[Layout[Dishes], ...] = (
    Layout(
        "distributed",
        "images/train/apple_pie/apple_pie_0.jpg ..., images/test/, texts/train_titles.csv, "
        "texts/test_titles.csv; with texts_txt/ for whole pages, split.json for a dev part",
        _is_distributed,
        _read_distributed,
        _distributed_files,
    ),
    layout_of_parts(
        "Arrow",
        "food101_train.arrow, food101_val.arrow, food101_test.arrow",
        PARTS,
        _table_file,
        _read_table,
        required=False,
    ),
    layout_of_parts(
        "jsonl",
        "train.jsonl, dev.jsonl, test.jsonl, and the pictures that they name",
        PARTS,
        _lines_file,
        _read_lines,
        required=False,
    ),
    layout_of_parts(
        "study",
        "upmcfood_trainval.csv, upmcfood_test.csv, images/",
        STUDY_PARTS,
        _study_file,
        _read_study,
    ),
)
