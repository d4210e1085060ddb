"""Damage and changes are found by ``runs verify``, and nothing damaged is used."""

import json
import random
import re
import shutil

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

import alignkit
from alignkit.alignment.runs import measure_run, read_alignment
from alignkit.alignment.stored import stored_rows
from alignkit.chain import model as models
from alignkit.chain.evaluate import evaluate
from alignkit.data.facts import sample_fact
from alignkit.engines.perform import Notes
from alignkit.errors import AlignkitError, DamagedError
from alignkit.runs import Run, manifests
from alignkit.runs import verify as verifying
from alignkit.runs.manifests import (
    entries_of,
    entry_of,
    manifest_of_table,
    read_checked,
    write_checked,
    write_table,
)
from alignkit.runs.verify import DAMAGED, MISSING, repair, verify_encoders, verify_run
from damage import flipped_or_cut
from tiny import alignkit as command
from tiny import digest, train_tiny, without_manifests

METRICS = ["cka", "mknn:k=5"]
FLIPS = 200
UNREAD = ("steps.csv",)  # written for people


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    run = train_tiny(root, placement="1")
    evaluate(run)
    measure_run(run, METRICS)
    measure_run(run, ["cka"], layers="max-pair", null=5)
    return run


@pytest.fixture
def run(whole, tmp_path):
    folder = tmp_path / "runs" / whole.path.relative_to(whole.path.parents[2])
    shutil.copytree(whole.path, folder)
    return Run(folder)


def _stored(run):
    """Return the checksum of every file by name; the index of tables is derived from them."""
    return {name: sha for name, sha in digest(run.path).items() if not name.startswith(".index")}


def _bad(run):
    return {part.path: part for part in verify_run(run) if part.state not in ("whole",)}


def _read_everything(path):
    """Read all that commands read of a run."""
    run = Run(path)
    assert run.stored
    run.performance()
    run.history()
    run.alignment()
    models.load(run, 1)
    for site in run.representation_index("test")["sites"]:
        for pool in ("cls", "mean"):
            np.asarray(run.representation(site, "test", pool).values).sum()
    sample_fact(run, "test", "label")
    measure_run(run, METRICS)
    measure_run(run, ["cka"], layers="max-pair", null=5)
    for file in run.path.glob("alignment/test/**/*.csv"):
        read_alignment(file)


def _refusal(run):
    """Return in what words damage is refused where everything is read; empty if it is not."""
    try:
        _read_everything(run.path)
    except AlignkitError as error:
        return str(error)
    return ""


def test_every_flip_and_cut_is_found_and_none_is_used(run):
    assert not _bad(run)
    _read_everything(run.path)
    files = [run.path / name for name in _stored(run)]
    rng = random.Random(7)
    for turn in range(FLIPS):
        file = files[turn % len(files)]
        content = file.read_bytes()
        file.write_bytes(flipped_or_cut(content, rng))
        assert _bad(run), f"{file} is damaged, and verify did not find it"
        if file.name not in UNREAD:
            refusal = _refusal(run)
            if file.relative_to(run.path).parts[0] == "alignment":
                assert not refusal  # the values are measured again
                assert file.read_bytes() == content
            else:
                assert str(run.path) in refusal
                assert "\n" not in refusal
        file.write_bytes(content)
    assert not _bad(run)


def test_what_another_command_replaces_meanwhile_is_not_called_damaged(run, monkeypatch):
    """As by extracting again with other weights, after the index was read."""
    folder = run.representations_folder("test")
    read = verifying.difference
    replaced = []

    def replacing(path, entry):
        if path.suffix == ".npy" and not replaced:
            replaced.append(path)
            np.save(path, np.load(path) + 1)
            index = read_checked(folder / "index.json")
            index["files"][path.name] = entry_of(path)
            write_checked(folder / "index.json", index)
        return read(path, entry)

    monkeypatch.setattr(verifying, "difference", replacing)
    assert {part.state for part in verify_run(run)} <= {"whole", "stale"}
    assert replaced


def test_what_is_whole_by_now_is_not_removed(run):
    file = run.path / "alignment" / "test" / "cka.cls.csv"
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    (part,) = _bad(run).values()
    file.write_bytes(whole)
    assert "whole by now" in repair(run, part)
    assert file.read_bytes() == whole
    file.unlink()
    manifest_of_table(file).unlink()
    assert "removed" in repair(run, part)


def test_what_is_damaged_is_removed_and_made_again_with_the_same_bytes(run):
    before = _stored(run)
    for name in (
        "performance.json",
        "alignment.csv",
        "alignment/test/cka.cls.csv",
        "alignment/test/mknn-k=5.cls.json",
        "representations/test/v01.mean.npy",
    ):
        file = run.path / name
        file.write_bytes(file.read_bytes()[:-3])
    for part in _bad(run).values():
        assert part.state == "damaged"
        assert repair(run, part)
    assert not _bad(Run(run.path))
    evaluate(run)
    measure_run(run, METRICS)
    measure_run(run, ["cka"], layers="max-pair", null=5)
    assert _stored(run) == before


