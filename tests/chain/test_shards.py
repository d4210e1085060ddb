"""Extraction by ranges of samples: the same bytes, resumed where it was, many hands."""

import hashlib
import os
import shutil
import signal

import pytest

import forks
from alignkit.chain import extract as extraction
from alignkit.chain.extract import extract, extract_shard, is_extracted
from alignkit.chain.shards import count_shards, shards_folder, whole_batches
from alignkit.errors import AlignkitError, DamagedError, UsageError
from alignkit.runs import Training, load_run, resolve_config
from alignkit.runs.litter import find_litter
from alignkit.runs.verify import repair, verify_run
from tiny import TINY_MODEL

TASK = "toy_match:n_train=32,n_validation=32,n_test=600"


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """An untrained run with a test split of five batches, and the same one extracted."""
    from alignkit.chain.train import train

    root = tmp_path_factory.mktemp("shards")
    run = train(resolve_config(TASK, "1", TINY_MODEL, Training(epochs=0)), root / "runs")
    shutil.copytree(root / "runs", root / "extracted")
    extracted = load_run(root / "extracted" / run.path.relative_to(root / "runs"))
    extract(extracted, "test")
    return run, extracted


@pytest.fixture
def run(untrained, tmp_path):
    """The run, in a copy of the test's own."""
    return load_run(shutil.copytree(untrained[0].path, tmp_path / "runs" / "run"))


@pytest.fixture
def extracted(untrained, tmp_path):
    """The run after an extraction, in a copy of the test's own."""
    return load_run(shutil.copytree(untrained[1].path, tmp_path / "runs" / "run"))


@pytest.fixture
def whole(untrained):
    """The checksums of what is extracted at once."""
    return _bytes(untrained[1])


def _bytes(run):
    folder = run.representations_folder("test")
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


@pytest.mark.slow
def test_any_shard_size_gives_the_same_bytes(extracted, whole):
    extract(extracted, "test", force=True, shard_size=200)
    assert _bytes(extracted) == whole
    assert len(whole) == 2 * 10 + 3  # sites x poolings, ids, facts of the samples and index
    assert not shards_folder(extracted, "test").exists()


def test_shards_are_whole_batches():
    assert [whole_batches(size) for size in (1, 128, 129, 4096)] == [128, 128, 256, 4096]
    assert [count_shards(n, 200) for n in (1, 256, 257, 600)] == [1, 1, 2, 3]
    with pytest.raises(UsageError, match="`shard_size` is 0"):
        whole_batches(0)


@pytest.mark.slow
def test_shards_made_out_of_order_by_several_are_joined(extracted, whole):
    run = extracted
    extract(run, "test", force=True, pools=["cls"])
    for shard in (2, 0, 1):
        extract_shard(run, "test", ["cls", "mean"], 256, shard)
    assert not is_extracted(run, "test", ["mean"])
    extract(run, "test", shard_size=256)
    assert _bytes(run) == whole


@pytest.mark.slow
def test_a_failure_keeps_the_shards_that_are_done(run, monkeypatch):
    """And what was done is not done again, though the size asked for is another one."""
    in_order, made = extraction.EncodedSplit.in_order, []

    def counted(data, batch_size, start=0, stop=None):
        made.append(start)
        if start == 256 and made.count(256) == 1:
            raise OSError(5, "the disk is gone")
        return in_order(data, batch_size, start, stop)

    monkeypatch.setattr(extraction.EncodedSplit, "in_order", counted)
    with pytest.raises(OSError, match="the disk is gone"):
        extract(run, "test", shard_size=128)
    assert not run.representations_folder("test").exists()
    extract(run, "test", shard_size=512)
    assert made == [0, 128, 256, 256, 384, 512]
    assert run.representation("t00").n == 600


@pytest.mark.slow
def test_other_poolings_or_another_model_begin_anew(run, monkeypatch):
    extract_shard(run, "test", ["cls"], 256, 0)
    extract_shard(run, "test", ["mean"], 256, 1)
    done = sorted(p.name for p in shards_folder(run, "test").iterdir() if "-" in p.name)
    assert [name for name in done if not name.endswith(".lock")] == ["000000256-000000512"]
    run.train_manifest.write_text('{"model_sha256": "another"}')
    extract_shard(run, "test", ["mean"], 256, 0)
    done = sorted(p.name for p in shards_folder(run, "test").iterdir() if p.suffix != ".lock")
    assert done == ["000000000-000000256", "plan.json"]


