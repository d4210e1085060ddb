"""Any Optuna study, read without touching where it is kept; also an older Optuna's."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.errors import DataError, UsageError
from alignkit.search.journal import is_record
from alignkit.search.storage import Url, in_one_line, open_study, parse_url, quiet_optuna

if TYPE_CHECKING:
    import optuna

UPGRADE = "optuna storage upgrade --storage"


@contextmanager
def reading(text: str, notes: list[str]) -> Iterator[Any]:
    """Open a storage to read it; a file is read from a copy, so that it stays as it is.

    Parameters
    ----------
    text : str
        The storage's address.
    notes : list of str
        Takes what a user should know.

    Raises
    ------
    DataError
        When there is no storage, it is no Optuna's, or a newer Optuna's.
    """
    quiet_optuna()
    url = parse_url(text)
    if url.file and not url.file.is_file():
        raise DataError(f"there is no storage {url.file}; make one with: alignkit search run")
    with in_one_line(url), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if url.is_journal:
            yield _journal(url)
        elif url.file:
            with tempfile.TemporaryDirectory(prefix="alignkit-") as folder:
                copy = Path(folder) / "copy.db"
                _copy(url.file, copy)
                yield _database(f"sqlite:///{copy}", url, notes)
        else:
            yield _database(url.full, url, notes)


def read_study(storage: Any, text: str, name: str | None) -> optuna.Study:
    """Load a study; the only one there is, if no name is given.

    Raises
    ------
    UsageError
        When there are several, and none is named.
    DataError
        When there is none, or none of that name.
    """
    import optuna

    url = parse_url(text)
    if name is not None:
        return open_study(storage, url, name)
    names = optuna.get_all_study_names(storage)
    if not names:
        raise DataError(f"{url} holds no study")
    if len(names) > 1:
        raise UsageError(
            f"{url} holds several studies; choose one with --study: {', '.join(names)}"
        )
    return open_study(storage, url, names[0])


def list_of_studies(storage: Any) -> list[dict[str, Any]]:
    """Every study: its name, objectives, counts of trials, and the best value of a single one."""
    import optuna

    rows = []
    for name in optuna.get_all_study_names(storage):
        study = optuna.load_study(study_name=name, storage=storage)
        trials = study.get_trials(deepcopy=False)
        values = [t.values[0] for t in trials if t.state.name == "COMPLETE"]
        single = len(study.directions) == 1 and values
        up = study.directions[0].name == "MAXIMIZE"
        rows.append(
            {
                "study": name,
                "objectives": study.metric_names
                or [direction.name.lower() for direction in study.directions],
                "trials": len(trials),
                "complete": len(values),
                "best": (max if up else min)(values) if single else None,
            }
        )
    return rows


def _copy(file: Path, copy: Path) -> None:
    """Copy a SQLite file through SQLite, which sees what other processes have just written."""
    address = f"{file.resolve().as_uri()}?mode=ro"
    try:
        with (
            closing(sqlite3.connect(address, uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.OperationalError:  # such as a folder that cannot be written to
        shutil.copyfile(file, copy)
    except sqlite3.DatabaseError:
        raise DataError(f"{file} is no SQLite file") from None


def _journal(url: Url) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    assert url.file is not None
    try:
        with url.file.open("rb") as opened:
            if (first := opened.readline()) and not is_record(first):
                raise ValueError  # Optuna would take the file for an empty journal
        return JournalStorage(JournalFileBackend(str(url.file)))
    except (ValueError, AttributeError, KeyError):
        raise DataError(
            f"{url.file} is no whole journal of Optuna's; records that were cut short are taken "
            f"off with: alignkit search repair --storage {url}"
        ) from None


def _database(full: str, url: Url, notes: list[str]) -> Any:
    """Open a database; a copy of an older one is brought up to date."""
    from optuna.storages import RDBStorage

    _refuse_a_stranger(full, url)
    storage = RDBStorage(full, skip_compatibility_check=True, skip_table_creation=True)
    current, head = storage.get_current_version(), storage.get_head_version()
    if current == head:
        return storage
    if current not in storage.get_all_versions():
        raise DataError(
            f"{url} was written by a newer Optuna (schema {current}, this one has {head}); "
            "update with: pip install -U optuna"
        )
    if not url.file:
        raise DataError(
            f"{url} was written by an older Optuna (schema {current}) and is not changed here; "
            f"keep a copy, then run: {UPGRADE} '{url}'"
        )
    with _silent_migration():
        storage.upgrade()
    notes.append(
        f"{url.file} was written by an older Optuna (schema {current}); a copy brought up to "
        f"{head} was read, the file is as it was"
    )
    return RDBStorage(full)


def _refuse_a_stranger(full: str, url: Url) -> None:
    """Opening any other database with Optuna would put tables into it."""
    from sqlalchemy import create_engine, inspect

    engine = create_engine(full)
    try:
        tables = set(inspect(engine).get_table_names())
    finally:
        engine.dispose()
    needed = {"studies", "trials", "version_info"}
    if not url.file:
        needed |= {"alembic_version"}  # without it, Optuna would write one
    if not needed <= tables:
        raise DataError(f"{url} holds no Optuna studies")


@contextmanager
def _silent_migration() -> Iterator[None]:
    """Alembic sets up logging for everyone unless somebody has."""
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
