"""One page that links everything in a folder of results: reports, answers, tables, figures."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from html import unescape
from pathlib import Path
from urllib.parse import quote, unquote

from alignkit.cleaning import as_html
from alignkit.runs.files import write_text
from alignkit.runs.listing import files_below

NAME = "index.html"
# What a reader opens, in this order: heading, and how such files end.
KINDS = (
    ("Reports", (".html",)),
    ("Answers", (".md",)),
    ("Figures", (".png", ".svg")),
    ("Tables", (".csv",)),
)
STYLE = "body{font:16px/1.5 sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}"


def write_index(folder: Path, title: str) -> Path:
    """Write ``index.html`` with links to all results below a folder, unless it is up to date.

    Returns
    -------
    Path
        The page.
    """
    return _write(folder, title, _below(folder))


def add_to_index(places: Iterable[Path], figures: Path | None = None) -> list[Path]:
    """Link what a command has written from the page of the folder of results that it lies in.

    That is the outermost folder with such a page; without one, the folder that was written, or
    that in which a table or a folder of figures lies, which gets a page. The folder in which the
    command runs gets none, nor do folders of tables outside of it: they may hold anything.

    Parameters
    ----------
    places : iterable of Path
        Tables, and folders of results.
    figures : Path, optional
        A folder of figures.

    Returns
    -------
    list of Path
        The pages.
    """
    pages = []
    for place in [*places, *([figures] if figures else [])]:
        folder = _folder_of(place.absolute(), place.is_dir() and place != figures)
        if folder is None:
            continue
        new = [place.absolute()] if place.is_file() else list(_below(place.absolute()))
        title, linked = _read(folder)
        kept = [path for path in linked if path.is_file()]
        pages.append(_write(folder, title or f"Results in {folder.name}", {*kept, *new}))
    return list(dict.fromkeys(_shown(page) for page in pages))


def _folder_of(place: Path, whole: bool) -> Path | None:
    """Return the folder whose page links a place; None where none is to have a page.

    A ``whole`` place is a folder of results by itself.
    """
    own, here = place if whole else place.parent, Path.cwd()
    with_page = [folder for folder in (own, *own.parents) if _is_own(folder / NAME)]
    if with_page:
        return with_page[-1]
    anything = own == here or own in here.parents or (not whole and here not in own.parents)
    return None if anything or (own / NAME).exists() else own


def _is_own(page: Path) -> bool:
    """Whether a page is such a page, and not another one of that name."""
    try:
        return STYLE in page.read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return False


def _read(folder: Path) -> tuple[str, list[Path]]:
    """Return the title of a folder's page and what it links; nothing where there is none."""
    if not _is_own(folder / NAME):
        return "", []
    text = (folder / NAME).read_text(encoding="utf-8")
    title = re.search("<title>(.*?)</title>", text)
    links = re.findall(r'<li><a href="([^"]*)"', text)
    return unescape(title[1]) if title else "", [folder / unquote(link) for link in links]


def _below(folder: Path) -> Iterator[Path]:
    for path in files_below(folder):
        parts = path.relative_to(folder).parts
        if not any(part.startswith(".") for part in parts[-4:]):
            yield path


def _write(folder: Path, title: str, paths: Iterable[Path]) -> Path:
    files = sorted(path.relative_to(folder) for path in paths)
    every = set(files)
    parts = [f"<h1>{as_html(title)}</h1>"]
    for heading, endings in KINDS:
        shown = [f for f in files if f.suffix in endings and not _is_aside(f, every)]
        if shown:
            parts.append(f"<h2>{heading}</h2>\n<ul>\n{_links(shown)}\n</ul>")
    text = (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{as_html(title)}</title>'
        f"<style>{STYLE}</style>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )
    page = folder / NAME
    if not page.is_file() or page.read_text(encoding="utf-8") != text:
        write_text(page, text)
    return page


def _is_aside(file: Path, others: Collection[Path]) -> bool:
    """Whether a file is no result of its own: a page, or a figure's data or second picture."""
    if file.suffix == ".svg":
        return file.with_suffix(".png") in others
    return file.name == NAME or (file.suffix == ".csv" and "figures" in file.parts)


def _links(files: Sequence[Path]) -> str:
    return "\n".join(
        f'<li><a href="{quote(file.as_posix())}">{as_html(file.as_posix())}</a></li>'
        for file in files
    )


def _shown(page: Path) -> Path:
    """Return a page's path as a message shows it: relative where the command runs above it."""
    here = Path.cwd()
    return page.relative_to(here) if here in page.parents else page