DIE = """
import os, signal, sys
from alignkit.chain import shards
from alignkit.chain.extract import extract
from alignkit.runs import load_run
target, moment = sys.argv[2], int(sys.argv[3])
shards.TWICE = int(sys.argv[4])
calls = 0
real = getattr(os, target)
def deadly(*arguments, **options):
    global calls
    calls += 1
    if calls == moment:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **options)
setattr(os, target, deadly)
extract(load_run(sys.argv[1]), "test", shard_size=256)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("twice", "moment"),
    [
        *((1, moment) for moment in (2, 4, 7, 8, 20, 27, 30, 31, 32)),
        *((1 << 30, moment) for moment in (8, 9, 11, 12, 13)),
    ],
)
def test_killed_while_files_are_put_in_place(run, whole, twice, moment, monkeypatch):
    """At a shard, at the joined arrays, at the last renames: the next one ends it."""
    done = forks.run(DIE, run.path, "replace", moment, twice, cwd=run.path)
    assert done.returncode == -signal.SIGKILL
    stood = len(list(shards_folder(run, "test").glob("0*-*/shard.json")))
    in_order, made = extraction.EncodedSplit.in_order, []
    monkeypatch.setattr(
        extraction.EncodedSplit, "in_order", lambda *given: made.append(1) or in_order(*given)
    )
    extract(load_run(run.path), "test")
    assert len(made) == 3 - stood
    assert _bytes(run) == whole
    assert not shards_folder(run, "test").exists()
    assert os.listdir(run.path / "representations") != []


@pytest.mark.slow
def test_a_joined_array_that_is_damaged_before_the_others_are_is_not_used(run):
    done = forks.run(DIE, run.path, "replace", 20, 1, cwd=run.path)
    assert done.returncode == -signal.SIGKILL
    assert list(verify_run(run))[-1].state == "whole"
    array = min(shards_folder(run, "test").glob("whole/*.npy"))
    array.write_bytes(array.read_bytes()[:-1] + b"x")
    with pytest.raises(DamagedError, match=rf"{array} is damaged.*extract again with `force`"):
        extract(run, "test")
    (part,) = [part for part in verify_run(run) if part.state != "whole"]
    assert (part.path, part.state) == (shards_folder(run, "test"), "damaged")
    assert part.why.startswith(f"whole/{array.name} is damaged")
    assert repair(run, part)
    extract(run, "test")
    assert {part.state for part in verify_run(run)} == {"whole"}


@pytest.mark.slow
def test_shards_of_more_poolings_are_progress_that_gc_keeps(run):
    extract(run, "test", pools=["cls"])
    extract_shard(run, "test", ["cls", "mean"], 256, 0)
    assert not list(find_litter(run.path))


def test_a_disk_without_space_is_refused_before_the_work(run, monkeypatch):
    usage = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda p: usage(p)._replace(free=300_000))
    with pytest.raises(AlignkitError) as refused:
        extract(run, "test")
    # 600 samples, 20 arrays of 16 columns, all of these twice while they are joined
    folder = run.path / "representations"
    assert f"need about 1.5 MB in {folder}, but only 300.0 kB are free" in str(refused.value)
    assert not list(shards_folder(run, "test").glob("*-*"))
    monkeypatch.undo()
    assert extract(run, "test")["n"] == 600


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from alignkit.cli.main import main
main()
"""


@pytest.mark.slow
def test_a_disk_that_ends_within_the_work_is_named_and_a_rerun_gives_the_same_bytes(run, whole):
    """Where no file may be larger, writing fails as on a full disk."""
    ended = forks.run(LIMITED, 20000, "extract", run.path, "--split", "test", cwd=run.path)
    assert ended.returncode == 1, ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"Error: cannot write {shards_folder(run, 'test')}")
    assert "File too large" in last
    extract(run, "test")
    assert _bytes(run) == whole
