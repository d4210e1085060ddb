"""``alignkit runs``: list, show, remove, tidy up, pack and unpack, as a user does."""

import json
import os
from pathlib import Path

import pytest

from alignkit.runs.files import locked
from tiny import TINY_MODEL, TINY_TASK, alignkit, train_tiny, without_manifests


def test_bare_runs_lists_as_list_does(tiny_runs, tmp_path):
    root = tiny_runs[0]
    bare = json.loads(alignkit("runs", "--runs", root, "--json", cwd=tmp_path).stdout)
    listed = json.loads(alignkit("runs", "list", "--runs", root, "--json", cwd=tmp_path).stdout)
    assert bare == listed
    assert len(bare) == 6
    words = ("runs", "list", "--runs", root, "-p", "none", "-t", "toy_match", "--json")
    (one,) = json.loads(alignkit(*words, cwd=tmp_path).stdout)
    assert one["placement"] == "none"


@pytest.mark.slow
def test_runs_are_named_by_the_options_in_which_they_differ(tmp_path):
    from alignkit.chain.train import train
    from alignkit.runs import Training, resolve_config

    for placement, rate in (("1", 1e-4), ("1", 3e-4), ("2", 3e-4)):
        training = Training(epochs=0, learning_rate=rate)
        train(resolve_config(TINY_TASK, placement, TINY_MODEL, training), tmp_path / "runs")
    rows = json.loads(alignkit("runs", "--json", cwd=tmp_path).stdout)
    rates = sorted((row["placement"], row["variant"]) for row in rows)
    low, high = "learning_rate=1e-4", "learning_rate=3e-4"
    assert rates == [("at_1", low), ("at_1", high), ("at_2", high)]
    shown = alignkit("runs", cwd=tmp_path).stdout
    assert low in shown
    assert not any(row["unit"] in line.split()[1:] for row in rows for line in shown.splitlines())


@pytest.mark.slow
def test_show_tells_options_scores_and_sizes(tmp_path):
    run = train_tiny(tmp_path / "runs")
    page = json.loads(alignkit("runs", "show", run.path, "--json", cwd=tmp_path).stdout)
    assert page["identity"] == run.config.identity
    sizes = {row["part"]: row["bytes"] for row in page["files"]}
    assert sizes["model.safetensors"] == run.model_file.stat().st_size
    assert "auroc" in page["performance"]["splits"]["validation"]
    shown = alignkit("runs", "show", run.path, cwd=tmp_path).stdout
    assert run.config.identity in shown
    assert "model.safetensors" in shown


@pytest.mark.slow
def test_rm_asks_and_removes(tmp_path, monkeypatch):
    run = train_tiny(tmp_path / "runs")
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    refused = alignkit("runs", "rm", run.path, cwd=tmp_path, code=2)
    assert "nothing was removed" in refused.stderr
    assert run.is_trained
    monkeypatch.setattr("typer.confirm", lambda *_, **__: 1 / 0)
    alignkit("runs", "rm", run.path, "--yes", cwd=tmp_path)
    assert not run.path.exists()
    assert "not a run directory" in alignkit("runs", "rm", run.path, cwd=tmp_path, code=1).stderr


@pytest.mark.slow
def test_gc_removes_litter_says_what_and_leaves_work_alone(tmp_path):
    run = train_tiny(tmp_path / "runs")
    other = train_tiny(tmp_path / "runs", placement="none")
    litter = [
        run.path / ".history.csv.abc.tmp",
        run.path / ".old.x.old" / "it",
        run.path / "representations" / ".test.shards" / "plan.json",
        run.path / "representations" / ".test.shards" / "000000000-000000048" / "shard.json",
        run.path / "checkpoint" / "step-1" / "state.json",
    ]
    working = other.path / ".history.csv.abc.tmp"
    unfinished = other.path / "representations" / ".test.shards" / "plan.json"
    for path in (*litter, working, unfinished):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    finished = run.path / "representations" / "test" / "index.json"
    finished.parent.mkdir()
    finished.write_text("{}")
    with locked(other.path):
        dry = json.loads(alignkit("runs", "gc", "--dry-run", "--json", cwd=tmp_path).stdout)
        assert all(path.exists() for path in litter)
        rows = json.loads(alignkit("runs", "gc", "--json", cwd=tmp_path).stdout)
    assert {row["path"] for row in rows} == {row["path"] for row in dry}
    done = {row["path"].split("/")[-1]: row["done"] for row in rows if "none" not in row["path"]}
    assert set(done) == {".history.csv.abc.tmp", ".old.x.old", ".test.shards", "checkpoint"}
    assert set(done.values()) == {"removed"}
    assert [row["done"] for row in rows if "none" in row["path"]] == ["in use, kept"]
    assert not any(path.exists() for path in litter)
    assert working.exists()
    assert unfinished.exists()
    assert run.is_trained
    assert "removed" in alignkit("runs", "gc", cwd=tmp_path).stdout
    assert "nothing to remove" in alignkit("runs", "gc", cwd=tmp_path).stderr


