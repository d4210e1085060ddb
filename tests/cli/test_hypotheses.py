"""``alignkit hypotheses`` through the command line, on a small study with planted scores."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from alignkit.alignment.runs import measure_run
from alignkit.analysis.questions.answer import TABLE_TITLES
from alignkit.chain.train import train
from alignkit.runs import Run, Training, load_runs, resolve_config
from alignkit.runs.files import write_json
from alignkit.statistics.comparison.overlapping import strength_test, zou_interval
from tiny import TINY_MODEL, TINY_TASK, alignkit

pytestmark = pytest.mark.slow

PLACEMENTS = ("none", "0", "1", "2", "3", "1,2", "0,2/1,3")
TASKS = (TINY_TASK, TINY_TASK.replace("match", "redundant"))


def _train(root, placement, task, seed):
    return train(resolve_config(task, placement, TINY_MODEL, Training(epochs=0), seed), root)


def _plant(run, score, name="auroc", split="test"):
    """Give a run a score that is known."""
    performance = run.performance()
    performance["primary"] = name
    performance["splits"][split] = {name: float(score), "loss": 1 - float(score), "n": 48}
    write_json(run.performance_file, performance)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two tasks x seven placements x two seeds; on one, score follows the last layer's cka."""
    root = tmp_path_factory.mktemp("study") / "runs"
    rng = np.random.default_rng(0)
    runs = []
    for task in TASKS:
        for placement in PLACEMENTS:
            for seed in (0, 1):
                run = _train(root, placement, task, seed)
                cka = measure_run(run, ["cka"], layers="last")["value"].iloc[0]
                related = "match" in task
                _plant(run, cka if related else rng.uniform())
                runs.append(run)
    return root, runs


def _ask(root, *words, place=None, code=0):
    done = alignkit("hypotheses", *words, "--runs", root, "--json", cwd=place or root, code=code)
    assert "NaN" not in done.stdout
    return done, json.loads(done.stdout) if done.stdout else None


def _written(place):
    return {file.stem for file in (place / "tables").glob("*.csv")}


def _means(runs, task, layers="last", metric="cka", pool="cls"):
    """Alignment and score, mean over seeds, by placement."""
    rows = []
    for run in runs:
        if run.task == task:
            values = measure_run(run, [metric], layers=layers, pool=pool)["value"]
            rows.append(
                {
                    "placement": run.placement,
                    "x": values.mean(),
                    "max": values.max(),
                    "y": run.performance()["splits"]["test"]["auroc"],
                }
            )
    return pd.DataFrame(rows).groupby("placement").mean()


def test_all_questions_are_answered_with_words_tables_and_figures(study, tmp_path):
    root, _ = study
    done = alignkit(
        "hypotheses",
        "--runs",
        root,
        "--metric",
        "cka",
        "--figures",
        "figures",
        "--output",
        "tables",
        "--permutations",
        "199",
        cwd=tmp_path,
    )
    for title in (
        "H1: does the effect of placement depend on the task?",
        "H2: do intermediate layers correlate more strongly",
        "H3: does alignment rise",
        "Does alignment depend on placement?",
        "Is there an optimal alignment?",
        "Do cls and mean pooling agree?",
    ):
        assert title in done.stdout
    assert "nan" not in done.stdout.lower().replace("unanswered", "")
    titles = {stem.partition("-")[2] for stem in _written(tmp_path)} - {""}
    assert titles == set(TABLE_TITLES)
    assert all(TABLE_TITLES[name] in done.stdout for name in titles)
    assert _written(tmp_path) == {
        "h1-placement_x_task",
        "h1-correlations",
        "h2-against_last",
        "h2-best_layer",
        "h3-across",
        "h3-against_none",
        "placement-variance",
        "placement-descriptors",
        "optimum-quadratic",
        "pooling-values",
        "pooling-scores",
    }
    drawn = {file.stem for file in (tmp_path / "figures").glob("*.png")}
    assert drawn == {
        "h1-scores",
        "h1-correlations",
        "h2-against-last",
        "h3-around",
        "h3-against-none",
        "placement-variance",
        "placement-descriptors",
        "optimum-curves",
        "pooling-values",
    }
    for name in drawn:
        assert (tmp_path / "figures" / f"{name}.csv").is_file()
        assert "<svg" in (tmp_path / "figures" / f"{name}.svg").read_text()


