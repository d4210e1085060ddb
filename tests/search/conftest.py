"""Storages to search in: SQLite, a journal, and a PostgreSQL server of the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from alignkit.progress import SILENT
from alignkit.search.search import Search
from alignkit.search.storage import parse_url
from alignkit.search.workers import StudyStorage, run_search
from tiny import TINY_MODEL, TINY_TASK


@pytest.fixture
def tiny_search(tmp_path):
    """Make and run a search in the test's folder; gives its study."""

    def run(trials, storage=None, study="s", workers=1, heartbeat=60, reporter=SILENT, **asked):
        given = {
            "tasks": (TINY_TASK,),
            "architecture": TINY_MODEL,
            "training": {"epochs": 1},
            "runs": tmp_path / "runs",
        }
        url = parse_url(storage or f"sqlite:///{tmp_path}/search.db")
        stored = StudyStorage(url, study, heartbeat)
        return run_search(Search(**given | asked), stored, trials, workers, reporter)

    return run


def _binary(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


@pytest.fixture(scope="session")
def postgresql():
    """The address of a server that listens on a socket in a folder of its own."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (the extra postgres)")
    if not _binary("initdb"):
        pytest.skip("no PostgreSQL server here; on Debian: apt-get install postgresql")
    as_root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="alignkit-pg-"))
    if as_root:  # the server refuses to run as root
        try:
            shutil.chown(folder, "postgres")
        except LookupError:
            pytest.skip("root, and no user postgres to run the server")

    def run(name, *words):
        before = ("runuser", "-u", "postgres", "--") if as_root else ()
        subprocess.run(
            [*before, _binary(name), *words], check=True, cwd=folder, stdout=subprocess.DEVNULL
        )

    data = folder / "data"
    run("initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N")
    options = f"-c listen_addresses='' -c fsync=off -k {folder}"
    run("pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
    yield f"postgresql://postgres@/postgres?host={folder}"
    run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "journal", "postgresql"])
def storage(request, tmp_path):
    """The address of an empty storage of each kind."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql")
    return f"{request.param}:///{tmp_path}/search.{request.param}"
