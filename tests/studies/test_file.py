"""Study files: what they may say, and how they say what is wrong with them."""

from dataclasses import replace

import pytest

from alignkit.errors import DataError, UsageError
from alignkit.runs import Training
from alignkit.studies import read_study
from alignkit.studies.options import known_options
from alignkit.studies.plan import make_plan


def _read(tmp_path, text):
    file = tmp_path / "s.toml"
    file.write_text(text)
    return read_study(file)


def test_a_grid_is_every_combination_and_runs_follow(tmp_path):
    study = _read(
        tmp_path,
        """
        [grid]
        tasks = ["a", "b:x=1"]
        placements = ["none", "1,2"]
        seeds = [0, 1]
        epochs = [1, 2]
        [[run]]
        placement = "3"
        seeds = [5, 6]
        epochs = 9
        """,
    )
    assert len(study.entries) == 2 * 2 * 2 * 2 + 2
    first, last = study.entries[0], study.entries[-1]
    assert (first.task, first.placement, first.seed, first.options) == (
        "a",
        "none",
        0,
        {"epochs": 1},
    )
    assert (last.task, last.placement, last.seed, last.options) == (None, "3", 6, {"epochs": 9})


def test_the_more_particular_option_goes_before(tmp_path):
    study = _read(
        tmp_path,
        """
        [options]
        epochs = 1
        batch_size = 8
        clip = 2
        [task.b]
        epochs = 2
        [grid]
        tasks = ["a", "b:x=1"]
        batch_size = [16]
        """,
    )
    a, b = study.entries
    assert a.options == {"epochs": 1, "batch_size": 16, "clip": 2.0}
    assert b.options == {"epochs": 2, "batch_size": 16, "clip": 2.0}


def test_defaults_and_tables(tmp_path):
    study = _read(tmp_path, '[grid]\nseeds = [0]\n[correlate]\nmetrics = "cka"\nlayer = "max"\n')
    assert (study.name, str(study.runs), str(study.output)) == ("s", "runs", "results/s")
    assert study.measure.metrics == ("cka",)  # to correlate is to measure
    assert study.correlate.layer == ("max",)
    assert study.report is None
    assert study.engine.name == "local"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[grid]\nplacement = ['none']\n",
            r"s.toml, line 2: \[grid\] has no key 'placement'; did you mean 'placements'",
        ),
        ("[grid]\nseeds = 3\n", r"line 2: \[grid\] seeds is 3; expected a list"),
        ("[grid]\nseeds = [0.5]\n", r"seeds is 0.5; expected a whole number"),
        ("[grid]\nseeds = [true]\n", r"seeds is True; expected a whole number"),
        ("[grd]\nseeds = [0]\n", r"line 1: has no table or key 'grd'; did you mean 'grid'"),
        (
            "[grid]\nseeds = [0]\n[options]\n\nepoch = 1\n",
            r"line 5: \[options\] has no option 'epoch'; did you mean 'epochs'",
        ),
        (
            "[grid]\nseeds = [0]\n[options]\nepochs = '1'\n",
            r"line 4: .*'1'; expected a whole number",
        ),
        ("[grid]\ntasks = ['a']\n[task.b]\nepochs = 1\n", r"line 3: \[task\] has no task .*'b'"),
        (
            "[grid]\nseeds = [0]\n[measure]\nmetric = ['cka']\n",
            r"line 4: \[measure\] has no key 'metric'; did you mean 'metrics'",
        ),
        ("[grid]\nseeds = [0]\n[measure]\nnull = 1.5\n", r"null is 1.5; expected a whole number"),
        ("[[run]]\nsede = 1\n", r"line 2: \[run\] has no key 'sede'; did you mean 'seed"),
        ("[[run]]\nseed = 1\nseeds = [2]\n", "both seed and seeds"),
        ("run = 3\n", "must be a list of tables"),
        ("grid = 3\n", "must be a table"),
        ("name = 'a/b'\n[grid]\nseeds = [0]\n", "use letters, digits"),
        ("", r"describes no runs; write a \[grid\]"),
        ("[grid]\ninit = [true]\n", r"line 2: \[grid\] init = true needs a table \[pretrain\]"),
        ("[grid.pretrain]\nepochs = [1]\n", r"\[grid.pretrain\] needs a table \[pretrain\]"),
        (
            "[grid.pretrain]\nepochs = 1\n",
            r"line 2: \[grid.pretrain\] epochs is 1; expected a list",
        ),
        ("[grid.pretrain]\nepoch = [1]\n", r"\[grid.pretrain\] has no option 'epoch'; did you"),
        ("[grid\n", "is not valid TOML: .*line 1"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        _read(tmp_path, text)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"there is no study file .*docs/studies.md"):
        read_study(tmp_path / "absent.toml")


def test_every_training_option_may_be_set(tmp_path):
    assert set(vars(Training())) <= set(known_options())
    study = _read(tmp_path, "[grid]\nseeds=[0]\n[options]\nlearning_rate = 1\nthreads = 2\n")
    config = study.entries[0].resolve()
    assert (config.training.learning_rate, config.training.threads) == (1.0, 2)


def test_pretraining_takes_shared_options_and_its_own(tmp_path):
    study = _read(
        tmp_path,
        """
        [grid]
        tasks = ["a"]
        [options]
        batch_size = 8
        epochs = 1
        [task.p]
        data = "pairs"
        [pretrain]
        task = "p:x=1"
        seed = 7
        epochs = 3
        """,
    )
    assert study.pretrain == {
        "task": "p:x=1",
        "seed": 7,
        "options": {"batch_size": 8, "epochs": 3, "data": "pairs"},
    }


def test_a_grid_has_every_way_of_pretraining(tmp_path):
    study = _read(
        tmp_path,
        """
        [grid]
        tasks = ["toy_match"]
        placements = ["none", "1"]
        seeds = [0, 1]
        init = [false, true]
        [grid.pretrain]
        objectives = ["itm", ["mlm", "itm"]]
        epochs = [1, 2]
        [options]
        architecture = "vilbert:depth=2"
        [pretrain]
        task = "toy_unique"
        """,
    )
    plan = make_plan(replace(study, runs=tmp_path / "runs"))
    first = [planned for planned in plan.runs if planned.pretrains]
    assert len(first) == 2 * 2 * 2  # placements, objectives, epochs
    assert {p.config.training.objectives for p in first} == {("itm=1",), ("mlm=1", "itm=1")}
    started = [planned for planned in plan.to_analyse if planned.first is not None]
    assert len(started) == 8 * 2
    assert len(plan.to_analyse) == 8 * 2 + 4  # from scratch, once each
    for planned in started:
        assert planned.config.init.config["training"] == planned.first.config.training.to_json()


def test_a_grid_is_counted_before_it_is_made(tmp_path):
    numbers = ", ".join(map(str, range(1000)))
    file = tmp_path / "s.toml"
    file.write_text(f"[grid]\nseeds = [{numbers}]\nepochs = [{numbers}]\nwarmup = [{numbers}]\n")
    with pytest.raises(UsageError, match=r"describes 1,000,000,000 runs; at most 100,000"):
        read_study(file)
