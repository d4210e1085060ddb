"""Analysing studies: ours, others', an older Optuna's, and poor ones."""

import hashlib
import json
import logging
import math
import sqlite3
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from scipy.stats import spearmanr

from alignkit.errors import DataError, UsageError
from alignkit.search.analyse import analyse, best
from alignkit.search.read import read_study, reading
from alignkit.search.register import write_placements
from tiny import TINY_MODEL, TINY_TASK, alignkit

STUDY = {
    "num_coattn_layers": IntDistribution(2, 8),
    "t_center": FloatDistribution(2, 10),
    "v_center": FloatDistribution(2, 10),
    "t_spread": FloatDistribution(1, 4),
    "v_spread": FloatDistribution(1, 4),
}


def _params(rng):
    return {
        name: int(rng.integers(2, 9))
        if isinstance(d, IntDistribution)
        else float(rng.uniform(d.low, d.high))
        for name, d in STUDY.items()
    }


def _study(storage=None, trials=24, name="study"):
    """A two-objective study as others made it: failures, pruned trials, a 0, an infinity."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rng = np.random.default_rng(0)
    study = optuna.create_study(
        study_name=name, storage=storage, directions=["maximize", "minimize"]
    )
    for number in range(trials):
        params = _params(rng)
        values = [
            0.7 + 0.01 * params["t_center"] + 0.01 * rng.standard_normal(),
            1.0 - 0.02 * params["v_center"] + 0.01 * rng.standard_normal(),
        ]
        state = {4: TrialState.FAIL, 5: TrialState.PRUNED}.get(number, TrialState.COMPLETE)
        if number == 6:
            values[0] = 0.0
        if number == 7:
            values[1] = math.inf
        study.add_trial(
            create_trial(
                state=state,
                values=values if state == TrialState.COMPLETE else None,
                params=params,
                distributions=STUDY,
            )
        )
    return study


def test_correlations_are_spearmans_with_n_p_and_holm():
    study = _study()
    found = analyse(study)
    assert found.states == {"COMPLETE": 22, "PRUNED": 1, "FAIL": 1, "RUNNING": 0, "WAITING": 0}
    rows = {(row["parameter"], row["objective"]): row for row in found.correlations}
    assert len(rows) == 10
    complete = [t for t in study.trials if t.state == TrialState.COMPLETE]
    for (parameter, objective), row in rows.items():
        index = int(objective[-1])
        finite = [t for t in complete if math.isfinite(t.values[index])]
        expected = spearmanr(
            [t.params[parameter] for t in finite], [t.values[index] for t in finite]
        )
        assert row["n"] == len(finite) == 22 - index
        assert row["spearman"] == pytest.approx(expected.statistic, abs=1e-12)
        assert row["p"] == pytest.approx(expected.pvalue, abs=1e-12)
    smallest = min(rows.values(), key=lambda row: row["p"])
    assert smallest["p_adjusted"] == pytest.approx(min(1, 10 * smallest["p"]))
    assert any("1 complete trial(s) lack a finite value" in note for note in found.notes)
    assert any("exactly values_0 = 0" in note for note in found.notes)


def test_a_perfect_correlation_of_few_trials_proves_nothing():
    study = optuna.create_study()
    for x in range(4):
        study.add_trial(
            create_trial(value=x**2, params={"x": x}, distributions={"x": IntDistribution(0, 99)})
        )
    (row,) = analyse(study).correlations
    assert row["spearman"] == pytest.approx(1)
    assert row["p"] == pytest.approx(2 / math.factorial(4))
    assert row["p_parametric"] == pytest.approx(0, abs=1e-12)
    for x in range(4, 12):
        study.add_trial(
            create_trial(value=x**2, params={"x": x}, distributions={"x": IntDistribution(0, 99)})
        )
    (row,) = analyse(study).correlations
    assert row["p"] == pytest.approx(2 / math.factorial(12))


def test_the_front_is_optunas():
    study = _study()
    found = analyse(study)
    finite = [t.number for t in study.best_trials if all(map(math.isfinite, t.values))]
    assert {trial["number"] for trial in found.pareto} == set(finite)
    assert [t["number"] for t in best(found, study, 2)] == [t["number"] for t in found.pareto[:2]]
    assert len(best(found, study, 1000)) == 21


def test_importances_repeat_and_name_their_evaluator():
    study = _study()
    rows = analyse(study).importances
    assert rows == analyse(study).importances
    assert rows != analyse(study, seed=1).importances
    first = [row for row in rows if row["objective"] == "values_0"]
    assert sum(row["importance"] for row in first) == pytest.approx(1)
    assert max(first, key=lambda row: row["importance"])["parameter"] == "t_center"
    assert {row["evaluator"] for row in rows} == {"fANOVA"}


def test_what_cannot_be_said_is_none_with_a_reason():
    study = optuna.create_study(direction="maximize")
    either = CategoricalDistribution(["early", "late"])
    same = FloatDistribution(1, 2)

    def add(value, name):
        study.add_trial(
            create_trial(
                value=value,
                params={"where": name, "same": 1.0, "switch": name == "late"},
                distributions={
                    "where": either,
                    "same": same,
                    "switch": CategoricalDistribution([False, True]),
                },
            )
        )

    add(0.1, "early")
    add(0.2, "late")
    rows = {row["parameter"]: row for row in analyse(study).correlations}
    assert rows["same"]["spearman"] is rows["same"]["p_adjusted"] is None
    assert "2 trial(s); at least 3" in rows["same"]["reason"]
    add(0.3, "late")
    rows = {row["parameter"]: row for row in analyse(study).correlations}
    assert rows["same"]["reason"] == "same is constant"
    assert rows["where"]["reason"] == "its values are not ordered"
    assert rows["switch"]["spearman"] == pytest.approx(math.sqrt(3) / 2)
    constant = optuna.create_study(direction="minimize")
    for x in range(5):
        constant.add_trial(
            create_trial(value=1.0, params={"x": x}, distributions={"x": IntDistribution(0, 9)})
        )
    found = analyse(constant)
    assert found.correlations[0]["reason"] == "value is constant"
    assert found.importances[0]["reason"] == "value is constant"
    assert len(found.pareto) == 5
    empty = analyse(optuna.create_study())
    assert (empty.correlations, empty.importances, empty.pareto) == ([], [], [])


@pytest.mark.slow
def test_a_duplicate_adds_no_observation(tiny_search, tmp_path):
    study = tiny_search(5, sampler="random")
    found = analyse(study)
    assert found.duplicates
    assert found.correlations[0]["n"] == 5 - found.duplicates


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _older(file, revision, statements):
    """A storage as an older Optuna left it: Optuna's own migrations, stopped half-way."""
    from alembic import command
    from alembic.config import Config

    folder = Path(optuna.__file__).parent / "storages" / "_rdb"
    config = Config(str(folder / "alembic.ini"))
    config.set_main_option("script_location", str(folder / "alembic"))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{file}")
    logging.getLogger().addHandler(logging.NullHandler())
    command.upgrade(config, revision)
    with sqlite3.connect(file) as database:
        for statement, rows in statements:
            database.executemany(statement, rows)


