"""Where trials are kept: SQLite on one machine, a journal on a shared disk, or PostgreSQL."""

from __future__ import annotations

import fcntl
import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.errors import AlignkitError, DataError, UsageError

if TYPE_CHECKING:
    import optuna

EXPECTED = "sqlite:///FILE, journal:///FILE or postgresql://USER@HOST/DATABASE"
TIMEOUT = 60  # seconds that a worker waits for another's write


@dataclass(frozen=True)
class Url:
    """A storage's address, read.

    Attributes
    ----------
    full : str
        As Optuna takes it.
    file : Path or None
        Of a storage that is a file.
    """

    full: str
    file: Path | None

    def __str__(self) -> str:
        """As it may be shown: without a password."""
        if self.is_journal:
            return self.full
        from sqlalchemy.engine import make_url

        return make_url(self.full).render_as_string(hide_password=True)

    @property
    def is_journal(self) -> bool:
        return self.full.startswith("journal:")

    @property
    def is_postgresql(self) -> bool:
        return self.full.startswith("postgresql")


def parse_url(text: str) -> Url:
    """Read a storage's address; ``postgresql://`` means the driver that alignkit installs.

    Raises
    ------
    UsageError
        When it is none.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    scheme, separator, rest = text.partition("://")
    if not separator:
        raise UsageError(f"'{text}' is no storage; expected {EXPECTED}")
    if scheme == "journal":
        if not rest.strip("/"):
            raise UsageError(f"'{text}' names no file; write journal:///FILE")
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
        raise UsageError(f"'{text}' is kept nowhere; write sqlite:///FILE")
    return Url(text, Path(database))


def open_storage(url: Url, heartbeat: int, on_stale: Any = None) -> Any:
    """Open a storage for a search; make it where there is none.

    Parameters
    ----------
    url : Url
    heartbeat : int
        Seconds between signs of life; a trial is lost after two without one. A journal has
        none.
    on_stale : callable, optional
        What Optuna calls with the study and each lost trial.

    Raises
    ------
    DataError
        When an older or newer Optuna has written it, or a journal is torn.
    AlignkitError
        When it cannot be reached.
    """
    if url.file:
        url.file.parent.mkdir(parents=True, exist_ok=True)
    with turns(url, "schema"), in_one_line(url), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # heartbeats are called experimental
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
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    from alignkit.search.journal import check_tail, lock_of

    assert url.file is not None
    check_tail(url.file, lock_of(url.file))
    return JournalStorage(JournalFileBackend(str(url.file), lock_of(url.file)))


@contextmanager
def turns(url: Url, name: str) -> Iterator[None]:
    """One worker at a time, on all machines; a dead holder's turn ends with it.

    Files are locked beside themselves, PostgreSQL by an advisory lock. Elsewhere there is no
    lock, and a search may end with as many trials too many as it has workers.
    """
    if url.file:
        with open(f"{url.file}.turn", "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    elif url.is_postgresql:
        with in_one_line(url):
            connection = _connect(url)
        with connection:
            key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({key})")
            yield
    else:
        yield


def _connect(url: Url) -> Any:
    """A connection of its own, whose end frees what it has locked."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    return create_engine(url.full, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect()


@contextmanager
def in_one_line(url: Url) -> Iterator[None]:
    """Turn what databases raise into one line that says what to do."""
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
            f"{url} was written by another Optuna; keep a copy, then run: "
            f"optuna storage upgrade --storage '{url}', or choose another --storage"
        ) from None
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        first = str(getattr(cause, "orig", cause)).strip().splitlines()[0]
        raise AlignkitError(f"the storage {url} cannot be used: {first}") from None


def open_study(storage: Any, url: Url, name: str) -> optuna.Study:
    """Load a study by name.

    Raises
    ------
    DataError
        When the storage has none of that name.
    """
    import optuna

    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        names = optuna.get_all_study_names(storage)
        raise DataError(
            f"{url} holds no study '{name}'; it holds: {', '.join(names) or 'none'}"
        ) from None


def quiet_optuna() -> None:
    """Keep Optuna's own lines off stderr; alignkit says what it needs."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    warnings.filterwarnings("ignore", message="Heartbeat of storage is supposed")
