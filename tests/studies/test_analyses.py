"""What a study asks of its runs once they are measured: planned, done once, recorded."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from alignkit.alignment.runs import measure_run
from alignkit.errors import DataError, UsageError
from alignkit.runs import load_run
from alignkit.signals import TERMINATED, Terminated
from alignkit.studies import analyse, analyses, read_study
from alignkit.studies.tables import Stability
from tiny import alignkit, without_manifests
from tiny_study import bytes_of, write_study

MORE = """
[hypotheses]
questions = ["h3", "pooling"]
permutations = 99

[agreement]

[stability]
tasks = ["toy_match"]
placements = ["1"]
samples = [24, 48]
k = [3, 5]
splits = 1
"""
NAMES = ["correlate last", "hypotheses", "agreement", "stability"]


def _json(command, cwd, *before):
    return json.loads(alignkit(*before, "study", command, "tiny.toml", "--json", cwd=cwd).stdout)


def _states(cwd, *before):
    return {one["analysis"]: one["state"] for one in _json("plan", cwd, *before)["analyses"]}


def _reasons(cwd):
    """Return what ``--explain`` says of each analysis."""
    said = alignkit("study", "plan", "tiny.toml", "--explain", cwd=cwd).stderr.splitlines()
    lines = (line.partition(": ") for line in said)
    return {name: why for name, _, why in lines if name in NAMES}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A study of four runs with every question asked, to be read only."""
    folder = tmp_path_factory.mktemp("analyses")
    write_study(folder, seeds=(0,), more=MORE)
    assert _states(folder) == dict.fromkeys(NAMES, "missing")
    waiting = "done, as runs of it are still to be done"
    assert _reasons(folder) == dict.fromkeys(NAMES, waiting)
    alignkit("study", "run", "tiny.toml", cwd=folder)
    assert _reasons(folder) == dict.fromkeys(NAMES, "not done again, as it is done")
    return folder


@pytest.fixture
def place(done, tmp_path):
    """A copy of it of the test's own."""
    shutil.copytree(done, tmp_path / "s")
    return tmp_path / "s"


@pytest.fixture
def worked(monkeypatch):
    """The analyses that are done anew, by the names of their functions."""
    found = []

    def noted(name, work):
        return lambda **given: found.append(name) or work(**given)

    for name in ("correlate", "hypotheses", "agreement", "stability"):
        monkeypatch.setattr(analyse, name, noted(name, getattr(analyse, name)))
    return found


@pytest.mark.slow
def test_they_are_planned_and_write_where_a_reader_looks(done, worked):
    assert _states(done) == dict.fromkeys(NAMES, "done")
    assert {p.name for p in (done / "results").iterdir()} == {
        "runs.last.csv",
        "correlate.last.csv",
        "hypotheses",
        "agreement",
        "stability",
        "index.html",
    }
    text = (done / "results" / "hypotheses" / "answers.md").read_text()
    assert text.count("## ") == 2
    assert "H3" in text
    assert (done / "results" / "hypotheses" / "h3-across.csv").is_file()
    assert list((done / "results" / "hypotheses" / "figures").glob("h3-*.svg"))
    assert "cka,mknn:k=5" in (done / "results" / "agreement" / "pairs.csv").read_text()
    models = (done / "results" / "stability" / "models.csv").read_text()
    assert "toy_match/at_1" in models
    assert "toy_unique" not in models
    assert "/none/" not in models
    assert "seconds" not in models  # they would never be the same
    status = alignkit("study", "status", "tiny.toml", cwd=done).stdout
    assert all(name in status for name in NAMES)
    assert worked == []


@pytest.mark.slow
def test_what_they_read_is_measured_as_steps_of_the_runs(done):
    steps = _json("plan", done)["runs"][0]["steps"]
    assert "measure test mean" in steps  # the question of pooling needs both
    assert set(steps.values()) == {"done"}


@pytest.mark.slow
def test_a_second_time_does_nothing_and_names_the_same_files(place, worked):
    before = bytes_of(place)
    again = alignkit("study", "run", "tiny.toml", cwd=place)
    assert again.stdout.split() == [
        "results/runs.last.csv",
        "results/correlate.last.csv",
        "results/hypotheses/answers.md",
        "results/agreement/pairs.csv",
        "results/stability/summary.csv",
    ]
    assert worked == []
    assert bytes_of(place) == before