def _old_trials():
    rng = np.random.default_rng(3)
    return [(number, _params(rng), round(float(rng.random()), 3)) for number in range(1, 9)]


def _distribution(name):
    low, high = STUDY[name].low, STUDY[name].high
    kind = "IntUniformDistribution" if name.startswith("num") else "UniformDistribution"
    attributes = {"low": low, "high": high} | ({"step": 1} if name.startswith("num") else {})
    return json.dumps({"name": kind, "attributes": attributes})


PARAMETERS = (
    "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) "
    "VALUES (?, ?, ?, ?)"
)


def _write_older(file, revision):
    trials = _old_trials()
    parameters = [
        (n, name, value, _distribution(name)) for n, p, _ in trials for name, value in p.items()
    ]
    version = (
        "INSERT INTO version_info VALUES (1, ?, ?)",
        [(12, "2.10.0") if revision >= "v2" else (11, "1.5.0")],
    )
    if revision >= "v2":
        told = [
            ("INSERT INTO studies VALUES (1, ?)", [("old",)]),
            ("INSERT INTO study_directions VALUES (1, 'MAXIMIZE', 1, 0)", [()]),
            (
                "INSERT INTO trials (trial_id, study_id, state, number) "
                "VALUES (?, 1, 'COMPLETE', ?)",
                [(n, n - 1) for n, _, _ in trials],
            ),
            (
                "INSERT INTO trial_values (trial_id, objective, value) VALUES (?, 0, ?)",
                [(n, value) for n, _, value in trials],
            ),
        ]
    else:
        told = [
            ("INSERT INTO studies VALUES (1, ?, 'MAXIMIZE')", [("old",)]),
            (
                "INSERT INTO trials (trial_id, study_id, state, value, number) "
                "VALUES (?, 1, 'COMPLETE', ?, ?)",
                [(n, value, n - 1) for n, _, value in trials],
            ),
        ]
    _older(file, revision, [version, *told, (PARAMETERS, parameters)])


