"""One page that links everything in a folder of results: reports, answers, tables, figures."""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import quote

from alignkit.runs.files import write_text

NAME = "index.html"
# What a reader opens, in this order: heading, and how such files end.
KINDS = (
    ("Reports", (".html",)),
    ("Answers", (".md",)),
    ("Figures", (".png",)),
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
    files = sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.parts[-4:])
    )
    parts = [f"<h1>{escape(title)}</h1>"]
    for heading, endings in KINDS:
        # The CSV files in folders of figures hold their data: the figures are linked.
        shown = [
            file
            for file in files
            if file.suffix in endings
            and file != Path(NAME)
            and not (file.suffix == ".csv" and "figures" in file.parts)
        ]
        if shown:
            items = "\n".join(
                f'<li><a href="{quote(file.as_posix())}">{escape(file.as_posix())}</a></li>'
                for file in shown
            )
            parts.append(f"<h2>{heading}</h2>\n<ul>\n{items}\n</ul>")
    text = (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )
    page = folder / NAME
    if not page.is_file() or page.read_text(encoding="utf-8") != text:
        write_text(page, text)
    return page
