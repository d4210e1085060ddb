"""The trials of searches in a folder with storages ``sqlite.db`` and ``journal.db``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

KINDS = ("sqlite", "journal")
STUDY = "s"


def finished(folder: Path) -> list[Any]:
    """Return what every finished trial drew and gave, in the order of their draws."""
    return [trial for kind in KINDS for trial in finished_in(folder / f"{kind}.db", kind)]


def finished_in(file: Path, kind: str) -> list[Any]:
    """Return the finished trials of a storage; none where there is no study yet."""
    from alignkit.errors import DataError
    from alignkit.search.read import read_study, reading
    from alignkit.search.stale_trials import first_of
    from alignkit.search.workers import is_finished

    if not file.is_file() or not file.stat().st_size:
        return []
    url = f"{kind}:///{file}"
    with reading(url, []) as opened:
        try:
            trials = read_study(opened, url, STUDY).get_trials()
        except DataError as error:
            if "holds no study" in str(error):
                return []
            raise
    done = sorted(filter(is_finished, trials), key=first_of)
    return [(t.params, t.values, t.state.name) for t in done]


def damaged(folder: Path) -> list[str]:
    """Return the storages that cannot be read, with the reason."""
    import sqlite3
    from contextlib import closing

    from alignkit.errors import AlignkitError

    problems = []
    for kind in KINDS:
        file = folder / f"{kind}.db"
        try:
            finished_in(file, kind)
        except AlignkitError as error:
            problems.append(str(error))
        if kind == "sqlite" and file.is_file():
            with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as opened:
                ((said,),) = opened.execute("PRAGMA integrity_check").fetchall()
                problems += [] if said == "ok" else [f"{file}: {said}"]
    return problems