@pytest.mark.slow
def test_what_is_gone_or_changed_is_made_again_the_same(place, worked):
    before = bytes_of(place)
    (place / "results" / "stability" / "models.csv").unlink()
    (place / "results" / "correlate.last.csv").write_text("edited")
    expected = dict.fromkeys(NAMES, "done") | {"correlate last": "missing", "stability": "missing"}
    assert _states(place) == expected
    reasons = _reasons(place)
    assert reasons["correlate last"] == "done, as results/correlate.last.csv was changed"
    assert reasons["stability"] == "done, as results/stability/models.csv is gone"
    alignkit("study", "run", "tiny.toml", cwd=place)
    assert worked == ["correlate", "stability"]
    assert bytes_of(place) == before


@pytest.mark.slow
def test_other_options_or_values_do_them_anew(place, worked):
    file = place / "tiny.toml"
    file.write_text(file.read_text().replace("[agreement]", "[agreement]\nalike = 0.5"))
    assert _reasons(place)["agreement"] == "done, as its settings changed since"
    alignkit("study", "run", "tiny.toml", cwd=place)
    assert worked == ["agreement"]
    (table,) = (place / "runs" / "toy_match" / "none").glob("*/alignment/test/cka.cls.csv")
    without_manifests(table.parents[2])
    first, *rows = table.read_text().splitlines()
    row = dict(zip(first.split(","), rows[0].split(","), strict=True))
    table.write_text(table.read_text().replace(row["value"], "0.25", 1))
    assert _states(place)["correlate last"] == "missing"
    other_values = "done, as scores or alignment of its runs changed since"
    assert _reasons(place)["correlate last"] == other_values


@pytest.mark.slow
def test_a_damaged_table_is_missing_and_measured_again_by_name(place):
    (table,) = (place / "runs" / "toy_match" / "none").glob("*/alignment/test/cka.cls.csv")
    whole = table.read_bytes()
    table.write_bytes(whole[:-9])
    assert _states(place)["correlate last"] == "missing"
    done = alignkit("study", "run", "tiny.toml", cwd=place)
    assert "cka.cls.csv is damaged" in done.stderr
    assert table.read_bytes() == whole
    assert set(_states(place).values()) == {"done"}


@pytest.mark.slow
def test_further_measuring_and_scoring_does_not_do_them_anew(place):
    for path in (place / "runs").glob("toy_match/*/*"):
        measure_run(load_run(path), ["cka", "svcca:dims=3"], layers="all", null=5)
        measure_run(load_run(path), ["cka"], samples=20)
    alignkit("evaluate", "--split", "validation", cwd=place)
    assert set(_states(place).values()) == {"done"}


@pytest.mark.slow
def test_they_wait_for_runs_that_are_to_come(place, worked):
    write_study(place, seeds=(0, 1), more=MORE)
    assert set(_states(place).values()) == {"missing"}
    alignkit("study", "run", "tiny.toml", cwd=place)
    assert worked == ["correlate", "hypotheses", "agreement", "stability"]


@pytest.mark.slow
def test_one_that_fails_is_recorded_stops_no_other_and_is_retried_when_asked(place, monkeypatch):
    def broken(*_, **__):
        raise DataError("the disk is gone")

    whole = analyse.agreement
    shutil.rmtree(place / "results")
    monkeypatch.setattr(analyse, "agreement", broken)
    first = alignkit("study", "run", "tiny.toml", cwd=place, code=1)
    assert "agreement: the disk is gone" in first.stderr
    assert "1 of 4 analyses failed" in first.stderr
    assert "alignkit study retry" in first.stderr
    assert "results/stability/summary.csv" in first.stdout
    assert "agreement" not in first.stdout
    assert _json("status", place)["failed"] == [{"run": "agreement", "error": "the disk is gone"}]
    monkeypatch.setattr(analyse, "agreement", whole)
    alignkit("study", "run", "tiny.toml", cwd=place, code=1)
    assert _states(place)["agreement"] == "failed"
    alignkit("study", "retry", "tiny.toml", cwd=place)
    assert set(_states(place).values()) == {"done"}


