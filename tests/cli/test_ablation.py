"""``alignkit ablation``: pairs, tests and rankings against the scores that runs hold."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy.stats import spearmanr

import alignkit as ak
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.plots import COLUMNS
from alignkit.runs import load_runs
from tiny import TINY_MODEL, TINY_TASK, alignkit

pytestmark = pytest.mark.slow

HEADS = ("concat", "sum", "hadamard")
PLACEMENTS = ("none", "1", "2")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Runs of three heads, three placements and two seeds; one seed lacks a head."""
    place = tmp_path_factory.mktemp("ablation")
    for head in HEADS:
        words = ["train", "--task", TINY_TASK, "--architecture", f"{TINY_MODEL},head={head}"]
        for placement in PLACEMENTS:
            words += ["--placement", placement]
        for seed in (0, 1) if head != "sum" else (0,):
            words += ["--seed", seed]
        alignkit(*words, "--epochs", "1", cwd=place)
    alignkit("evaluate", cwd=place)
    return place


@pytest.fixture(scope="module")
def scores(place):
    """The scores on test: by head, placement and seed."""
    return {
        (run.stored["architecture"]["options"]["head"], run.placement, run.seed): run.scores(
            "test"
        )["auroc"]
        for run in load_runs(place / "runs")
    }


def test_differences_are_those_of_runs_that_are_equal_in_all_else(place, scores):
    done = alignkit("ablation", "head", "--json", "--output", "out", cwd=place)
    result = json.loads(done.stdout)
    assert result["settings"]["reference"] == "concat"
    assert "3 placement(s) and seed(s)" not in done.stderr  # every seed has a pair with hadamard
    for row in result["placements"]:
        seeds = (0,) if row["value"] == "sum" else (0, 1)
        pairs = [
            (scores[row["value"], row["placement"], s], scores["concat", row["placement"], s])
            for s in seeds
        ]
        own, base = np.array(pairs).T
        assert row["seeds"] == len(seeds)
        assert row["mean"] == pytest.approx(own.mean())
        assert row["reference_mean"] == pytest.approx(base.mean())
        assert row["difference"] == pytest.approx((own - base).mean())
    for row in result["differences"]:
        means = [p["difference"] for p in result["placements"] if p["value"] == row["value"]]
        signs = np.array(list(itertools.product((-1, 1), repeat=3)))
        observed, null = abs(np.mean(means)), abs(signs @ means / 3)
        assert row["difference"] == pytest.approx(np.mean(means))
        assert row["p"] == pytest.approx((null >= observed - 1e-12).mean())
        assert row["verdict"] == "not testable"  # three placements are too few
    written = pd.read_csv(place / "out/pairs.csv")
    assert len(written) == 3 * 3
    assert set(written["seed"][written["value"] == "sum"]) == {0}


def test_rankings_are_correlated_over_placements(place, scores):
    result = json.loads(
        alignkit("ablation", "head", "--reference", "hadamard", "--json", cwd=place).stdout
    )
    (row,) = [r for r in result["rankings"] if r["value"] == "concat"]
    names = ("none", "at_1", "at_2")
    base, own = (
        [np.mean([scores[head, p, seed] for seed in (0, 1)]) for p in names]
        for head in ("hadamard", "concat")
    )
    assert row["placements"] == 3
    assert row["spearman"] == pytest.approx(spearmanr(base, own).statistic)
    assert row["best"] == names[int(np.argmax(own))]
    assert row["best_reference"] == names[int(np.argmax(base))]


def test_alignment_is_compared_and_figures_are_drawn(place):
    done = alignkit(
        "ablation", "head", "--metric", "unbiased_cka", "--figures", "figures", cwd=place
    )
    assert "head, each against concat" in done.stdout
    assert "unbiased_cka" in done.stdout
    assert len(list(place.glob("figures/ablation-head-*.svg"))) == 4  # two of each outcome


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["batch_size"], "batch_size is 32 in all of these runs"),
        (["head", "--reference", "mean"], "--reference is 'mean', but head is concat, hadamard"),
        (["hed"], "has no option 'hed'; did you mean 'head'"),
        (["pretraining"], "pretraining is none in all of these runs"),
    ],
)
def test_what_makes_no_sense_is_refused(place, words, message):
    assert message in alignkit("ablation", *words, cwd=place, code=2).stderr


def test_runs_that_differ_in_more_than_the_option_are_no_pairs(place, tmp_path):
    for head, rate in (("sum", "1e-3"), ("concat", "1e-4")):
        words = ["--architecture", f"{TINY_MODEL},head={head}", "--learning-rate", rate]
        alignkit(
            "train", "--task", TINY_TASK, "--placement", "1", "--epochs", "1", *words, cwd=tmp_path
        )
    error = alignkit("ablation", "head", cwd=tmp_path, code=2).stderr
    assert "differ in head alone; they also differ in learning_rate" in error


@pytest.mark.parametrize("width", COLUMNS.values())
def test_figures_for_papers_show_values_and_mean_differences(place, width, tmp_path, monkeypatch):
    figures = []
    add = FigureFolder.add

    def keep(self, name, figure, *rest):
        figures.append(figure)
        return add(self, name, figure, *rest)

    monkeypatch.setattr(FigureFolder, "add", keep)
    runs = ak.load_runs(place / "runs")
    options = {"option": "head", "reference": "sum", "formats": ("png",), "width": width}
    paths = ak.plot("ablation", runs, folder=tmp_path, **options)
    names = ["ablation-head-toy_match-auroc", "ablation-head-toy_match-auroc-differences"]
    assert [path.stem for path in paths] == names
    for figure in figures:
        assert figure.get_figwidth() <= width + 1e-6
        texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
        assert {text.get_fontsize() for text in texts} == {8}
    found = ak.ablation(runs, "head", reference="sum").differences
    drawn = pd.read_csv(paths[1].with_suffix(".csv"))
    assert drawn["difference"].tolist() == pytest.approx(found["difference"].tolist())
    points = [line.get_xdata()[0] for line in figures[1].axes[0].lines if line.get_marker() == "o"]
    assert points == pytest.approx(found["difference"].tolist())
    caption = paths[0].with_suffix(".txt").read_text()
    for row in ak.ablation(runs, "head", reference="sum").rankings.itertuples():
        assert (
            f"{row.value}: its ranking of placements correlates by {row.spearman:+.2f}" in caption
        )


def test_the_command_draws_the_alignment_of_metrics_that_are_named_alone(place, tmp_path):
    words = ("--runs", place / "runs", "--option", "head", "--figure-format", "svg", "-o", "f")
    done = alignkit("plot", "ablation", *words, "--metric", "cka", cwd=tmp_path)
    stems = {Path(line).stem for line in done.stdout.splitlines()}
    assert {f"ablation-head-toy_match-{name}" for name in ("auroc", "cka")} < stems
    done = alignkit("plot", "ablation", *words, cwd=tmp_path)
    assert not any("cka" in line for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "figures of ablations need --option, such as --option pretraining"),
        (("--option", "head", "--reference", "none"), "`reference` is 'none', but head is"),
        (("--option", "head", "--streams", "text"), "--streams does not go with figures of abl"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(words, said, place, tmp_path):
    done = alignkit("plot", "ablation", "--runs", place / "runs", *words, cwd=tmp_path, code=2)
    (line,) = done.stderr.splitlines()
    assert said.replace("`reference`", "--reference") in line
    assert not (tmp_path / "figures").exists()