@pytest.mark.parametrize("revision", ["v1.3.0.a", "v2.6.0.a"])
def test_an_older_optunas_storage_is_read_and_left_alone(tmp_path, revision):
    file = tmp_path / "old.db"
    _write_older(file, revision)
    before = _digest(file)
    done = alignkit(
        "search",
        "analyse",
        "--storage",
        f"sqlite:///{file}",
        "--study",
        "old",
        "--json",
        cwd=tmp_path,
    )
    found = json.loads(done.stdout)
    assert "was written by an older Optuna" in done.stderr
    assert "alembic" not in done.stderr
    assert _digest(file) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["old.db"]
    trials = _old_trials()
    expected = spearmanr([p["t_center"] for _, p, _ in trials], [v for _, _, v in trials])
    (row,) = [row for row in found["correlations"] if row["parameter"] == "t_center"]
    assert (row["objective"], row["n"]) == ("value", 8)
    assert row["spearman"] == pytest.approx(expected.statistic)
    assert found["trials"]["COMPLETE"] == 8


@pytest.mark.slow
def test_an_older_storage_is_not_searched_in(tmp_path, tiny_search):
    file = tmp_path / "old.db"
    _write_older(file, "v2.6.0.a")
    with pytest.raises(DataError, match="optuna storage upgrade"):
        tiny_search(1, storage=f"sqlite:///{file}")


def test_a_newer_storage_is_refused(tmp_path):
    _study(f"sqlite:///{tmp_path}/new.db", trials=1)
    with sqlite3.connect(tmp_path / "new.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'v9.0.0.a'")
    with (
        pytest.raises(DataError, match="newer Optuna"),
        reading(f"sqlite:///{tmp_path}/new.db", []),
    ):
        pass


def test_what_is_no_storage_is_refused_and_not_made(tmp_path):
    (tmp_path / "text.db").write_text("no database, but long enough to look at" * 9)
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE mine (x)").connection.close()
    (tmp_path / "text.log").write_text("no journal\n")
    with (
        pytest.raises(DataError, match="not a complete journal"),
        reading(f"journal:///{tmp_path}/text.log", []),
    ):
        pass
    for name, message in (
        ("none", "no storage"),
        ("text", "not a SQLite file"),
        ("other", "no Optuna"),
    ):
        with (
            pytest.raises(DataError, match=message),
            reading(f"sqlite:///{tmp_path}/{name}.db", []),
        ):
            pass
    assert not (tmp_path / "none.db").exists()


def test_a_study_is_chosen_by_name_or_by_being_the_only_one(tmp_path):
    storage = f"sqlite:///{tmp_path}/a.db"
    _study(storage, trials=1, name="one")
    with reading(storage, []) as opened:
        assert read_study(opened, storage, None).study_name == "one"
    _study(storage, trials=1, name="two")
    with reading(storage, []) as opened:
        with pytest.raises(UsageError, match="choose one with `study`: one, two"):
            read_study(opened, storage, None)
        with pytest.raises(DataError, match="no study 'three'; it holds: one, two"):
            read_study(opened, storage, "three")


@pytest.mark.slow
def test_registered_placements_are_ready_to_train(tmp_path, tiny_search):
    tiny_search(3, space="named", placements=("1", "2", "none"), study="found here")
    done = alignkit(
        "search",
        "analyse",
        "--storage",
        f"sqlite:///{tmp_path}/search.db",
        "--register",
        "found.py",
        "--top",
        "2",
        cwd=tmp_path,
    )
    names = done.stderr.split("registers ")[1].split("\n")[0].split(", ")
    assert len(names) == 2
    shown = alignkit("--plugin", "found.py", "list", "placements", "--json", cwd=tmp_path)
    entries = {e["name"]: e["summary"] for e in json.loads(shown.stdout)}
    assert all("auroc 0." in entries[name] for name in names)
    trained = alignkit(
        "--plugin",
        "found.py",
        "train",
        "--task",
        TINY_TASK,
        "--architecture",
        TINY_MODEL,
        "--epochs",
        "0",
        "-p",
        names[0],
        cwd=tmp_path,
    )
    assert names[0] in trained.stdout


