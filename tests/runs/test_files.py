"""Files are whole or absent: after an exception, a failing disk, kill -9."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from alignkit.errors import AlignkitError, DataError
from alignkit.runs import files
from alignkit.runs.files import read_once


def _clean(folder):
    return not [p for p in folder.rglob("*") if p.suffix in (".tmp", ".old")]


def test_an_exception_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.whole_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert _clean(tmp_path)


def test_an_exception_leaves_no_new_folder(tmp_path):
    with pytest.raises(RuntimeError), files.whole_folder(tmp_path / "f") as temporary:
        (temporary / "x").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_replaces_the_old_one_whole(tmp_path):
    for text in ("old", "new"):
        with files.whole_folder(tmp_path / "f") as temporary:
            (temporary / text).write_text(text)
    assert [p.name for p in (tmp_path / "f").iterdir()] == ["new"]
    assert _clean(tmp_path)


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch):
    replace = Path.replace
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "old").write_text("")

    def fail(path, target):
        if (path / "new").exists():
            raise OSError(28, "No space left on device")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", fail)
    with (
        pytest.raises(AlignkitError, match="No space left"),
        files.whole_folder(tmp_path / "x") as f,
    ):
        (f / "new").write_text("")
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")] == ["x", "x/old"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_at_any_call_leaves_whole_files(tmp_path, monkeypatch, call):
    real = getattr(os, call)
    for failing in range(1, 9):
        folder = tmp_path / f"{call}{failing}"
        folder.mkdir()
        files.write_text(folder / "a.txt", "old")
        calls = 0

        def sometimes(*arguments, failing=failing):
            nonlocal calls
            calls += 1
            if calls == failing:
                raise OSError(28, "No space left on device")
            return real(*arguments)

        monkeypatch.setattr(files.os, call, sometimes)
        try:
            files.write_text(folder / "a.txt", "new")
            with files.whole_folder(folder / "f") as temporary:
                (temporary / "x").write_text("x")
        except OSError:
            pass
        finally:
            monkeypatch.undo()
        assert (folder / "a.txt").read_text() in ("old", "new")
        assert not (folder / "f").exists() or (folder / "f" / "x").read_text() == "x"
        assert _clean(folder)


WRITER = """
import sys, pathlib
from alignkit.runs import files
from alignkit.runs.files import read_once
folder = pathlib.Path(sys.argv[1])
print("ready", flush=True)
n = 0
while True:
    n += 1
    files.write_text(folder / "a.txt", str(n) * 200_000)
    with files.whole_folder(folder / "f") as f:
        for name in "xyz":
            (f / name).write_text(str(n))
"""


@pytest.mark.slow
def test_kill_9_leaves_whole_files(tmp_path):
    for attempt in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True
        )
        process.stdout.readline()
        time.sleep(0.02 + 0.017 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (tmp_path / "a.txt").exists():
            text = (tmp_path / "a.txt").read_text()
            assert text == text[: len(text) // 200_000] * 200_000
        if (tmp_path / "f").exists():
            assert sorted(p.name for p in (tmp_path / "f").iterdir()) == ["x", "y", "z"]
            assert len({p.read_text() for p in (tmp_path / "f").iterdir()}) == 1


@pytest.mark.slow
def test_locks_wait_and_are_released_by_a_dead_holder(tmp_path):
    holder = (
        "import sys, time, pathlib\nfrom alignkit.runs import files\n"
        "with files.locked(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder, tmp_path], stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    waiter = subprocess.Popen(
        [sys.executable, "-c", holder.replace("time.sleep(60)", "pass"), tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "waiting for another alignkit process" in waiter.stderr.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    out, _ = waiter.communicate(timeout=30)
    assert out == "held\n"


def test_a_folder_that_got_nothing_goes_again(tmp_path):
    """With those around it that were made for it; what was there before stays."""
    (tmp_path / "runs").mkdir()
    with pytest.raises(ZeroDivisionError), files.locked(tmp_path / "runs" / "a" / "b"):
        _ = 1 / 0
    assert list((tmp_path / "runs").iterdir()) == []
    with files.locked(tmp_path / "runs" / "a" / "b"):
        (tmp_path / "runs" / "a" / "c").mkdir()
    assert [path.name for path in (tmp_path / "runs" / "a").iterdir()] == ["c"]
    with pytest.raises(ZeroDivisionError), files.locked(tmp_path / "runs" / "d"):
        (tmp_path / "runs" / "d" / "checkpoint").mkdir()
        _ = 1 / 0
    assert (tmp_path / "runs" / "d" / "checkpoint").is_dir()


def test_who_waited_for_a_folder_that_went_holds_the_new_one(tmp_path, capsys):
    folder, held = tmp_path / "runs" / "x", threading.Event()

    def wait():
        with files.locked(folder):
            (folder / "made").write_text("")
            held.set()
            release.wait(30)

    release = threading.Event()
    with files.locked(folder):
        waiter = threading.Thread(target=wait)
        waiter.start()
        while "waiting for another" not in capsys.readouterr().err:
            time.sleep(0.01)
    assert held.wait(30)
    assert files.held_by_another(folder)
    release.set()
    waiter.join()
    assert not files.held_by_another(folder)


def test_json_is_strict(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(DataError, match="is not valid JSON"):
        files.read_json(tmp_path / "b.json")
    with pytest.raises(DataError, match="there is no"):
        files.read_json(tmp_path / "c.json")


def test_a_file_where_a_folder_must_be(tmp_path):
    (tmp_path / "runs").write_text("")
    with (
        pytest.raises(AlignkitError, match="cannot write to"),
        files.locked(tmp_path / "runs" / "x"),
    ):
        pass


def test_what_was_read_once_is_read_again_when_the_file_changed(tmp_path):
    file, times = tmp_path / "a.json", []
    reading = read_once(lambda path: (times.append(path), files.read_json(path))[1])
    files.write_json(file, [1])
    assert [reading(file), reading(file)] == [[1], [1]]
    assert len(times) == 1
    status = file.stat()
    files.write_json(file, [2])  # of the same size, and set back to the same time
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert reading(file) == [2]
    file.unlink()
    with pytest.raises(DataError, match="there is no"):
        reading(file)
