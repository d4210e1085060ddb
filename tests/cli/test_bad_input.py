"""Bad input: one clear line, a non-zero exit, nothing half-written."""

import json
import os
import stat
import time

import numpy as np
import pytest

import forks
from tiny import TINY_MODEL, TINY_TASK, alignkit, alignkit_process, train_tiny


def _one_line(done):
    """The error is one line that starts with Error, and there is no traceback."""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "--task", "toy_mach"), "unknown task 'toy_mach'; did you mean 'toy_match'?"),
        (("train", "--placement", "lat"), "unknown placement 'lat'; did you mean 'late'?"),
        (("train", "--architecture", "vilbrt"), "did you mean 'vilbert'?"),
        (("train", "--task", "toy_match:nose=1"), "no option 'nose'; did you mean 'noise'?"),
        (("train", "--task", "toy_match:noise=much"), "'noise=much' is not a number"),
        (("train", "--placement", "3,4/5"), "2 text and 1 vision indices"),
        (("train", "--placement", "5,3"), "text indices [5, 3] must be strictly increasing"),
        (("train", "--placement", "3,3"), "must be strictly increasing"),
        (("train", "--placement", "3,13"), "text index 13 (fusion 1) is beyond the depth"),
        (("train", "--epochs", "-1"), "--epochs is -1; it must be at least 0"),
        (("train", "--learning-rate", "0"), "--learning-rate is 0.0; it must be above 0"),
        (("train", "--accumulate", "0"), "--accumulate is 0; it must be at least 1"),
        (("train", "--precision", "half"), "it must be one of: auto, float32, bf16, fp16"),
        (("train", "--objective", "mlmm"), "unknown objective 'mlmm'; did you mean 'mlm'?"),
        (
            ("train", "--objective", "pretain"),
            "task (of a .py file: alignkit --plugin FILE ...); pretrain stands for mlm, mim, itm",
        ),
        (("train", "--objective", "mlm=0"), "--objective mlm=0 needs a weight above 0"),
        (("train", "--aux", "contrastive"), "write it as NAME=WEIGHT"),
        (("train", "--aux", "contrastiv=1"), "did you mean 'contrastive'?"),
        (
            ("train", "--aux", "contrastive=1:layers=last"),
            "has no option 'layers'; it has: temperature; every loss has: layer, pool, projection",
        ),
        (
            ("train", "--aux", "contrastive=1:layer=99"),
            "--aux contrastive=1:layer=99: there is no layer 99; layers are 0 to 11",
        ),
        (("train", "--track-alignment", "ckaa"), "unknown metric 'ckaa'; did you mean 'cka'?"),
        (("train", "--track-alignment", "mknn:l=3"), "no option 'l'"),
        (("train", "--checkpoint-every", "soon"), "a number of steps such as 500, or a duration"),
        (("train", "--workers", "-1"), "--workers is -1; it must be at least 0"),
        (("train", "--device", "gpu"), "--device gpu is not available here"),
        (("train", "--threads", "1000000000"), "--threads is 1000000000; it must be at most 4096"),
        (("train", "--architecture", "vilbert:depth=1000000000"), "at most 10,000"),
        (("train", "--architecture", "vilbert:width=1000000000"), "at most 1,000,000"),
        (("train", "--architecture", "vilbert:vocabulary=1000000000000"), "at most 10,000,000"),
        (("train", "--architecture", "vilbert:max_tokens=1000000000"), "at most 1,000,000"),
        (("train", "--architecture", "vilbert:feedforward=1000000000000"), "at most 1,000,000"),
        (
            ("train", "--architecture", "vilbert:image_size=1000000000,patch_size=1000000000"),
            "at most 10,000",
        ),
        (("train", "--architecture", "vilbert:depth=10000,width=1000000"), "of memory"),
        (("train", "--task", "toy_match:n_train=1000000000000"), "at most 10,000,000"),
        (("train", "--seed", "1" + "0" * 30), "it must be below 2^63"),
        (("train", "--epochs", "1000000000"), "--epochs is 1000000000; it must be at most 1,000,"),
        (("train", "--workers", "1000000000"), "--workers is 1000000000; it must be at most 4096"),
        (("sanity", "--samples", "1000000000"), "--samples is 1000000000; it must be at most 1,0"),
        (("sanity", "--width", "1000000000"), "--width is 1000000000; it must be at most"),
        (("power", "--simulate", "1000000000"), "--simulate is 1000000000; it must be at most 1,"),
        (("train", "--data", "x"), "task 'emoji' does not read a folder; leave out --data"),
        (("train", "--jobs", "0"), "--jobs is 0"),
        (("measure", "--metric", "ckaa"), "there is no trained run"),
        (("list", "metric_"), "unknown kind"),
        (("evaluate", "--split", "dev"), "unknown split 'dev'; known: train, validation, test"),
        (("correlate", "--task", "toy_mach"), "did you mean 'toy_match'?"),
    ],
)
def test_usage_errors_exit_with_2(words, message, tmp_path):
    done = alignkit(*words, cwd=tmp_path, code=2)
    assert message in _one_line(done)
    assert not list(tmp_path.iterdir()), "nothing may be left behind"


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("train", "-q"), "alignkit -q train"),
        (("runs", "list", "--debug"), "alignkit --debug runs list"),
        (("measure", "--plugin", "mine.py"), "alignkit --plugin FILE measure"),
        (("search", "run", "--quiet"), "alignkit --quiet search run"),
    ],
)
def test_an_option_of_all_commands_behind_one_is_sent_to_its_place(words, command, tmp_path):
    done = alignkit(*words, cwd=tmp_path, code=2)
    option = next(word for word in words if word.startswith("-"))
    assert f"{option} stands before the command: {command}" in " ".join(done.stderr.split())