def test_h1_finds_the_task_in_which_alignment_goes_with_score(study):
    root, runs = study
    _, (answer,) = _ask(root, "--question", "h1", "--metric", "cka")
    (row,) = answer["tables"]["correlations"]
    expected = [
        np.corrcoef(_means(runs, task)[["x", "y"]].T)[0, 1]
        for task in ("toy_match", "toy_redundant")
    ]
    assert (row["r"], row["r_other"]) == pytest.approx(expected)
    assert row["r"] == pytest.approx(1)
    assert row["n"] == 7
    (placements,) = answer["tables"]["placement_x_task"]
    assert (placements["placements"], placements["seeds"]) == (7, 14)
    assert placements["chance"] == pytest.approx(6 / 12)
    assert f"{row['r_other']:+.2f} on toy_redundant" in answer["answer"]
    assert answer["settings"]["seed"] == 0
    assert "within seeds" in answer["settings"]["scheme"]


def test_h1_finds_a_preference_that_was_planted(study, tmp_path):
    root, runs = study
    for i, placement in enumerate(("none", "at_1", "at_2", "at_3")):
        for run in (run for run in runs if run.placement == placement):
            name = run.path.relative_to(root)
            copy = Run(shutil.copytree(run.path, tmp_path / "runs" / name))
            rank = i if "match" in run.task else 3 - i
            _plant(copy, 0.5 + 0.1 * rank + 0.001 * run.seed)
    words = ("--question", "h1", "--metric", "cka")
    _, (answer,) = _ask(tmp_path / "runs", *words)
    (row,) = answer["tables"]["placement_x_task"]
    assert row["verdict"] == "supported"
    assert row["eta_squared"] > 0.99
    assert (row["reversed_pairs"], row["pairs"]) == (6, 6)
    assert "tasks prefer different placements" in answer["answer"]
    assert "at_3 on toy_match (auroc 0.800" in answer["answer"]
    _, (raw,) = _ask(tmp_path / "runs", *words, "--raw-scores")
    assert set(raw["settings"]["scale"].values()) == {1.0}
    assert set(answer["settings"]["scale"].values()) != {1.0}
    _, (loss,) = _ask(tmp_path / "runs", *words, "--outcome", "loss")
    assert "at_3 on toy_match (loss (lower is better) 0.199)" in loss["answer"]


def test_h2_compares_dependent_correlations(study):
    root, runs = study
    _, (answer,) = _ask(root, "--question", "h2", "--metric", "cka", "--task", "toy_redundant")
    rows = {row["rule"]: row for row in answer["tables"]["against_last"]}
    assert set(rows) == {"max", "mean", "half"}
    last, same = _means(runs, "toy_redundant"), _means(runs, "toy_redundant", "same")
    for rule, column in (("mean", "x"), ("max", "max")):
        r = np.corrcoef([same[column], last["x"], last["y"]])
        row = rows[rule]
        assert (row["r_rule"], row["r_last"]) == pytest.approx((r[0, 2], r[1, 2]))
        assert row["p"] == pytest.approx(strength_test(r[0, 2], r[1, 2], r[0, 1], 7)[1])
        assert row["stronger_by"] == pytest.approx(abs(r[0, 2]) - abs(r[1, 2]))
        assert row["p_adjusted"] >= row["p"]
        assert (row["low"], row["high"]) == pytest.approx(
            zou_interval(r[0, 2], r[1, 2], r[0, 1], 7)
        )
    half = _means(runs, "toy_redundant", "1")
    assert rows["half"]["r_rule"] == pytest.approx(np.corrcoef(half["x"], half["y"])[0, 1])
    (best,) = answer["tables"]["best_layer"]
    by_layer = [
        np.corrcoef(m["x"], m["y"])[0, 1]
        for m in (_means(runs, "toy_redundant", str(i)) for i in range(3))
    ]
    assert best["layer"] == int(np.argmax(np.abs(by_layer)))
    assert best["r"] == pytest.approx(by_layer[best["layer"]])


