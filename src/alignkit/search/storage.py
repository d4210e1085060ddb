"""Storages of trials: SQLite on one machine, a journal on a shared disk, or PostgreSQL."""

from __future__ import annotations

import fcntl
import hashlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.cleaning import visible
from alignkit.errors import AlignkitError, DataError, UsageError, first_line

if TYPE_CHECKING:
    import optuna

EXPECTED = "sqlite:///FILE, journal:///FILE or postgresql://USER@HOST/DATABASE"
TIMEOUT = 60  # seconds to wait for another worker's write


@dataclass(frozen=True)
class Url:
    """The parsed address of a storage.

    Attributes
    ----------
    full : str
        The address that Optuna takes.
    file : Path or None
        The file of a SQLite or journal storage.
    """

    full: str
    file: Path | None

    def __str__(self) -> str:
        """Return the address without its password."""
        if self.is_journal:
            return self.full
        from sqlalchemy.engine import make_url

        return make_url(self.full).render_as_string(hide_password=True)

    @property
    def is_journal(self) -> bool:
        """Whether the storage is one of Optuna's journal files."""
        return self.full.startswith("journal:")

    @property
    def is_postgresql(self) -> bool:
        """Whether the storage is a PostgreSQL database."""
        return self.full.startswith("postgresql")


def parse_url(text: str) -> Url:
    """Parse the address of a storage; ``postgresql://`` means the driver that alignkit installs.

    Raises
    ------
    UsageError
        When the text is not such an address.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    scheme, separator, rest = text.partition("://")
    if not separator:
        raise UsageError(f"'{visible(text)}' is not the address of a storage; expected {EXPECTED}")
    if scheme == "journal":
        if not rest.strip("/"):
            raise UsageError(f"'{visible(text)}' names no file; write journal:///FILE")
        return Url(text, Path(rest[1:] if rest.startswith("/") else rest))
    if scheme in ("postgres", "postgresql"):
        text = f"postgresql+psycopg://{rest}"
    try:
        database = make_url(text).database
    except (ArgumentError, ValueError):
        raise UsageError(f"the storage's address cannot be read; expected {EXPECTED}") from None
    if not scheme.startswith("sqlite"):
        return Url(text, None)
    if not database or database == ":memory:":
        raise UsageError(f"'{visible(text)}' would not be stored; write sqlite:///FILE")
    return Url(text, Path(database))


def open_storage(url: Url, heartbeat: int, on_stale: Any = None) -> Any:
    """Open a storage for a search; create it if it does not exist.

    Parameters
    ----------
    url : Url
    heartbeat : int
        Seconds between heartbeats; a trial is stale after two missed ones. A journal has
        none.
    on_stale : callable, optional
        Called by Optuna with the study and each stale trial.

    Raises
    ------
    DataError
        When the storage was written by an older or newer Optuna, or a journal is truncated.
    AlignkitError
        When the storage cannot be reached.
    """
    if url.file:
        url.file.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(url, "schema"), one_line_errors(url), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls heartbeats experimental
        if url.is_journal:
            return _journal(url)
        return _database(url, heartbeat, on_stale)


def _database(url: Url, heartbeat: int, on_stale: Any) -> Any:
    from optuna.storages import RDBStorage

    sqlite = url.file is not None
    storage = RDBStorage(
        url.full,
        engine_kwargs={"connect_args": {"timeout": TIMEOUT}} if sqlite else {"pool_pre_ping": True},
        heartbeat_interval=heartbeat,
        grace_period=2 * heartbeat,
        heartbeat_stale_trial_callback=on_stale,
    )
    if sqlite:
        with storage.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")  # readers do not block writers
    return storage


def _journal(url: Url) -> Any:
    from alignkit.search.journal import check_tail, lock_of
    from alignkit.search.journal_file import JournalFile

    assert url.file is not None
    check_tail(url.file, lock_of(url.file))
    return read_journal(url, JournalFile(url.file))


def read_journal(url: Url, backend: Any) -> Any:
    """Open the storage of a journal, all records of which can be read.

    Raises
    ------
    DataError
        When they cannot.
    """
    from optuna.storages import JournalStorage

    from alignkit.search.journal import is_record, outer_lines

    assert url.file is not None
    try:
        # Optuna would take the file for an empty journal, or leave the last record out.
        if not all(map(is_record, outer_lines(url.file))):
            raise ValueError
        return JournalStorage(backend)
    except (ValueError, AttributeError, KeyError):
        raise DataError(
            f"{url.file} is not a complete journal of Optuna; remove incomplete records with: "
            f"alignkit search repair --storage {url}"
        ) from None


@contextmanager
def exclusive(url: Url, name: str) -> Iterator[None]:
    """Let one worker at a time run the block, on all machines; the lock dies with its holder.

    SQLite and journals use a lock file beside them, PostgreSQL an advisory lock. Elsewhere
    there is no lock, and a search may exceed its number of trials by its number of workers.
    """
    if url.file:
        with _locked(Path(f"{url.file}.turn")):
            yield
    elif url.is_postgresql:
        with one_line_errors(url):
            connection = _connect(url)
        with connection:
            key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({key})")
            yield
    else:
        yield


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file; one that was made for a storage that cannot be opened is removed."""
    is_new = not path.exists()
    while True:
        with path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_same(file.fileno(), path):
                continue  # it was removed meanwhile
            try:
                yield
            except BaseException:
                if is_new:
                    path.unlink(missing_ok=True)
                raise
            return


def _is_same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _connect(url: Url) -> Any:
    """Open a separate connection; closing it releases its lock."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    return create_engine(url.full, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect()


@contextmanager
def one_line_errors(url: Url) -> Iterator[None]:
    """Turn the errors of databases into one line that says what to do."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except ImportError:
        if url.file:
            raise
        raise UsageError(
            f"the driver of {url} is not installed; for PostgreSQL: "
            "pip install 'alignkit[postgres]'"
        ) from None
    except RuntimeError as error:
        if "table schema" not in str(error):
            raise
        raise DataError(
            f"{url} was written by another version of Optuna; keep a copy, then run: "
            f"optuna storage upgrade --storage '{url}', or choose another `storage`"
        ) from None
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        first = first_line(getattr(cause, "orig", cause) or error)
        raise AlignkitError(f"the storage {url} cannot be used: {first}") from None


def open_study(storage: Any, url: Url, name: str) -> optuna.Study:
    """Load a study by name.

    Raises
    ------
    DataError
        When the storage holds no study of that name.
    """
    import optuna

    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        names = optuna.get_all_study_names(storage)
        raise DataError(
            f"{url} holds no study '{name}'; it holds: {', '.join(names) or 'none'}"
        ) from None


def silence_optuna() -> None:
    """Silence Optuna's own log messages and warnings."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    warnings.filterwarnings("ignore", message="Heartbeat of storage is supposed")