def test_unknown_metric_on_a_run(own_runs):
    root, runs = own_runs
    done = alignkit("measure", runs[0].path, "--metric", "ckaa", cwd=root, code=2)
    assert "unknown metric 'ckaa'; did you mean 'cka'?" in _one_line(done)


def test_a_missing_data_folder_shows_the_expected_tree(tmp_path):
    done = alignkit("train", "--task", "hateful_memes", "--data", "absent", cwd=tmp_path, code=1)
    assert "Traceback" not in done.stderr
    assert "absent" in done.stderr
    assert "train.jsonl" in done.stderr
    assert "img/" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_no_runs_yet_says_how_to_make_one(tmp_path):
    done = alignkit("measure", cwd=tmp_path, code=2)
    assert "alignkit train" in _one_line(done)


def test_a_folder_that_is_no_run(tmp_path):
    (tmp_path / "x").mkdir()
    done = alignkit("extract", "x", cwd=tmp_path, code=1)
    assert "x is not a run directory" in _one_line(done)


def _save(tmp_path, **arrays):
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)


@pytest.mark.parametrize(
    ("change", "words", "code", "message"),
    [
        ("length", (), 2, "20"),
        ("nan", (), (1, 2), "non-finite"),
        ("inf", (), (1, 2), "non-finite"),
        ("one", (), (1, 2), "dimension"),
        (None, ("--metric", "mknn:k=20"), 2, "k=20"),
        (None, ("--metric", "mknn:k=1000000000000000000000"), 2, "needs 1 <= k < n"),
        (None, ("--null", "1000000000"), 2, "--null is 1000000000; it must be at most 1,000,000"),
        (None, ("--interval", "1000000000"), 2, "--interval is 1000000000; it must be at most 1,"),
        (None, ("--seed", "1" + "0" * 30), 2, "it must be below 2^63"),
        (None, ("--metric", "mknn:k=0"), 2, "k=0"),
        (None, ("--metric", "cka:k=3"), 2, "no option 'k'"),
        (None, ("--metric", "ckaa"), 2, "did you mean 'cka'?"),
        (None, ("--layers", "fusions"), 2, "--layers fusions: arrays have no fusions"),
    ],
)
def test_bad_arrays(tmp_path, change, words, code, message):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 4)), rng.standard_normal((20, 4))
    match change:
        case "length":
            y = y[:-1]
        case "nan":
            y[3, 2] = np.nan
        case "inf":
            y[3, 2] = np.inf
        case "one":
            y = y[:, 0]
    _save(tmp_path, x=x, y=y)
    codes = code if isinstance(code, tuple) else (code,)
    done = None
    for expected in codes:
        try:
            done = alignkit("measure", "x.npy", "y.npy", *words, cwd=tmp_path, code=expected)
            break
        except AssertionError:
            continue
    assert done is not None, f"exit code is none of {codes}"
    assert message in _one_line(done)
    assert done.stdout == ""


def test_pickled_arrays_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    _save(tmp_path, y=np.zeros((1, 2)))
    done = alignkit("measure", "x.npy", "y.npy", cwd=tmp_path, code=1)
    assert "x.npy" in _one_line(done)