def test_gc_removes_litter_of_results_but_not_what_may_be_written_now(tmp_path):
    results = tmp_path / "results"
    (results / "figures").mkdir(parents=True)
    names = (".a.csv.x1.tmp", "figures/.b.png.x2.tmp", ".now.csv.x3.tmp", ".hidden", "c.csv")
    for name in names:
        (results / name).write_text("half")
    beside = tmp_path / ".results.x4.tmp"  # a folder of results that was not yet put in place
    beside.mkdir()
    (tmp_path / ".others.x5.tmp").write_text("of other results")
    for path in (*(results / name for name in names[:2]), beside, tmp_path / ".others.x5.tmp"):
        os.utime(path, (0, 0))
    words = ("runs", "gc", "--output", results, "--json")
    rows = {row["path"]: row["done"] for row in json.loads(alignkit(*words, cwd=tmp_path).stdout)}
    assert rows.pop(str(beside)) == "removed"
    assert not beside.exists()
    assert (tmp_path / ".others.x5.tmp").exists()
    done = {str(Path(path).relative_to(results)): state for path, state in rows.items()}
    assert done == {names[0]: "removed", names[1]: "removed", names[2]: "in use, kept"}
    left = sorted(str(p.relative_to(results)) for p in results.rglob("*") if p.is_file())
    assert left == [".hidden", ".now.csv.x3.tmp", "c.csv"]


@pytest.mark.slow
def test_export_and_import_on_the_command_line(tmp_path):
    run = train_tiny(tmp_path / "runs")
    folder = run.path.relative_to(tmp_path / "runs")
    done = alignkit("runs", "export", run.path, "--no-weights", "-o", "p.tar.gz", cwd=tmp_path)
    assert done.stdout.strip() == "p.tar.gz"
    there = alignkit("runs", "import", "p.tar.gz", "--runs", "there", cwd=tmp_path)
    assert there.stdout.strip() == f"there/{folder}"
    again = alignkit("runs", "import", "p.tar.gz", "--runs", "there", cwd=tmp_path)
    assert again.stdout == ""
    assert "exists already" in again.stderr
    config = tmp_path / "there" / folder / "config.json"
    without_manifests(config.parent)
    config.write_text(config.read_text().replace('"identity": "', '"identity": "0'))
    refused = alignkit("runs", "import", "p.tar.gz", "--runs", "there", cwd=tmp_path, code=1)
    assert "1 of 1 runs were refused" in refused.stderr
    config.write_text("{")
    refused = alignkit("runs", "import", "p.tar.gz", "--runs", "there", cwd=tmp_path, code=1)
    assert "1 of 1 runs were refused" in refused.stderr
    assert "config.json" in refused.stderr


@pytest.mark.slow
def test_extract_takes_a_shard_size_and_jobs(tmp_path):
    for placement in ("none", "1"):
        train_tiny(tmp_path / "runs", placement=placement)
    words = ("extract", "--shard-size", "128", "--jobs", "2", "--pool", "cls", "--json")
    rows = json.loads(alignkit(*words, cwd=tmp_path).stdout)
    assert [row["n"] for row in rows] == [48, 48]
    refused = alignkit("extract", "--shard-size", "0", "--force", cwd=tmp_path, code=2)
    assert "--shard-size is 0" in refused.stderr