@pytest.mark.slow
def test_a_killed_study_goes_on_with_the_analyses_that_are_left(place, worked, monkeypatch):
    shutil.rmtree(place / "results")
    shutil.rmtree(place / "runs" / ".study" / "tiny" / "analyses")
    before = analyse.agreement

    def killed(*_, **__):
        raise Terminated

    monkeypatch.setattr(analyse, "agreement", killed)
    alignkit("study", "run", "tiny.toml", cwd=place, code=TERMINATED)
    assert worked == ["correlate", "hypotheses"]
    monkeypatch.setattr(analyse, "agreement", before)
    alignkit("study", "run", "tiny.toml", cwd=place)
    assert worked == ["correlate", "hypotheses", "agreement", "stability"]


def test_metrics_of_an_analysis_stand_for_those_to_measure(tmp_path):
    file = tmp_path / "s.toml"
    file.write_text('[grid]\nseeds = [0]\n[agreement]\nmetrics = ["cka", "mknn"]\n[stability]\n')
    study = read_study(file)
    assert study.measure.metrics == ("cka", "mknn")
    assert study.hypotheses is None


def test_a_stability_may_be_of_some_tasks_and_placements():
    some = Stability(tasks=("a",), placements=("1", "none"))
    assert some.covers("a:x=1", "1")
    assert not some.covers("b", "1")
    assert not some.covers("a", "2")
    assert Stability().covers(None, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["h3", "pooling"]', '["h4"]', "unknown question 'h4'"),
        ("permutations = 99", 'layer = "lst"', "unknown layer rule 'lst'"),
        ("permutations = 99", "permutations = 0", r"\[hypotheses\] permutations is 0; it must be"),
        (
            "permutations = 99",
            'pool = "clss"',
            r"\[hypotheses\] pool is 'clss'; known: cls, max, mean",
        ),
        ("[agreement]", '[agreement]\nlayers = "sme"', "'layers = sme': no layer matches"),
        ("[agreement]", "[agreement]\nalike = 2", "alike'? is 2"),
        ("[agreement]", '[agreement]\nmetrics = ["cak"]', "did you mean 'cka'"),
        ('tasks = ["toy_match"]', 'tasks = ["toy_mtach"]', "tasks names 'toy_mtach'; the runs"),
        ("samples = [24, 48]", "samples = [1]", r"\[stability\] samples is 1; it must"),
        ('layers = "same"', 'layers = "sme"', "'layers = sme': no layer matches"),
        ('layers = "same"', 'splits = ["tset"]', r"\[measure\] splits is 'tset'; known: train"),
        ('layers = "same"', 'streams = "foo"', "unknown streams 'foo'"),
        ('layers = "same"', "null = -1", r"\[measure\] null is -1; it must be at least 0"),
        (
            'layer = ["last"]',
            'unit = "seed"',
            "'unit' is 'seed'; known: placement, variant, run, or an option",
        ),
        ('layer = ["last"]', 'layer = "lst"', "unknown layer rule 'lst'"),
        ("[agreement]", '[report]\nunit = "seed"', "'unit' is 'seed'; known: placement"),
        ('layer = ["last"]', "margin = 1.5", "'margin' is 1.5; a margin of r must be between 0"),
        ("[agreement]", '[report]\nsections = ["nothing"]', "unknown section 'nothing'"),
        ("[agreement]", '[report]\nfigure_formats = "eps"', "'eps' is no format of figures"),
        ("[agreement]", "[report]\nmargin = 0", "'margin' is 0; a margin of r must be between"),
        (
            'layer = ["last"]',
            'control = "dpth"',
            "'control' is 'dpth'; known: depth, fusions, or an",
        ),
        ("[agreement]", '[agreement]\nwhere = "seed"', "write it as OPTION=VALUE"),
        (
            "[agreement]",
            '[agreement]\nwhere = "learning_rat=1"',
            "have no option 'learning_rat'; did you mean 'learning_rate'",
        ),
    ],
)
def test_what_they_would_stumble_over_is_found_before_the_work(tmp_path, old, new, message):
    file = write_study(tmp_path, seeds=(0,), more=MORE)
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    failed = alignkit("study", "run", file, cwd=tmp_path, code=2)
    with pytest.raises(UsageError, match=message):
        raise UsageError(failed.stderr.split("Error: ")[-1])
    assert not (tmp_path / "runs").exists()