def test_scores_cannot_be_restored_from_a_broken_manifest(run):
    run.train_manifest.write_text("{")
    run.performance_file.write_text("{")
    parts = _bad(run)
    assert {run.train_manifest, run.performance_file} <= set(parts)
    assert not repair(run, parts[run.performance_file])
    assert run.performance_file.is_file()


def test_weights_are_removed_only_if_training_again_is_asked_for(run, whole):
    run.model_file.write_bytes(run.model_file.read_bytes()[:-1])
    (part,) = _bad(run).values()
    assert not repair(run, part)
    assert run.is_trained
    assert repair(run, part, retrain=True)
    assert not run.is_trained
    again = train_tiny(run.path.parents[2], placement="1")
    assert again.path == run.path
    assert not _bad(again)
    assert again.model_digest == whole.model_digest


def _replace(run, site, values):
    """Replace a representation as an extraction would, with its entry in the index."""
    folder = run.representations_folder("test")
    np.save(folder / f"{site}.cls.npy", values)
    index = run.representation_index("test")
    index["files"] |= entries_of(folder, [f"{site}.cls.npy"])
    write_checked(folder / "index.json", index)


def test_values_of_a_representation_that_changed_are_measured_again(run):
    before = measure_run(run, ["cka"])
    values = np.random.default_rng(0).standard_normal((48, 16)).astype(np.float32)
    _replace(run, "t01", values)
    assert {part.state for part in _bad(run).values()} == {"stale"}
    assert {"cka.cls.csv", "mknn-k=5.cls.csv"} <= {path.name for path in _bad(run)}
    assert stored_rows(run, ["cka"], layers="all") is None
    heard = Notes()
    after = measure_run(run, ["cka"], reporter=heard)
    (said,) = [line for line in heard.said if "measured again" in line]
    assert re.search(r"4 stored value\(s\) of cka in .* the representations have changed", said)
    changed = after["value"] != before["value"]
    assert set(after["x"][changed]) == {"t01"}
    y = run.representation("v01")
    row = after[(after["x"] == "t01") & (after["y"] == "v01")]
    assert row["value"].item() == pytest.approx(alignkit.measure(values, y, "cka"), abs=1e-6)
    # The best pair over layers is measured again too, since one of them changed.
    heard = Notes()
    measure_run(run, ["cka"], layers="max-pair", null=5, reporter=heard)
    assert any("1 stored value(s) of cka" in line for line in heard.said)
    measure_run(run, ["mknn:k=5"])
    assert not _bad(run)


def test_representations_of_other_weights_are_extracted_again(run):
    before = run.representation("t02").values.copy()
    weights = {name: value + 0.1 for name, value in load_file(run.model_file).items()}
    save_file(weights, run.model_file)
    manifest = read_checked(run.train_manifest)
    manifest["files"] |= entries_of(run.path, ["model.safetensors"])
    manifest["model_sha256"] = manifest["files"]["model.safetensors"]["sha256"]
    write_checked(run.train_manifest, manifest)
    assert {part.path.name: part.why for part in _bad(run).values()} == {
        "test": "the weights are other ones now",
        "performance.json": "scored on test, but the weights are other ones now",
    }
    heard = Notes()
    measure_run(run, ["cka"], reporter=heard)
    assert any("the weights are other ones now" in line for line in heard.said)
    assert not np.allclose(run.representation("t02").values, before)
    (part,) = _bad(run).values()
    assert "removed the scores on test, validation" in repair(run, part)
    evaluate(run)
    assert not _bad(run)


def test_runs_of_earlier_versions_are_read_and_counted_as_unverified(run):
    without_manifests(run.path)
    assert {part.state for part in verify_run(run)} == {"unverified"}
    _read_everything(run.path)
    assert {part.state for part in verify_run(run)} == {"unverified"}


def test_a_damaged_run_that_is_alone_in_a_named_folder_is_named(run):
    run.train_manifest.write_text("{")
    place, folder = run.path.parents[3], run.path.parent.relative_to(run.path.parents[3])
    for words in (("extract", folder), ("extract", "--placement", run.path.parent.name)):
        said = command(*words, cwd=place, code=1).stderr
        assert re.search(r"^Error: .*seed0\S*/train\.json ", said, re.M), said


def test_a_name_that_no_disk_takes_is_damage(run):
    for file, key in (
        (run.path / "representations/test/index.json", "sites"),
        (run.path / "train.json", ""),
    ):
        content = json.loads(file.read_text())
        del content["format"], content["checksum"]  # as damage to both of them leaves it
        entry = next(iter(content["files"].values()))
        content["files"] = {"t" + "9" * 300 + ".safetensors": entry, **content["files"]}
        if key:
            content[key] = ["t" + "9" * 300, *content[key]]
        file.write_text(json.dumps(content))
    parts = list(verify_run(run))
    found = {part.path.name[:9]: part.state for part in parts if part.state in (DAMAGED, MISSING)}
    assert found == {"test": DAMAGED, "t99999999": MISSING}


