"""Every problem that ``alignkit doctor`` finds is provoked, and a check that fails or hangs."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections import namedtuple
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest

from alignkit.doctor import diagnose, files, interface, machine, run, software
from alignkit.doctor.child import ChildError, answer_of
from alignkit.doctor.finding import Finding
from alignkit.plugins import use_plugin_files
from alignkit.runs.space import in_bytes

Usage = namedtuple("Usage", "total used free")
HERE = Path()
METRIC = """
import alignkit, time
time.sleep({seconds})
@alignkit.hookimpl
def register_metrics(register):
    register("{name}", lambda x, y: 0.5)
"""


def _only(findings, state):
    """The only finding that is not ok, which has a remedy."""
    (finding,) = [each for each in findings if each.state != "ok"]
    assert finding.state == state
    assert finding.remedy
    return finding


def _all_ok(findings):
    assert findings
    assert {each.state for each in findings} == {"ok"}
    assert not any(each.remedy for each in findings)
    return " ".join(each.found for each in findings)


# ---- software


def test_versions_are_those_of_this_installation():
    found = _all_ok(software.check_versions(HERE))
    for word in (sys.prefix, "torch ", "numpy ", "installed: "):
        assert word in found


def test_packages_of_other_versions_are_named_with_the_command(monkeypatch):
    monkeypatch.setattr(
        software, "requires", lambda _: ["numpy>=99", "absent-package>=1", "pluggy>=1"]
    )
    finding = _only(software.check_versions(HERE), "problem")
    assert "numpy>=99 (installed: " in finding.found
    assert "absent-package>=1 (not installed)" in finding.found
    assert finding.remedy == "pip install 'numpy>=99' 'absent-package>=1'"


def test_source_that_is_not_installed(monkeypatch):
    def absent(_):
        raise PackageNotFoundError

    monkeypatch.setattr(software, "requires", absent)
    assert "without being installed" in _only(software.check_versions(HERE), "warning").found


def test_extras_that_are_not_installed_are_no_problem(monkeypatch):
    lines = ["absent-package>=1 ; extra == 'hdf5'", "pluggy>=1 ; extra == 'parquet'"]
    monkeypatch.setattr(software, "requires", lambda _: lines)
    found = _all_ok(software.check_versions(HERE))
    there, _, absent = found.partition("not installed:")
    assert "parquet" in there
    assert "hdf5" in absent


@pytest.fixture
def plugin_files(tmp_path):
    def load(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.py").write_text(text)
        use_plugin_files([tmp_path / f"{name}.py" for name in texts])

    yield load
    use_plugin_files([])


def test_plugins_that_fail_contest_a_name_or_are_slow(plugin_files):
    plugin_files(
        broken="import absent_module",
        twin=METRIC.format(name="cka", seconds=0),
        slow=METRIC.format(name="slow", seconds=1.2),
    )
    findings = software.check_plugins(HERE)
    assert findings[0].state == "ok"
    found = {each.found: each for each in findings[1:]}
    assert len(found) == 3
    broken = next(each for text, each in found.items() if "absent_module" in text)
    assert (broken.state, "leave the file out" in broken.remedy) == ("problem", True)
    slow = next(each for text, each in found.items() if "s to import" in text)
    assert slow.state == "warning"
    twin = next(each for text, each in found.items() if "metric 'cka' is of" in text)
    assert twin.state == "problem"
    assert "alignkit-metrics" in twin.found
    assert "write alignkit-metrics/cka or twin.py/cka, or select plugins" in twin.remedy
    assert "uninstall" not in twin.remedy


def test_no_plugins_at_all(monkeypatch):
    monkeypatch.setenv("ALIGNKIT_PLUGINS", "")
    assert "there are no metrics, no tasks" in _only(software.check_plugins(HERE), "warning").found
    monkeypatch.setenv("ALIGNKIT_PLUGINS", "alignkit-absent")
    assert "alignkit-absent" in _only(software.check_plugins(HERE), "problem").found


# ---- machine


def _facts(**changes):
    pool = {
        "library": "openblas",
        "kind": "blas",
        "version": "1",
        "threads": 2,
        "file": "",
        "prefix": "lib",
    }
    return {"devices": [], "cuda": "", "threads": 2, "pools": [pool]} | changes


@pytest.mark.slow
def test_torch_says_what_there_is():
    findings = machine.check_torch(HERE)
    assert [each.check for each in findings] == ["devices", "threads", "BLAS"]
    assert "of torch" in findings[1].found


@pytest.mark.parametrize("name", ["torch", "matplotlib"])
def test_a_library_that_cannot_be_imported(tmp_path, monkeypatch, name):
    (tmp_path / f"{name}.py").write_text("raise ImportError('libfoo.so: no such file')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    check = machine.check_torch if name == "torch" else interface.check_fonts
    finding = _only(check(HERE), "problem")
    assert "libfoo.so" in finding.found
    assert name in finding.remedy


def test_devices(monkeypatch, tmp_path):
    good = {"name": "cuda:0 H100", "memory": 80_000_000_000, "error": ""}
    assert "cuda:0 H100, 80.0 GB" in _all_ok(machine.devices(_facts(devices=[good])))
    bad = good | {"error": "no kernel image is available"}
    assert "no kernel image" in _only(machine.devices(_facts(devices=[good, bad])), "problem").found
    monkeypatch.setattr(machine, "NVIDIA", tmp_path / "absent")
    monkeypatch.setattr(machine.shutil, "which", lambda _: None)
    assert "no GPU" in _all_ok(machine.devices(_facts()))
    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert "built without CUDA" in _only(machine.devices(_facts()), "warning").found
    assert "for CUDA 13.0" in _only(machine.devices(_facts(cuda="13.0")), "warning").found


def test_more_threads_than_processors(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert "OMP_NUM_THREADS=2" in _all_ok([machine.threads(_facts(), 2)])
    finding = _only([machine.threads(_facts(), 1)], "warning")
    assert "OMP_NUM_THREADS=1" in finding.remedy
    assert _only([machine.threads(_facts(threads=64), 8)], "warning")


def test_processors_of_a_container(monkeypatch, tmp_path):
    everything = machine.cores()
    assert 1 <= everything <= (os.cpu_count() or 1)
    monkeypatch.setattr(machine, "QUOTA", tmp_path / "cpu.max")
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert machine.cores() == 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.cores() >= everything


def test_two_kinds_of_openmp():
    pools = _facts()["pools"]
    assert "openblas 1" in _all_ok([machine.blas(pools)])
    both = [*pools, *({"kind": "openmp", "prefix": p} for p in ("libiomp", "libomp"))]
    assert "OpenMP of both" in _only([machine.blas(both)], "warning").found


# ---- another process


def test_another_process_that_fails_or_never_ends(tmp_path, monkeypatch):
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    for name, code, message in (
        ("sleeps", "import time; time.sleep(60)", "no answer within 0.5 s"),
        ("fails", "raise SystemExit(3)", "exit code 3"),
        ("babbles", "print('hello')", "'hello\\\\n' instead of an answer"),
    ):
        (tmp_path / f"{name}.py").write_text(code)
        with pytest.raises(ChildError, match=message):
            answer_of(name, seconds=0.5 if name == "sleeps" else 30)


# ---- folders


def test_the_working_folder_is_written_to_and_left_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    assert "can be written" in _all_ok(files.check_folder(tmp_path / "runs"))
    assert [each.name for each in tmp_path.rglob("*")] == ["runs"]


def test_a_folder_that_cannot_be_written_or_locked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finding = _only(files.check_folder(Path("/proc")), "problem")  # for root, too
    assert "/proc cannot be written" in finding.found

    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    assert "cannot be locked" in _only(files.check_folder(tmp_path / "absent"), "problem").found
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("free", "state"), [(10**6, "problem"), (10**9, "warning")])
def test_a_disk_that_is_full(monkeypatch, tmp_path, free, state):
    monkeypatch.setenv("ALIGNKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(tmp_path))
    assert "free for results and cache" in _all_ok(files.check_disk(tmp_path / "runs"))
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: Usage(10**12, 0, free))
    assert in_bytes(free) in _only(files.check_disk(tmp_path / "runs"), state).found


def test_a_disk_without_room_for_another_file(monkeypatch, tmp_path):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: Usage(10**12, 0, 10**12))
    monkeypatch.setattr(files.os, "statvfs", lambda _: SimpleNamespace(f_files=9, f_favail=0))
    assert "no file can be added" in files._space(tmp_path, "results").found


HOLD = """
import fcntl, os, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def test_runs_that_a_process_holds(tmp_path):
    runs = tmp_path / "runs"
    assert "no folder" in _all_ok(files.check_locks(runs))
    lock = runs / "task" / "late" / "seed0" / ".lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("")
    assert "none in" in _all_ok(files.check_locks(runs))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, lock], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        assert "1 in" in _all_ok(files.check_locks(runs))
        process.send_signal(signal.SIGSTOP)
        while not files._is_stopped(process.pid):
            time.sleep(0.01)
        finding = _only(files.check_locks(runs), "warning")
        assert f"held by process {process.pid}, which is stopped" in finding.found
        assert f"kill -CONT {process.pid}" in finding.remedy
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert "none in" in _all_ok(files.check_locks(runs))