LAYERS = """
[dimension]
layers = "last"

[trajectory]
metrics = ["unbiased_cka"]
pool = "mean"
permutations = 9

[probe]
streams = ["text", "both"]
samples = 24
seeds = 2
permutations = 9
"""


@pytest.mark.slow
def test_the_layers_of_streams_are_analysed_as_the_commands_do(tmp_path):
    write_study(tmp_path, placements=("1", "none"), seeds=(0,), tasks=("toy_match",), more=LAYERS)
    steps = _json("plan", tmp_path)["runs"][0]["steps"]
    assert {name for name in steps if name.startswith("extract")} == {
        "extract train",
        "extract validation",
        "extract test",
    }
    assert not [name for name in steps if name.startswith("measure") and "test" not in name]
    alignkit("study", "run", "tiny.toml", cwd=tmp_path)
    names = ["correlate last", "dimension", "trajectory", "probe"]
    assert _states(tmp_path) == dict.fromkeys(names, "done")
    results = tmp_path / "results"
    words = {
        "dimension": ("--layers", "last"),
        "trajectory": ("--metric", "unbiased_cka", "--pool", "mean", "--permutations", 9),
        "probe": ("--streams", "text,both", "--samples", 24, "--seeds", 2, "--permutations", 9),
    }
    words["probe"] += ("--metric", "cka", "--metric", "mknn:k=5")
    for name, more in words.items():
        alignkit(name, *more, "--output", tmp_path / "own" / name, cwd=tmp_path)
        tables = sorted((tmp_path / "own" / name).glob("*.csv"))
        assert tables
        for table in tables:
            assert table.read_bytes() == (results / name / table.name).read_bytes(), table
        assert list((results / name / "figures").glob("*.svg")) or name == "dimension"


ABLATION = """
[ablation]
options = ["pretraining"]
metrics = ["cka"]
permutations = 9
[pretrain]
task = "toy_redundant:n_train=32,n_validation=32,n_test=48"
epochs = 1
"""


@pytest.mark.slow
def test_pretrained_runs_are_compared_with_those_from_scratch(tmp_path):
    file = write_study(
        tmp_path, placements=("1", "none"), seeds=(0,), tasks=("toy_match",), more=ABLATION
    )
    file.write_text(file.read_text().replace("seeds = [0]", "seeds = [0]\ninit = [false, true]"))
    file.write_text(file.read_text().replace("[correlate]", '[correlate]\nunit = "variant"'))
    alignkit("study", "run", file, cwd=tmp_path)
    assert _states(tmp_path) == dict.fromkeys(["correlate last", "ablation pretraining"], "done")
    runs = pd.read_csv(tmp_path / "results/runs.last.csv")
    assert set(runs["variant"]) == {
        f"{placement}, pretraining={start}"
        for placement in ("at_1", "none")
        for start in ("none", "toy_redundant")
    }
    words = ("--task", "toy_match", "--metric", "cka", "--permutations", 9, "--output", "own")
    alignkit("ablation", "pretraining", *words, cwd=tmp_path)
    tables = sorted((tmp_path / "own").glob("*.csv"))
    assert len(tables) == 4
    for table in tables:
        other = tmp_path / "results/ablation/pretraining" / table.name
        assert table.read_bytes() == other.read_bytes(), table


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("[]", "[ablation] needs the options to compare"),
        ('["hed"]', "no such option; did you mean 'head'"),
    ],
)
def test_an_ablation_of_nothing_is_found_before_the_work(tmp_path, options, message):
    more = ABLATION.replace('["pretraining"]', options)
    file = write_study(tmp_path, seeds=(0,), more=more)
    assert message in alignkit("study", "run", file, cwd=tmp_path, code=2).stderr
    assert not (tmp_path / "runs").exists()


EXPLAIN = """
[explain]
kinds = ["attention", "grad-cam", "tokens"]
samples = 8
seed = 1
"""