def test_h2_contradicts_where_the_last_layer_is_what_counts(study):
    root, _ = study
    _, (answer,) = _ask(root, "--question", "h2", "--metric", "cka", "--task", "toy_match")
    for row in answer["tables"]["against_last"]:
        assert row["r_last"] == pytest.approx(1)
        assert row["verdict"] in ("contradicted", "inconclusive")
        assert row["stronger_by"] <= 0


def test_h3_compares_with_the_same_depth_without_a_fusion(study):
    root, runs = study
    _, (answer,) = _ask(
        root, "--question", "h3", "--metric", "cka", "--task", "toy_match", "--pool", "mean"
    )
    (across,) = answer["tables"]["across"]
    changes = []
    for placement in {run.placement for run in runs} - {"none"}:
        per_run = []
        for run in runs:
            if run.task == "toy_match" and run.placement == placement:
                v = measure_run(run, ["cka"], layers="fusions", pool="mean")["value"].to_numpy()
                per_run.append(np.mean(v[1::2] - v[::2]))
        changes.append(np.mean(per_run))
    assert across["placements"] == 6
    assert across["change"] == pytest.approx(np.mean(changes))
    (against,) = answer["tables"]["against_none"]
    assert against["placements"] == 5, "a fusion after the last layer has no layer after it"
    assert against["p"] is not None
    assert against["runs_left_out"] == 0
    assert across["least_p"] == across["least_p_adjusted"] == 2 / 2**6
    assert across["adjustment"] == against["adjustment"] == "max-T"


def test_h3_with_five_placements_is_not_testable_and_says_how_many_are_needed(study):
    root, _ = study
    _, (answer,) = _ask(root, "--question", "h3", "--metric", "cka", "--task", "toy_match")
    (across,) = answer["tables"]["across"]  # under cls, at_0 has nothing to compare
    assert (across["placements"], across["least_p"]) == (5, 2 / 2**5)
    assert (across["verdict"], across["power"]) == ("not testable", 0)
    assert "6 placements are needed" in across["reason"]
    assert "6 placements are needed" in answer["answer"]


def test_h3_under_cls_leaves_out_fusions_at_the_embeddings(study):
    root, _ = study
    _, (answer,) = _ask(root, "--question", "h3", "--metric", "mknn:k=5", "--task", "toy_match")
    (row,) = answer["tables"]["across"]
    assert row["placements"] == 5  # all but none and the one with its only fusion at 0
    assert "under cls" in answer["settings"]["left_out"]


def test_placement_tests_variance_and_descriptors(study):
    root, runs = study
    _, (answer,) = _ask(
        root, "--question", "placement", "--metric", "cka", "--layer", "mean", "--task", "toy_match"
    )
    rows = {row["metric"]: row for row in answer["tables"]["variance"]}
    values = pd.DataFrame(
        [
            {"p": run.placement, "x": measure_run(run, ["cka"], layers="same")["value"].mean()}
            for run in runs
            if run.task == "toy_match"
        ]
    )
    means = values.groupby("p")["x"].transform("mean")
    eta = ((means - values["x"].mean()) ** 2).sum() / (
        (values["x"] - values["x"].mean()) ** 2
    ).sum()
    assert rows["cka"]["eta_squared"] == pytest.approx(eta)
    assert rows["cka"]["runs"] == 14
    descriptors = {row["descriptor"]: row for row in answer["tables"]["descriptors"]}
    mean = _means(runs, "toy_match", "same")["x"]
    blocks = {"none": 0, "at_1_2": 2, "at_0_2_and_1_3": 2}
    r = np.corrcoef(mean, [blocks.get(name, 1) for name in mean.index])[0, 1]
    assert descriptors["blocks"]["pearson"] == pytest.approx(r)
    assert descriptors["blocks"]["n"] == 7
    depth = {"at_0": 0, "at_1": 1, "at_2": 2, "at_3": 3, "at_1_2": 1.5, "at_0_2_and_1_3": 1}
    r = np.corrcoef([mean[name] for name in depth], list(depth.values()))[0, 1]
    assert descriptors["text_depth"]["pearson"] == pytest.approx(r)
    assert descriptors["text_depth"]["n"] == 6, "none has no depth"