def test_arrays_with_other_ids_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    for name, ids in (("x", "abcde"), ("y", "abcdz")):
        rows = [f"{i},{','.join(map(str, rng.standard_normal(3)))}" for i in ids]
        (tmp_path / f"{name}.csv").write_text("id,a,b,c\n" + "\n".join(rows) + "\n")
    done = alignkit("measure", "x.csv", "y.csv", cwd=tmp_path, code=2)
    assert "ids differ" in _one_line(done)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only folders")
def test_a_read_only_run_directory(tmp_path):
    run = train_tiny(tmp_path / "runs")
    run.path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        done = alignkit("extract", run.path, cwd=tmp_path, code=1)
        assert "cannot write to" in _one_line(done)
    finally:
        run.path.chmod(0o755)


def test_a_run_directory_that_cannot_be_written(tmp_path, monkeypatch):
    # The same as above for root, who may write anywhere: the lock cannot be opened.
    from alignkit.errors import AlignkitError
    from alignkit.runs import files

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.os, "open", refuse)
    with (
        pytest.raises(AlignkitError, match=r"cannot write to .*Permission denied.*`runs`"),
        files.locked(tmp_path),
    ):
        pass


@pytest.mark.slow
def test_a_broken_config_is_one_line(tmp_path):
    run = train_tiny(tmp_path / "runs")
    (run.path / "config.json").write_text("{")
    done = alignkit("extract", run.path, cwd=tmp_path, code=1)
    assert "config.json is damaged: it has 1 bytes" in _one_line(done)


@pytest.mark.slow
def test_debug_shows_the_traceback(tmp_path):
    done = alignkit_process("--debug", "train", "--task", "toy_mach", cwd=tmp_path, code=1)
    assert "Traceback" in done.stderr


def test_what_nobody_expected_is_one_line_that_asks_for_a_report(tmp_path, monkeypatch):
    def mistaken(*_, **__):
        return {}["absent\x1b[31m"]

    monkeypatch.setattr("alignkit.runs.load_runs", mistaken)
    (tmp_path / "runs").mkdir()
    done = alignkit("evaluate", cwd=tmp_path, code=1)
    assert _one_line(done).startswith("Error: KeyError: ")
    assert "alignkit --debug" in done.stderr
    with pytest.raises(KeyError):
        alignkit("--debug", "evaluate", cwd=tmp_path)


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_error(tmp_path):
    import subprocess
    import sys

    command = f"{sys.executable} -m alignkit list placements --json | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout == "[\n"
    assert done.stderr == ""


def test_an_empty_validation_split(tmp_path):
    (tmp_path / "task.py").write_text(
        "import alignkit, numpy as np\n"
        "class Empty:\n"
        "    target = alignkit.Binary()\n"
        "    def fingerprint(self): return 'x'\n"
        "    def split(self, name):\n"
        "        n = 0 if name == 'validation' else 4\n"
        "        ids = [f'{name}{i}' for i in range(n)]\n"
        "        image = lambda i: np.zeros((32, 32, 3), np.uint8)\n"
        "        return alignkit.Split(ids, ['a'] * n, image, np.arange(n) % 2)\n"
        "@alignkit.hookimpl\n"
        "def register_tasks(register): register('empty', Empty)\n"
    )
    done = alignkit(
        "--plugin",
        "task.py",
        "train",
        "--task",
        "empty",
        "--architecture",
        TINY_MODEL,
        "--placement",
        "1",
        cwd=tmp_path,
        code=1,
    )
    assert "the validation split is empty" in _one_line(done)
    assert not list(tmp_path.rglob("model.safetensors"))


@pytest.mark.slow
def test_killed_training_leaves_no_half_run(tmp_path):
    words = ("train", "--task", TINY_TASK, "--architecture", TINY_MODEL, "--placement", "1")
    process = forks.start(forks.COMMAND, *words, "--epochs", "400", cwd=tmp_path)
    folder = tmp_path / "runs"
    while not list(folder.rglob(".lock")):
        assert process.is_alive()
        time.sleep(0.05)
    time.sleep(0.5)
    process.kill()
    process.join()
    left = [p for p in folder.rglob("*") if p.is_file() and p.name != ".lock"]
    assert not any(p.name in ("train.json", "performance.json") for p in left)
    done = alignkit(
        "train",
        "--task",
        TINY_TASK,
        "--architecture",
        TINY_MODEL,
        "--placement",
        "1",
        "--epochs",
        "1",
        "--json",
        cwd=tmp_path,
    )
    assert json.loads(done.stdout)[0]["primary"] == "auroc"