@pytest.mark.slow
def test_no_file_of_anyone_elses_is_overwritten_by_placements(tmp_path, tiny_search):
    tiny_search(1, space="named", placements=("1",))
    words = ["search", "analyse", "--storage", f"sqlite:///{tmp_path}/search.db", "--register"]
    for _ in range(2):  # its own file may be written anew
        alignkit(*words, "found.py", cwd=tmp_path)
    (tmp_path / "mine.py").write_text("import alignkit\n")
    refused = alignkit(*words, "mine.py", cwd=tmp_path, code=2)
    assert "mine.py exists and was not written by a search" in refused.stderr
    assert (tmp_path / "mine.py").read_text() == "import alignkit\n"


def test_placements_of_the_study_are_worked_out(tmp_path):
    study = optuna.create_study(direction="maximize", study_name='x"""; import os')
    study.add_trial(
        create_trial(
            value=0.75,
            distributions=STUDY,
            params={
                "num_coattn_layers": 3,
                "t_center": 6.0,
                "v_center": 6.0,
                "t_spread": 2.0,
                "v_spread": 3.0,
            },
        )
    )
    (trial,) = analyse(study).pareto
    assert trial["placement"] == {"text": [5, 6, 7], "vision": [4, 6, 8]}
    assert write_placements(tmp_path / "f.py", study.study_name, [trial]) == ["x_import_os_0"]
    page = (tmp_path / "f.py").read_text()
    compile(page, "f.py", "exec")
    assert 'x"""' not in page
    with pytest.raises(DataError, match="no complete trial with a placement"):
        write_placements(tmp_path / "f.py", "s", [trial | {"placement": None}])
    with pytest.raises(UsageError, match="must end in"):
        write_placements(tmp_path / "f.txt", "s", [trial])


@pytest.mark.parametrize("trials", [24, 0])
def test_figures_are_drawn_whatever_the_trials_are(tmp_path, trials):
    _study(f"sqlite:///{tmp_path}/a.db", trials=trials)
    alignkit(
        "search",
        "analyse",
        "--storage",
        f"sqlite:///{tmp_path}/a.db",
        "--figures",
        "f",
        cwd=tmp_path,
    )
    names = {"history", "correlations", "importances", "parallel", "pareto"}
    assert {p.stem for p in (tmp_path / "f").glob("*.png")} == names
    assert {p.stem for p in (tmp_path / "f").glob("*.svg")} == names


def test_an_outlier_does_not_flatten_a_figure():
    import pandas as pd

    from alignkit.report.figures.search_axes import inner_range

    assert inner_range(pd.Series([0.70, 0.71, 0.72, 0.73, 0.0])) == (0.70, 0.73)
    assert inner_range(pd.Series([0.5, 0.5])) == (0.5, 0.5)
    assert inner_range(pd.Series([], dtype=float)) == (0.0, 1.0)


@pytest.mark.slow
def test_a_torn_journal_is_refused_and_repaired(tmp_path, tiny_search):
    storage = f"journal:///{tmp_path}/search.log"
    named = {"space": "named", "placements": ("1", "none"), "storage": storage}
    tiny_search(1, **named)
    file = tmp_path / "search.log"
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"op_code": 5, "tri')
    with pytest.raises(DataError, match="alignkit search repair"):
        tiny_search(2, **named)
    done = alignkit("search", "repair", "--storage", storage, cwd=tmp_path)
    assert f"{whole.count(10)} records kept, 1 removed" in done.stdout
    assert file.read_bytes() == whole
    assert (tmp_path / "search.log.bak").read_bytes().startswith(whole)
    assert len(tiny_search(2, **named).trials) == 2
    done = alignkit("search", "repair", "--storage", storage, cwd=tmp_path)
    assert "0 removed" in done.stdout
