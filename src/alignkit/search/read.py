"""Read any Optuna study, also one of an older Optuna, without changing its storage."""

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

from alignkit.errors import AlignkitError, DataError, UsageError, in_one_line
from alignkit.search.storage import (
    Url,
    one_line_errors,
    open_study,
    parse_url,
    read_journal,
    silence_optuna,
)

if TYPE_CHECKING:
    import optuna

# What Optuna raises on values in a storage that it did not write.
_DAMAGED = (ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError)
UPGRADE = "optuna storage upgrade --storage"


@contextmanager
def reading(text: str, notes: list[str]) -> Iterator[Any]:
    """Open a storage for reading; a SQLite file is read from a copy and stays unchanged.

    Parameters
    ----------
    text : str
        The storage's address.
    notes : list of str
        Receives what the user should know.

    Raises
    ------
    DataError
        When the storage does not exist, is not one of Optuna, or was written by a newer Optuna.
    """
    silence_optuna()
    url = parse_url(text)
    if url.file and not url.file.is_file():
        raise DataError(f"there is no storage {url.file}; create one with: alignkit search run")
    with _damage_named(url), one_line_errors(url), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if url.is_journal:
            from optuna.storages.journal import JournalFileBackend

            yield read_journal(url, JournalFileBackend(str(url.file)))
        elif url.file:
            with tempfile.TemporaryDirectory(prefix="alignkit-") as folder:
                copy = Path(folder) / "copy.db"
                _copy(url.file, copy)
                yield _database(f"sqlite:///{copy}", url, notes)
        else:
            yield _database(url.full, url, notes)


@contextmanager
def _damage_named(url: Url) -> Iterator[None]:
    """Say in one line that a storage holds what Optuna does not write."""
    try:
        yield
    except _DAMAGED as error:
        if isinstance(error, AlignkitError):
            raise
        raise DataError(
            f"{url} is damaged, or not what Optuna writes: {in_one_line(error)}"
        ) from error


def read_study(storage: Any, text: str, name: str | None) -> optuna.Study:
    """Load a study by name; the only one of the storage if no name is given.

    Raises
    ------
    UsageError
        When the storage holds several and no name is given.
    DataError
        When the storage holds no study, or none of that name.
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
            f"{url} holds several studies; choose one with `study`: {', '.join(names)}"
        )
    return open_study(storage, url, names[0])


def list_of_studies(storage: Any) -> list[dict[str, Any]]:
    """Return a row per study: its name, objectives, number of trials, and best value.

    The best value is None for several objectives.
    """
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
        raise DataError(f"{file} is not a SQLite file") from None


def _database(full: str, url: Url, notes: list[str]) -> Any:
    """Open a database; the copy of an older one is upgraded."""
    from optuna.storages import RDBStorage

    _refuse_other_databases(full, url)
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
            f"{url} was written by an older Optuna (schema {current}) and cannot be read as it is; "
            f"keep a copy, then run: {UPGRADE} '{url}'"
        )
    with _silent_migration():
        storage.upgrade()
    notes.append(
        f"{url.file} was written by an older Optuna (schema {current}); a copy was upgraded to "
        f"{head} and read; the file is unchanged"
    )
    return RDBStorage(full)


def _refuse_other_databases(full: str, url: Url) -> None:
    """Refuse a database without studies: opening it with Optuna would create tables in it."""
    from sqlalchemy import create_engine, inspect

    engine = create_engine(full)
    try:
        tables = set(inspect(engine).get_table_names())
    finally:
        engine.dispose()
    needed = {"studies", "trials", "version_info"}
    if not url.file:
        needed |= {"alembic_version"}  # Optuna would create it
    if not needed <= tables:
        raise DataError(f"{url} holds no Optuna studies")


@contextmanager
def _silent_migration() -> Iterator[None]:
    """Keep Alembic from configuring the root logger, which it does unless there is a handler."""
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