def test_optimum_finds_a_planted_one(study, tmp_path):
    root, _ = study
    shutil.copytree(root / "toy_match", tmp_path / "runs" / "toy_match")
    runs = load_runs(tmp_path / "runs")
    x = {run: measure_run(run, ["cka"], layers="last")["value"].iloc[0] for run in runs}
    at = float(np.median(list(x.values())))
    for run in runs:
        _plant(run, 0.9 - abs(x[run] - at))  # a line on each side, as few units need
    words = ("--question", "optimum", "--metric", "cka")
    _, (answer,) = _ask(tmp_path / "runs", *words)
    (row,) = answer["tables"]["quadratic"]
    assert row["verdict"] == "supported"
    assert row["at"] == pytest.approx(at, abs=0.1)
    assert row["within"] is True
    assert "There is an optimum within the observed range" in answer["answer"]
    _, (loss,) = _ask(tmp_path / "runs", *words, "--outcome", "loss")
    assert loss["tables"]["quadratic"][0]["at"] == pytest.approx(row["at"])
    assert loss["tables"]["quadratic"][0]["kind"] == "best"


def test_pooling_compares_cls_with_mean(study):
    root, runs = study
    _, (answer,) = _ask(root, "--question", "pooling", "--metric", "cka", "--task", "toy_match")
    (row,) = answer["tables"]["values"]
    one, other = (
        np.concatenate(
            [
                measure_run(run, ["cka"], layers="same", pool=pool)["value"]
                for run in runs
                if run.task == "toy_match"
            ]
        )
        for pool in ("cls", "mean")
    )
    assert row["pearson"] == pytest.approx(np.corrcoef(one, other)[0, 1])
    assert (row["cls"], row["mean"]) == pytest.approx((one.mean(), other.mean()))
    assert (row["n"], row["runs"]) == (42, 14)
    (score,) = answer["tables"]["scores"]
    assert score["r_cls"] == pytest.approx(1)
    r = np.corrcoef(_means(runs, "toy_match", pool="mean")[["x", "y"]].T)[0, 1]
    assert score["r_mean"] == pytest.approx(r)


def test_seeds_and_numbers_of_permutations_are_used(study):
    root, _ = study
    words = ("--question", "h1", "--metric", "cka")
    few = ("--permutations", "99")
    p = [
        _ask(root, *words, *more)[1][0]["tables"]["placement_x_task"][0]["p"]
        for more in ((), few, (*few, "--seed", "5"))
    ]
    assert len(set(p)) == 3
    assert p[1] * 100 == pytest.approx(round(p[1] * 100))


def test_filters_and_samples_are_used(study):
    root, _ = study
    words = ("--question", "placement", "--metric", "cka", "--task", "toy_match")
    _, (all_samples,) = _ask(root, *words)
    _, (few,) = _ask(root, *words, "--samples", "20", "--placement", "none", "--placement", "at_1")
    assert few["settings"]["runs"] == 4
    assert few["settings"]["samples"] == 20
    row, other = (a["tables"]["variance"][0] for a in (all_samples, few))
    assert (row["placements"], other["placements"]) == (7, 2)


def test_the_primary_family_is_asked_unless_metrics_are_named(study):
    root, runs = study
    paths = [run.path for run in runs[:2]]
    _, (answer,) = _ask(root, *paths, "--question", "placement")
    assert answer["settings"]["metrics"] == ["unbiased_cka", "mknn", "svcca", "procrustes"]


def test_one_run_and_runs_without_fusions_are_not_testable(study):
    root, runs = study
    none = [run.path for run in runs if run.placement == "none"]
    for paths in (none[:1], none):
        _, answers = _ask(root, *paths, "--metric", "cka")
        assert len(answers) == 6
        for answer in answers:
            for name, rows in answer["tables"].items():
                for row in rows:
                    if "verdict" in row:
                        assert row["verdict"] == "not testable", (answer["question"], name)
                        assert row["reason"], (answer["question"], name)
        said = {answer["question"]: answer["answer"] for answer in answers}
        assert "no run has a fusion" in said["h3"]
        assert "at least 2 are needed" in said["h1"] or "2 are needed" in said["h1"]
        assert "6 are needed" in said["h2"]