def test_weights_that_were_not_imported_are_counted_as_missing(run):
    run.model_file.unlink()
    (part,) = [part for part in verify_run(run) if part.state != "whole"]
    assert (part.path, part.state) == (run.model_file, "missing")
    done = command("runs", "verify", cwd=run.path.parents[3])
    assert "1 file missing" in done.stderr


def test_a_kill_between_a_table_and_its_manifest_loses_nothing(tmp_path, monkeypatch):
    file = tmp_path / "cka.csv"
    write_table(file, "a\n1\n", {"x": {"t00": "0"}})
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(manifests, "write_text", _killed)
        write_table(file, "a\n1\n2\n", {"x": {"t00": "1"}})
    assert manifests.inputs_of_table(file) == {"x": {"t00": "0"}}  # that of the first
    write_table(file, "a\n1\n2\n", {"x": {"t00": "1"}})
    assert manifests.inputs_of_table(file) == {"x": {"t00": "1"}}
    file.write_text("a\n1\n3\n")
    with pytest.raises(DamagedError, match=r"cka.csv is damaged"):
        manifests.inputs_of_table(file)


def test_a_table_that_grows_while_it_is_read_is_not_damaged(tmp_path, monkeypatch):
    file, read = tmp_path / "cka.csv", manifests.read_checked
    write_table(file, "a\n1\n", {"x": {"t00": "0"}})

    def slowly(path):
        content = read(path)
        monkeypatch.setattr(manifests, "read_checked", read)
        for rows in ("2", "2\n3"):
            write_table(file, f"a\n1\n{rows}\n", {"x": {"t00": rows}})
        return content

    monkeypatch.setattr(manifests, "read_checked", slowly)
    assert manifests.inputs_of_table(file) == {"x": {"t00": "2\n3"}}


def test_what_is_extracted_anew_while_it_is_read_is_not_damaged(run, monkeypatch):
    ids, index = run.ids("test"), run.representation_index

    def slowly(split):
        content = index(split)
        monkeypatch.undo()
        folder = run.representations_folder(split)
        (folder / "ids.json").write_text(json.dumps(ids, indent=1))
        new = {**content, "files": content["files"] | entries_of(folder, ["ids.json"])}
        write_checked(folder / "index.json", new)
        return content

    monkeypatch.setattr(run, "representation_index", slowly)
    assert run.ids("test") == ids
    (run.representations_folder("test") / "ids.json").write_text("[]")
    with pytest.raises(DamagedError, match=r"ids\.json is damaged"):
        run.ids("test")


def _killed(*_):
    raise KeyboardInterrupt


def test_the_command_lists_repairs_and_counts(run):
    place = run.path.parents[3]
    done = command("runs", "verify", cwd=place)
    assert re.search(r"1 run: \d+ files whole", done.stderr)
    file = run.path / "alignment/test/cka.cls.csv"
    whole = file.read_bytes()
    file.write_bytes(whole + b"\n")
    run.model_file.write_bytes(b"")
    done = command("runs", "verify", "--json", cwd=place, code=1)
    states = {part["path"].rpartition("/")[2]: part for part in json.loads(done.stdout)["parts"]}
    assert set(states) == {"cka.cls.csv", "model.safetensors"}
    assert "were written" in states["model.safetensors"]["why"]
    done = command("measure", "--metric", "mknn:k=5", "--force", run.path, cwd=place)
    assert "cka.cls.csv is damaged" in done.stderr
    done = command("evaluate", "--force", run.path, cwd=place, code=1)
    assert "alignkit runs verify" in done.stderr
    done = command("runs", "verify", "--repair", "--json", cwd=place, code=1)
    what = {part["path"].rpartition("/")[2]: part for part in json.loads(done.stdout)["parts"]}
    assert "it is made again when it is needed" in what["cka.cls.csv"]["done"]
    assert "kept; --retrain" in what["model.safetensors"]["done"]
    assert "1 of " in done.stderr
    assert not file.exists()
    assert run.model_file.exists()
    command("measure", "--metric", "cka", run.path, cwd=place)
    assert file.read_bytes() == whole
    done = command("runs", "verify", cwd=place, code=1)
    command("runs", "verify", "--repair", "--retrain", cwd=place)
    assert not run.is_trained
    command("runs", "verify", "nowhere", cwd=place, code=2)


def test_an_encoder_that_was_killed_before_its_first_file_is_not_damaged(tmp_path):
    store = tmp_path / "bag@12345678"
    (store / "representations" / "test").mkdir(parents=True)
    (store / "representations" / ".lock").touch()
    assert list(verify_encoders(tmp_path)) == []
    np.save(store / "representations" / "test" / "layers.0.cls.npy", np.zeros((3, 2)))
    found = {part.path.name: part.state for part in verify_encoders(tmp_path)}
    assert found["encoder.json"] == "damaged"
