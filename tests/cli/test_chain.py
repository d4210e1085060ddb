"""The chain as a user runs it: subprocesses, files, exit codes."""

import hashlib
import json
import re

import numpy as np
import pandas as pd
import pytest

from tiny import TINY_MODEL, TINY_TASK, alignkit, alignkit_process

TRAIN = ("train", "--task", TINY_TASK, "--architecture", TINY_MODEL, "--epochs", "1")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which two placements are trained."""
    folder = tmp_path_factory.mktemp("chain")
    alignkit_process(*TRAIN, "-p", "none", "-p", "1,2", "--jobs", "2", cwd=folder)
    return folder


def _runs(folder):
    return json.loads(alignkit("runs", "--json", cwd=folder).stdout)


@pytest.mark.slow
def test_train_prints_one_folder_per_run_and_says_what_it_chose(tmp_path):
    done = alignkit(*TRAIN, "--placement", "1", "--seed", "0", "--seed", "1", cwd=tmp_path)
    folders = done.stdout.split()
    assert len(folders) == 2
    assert all((tmp_path / f / "model.safetensors").is_file() for f in folders)
    assert "placement at_1" in done.stderr
    assert "seed 0, 1" in done.stderr


@pytest.mark.slow
def test_the_whole_chain_makes_what_it_lacks(place):
    done = alignkit("measure", "--metric", "cka", "--layers", "all", "--json", cwd=place)
    rows = json.loads(done.stdout)
    assert "extracting representations on test first" in done.stderr
    by_run = pd.DataFrame(rows).groupby("run").size()
    assert sorted(by_run) == [9, 25]  # 3 x 3 layers; with 2 fusions a stream, 5 x 5
    assert all(0 <= row["value"] <= 1 for row in rows)
    scores = json.loads(alignkit("evaluate", "--json", cwd=place).stdout)
    assert {"auroc", "accuracy", "loss", "n"} <= set(scores[0])
    done = alignkit("correlate", "--metric", "cka", "--json", cwd=place)
    table = json.loads(done.stdout)
    assert [row["verdict"] for row in table] == ["not testable"]
    page = alignkit("report", "--metric", "cka", cwd=place).stdout.strip()
    assert (place / page).read_text().lstrip().lower().startswith("<!doctype html>")


@pytest.mark.slow
def test_the_same_command_twice_gives_the_same_bytes_and_no_work(place):
    command = ("measure", "--metric", "cka", "--metric", "mknn:k=5", "--layers", "same")
    alignkit(*command, cwd=place)
    alignkit("evaluate", cwd=place)
    before = {
        p: (p.stat().st_mtime_ns, hashlib.sha256(p.read_bytes()).digest())
        for p in place.rglob("*")
        if p.name in ("performance.json", "alignment.csv") or p.suffix == ".npy"
    }
    assert len(before) > 4
    alignkit(*command, cwd=place)
    alignkit("evaluate", cwd=place)
    for path, (time, digest) in before.items():
        assert hashlib.sha256(path.read_bytes()).digest() == digest
        if path.suffix == ".npy" or path.name == "performance.json":
            assert path.stat().st_mtime_ns == time


@pytest.mark.slow
def test_a_partial_measurement_is_completed_not_repeated(place):
    alignkit("measure", "--metric", "procrustes", "--layers", "last", cwd=place)
    files = sorted(place.rglob("alignment/test/procrustes*.csv"))
    assert [len(pd.read_csv(f)) for f in files] == [1, 1]
    alignkit("measure", "--metric", "procrustes", "--layers", "same", cwd=place)
    assert [len(pd.read_csv(f)) for f in files] == [3, 3]


@pytest.mark.slow
def test_a_null_adds_p_and_calibration(place):
    rows = json.loads(
        alignkit(
            "measure", "--metric", "cka", "--layers", "last", "--null", "20", "--json", cwd=place
        ).stdout
    )
    assert all(1 / 21 <= row["p"] <= 1 and row["null_mean"] > 0 for row in rows)


@pytest.mark.slow
def test_intra_modal_pairs_on_request(place):
    rows = json.loads(
        alignkit(
            "measure",
            "--metric",
            "cka",
            "--streams",
            "text",
            "--layers",
            "same",
            "--json",
            cwd=place,
        ).stdout
    )
    assert all(row["x"] == row["y"] for row in rows)
    assert all(row["value"] == pytest.approx(1, abs=1e-6) for row in rows)


@pytest.mark.slow
def test_a_grid_is_shown_as_a_heat_map(place):
    done = alignkit("measure", "--metric", "cka", "--layers", "all", cwd=place)
    assert "v.f0" in done.stdout
    assert "t02" in done.stdout


@pytest.mark.slow
def test_forced_extraction_gives_the_same_bytes(place):
    run = _runs(place)[0]["run"]
    alignkit("extract", run, cwd=place)
    files = sorted((place / run).rglob("*.npy"))
    before = [f.read_bytes() for f in files]
    alignkit("extract", run, "--force", cwd=place)
    assert [f.read_bytes() for f in files] == before


def test_measure_takes_anyones_arrays(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 8))
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", x @ rng.standard_normal((8, 5)))
    done = alignkit(
        "measure",
        "x.npy",
        "y.npy",
        "--metric",
        "cka",
        "--metric",
        "mknn:k=5",
        "--json",
        cwd=tmp_path,
    )
    rows = json.loads(done.stdout)
    assert [(row["metric"], row["n"]) for row in rows] == [("cka", 40), ("mknn", 40)]
    assert all(0 < row["value"] <= 1 for row in rows)


def test_measure_takes_folders_of_layers(tmp_path):
    rng = np.random.default_rng(0)
    for stream in ("vision", "text"):
        (tmp_path / stream).mkdir()
        for layer in range(3):
            np.save(tmp_path / stream / f"layer{layer}.npy", rng.standard_normal((30, 4)))
    done = alignkit(
        "measure",
        "vision",
        "text",
        "--metric",
        "cka",
        "--layers",
        "all",
        "--json",
        "--output",
        "grid.csv",
        cwd=tmp_path,
    )
    assert len(json.loads(done.stdout)) == 9
    assert len(pd.read_csv(tmp_path / "grid.csv")) == 9


def test_an_undefined_value_is_null_with_a_reason(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((20, 3)))
    np.save(tmp_path / "y.npy", np.random.default_rng(0).standard_normal((20, 3)))
    row = json.loads(alignkit("measure", "x.npy", "y.npy", "--json", cwd=tmp_path).stdout)[0]
    assert row["value"] is None
    assert "constant" in row["reason"]


def test_correlate_takes_anyones_table(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {
            "task": "t",
            "placement": f"p{i}",
            "seed": s,
            "accuracy": 0.5 + 0.05 * i + 0.001 * s,
            "cka": 0.1 * i + 0.01 * rng.standard_normal(),
            "mine": rng.standard_normal(),
        }
        for i in range(7)
        for s in range(2)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    done = alignkit("correlate", "table.csv", "--outcome", "accuracy", "--json", cwd=tmp_path)
    found = {row["metric"]: row for row in json.loads(done.stdout)}
    assert set(found) == {"cka", "mine"}
    keys = ("task", "n", "pearson", "spearman", "p", "p_parametric", "p_adjusted")
    assert all(key in found["cka"] for key in keys)
    assert found["cka"]["n"] == 7
    assert found["cka"]["pearson"] > 0.9
    assert found["cka"]["p"] < 0.01


def test_dry_run_trains_nothing(tmp_path):
    done = alignkit(*TRAIN, "--placement", "1", "--dry-run", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)[0]["trained"] is False
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_every_option_of_training_reaches_the_run(tmp_path):
    options = {
        "accumulate": 2,
        "precision": "bf16",
        "class-weights": None,
        "bucket": None,
        "device": "cpu",
        "workers": 2,
        "checkpoint-every": "30s",
        "track-layers": "all",
        "track-streams": "cross,text",
        "track-every": "2",
        "track-samples": 9,
    }
    given = [w for k, v in options.items() for w in (f"--{k}", v) if w is not None]
    done = alignkit(
        *TRAIN,
        "--placement",
        "1",
        *given,
        "--objective",
        "task",
        "--objective",
        "mlm=0.5:share=0.2",
        "--aux",
        "cosine=0.1:pool=mean",
        "--track-alignment",
        "cka",
        cwd=tmp_path,
    )
    stored = json.loads((tmp_path / done.stdout.strip() / "config.json").read_text())
    expected = {k.replace("-", "_"): True if v is None else v for k, v in options.items()}
    found = stored["training"] | stored["conduct"]
    assert {key: found[key] for key in expected} == expected
    assert found["objectives"] == ["task=1", "mlm=0.5:share=0.2"]
    assert found["aux"] == ["cosine=0.1:pool=mean"]
    assert found["track"] == ["cka"]


def test_the_help_of_train_shows_the_defaults_of_training(capsys, monkeypatch):
    from dataclasses import fields

    import typer

    from alignkit.cli.main import app
    from alignkit.runs import RuntimeOptions, Training

    monkeypatch.setenv("COLUMNS", "200")
    command = typer.main.get_command(app).commands["train"]
    with pytest.raises(SystemExit):
        command(["--help"], prog_name="alignkit train")
    shown = _options_of(capsys.readouterr().out)
    for option in (*fields(Training), *fields(RuntimeOptions)):
        if isinstance(option.default, int | float | str) and not isinstance(option.default, bool):
            name = f"--{option.name.replace('_', '-')}"
            assert f"[default: {option.default}]" in shown[name], name
    assert "[default: 0]" in shown["--seed"]  # a default that is resolved later


def test_help_has_panels_where_there_are_many_options_and_no_types(capsys):
    import typer

    from alignkit.cli.main import app

    commands = typer.main.get_command(app).commands
    for name, panels in {
        "train": ["Optimisation", "Model", "Output"],
        "plugins": ["Options"],
    }.items():
        with pytest.raises(SystemExit):
            commands[name](["--help"], prog_name="alignkit")
        out = capsys.readouterr().out
        assert all(f"─ {panel} ─" in out for panel in panels)
        assert not re.search(r"<\w+", out)


def _options_of(page):
    """The lines of a help page by the option that they are about."""
    options, name = {}, ""
    for line in page.splitlines():
        words = line.strip("│ ").split()
        name = words[0] if words and words[0].startswith("--") else name
        options[name] = options.get(name, "") + " " + line.strip("│ ")
    return options


def test_training_ends_with_the_score_and_the_next_command(tmp_path):
    words = ("--task", TINY_TASK, "--architecture", TINY_MODEL, "--epochs", "0")
    done = alignkit("train", *words, "--placement", "1/2", "--placement", "1", cwd=tmp_path)
    assert len(done.stdout.split()) == 2  # the runs alone
    for run in done.stdout.split():
        assert f"{run}: auroc 0." in done.stderr
    assert "on validation, epoch 0" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("next: alignkit evaluate")
    assert "placement 1/2 is named at_1_and_2: text before 1, vision before 2" in done.stderr
    pairs = alignkit(
        "train", *words, "-p", "1", "--objective", "mlm", "--runs", "pre", cwd=tmp_path
    )
    assert f"next: alignkit train --init {pairs.stdout.strip()} --task TASK --runs pre" in (
        pairs.stderr
    )


def test_indices_of_a_named_placement_are_said_to_be_it(tmp_path):
    done = alignkit("train", "--placement", "3,4,10", "--dry-run", cwd=tmp_path)
    assert "placement 3,4,10 is named hybrid1" in done.stderr
    assert "is named" not in alignkit("train", "-p", "hybrid1", "--dry-run", cwd=tmp_path).stderr


def test_data_commands_take_the_folder_as_train_does(tmp_path):
    for words in (["--data", "nowhere"], ["nowhere"]):
        said = alignkit("data", "info", "hateful_memes", *words, cwd=tmp_path, code=1).stderr
        assert "there is no folder nowhere" in said
    both = ("data", "info", "hateful_memes", "a", "--data", "b")
    assert "given twice: a and --data b" in alignkit(*both, cwd=tmp_path, code=2).stderr
