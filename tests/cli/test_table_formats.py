"""--format: results as tables for papers, and as CSV that other programs read."""

import io
import re

import numpy as np
import pandas as pd
import pytest

from tiny import alignkit


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"placement": [f"p_{i}&" for i in range(8)], "cka": rng.normal(size=8)})
    rows = rows.assign(task="a_task", seed=0, accuracy=rows["cka"] + 0.1 * rng.normal(size=8))
    rows.to_csv(tmp_path / "table.csv", index=False)
    return ("correlate", "table.csv", "--outcome", "accuracy", "--permutations", 99)


def test_latex_has_tables_and_comments_only(table, tmp_path):
    out = alignkit(*table, "--format", "latex", cwd=tmp_path).stdout
    outside, _, inside = out.partition("\\begin{table")
    assert all(line.startswith("%") or not line for line in outside.splitlines())
    assert "A task: alignment and performance over 8 placements" in inside
    assert "    CKA & +0.9" in inside
    _, after = re.split(r"\\end\{table\*?\}", inside)
    assert all(line.startswith("%") or not line for line in after.splitlines())


def test_markdown_has_one_table(table, tmp_path):
    lines = alignkit(*table, "--format", "markdown", cwd=tmp_path).stdout.splitlines()
    (rule,) = [i for i, line in enumerate(lines) if line.startswith("| ---")]
    assert lines[rule - 1].startswith("| Metric | r | 95 % | p |")
    assert lines[rule - 2] == ""
    assert lines[rule + 1].startswith("| CKA | +0.9")


def test_csv_has_what_output_writes(table, tmp_path):
    done = alignkit(*table, "--format", "csv", "--output", "out.csv", cwd=tmp_path)
    assert done.stdout == (tmp_path / "out.csv").read_text()
    assert len(pd.read_csv(io.StringIO(done.stdout))) == 1


@pytest.mark.parametrize("words", [("--json", "--format", "csv"), ("--format", "csv", "--json")])
def test_one_format_only(table, words, tmp_path):
    assert "--json is a format of its own" in alignkit(*table, *words, cwd=tmp_path, code=2).stderr


def test_an_unknown_format_is_refused_before_anything_is_read(tmp_path):
    done = alignkit("correlate", "nowhere.csv", "--format", "pdf", cwd=tmp_path, code=2)
    assert "'pdf' is no format of tables; choose csv, markdown, latex" in done.stderr


def test_the_terminal_comes_back_after_a_format(table, tmp_path):
    alignkit(*table, "--format", "latex", cwd=tmp_path)
    assert "────" in alignkit(*table, cwd=tmp_path).stdout


def test_layers_and_comparisons_have_formats_too(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "x_1").mkdir()
    for i in range(3):
        np.save(tmp_path / "x_1" / f"{i}.npy", rng.normal(size=(40, 4)))
    np.save(tmp_path / "y.npy", rng.normal(size=(40, 5)))
    for words in (
        ("dimension", "x_1", "y.npy"),
        ("trajectory", "x_1"),
        ("compare", "x_1", "y.npy", "--null", 0, "--interval", 0),
        ("stability", "x_1", "x_1", "--metric", "cka", "--samples", 20),
    ):
        tex = alignkit(*words, "--format", "latex", cwd=tmp_path).stdout
        assert tex.count("\\begin{table") == tex.count("\\end{table") >= 1, words
        assert "────" not in tex
        table = pd.read_csv(io.StringIO(alignkit(*words, "--format", "csv", cwd=tmp_path).stdout))
        assert len(table) > 0
    best = alignkit("compare", "x_1", "y.npy", "--format", "latex", cwd=tmp_path).stdout
    assert "x\\_1 & y" in best


@pytest.fixture
def root(own_runs):
    return ("--runs", own_runs[0])


def test_scores_are_means_over_the_runs_of_a_unit(root, own_runs, tmp_path):
    per_run = pd.read_csv(
        io.StringIO(alignkit("evaluate", *root, "--format", "csv", cwd=tmp_path).stdout)
    )
    words = ("evaluate", *root, "--unit", "placement")
    csv = alignkit(*words, "--format", "csv", cwd=tmp_path).stdout
    means = pd.read_csv(io.StringIO(csv))
    for (task, placement), part in per_run.groupby(["task", "placement"]):
        assert set(means["score"]) >= {"accuracy", "auroc", "loss"}
        own = means[(means["task"] == task) & (means["unit"] == placement)].set_index("score")
        for score in own.index:
            assert own.loc[score, "mean"] == pytest.approx(part[score].mean())
            assert own.loc[score, "runs"] == len(part)
            assert own.loc[score, "n"] == part["n"].iloc[0]
            sd = part[score].std()
            assert own.loc[score, "sd"] == pytest.approx(sd, nan_ok=True)
    tex = alignkit(*words, "--format", "latex", cwd=tmp_path).stdout
    assert "Task & Placement & Runs & $n$ & Accuracy & AUROC & Loss" in tex
    assert "± " in alignkit(*words, cwd=tmp_path).stdout or means["sd"].isna().all()


def test_questions_have_formats_too(root, tmp_path):
    metrics = ("--metric", "cka", "--metric", "mknn:k=5")
    words = ("hypotheses", *root, *metrics, "--question", "h2", "--unit", "variant")
    csv = alignkit(*words, "--format", "csv", cwd=tmp_path).stdout
    assert set(pd.read_csv(io.StringIO(csv))["question"]) == {"h2"}
    assert "\\begin{table" in alignkit(*words, "--format", "latex", cwd=tmp_path).stdout
    words = ("agreement", *root, *metrics)
    csv = alignkit(*words, "--format", "csv", cwd=tmp_path).stdout
    assert list(pd.read_csv(io.StringIO(csv))["a"]) == ["cka"]
    assert "| Mutual kNN (k = 5) |" in alignkit(*words, "--format", "markdown", cwd=tmp_path).stdout


def test_a_report_writes_tables(root, tmp_path):
    words = ("report", *root, "--task", "toy_match", "--metric", "cka", "--unit", "variant")
    done = alignkit(*words, "--format", "pdf", cwd=tmp_path, code=2)
    assert "'pdf' is no format of tables" in done.stderr
    words = (*words, "--permutations", 19, "--format", "latex", "--format", "csv")
    alignkit(*words, cwd=tmp_path)
    assert {path.name for path in (tmp_path / "report" / "tables").iterdir()} == {
        f"{name}.{ending}" for name in ("scores", "correlations") for ending in ("csv", "tex")
    }