@pytest.mark.slow
def test_models_are_explained_as_the_commands_do(tmp_path):
    write_study(tmp_path, placements=("1", "none"), seeds=(0,), tasks=("toy_match",), more=EXPLAIN)
    alignkit("study", "run", "tiny.toml", cwd=tmp_path)
    kinds = ("attention", "grad-cam", "tokens")
    names = ["correlate last", *(f"explain {kind}" for kind in kinds)]
    assert _states(tmp_path) == dict.fromkeys(names, "done")
    for kind in kinds:
        words = ("explain", kind, "--samples", 8, "--seed", 1, "--output", f"own/{kind}")
        alignkit(*words, cwd=tmp_path)
        tables = sorted((tmp_path / "own" / kind).glob("*.csv"))
        assert tables
        for table in tables:
            other = tmp_path / "results/explain" / kind / table.name
            assert table.read_bytes() == other.read_bytes(), table
        assert list((tmp_path / "results/explain" / kind / "figures").glob("*.svg"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"tokens"', '"lime"', "[explain] kinds names 'lime'; known: attention, grad-cam, tokens"),
        ("samples = 8", "samples = 0", "samples"),
        ("kinds", "kind", "[explain] has no key 'kind'; did you mean 'kinds'"),
    ],
)
def test_an_explanation_that_there_is_not_is_found_before_the_work(tmp_path, old, new, message):
    file = write_study(tmp_path, seeds=(0,), more=EXPLAIN.replace(old, new))
    assert message in alignkit("study", "run", file, cwd=tmp_path, code=2).stderr
    assert not (tmp_path / "runs").exists()


def test_a_probe_that_cannot_be_is_found_before_the_work(tmp_path):
    for old, new, message in (
        ("seeds = 2", 'probe = "svm"', "unknown 'probe = svm'; known: ridge, logistic"),
        ('"both"', '"audio"', "unknown streams 'audio'; known: text, vision, both"),
        ("samples = 24\n", "", "[probe] seeds draws training samples, so it needs samples"),
        ("samples = 24", "samples = 1", "[probe] samples is 1; it must be at least 2"),
        ('["unbiased_cka"]', '["unbiased_ckb"]', "unknown metric 'unbiased_ckb'; did you mean"),
        ('layers = "last"', 'layer = "last"', "[dimension] has no key 'layer'; did you mean"),
    ):
        file = write_study(tmp_path, seeds=(0,), more=LAYERS)
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        assert message in alignkit("study", "run", file, cwd=tmp_path, code=2).stderr
        assert not (tmp_path / "runs").exists()


SECTION = Path(__file__).parents[2] / "examples" / "third_party" / "seeds_section.py"
VARIANTS = """
[report]
metrics = ["cka"]
unit = "learning_rate"
permutations = 9
figure_formats = ["png"]
sections = ["seeds:least=1"]

[hypotheses]
questions = ["placement"]
where = ["learning_rate=1e-3"]
permutations = 9
"""


