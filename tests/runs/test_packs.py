"""Packs: what goes in comes out, and nothing else is let in."""

import io
import json
import shutil
import tarfile
import threading

import pytest

from alignkit.errors import DataError, UsageError
from alignkit.runs import load_run, load_runs, packs
from alignkit.runs.files import locked
from alignkit.runs.packs import LIST, export_runs, import_runs
from tiny import train_tiny, without_manifests


@pytest.fixture
def root(tiny_runs, tmp_path):
    """A folder with two runs, one of them extracted."""
    from alignkit.chain.extract import extract

    for run in tiny_runs[1][:2]:
        shutil.copytree(run.path, tmp_path / "mine" / run.path.relative_to(tiny_runs[0]))
    extract(load_runs(tmp_path / "mine")[0], "test")
    return tmp_path / "mine"


def _bytes(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def _import(pack, root):
    told = []
    return import_runs(pack, root, told.append), told


@pytest.mark.parametrize("name", ["p.tar", "p.tar.gz"])
def test_what_goes_in_comes_out_and_the_same_runs_give_the_same_pack(root, tmp_path, name):
    pack = tmp_path / name
    export_runs(load_runs(root), root, pack)
    found, told = _import(pack, tmp_path / "yours")
    assert set(found.values()) == {"imported"}
    assert len(told) == 2
    assert _bytes(tmp_path / "yours") == _bytes(root)
    export_runs(load_runs(tmp_path / "yours"), tmp_path / "yours", tmp_path / f"again.{name}")
    assert (tmp_path / f"again.{name}").read_bytes() == pack.read_bytes()
    assert not [p for p in (tmp_path / "yours").rglob(".*") if p.suffix == ".tmp"]


def test_weights_and_arrays_may_stay_at_home(root, tmp_path):
    full = export_runs(load_runs(root), root, tmp_path / "full.tar")
    small = export_runs(
        load_runs(root), root, tmp_path / "small.tar", weights=False, representations=False
    )
    assert small < full / 2
    _import(tmp_path / "small.tar", tmp_path / "yours")
    (first, *_) = load_runs(tmp_path / "yours")
    assert first.is_trained
    assert first.performance()["primary"] == "auroc"
    assert not first.model_file.exists()
    from alignkit.chain.extract import extract

    with pytest.raises(DataError, match="import an export that includes them"):
        extract(first, "test")


def test_a_run_that_is_here_is_left_and_another_is_never_overwritten(root, tmp_path):
    without_manifests(root)
    export_runs(load_runs(root), root, tmp_path / "p.tar")
    before = _bytes(root)
    found, _ = _import(tmp_path / "p.tar", root)
    assert set(found.values()) == {"exists already"}
    config = load_runs(root)[0].path / "config.json"
    config.write_text(config.read_text().replace('"identity": "', '"identity": "0'))
    found, _ = _import(tmp_path / "p.tar", root)
    assert sorted(state.partition(":")[0] for state in found.values()) == [
        "exists already",
        "refused",
    ]
    assert {k: v for k, v in _bytes(root).items() if "config" not in k} == {
        k: v for k, v in before.items() if "config" not in k
    }


def test_a_half_trained_run_makes_room(root, tmp_path):
    export_runs(load_runs(root), root, tmp_path / "p.tar")
    run = load_runs(root)[0]
    run.train_manifest.unlink()
    found, _ = _import(tmp_path / "p.tar", root)
    assert sorted(found.values()) == ["exists already", "imported"]
    assert load_run(run.path).is_trained


def test_a_run_from_elsewhere_is_not_packed(root, tmp_path):
    with pytest.raises(UsageError, match="is not below"):
        export_runs(load_runs(root), tmp_path / "other", tmp_path / "p.tar")


@pytest.mark.slow
@pytest.mark.parametrize("what", ["longer", "shorter", "other", "gone"])
def test_a_run_that_changes_while_it_is_exported_is_refused(root, tmp_path, monkeypatch, what):
    run = load_runs(root)[0]
    add = packs._add

    def changing(tar, name, size, source):
        if name == LIST:  # every file has been listed
            text = run.performance_file.read_text()
            texts = {"longer": f"{text} ", "shorter": text[:-1], "other": text.swapcase()}
            run.performance_file.unlink()
            if what != "gone":
                run.performance_file.write_text(texts[what])
        add(tar, name, size, source)

    monkeypatch.setattr(packs, "_add", changing)
    with pytest.raises(DataError, match=r"performance\.json was changed by another command"):
        export_runs([run], root, tmp_path / "p.tar")
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_a_file_that_is_removed_while_it_is_listed_is_named(root, tmp_path, monkeypatch):
    run = load_runs(root)[0]
    files = packs._files
    monkeypatch.setattr(packs, "_files", lambda *given: files(*given) | {"x.csv": run.path / "x"})
    with pytest.raises(DataError, match="x was changed by another command"):
        export_runs([run], root, tmp_path / "p.tar")


def test_an_export_waits_for_a_command_that_writes(root, tmp_path):
    run = load_runs(root)[0]
    thread = threading.Thread(target=export_runs, args=([run], root, tmp_path / "p.tar"))
    with locked(run.path):
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        (run.path / "new.csv").write_text("a\n1\n")
    thread.join(60)
    with tarfile.open(tmp_path / "p.tar") as tar:
        assert any(name.endswith("/new.csv") for name in tar.getnames())


def test_a_run_that_nobody_can_write_to_is_exported_without_a_lock(root, tmp_path, monkeypatch):
    run = load_runs(root)[0]
    monkeypatch.setattr(packs.os, "access", lambda path, mode: False)
    monkeypatch.setattr(packs, "locked", lambda *_, **__: pytest.fail("locked"))
    assert export_runs([run], root, tmp_path / "p.tar")


def test_checkpoints_locks_and_litter_stay_at_home(tmp_path):
    run = train_tiny(tmp_path / "runs")
    (run.path / "checkpoint").mkdir()
    (run.path / "checkpoint" / "state.json").write_text("{}")
    (run.path / ".half.json.tmp").write_text("{}")
    (run.path / "notes.txt").write_text("mine")
    export_runs([run], tmp_path / "runs", tmp_path / "p.tar")
    with tarfile.open(tmp_path / "p.tar") as tar:
        names = tar.getnames()
    assert names[0] == LIST
    assert not [n for n in names if "checkpoint" in n or "tmp" in n or "lock" in n or "txt" in n]


def _changed(pack, target, change):
    """Copy a pack; ``change`` gives other members for each."""
    with tarfile.open(pack) as old, tarfile.open(target, "w") as new:
        for member in old:
            content = old.extractfile(member).read()
            for name, data, kind in change(member.name, content):
                info = tarfile.TarInfo(name)
                info.type = kind or tarfile.REGTYPE
                info.linkname = "/etc/passwd" if kind else ""
                info.size = 0 if kind else len(data)
                new.addfile(info, None if kind else io.BytesIO(data))
    return target


def _listing(edit):
    """Change the list of a pack."""

    def change(name, data):
        if name != LIST:
            return [(name, data, None)]
        content = json.loads(data)
        edit(content)
        return [(name, json.dumps(content).encode(), None)]

    return change


def _rename(content, old, new):
    files = content["runs"][0]["files"]
    files[new] = files.pop(old)


def _history(kind):
    """Turn one file into something else."""
    return lambda n, d: [(n, d, kind if n.endswith("history.csv") else None)]


HOSTILE = {
    "bytes changed": (
        lambda n, d: [(n, d[:-1] + b"!" if n.endswith("history.csv") else d, None)],
        "does not have the checksum",
    ),
    "bytes added": (
        lambda n, d: [(n, d + b"!" if n.endswith("history.csv") else d, None)],
        "does not have the size",
    ),
    "not listed": (lambda n, d: [(n, d, None), ("x/y/z/evil.json", b"", None)], "does not"),
    "upwards": (lambda n, d: [(n, d, None), ("../evil.json", b"", None)], "does not"),
    "absolute": (lambda n, d: [(n, d, None), ("/tmp/evil.json", b"", None)], "does not"),
    "twice": (lambda n, d: [(n, d, None)] * (1 if n == LIST else 2), "does not"),
    "a link": (_history(tarfile.SYMTYPE), "does not"),
    "a hard link": (_history(tarfile.LNKTYPE), "does not"),
    "a device": (_history(tarfile.CHRTYPE), "does not"),
    "cut off": (lambda n, d: [] if n.endswith("train.json") else [(n, d, None)], "lacks"),
    "listed upwards": (_listing(lambda c: _rename(c, "history.csv", "../h.csv")), "names the file"),
    "listed hidden": (_listing(lambda c: _rename(c, "history.csv", ".h.csv")), "names the file"),
    "a pickle": (_listing(lambda c: _rename(c, "history.csv", "h.pkl")), "names the file"),
    "folder upwards": (
        _listing(lambda c: c["runs"][0].update(folder="../../evil")),
        "names the folder",
    ),
    "absolute folder": (_listing(lambda c: c["runs"][0].update(folder="/a/b")), "names the folder"),
    "another identity": (_listing(lambda c: c["runs"][0].update(identity="0" * 64)), "not the run"),
    "half a run": (
        _listing(lambda c: c["runs"][0]["files"].pop("train.json")),
        "not a complete run",
    ),
    "another format": (_listing(lambda c: c.update(format=2)), "format 2"),
    "no list": (lambda n, d: [] if n == LIST else [(n, d, None)], "does not begin with"),
    "a broken list": (lambda n, d: [(n, b"[" * 9 if n == LIST else d, None)], "not a valid list"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_pack_is_refused_whole(root, tmp_path, what):
    change, message = HOSTILE[what]
    export_runs(load_runs(root), root, tmp_path / "p.tar")
    bad = _changed(tmp_path / "p.tar", tmp_path / "bad.tar", change)
    with pytest.raises(DataError, match=message):
        _import(bad, tmp_path / "yours")
    assert {p.name for p in tmp_path.iterdir()} == {"mine", "p.tar", "bad.tar"}


def test_what_is_no_tar_file_is_one_line(tmp_path):
    (tmp_path / "x.tar").write_bytes(b"no tar at all")
    with pytest.raises(DataError, match="is not a pack") as raised:
        _import(tmp_path / "x.tar", tmp_path / "yours")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "yours").exists()
    with pytest.raises(DataError, match="there is no pack"):
        _import(tmp_path / "absent.tar", tmp_path / "yours")
