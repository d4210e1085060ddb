"""A journal whose writers die, or whose disk is full; a storage that is none."""

import errno
import json
import os
import subprocess
import sys
import time

import optuna
import pytest
from optuna.storages import JournalStorage

from alignkit.errors import AlignkitError, DataError
from alignkit.runs.space import DiskError
from alignkit.search import journal_file
from alignkit.search.journal_file import JournalFile, JournalLock
from alignkit.search.stale_trials import this_worker
from alignkit.search.storage import exclusive, open_storage, parse_url

RECORDS = [{"op_code": 1, "number": i} for i in range(3)]


@pytest.fixture
def journal(tmp_path):
    JournalFile(tmp_path / "journal").append_logs(RECORDS)
    return tmp_path / "journal"


def _lock(journal):
    return journal.with_name("journal.lock")


def test_the_lock_of_a_dead_process_is_taken_over_at_once(journal, capsys):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    here = this_worker().rsplit("/", 2)[0]
    _lock(journal).write_text(f"{here}/{child.pid}/1")
    begun = time.monotonic()
    JournalFile(journal).append_logs(RECORDS)
    assert time.monotonic() - begun < journal_file.GRACE / 2
    assert capsys.readouterr().err == ""
    assert len(journal.read_text().splitlines()) == 6
    assert not _lock(journal).exists()


@pytest.mark.parametrize("holder", ["", "elsewhere/pid:[1]/17/4"])
def test_what_is_waited_for_is_said(journal, capsys, monkeypatch, holder):
    monkeypatch.setattr(journal_file, "PATIENCE", 0.05)
    monkeypatch.setattr(journal_file, "GRACE", 0.4)
    _lock(journal).write_text(holder)
    JournalFile(journal).append_logs(RECORDS)
    said = capsys.readouterr().err
    who = f"process {holder}" if holder else "another program"
    assert said.startswith(f"waiting for the lock {_lock(journal)} of {who}; it is taken over if")
    assert said.count("\n") == 1


def test_a_lock_that_is_held_is_waited_for(journal):
    lock = JournalLock(journal)
    lock.acquire()
    assert _lock(journal).read_text() == this_worker()
    code = (
        "import sys; from pathlib import Path\n"
        "from alignkit.search.journal_file import JournalFile\n"
        "JournalFile(Path(sys.argv[1])).append_logs([{'op_code': 1}])"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(journal)])
    time.sleep(3)
    assert other.poll() is None
    assert len(journal.read_text().splitlines()) == 3
    lock.release()
    assert other.wait(60) == 0
    assert len(journal.read_text().splitlines()) == 4


def test_a_record_that_the_disk_does_not_hold_leaves_nothing_behind(journal, monkeypatch):
    before = journal.read_bytes()

    def full(handle):
        os.write(handle, b"{half a rec")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match=f"cannot write {journal}: No space left"):
        JournalFile(journal).append_logs(RECORDS)
    monkeypatch.undo()
    assert journal.read_bytes() == before
    JournalFile(journal).append_logs(RECORDS)
    assert [json.loads(line) for line in journal.read_text().splitlines()] == RECORDS * 2


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_file_that_is_no_storage_stays_alone(tmp_path, kind):
    file = tmp_path / "notes.txt"
    file.write_text("not a storage, and no newline at its end")
    with pytest.raises(AlignkitError):
        open_storage(parse_url(f"{kind}:///{file}"), 60)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("damage", [b"{", b"\xe6", b'{"op_code":0}\n'])
def test_a_journal_with_a_damaged_record_is_refused_by_a_search_too(tmp_path, damage):
    file = tmp_path / "trials"
    optuna.create_study(storage=JournalStorage(JournalFile(file)), study_name="s")
    content = file.read_bytes()
    file.write_bytes(content + damage + content)
    with pytest.raises(DataError, match="trials is not a complete journal of Optuna; remove"):
        open_storage(parse_url(f"journal:///{file}"), 60)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_a_lock_beside_a_storage_that_fails_is_removed(tmp_path, error):
    url = parse_url(f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(error), exclusive(url, "s"):
        assert (tmp_path / "a.db.turn").exists()
        raise error
    assert not list(tmp_path.iterdir())
    (tmp_path / "a.db.turn").touch()  # which other workers use
    with pytest.raises(error), exclusive(url, "s"):
        raise error
    assert (tmp_path / "a.db.turn").exists()