def test_what_killed_commands_have_left(tmp_path):
    (tmp_path / ".scores.csv.abc.tmp").write_text("x" * 1500)
    finding = _only(files.check_locks(tmp_path), "warning")
    assert "1 files or folders, 1.5 kB" in finding.found
    assert "runs gc" in finding.remedy


def test_data(tmp_path, monkeypatch):
    assert "not set" in _all_ok(files.check_data(HERE))
    monkeypatch.setenv("ALIGNKIT_DATA", str(tmp_path / "absent"))
    assert "No such file" in _only(files.check_data(HERE), "problem").found
    monkeypatch.setenv("ALIGNKIT_DATA", str(tmp_path))
    (tmp_path / "memes").mkdir()
    assert "is a task's" in _only(files.check_data(HERE), "warning").found
    (tmp_path / "hateful_memes").mkdir()
    assert "has hateful_memes" in _all_ok(files.check_data(HERE))


def test_locks_that_were_not_looked_at_are_said(tmp_path, monkeypatch):
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / files.LOCK).touch()
    assert "enough for" not in _all_ok(files.check_locks(tmp_path / "runs"))
    monkeypatch.setattr(files, "PATIENCE", -1.0)
    assert "of those that -1 s are enough for" in _all_ok(files.check_locks(tmp_path / "runs"))