@pytest.mark.slow
def test_a_study_with_variants_groups_or_selects_them(tmp_path):
    file = write_study(tmp_path, seeds=(0,), tasks=("toy_match",), more=VARIANTS)
    text = file.read_text().replace("seeds = [0]", "seeds = [0]\nlearning_rate = [1e-2, 1e-3]")
    file.write_text(
        text.replace('layer = ["last"]', 'layer = ["last"]\nwhere = "learning_rate=0.01"')
    )
    section = shutil.copy(SECTION, tmp_path)
    alignkit("--plugin", section, "study", "run", "tiny.toml", cwd=tmp_path)
    states = _states(tmp_path, "--plugin", section)
    assert set(states.values()) == {"done"}
    with open(section, "a") as file:
        file.write("\nedited = True\n")
    edited = _states(tmp_path, "--plugin", section)
    assert {name for name, state in edited.items() if state != "done"} == {"report"}
    results = tmp_path / "results"
    assert list((results / "report" / "figures").glob("*.png"))
    assert (results / "report" / "figures" / "seeds-1.csv").is_file()
    assert len((results / "runs.last.csv").read_text().splitlines()) == 3
    page = (results / "report" / "report.md").read_text()
    assert page.index(r"at\_1, learning\_rate=1e-3") < page.index(r"at\_1, learning\_rate=0.01")
    rows = (results / "hypotheses" / "placement-variance.csv").read_text().splitlines()
    row = dict(zip(rows[0].split(","), rows[1].split(","), strict=False))
    assert (row["placements"], row["runs"]) == ("2", "2")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[hypotheses]", r"\[hypotheses\] the toy_match runs with placement none differ in more"),
        ("[correlate]", r"\[correlate\] the toy_match runs .* learning_rate is 1e-3, 0.01"),
        ("[report]", r"\[report\] the toy_match runs with placement none differ"),
        ('[hypotheses]\nwhere = "learning_rate=5"', r"\[hypotheses\] no run has learning_rate=5"),
        ('[hypotheses]\nunit = "variant"', "these questions are about placements: h1, h3"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_study_that_would_average_variants_is_refused_unread(tmp_path, table, message, command):
    file = write_study(tmp_path, seeds=(0,), tasks=("toy_match",), more=table)
    text = file.read_text().replace("seeds = [0]", "seeds = [0]\nlearning_rate = [1e-2, 1e-3]")
    file.write_text(text.replace('[correlate]\nlayer = ["last"]\n', ""))
    failed = alignkit("study", command, file, cwd=tmp_path, code=2)
    with pytest.raises(UsageError, match=message):
        raise UsageError(failed.stderr.split("Error: ")[-1])
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_record_of_hypotheses_does_not_depend_on_the_default_unit(done):
    study = read_study(done / "tiny.toml")
    asked = {name: options for name, _, options, _ in analyses._asked(study, [])}
    assert "unit" not in asked["hypotheses"]
    table = replace(study.hypotheses, unit="variant")
    asked = {
        name: options
        for name, _, options, _ in analyses._asked(replace(study, hypotheses=table), [])
    }
    assert asked["hypotheses"]["unit"] == "variant"


def test_a_chosen_margin_and_control_are_recorded_and_the_default_ones_are_not(tmp_path):
    file = write_study(tmp_path, more="[report]\n")
    asked = {name: options for name, _, options, _ in analyses._asked(read_study(file), [])}
    for name in ("correlate last", "report"):
        assert not {"margin", "control"} & set(asked[name])
    assert "unit" in asked["correlate last"]  # recorded ever since there are records
    assert "unit" not in asked["report"]
    chosen = 'margin = 0.2\ncontrol = ["epochs"]\n'
    file = write_study(tmp_path, more=f"[report]\n{chosen}")
    file.write_text(file.read_text().replace("[correlate]\n", f"[correlate]\n{chosen}"))
    asked = {name: options for name, _, options, _ in analyses._asked(read_study(file), [])}
    for name in ("correlate last", "report"):
        assert (asked[name]["margin"], asked[name]["control"]) == (0.2, ["epochs"])


def test_classes_and_groups_are_those_of_measuring_unless_a_table_has_its_own(tmp_path):
    file = write_study(tmp_path, more="[report]\n")
    whole = file.read_text()
    asked = {name: options for name, _, options, _ in analyses._asked(read_study(file), [])}
    for name in ("correlate last", "report"):
        assert not {"within", "groups"} & set(asked[name])
    text = whole.replace('layers = "same"', 'layers = "same"\nwithin = "label"\ngroups = "text"')
    file.write_text(text + 'within = ""\n')
    asked = {name: options for name, _, options, _ in analyses._asked(read_study(file), [])}
    assert (asked["correlate last"]["within"], asked["correlate last"]["groups"]) == (
        "label",
        "text",
    )
    assert "within" not in asked["report"]
    assert asked["report"]["groups"] == "text"


@pytest.mark.slow
def test_a_study_measures_within_classes_and_says_whether_alignment_rises(tmp_path):
    more = '[report]\nmetrics = ["cka"]\npermutations = 99\n'
    file = write_study(tmp_path, seeds=(0,), tasks=("toy_match",), more=more)
    text = file.read_text().replace('layers = "same"', 'within = "label"')
    file.write_text(text.replace('layer = ["last"]', 'layer = ["last"]\npermutations = 99'))
    first = _json("plan", tmp_path)["runs"][0]["steps"]
    assert first["measure test cls"] == "missing"
    alignkit("study", "run", "tiny.toml", cwd=tmp_path)
    assert set(_json("plan", tmp_path)["runs"][0]["steps"].values()) == {"done"}
    results = tmp_path / "results"
    assert "pearson_plain" in (results / "correlate.last.csv").read_text().splitlines()[0]
    run = next((tmp_path / "runs").glob("*/at_1/*"))
    assert set(load_run(run).alignment()["within"].fillna("")) == {"", "label"}
    assert "whether alignment rises across fusions cannot be tested" in (
        results / "report" / "report.md"
    ).read_text().replace("\n", " ")
    (run / "alignment" / "test" / "cka.cls.within-label.csv").unlink()
    rows = {row["run"]: row["steps"] for row in _json("plan", tmp_path)["runs"]}
    assert rows[str(run.relative_to(tmp_path / "runs"))]["measure test cls"] == "missing"


@pytest.mark.slow
def test_maxima_are_measured_once_and_count_as_done(tmp_path, monkeypatch):
    file = write_study(tmp_path, seeds=(0,), tasks=("toy_match",))
    file.write_text(file.read_text().replace('layers = "same"', 'layers = "max-pair"'))
    alignkit("study", "run", "tiny.toml", cwd=tmp_path)
    plan = _json("plan", tmp_path)
    assert {run["state"] for run in plan["runs"]} == {"done"}
    assert (tmp_path / "results" / "correlate.last.csv").is_file()


@pytest.mark.slow
def test_another_draw_of_samples_does_not_count_as_measured(tmp_path):
    file = write_study(tmp_path, placements=("1",), seeds=(0,), tasks=("toy_match",))
    file.write_text(file.read_text().replace('layers = "same"', 'layers = "same"\nsamples = 40'))
    alignkit("study", "run", "tiny.toml", cwd=tmp_path)
    assert _json("plan", tmp_path)["runs"][0]["state"] == "done"
    (path,) = (tmp_path / "runs").glob("toy_match/*/*")
    for table in path.glob("alignment/test/*.n40s0.csv"):
        table.unlink()
    measure_run(load_run(path), ["cka", "mknn:k=5"], layers="same", samples=20)
    measure_run(load_run(path), ["cka", "mknn:k=5"], layers="same", samples=40, seed=3)
    assert _json("plan", tmp_path)["runs"][0]["steps"]["measure test cls"] == "missing"


@pytest.mark.slow
def test_the_report_is_made_last_and_shows_what_other_analyses_wrote(tmp_path):
    """One that failed is left out; one that changes makes the report out of date."""
    more = "[report]\npermutations = 9\n[dimension]\n[stability]\nsamples = [100000]\n"
    file = write_study(tmp_path, seeds=(0,), more=more)
    asked = [name for name, *_ in analyses._asked(read_study(file), [])]
    assert asked[-1] == "report"
    done = alignkit("study", "run", file, cwd=tmp_path, code=1)
    assert "stability: failed" in done.stderr
    page = (tmp_path / "results" / "report" / "report.html").read_text()
    assert '<h2 id="dimension">' in page
    assert '<h2 id="stability">' not in page
    assert _states(tmp_path)["report"] == "done"
    text = file.read_text()
    file.write_text(text.replace("[dimension]\n", '[dimension]\nlayers = "last"\n'))
    assert _states(tmp_path)["dimension"] == _states(tmp_path)["report"] == "missing"
    file.write_text(text)
    assert _states(tmp_path)["report"] == "done"


@pytest.mark.slow
def test_a_report_is_made_again_when_what_it_lacks_succeeds(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise DataError("the disk is gone")

    whole = analyse.dimension
    monkeypatch.setattr(analyse, "dimension", broken)
    write_study(tmp_path, seeds=(0,), more="[report]\npermutations = 9\n[dimension]\n")
    alignkit("study", "run", "tiny.toml", cwd=tmp_path, code=1)
    page = tmp_path / "results" / "report" / "report.html"
    assert '<h2 id="dimension">' not in page.read_text()
    assert _states(tmp_path) == {"correlate last": "done", "dimension": "failed", "report": "done"}
    monkeypatch.setattr(analyse, "dimension", whole)
    work = analyse.report

    def killed(*_, **__):
        raise Terminated

    monkeypatch.setattr(analyse, "report", killed)
    alignkit("study", "retry", "tiny.toml", cwd=tmp_path, code=TERMINATED)
    monkeypatch.setattr(analyse, "report", work)
    assert _states(tmp_path)["report"] == "missing"
    said = alignkit("study", "plan", "tiny.toml", "--explain", cwd=tmp_path).stderr
    assert "report: done, as it lacks dimension, which failed then" in said
    alignkit("study", "run", "tiny.toml", cwd=tmp_path)
    assert '<h2 id="dimension">' in page.read_text()
    assert set(_states(tmp_path).values()) == {"done"}