def test_figures_of_what_is_not_testable_are_left_out(study, tmp_path):
    _, runs = study
    alignkit("hypotheses", runs[0].path, "--metric", "cka", "--figures", "figures", cwd=tmp_path)
    assert (tmp_path / "figures" / "pooling-values.png").is_file()
    assert not (tmp_path / "figures" / "h2-against-last.png").exists()


UNLABELLED = """
import alignkit, numpy as np
class Task:
    target = alignkit.Binary()
    def fingerprint(self): return "x"
    def split(self, name):
        n = 24
        rng = np.random.default_rng(len(name))
        pictures = rng.integers(0, 255, (n, 32, 32, 3), dtype=np.uint8)
        texts = [f"word{i % 5} word{i % 3}" for i in range(n)]
        targets = None if name == "test" else np.arange(n) % 2
        ids = [f"{name}{i}" for i in range(n)]
        return alignkit.Split(ids, texts, lambda i: pictures[i], targets)
@alignkit.hookimpl
def register_tasks(register): register("unlabelled", Task)
"""


def test_a_task_without_performance_still_tells_about_alignment(tmp_path):
    (tmp_path / "task.py").write_text(UNLABELLED)
    alignkit(
        "--plugin",
        "task.py",
        "train",
        "--task",
        "unlabelled",
        "--architecture",
        TINY_MODEL,
        *[w for p in ("none", "1", "2") for w in ("-p", p)],
        "--seed",
        "0",
        "--seed",
        "1",
        "--epochs",
        "0",
        cwd=tmp_path,
    )
    done = alignkit("--plugin", "task.py", "hypotheses", "--metric", "cka", "--json", cwd=tmp_path)
    assert "unlabelled has no score on test: the test split has no labels" in done.stderr
    assert "NaN" not in done.stdout
    answers = {answer["question"]: answer for answer in json.loads(done.stdout)}
    assert answers["h3"]["tables"]["against_none"][0]["p"] is not None
    variance = {row["metric"]: row for row in answers["placement"]["tables"]["variance"]}
    assert variance["cka"]["p"] is not None
    assert variance["score"]["verdict"] == "not testable"
    assert variance["score"]["reason"] == "unlabelled has no score"
    assert answers["h2"]["tables"]["against_last"][0]["verdict"] == "not testable"


def test_an_undefined_metric_is_not_testable(study, tmp_path):
    root, _ = study
    (tmp_path / "never.py").write_text(
        "import alignkit\n"
        "def never(x, y): raise alignkit.UndefinedError('it is Monday')\n"
        "@alignkit.hookimpl\n"
        "def register_metrics(register): register('never', never)\n"
    )
    done = alignkit(
        "--plugin",
        "never.py",
        "hypotheses",
        "--metric",
        "never",
        "--runs",
        root,
        "--json",
        cwd=tmp_path,
    )
    assert "NaN" not in done.stdout
    for answer in json.loads(done.stdout):
        for rows in answer["tables"].values():
            for row in rows:
                if row.get("metric") == "never" and "verdict" in row:
                    assert row["verdict"] == "not testable"
                    assert row["reason"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--question", "h4"), "unknown question 'h4'; known: h1, h2, h3, placement"),
        (("--layer", "best"), "unknown layer rule 'best'"),
        (("--layer", "7", "--question", "optimum"), "--layer is 7, but "),
        (("--permutations", "0"), "--permutations is 0"),
        (("--outcome", "beauty"), "has no outcome 'beauty'; it has: auroc, loss"),
        (("--split", "dev"), "unknown split 'dev'"),
        (("--metric", "ckaa"), "did you mean 'cka'?"),
    ],
)
def test_faulty_options_are_one_line(study, words, message):
    root, _ = study
    done = alignkit("hypotheses", "--metric", "cka", *words, "--runs", root, cwd=root, code=2)
    assert message in done.stderr
    assert done.stdout == ""