def test_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "absent"))
    monkeypatch.setenv("ALIGNKIT_CACHE", str(tmp_path / "cache"))
    assert "not made yet" in _all_ok(files.check_caches(HERE))
    (tmp_path / "hub" / "models").mkdir(parents=True)
    (tmp_path / "hub" / "models" / "weights").write_bytes(b"x" * 2500)
    hub = files.check_caches(HERE)[1]
    assert f"{tmp_path / 'hub'}, 2.5 kB" in hub.found
    monkeypatch.setattr(files, "PATIENCE", -1.0)
    assert "more than" in files.check_caches(HERE)[1].found
    monkeypatch.setenv("ALIGNKIT_CACHE", "/proc/cache")
    finding = _only(files.check_caches(HERE), "problem")
    assert "cannot be written" in finding.found
    assert "ALIGNKIT_CACHE" in finding.remedy


# ---- what people see


@pytest.mark.slow
def test_fonts_of_figures():
    assert "DejaVu Sans" in _all_ok(interface.check_fonts(HERE))


def test_fonts(monkeypatch, tmp_path):
    facts = {"font": "Symbol", "latin": True, "lacks": ["Thai"], "cache": "", "backend": "agg"}
    monkeypatch.setattr(interface, "answer_of", lambda *_: facts)
    monkeypatch.setattr(interface, "FONTS", (str(tmp_path),))
    assert "Symbol (without Thai); no colour emoji" in _all_ok(interface.check_fonts(HERE))
    (tmp_path / "NotoColorEmoji.ttf").write_text("")
    assert "colour emoji: NotoColorEmoji.ttf" in _all_ok(interface.check_fonts(HERE))
    facts["latin"] = False
    assert "Symbol" in _only(interface.check_fonts(HERE), "problem").found


def test_a_terminal_that_is_not_utf8(monkeypatch):
    monkeypatch.setattr(sys, "__stdout__", SimpleNamespace(encoding="UTF-8"))
    assert _all_ok(interface.check_encoding(HERE)) == "UTF-8"
    monkeypatch.setattr(sys, "__stdout__", SimpleNamespace(encoding="ANSI_X3.4-1968"))
    assert "terminal: ANSI" in _only(interface.check_encoding(HERE), "warning").found
    monkeypatch.setattr(sys, "__stdout__", None)
    assert _all_ok(interface.check_encoding(HERE)) == "UTF-8"


@pytest.mark.parametrize(
    ("shell", "script", "start", "line"),
    [
        ("bash", ".bash_completions/alignkit.sh", ".bashrc", "source '{}'"),
        ("zsh", ".zfunc/_alignkit", ".zshrc", "fpath+=~/.zfunc"),
        ("fish", ".config/fish/completions/alignkit.fish", None, ""),
    ],
)
def test_completion(tmp_path, monkeypatch, shell, script, start, line):
    monkeypatch.setenv("SHELL", f"/bin/{shell}")
    monkeypatch.setenv("HOME", str(tmp_path))
    finding = _only(interface.check_completion(HERE), "warning")
    assert finding.remedy.endswith(f"alignkit --install-completion {shell}")
    place = tmp_path / script
    place.parent.mkdir(parents=True)
    place.write_text("")
    if start is not None:
        assert "does not read" in _only(interface.check_completion(HERE), "warning").found
        (tmp_path / start).write_text(line.format(place))
    assert "installed" in _all_ok(interface.check_completion(HERE))


def test_a_shell_without_completion(monkeypatch):
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert "tcsh" in _all_ok(interface.check_completion(HERE))
    monkeypatch.delenv("SHELL")
    assert "not known" in _all_ok(interface.check_completion(HERE))


# ---- all together


def test_a_check_that_fails_or_never_ends_stops_no_other(monkeypatch):
    def fail(_):
        raise RuntimeError("odd")

    checks = (
        ("hanging", lambda _: time.sleep(30)),
        ("failing", fail),
        ("last", lambda _: [Finding("last", "ok", "fine")]),
    )
    monkeypatch.setattr(run, "CHECKS", checks)
    started = time.monotonic()
    findings = diagnose(seconds=0.2)
    assert time.monotonic() - started < 20
    assert [(each.check, each.state) for each in findings] == [
        ("hanging", "problem"),
        ("failing", "problem"),
        ("last", "ok"),
    ]
    assert "does not end" in findings[0].found
    assert "RuntimeError: odd" in findings[1].found


def test_the_file_of_a_lock_stays_free_while_it_is_looked_at(tmp_path):
    """``doctor`` must not be what another command waits for."""
    (tmp_path / ".lock").write_text("")
    files.check_locks(tmp_path)
    with (tmp_path / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
