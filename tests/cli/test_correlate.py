"""``alignkit correlate`` on tables: what it prints, writes, refuses and stamps."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from tiny import alignkit

METRICS = ("unbiased_cka", "mknn", "procrustes", "mine")


def _study(units=8, seeds=3, tasks=("a", "b"), effect=(0.98, 0.0)):
    rng = np.random.default_rng(3)
    rows = []
    for task, r in zip(tasks, effect, strict=True):
        for unit in range(units):
            level = rng.standard_normal()
            means = {m: r * level + (1 - r * r) ** 0.5 * rng.standard_normal() for m in METRICS}
            rows += [
                {
                    "task": task,
                    "placement": "none" if unit == 0 else f"p{unit}",
                    "seed": s,
                    "accuracy": level + 0.05 * rng.standard_normal(),
                }
                | {m: v + 0.05 * rng.standard_normal() for m, v in means.items()}
                for s in range(seeds)
            ]
    return pd.DataFrame(rows)


@pytest.fixture
def place(tmp_path):
    table = _study()
    table["loss"] = 1 - table["accuracy"]
    table.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path


def _rows(*words, cwd):
    done = alignkit("correlate", "t.csv", *words, "--json", cwd=cwd)
    return json.loads(done.stdout)


def test_json_has_the_fixed_keys_and_every_seed(place):
    rows = _rows("--outcome", "accuracy", "-m", "unbiased_cka", "-m", "mine", cwd=place)
    keys = {
        "task",
        "metric",
        "n",
        "pearson",
        "spearman",
        "p",
        "p_parametric",
        "p_adjusted",
        "p_holm",
        "kendall",
        "p_spearman",
        "p_kendall",
        "within",
        "within_n",
        "without_none",
        "outcome_direction",
        "resampling_seed",
        "permutations",
        "verdict",
        "reason",
    }
    assert all(keys <= set(row) for row in rows)
    assert [(row["task"], row["metric"]) for row in rows] == [
        ("a", "unbiased_cka"),
        ("a", "mine"),
        ("b", "unbiased_cka"),
        ("b", "mine"),
    ]
    assert {row["metric"]: row["family"] for row in rows} == {
        "unbiased_cka": "primary",
        "mine": "exploratory",
    }
    assert rows[1]["direction"] == "higher is more aligned, assumed"


def test_found_where_it_is_and_not_claimed_where_it_is_not(place):
    rows = _rows(
        "--outcome", "accuracy", "-m", "unbiased_cka", "-m", "mknn", "-m", "mine", cwd=place
    )
    verdicts = {(row["task"], row["metric"]): row["verdict"] for row in rows}
    assert verdicts["a", "unbiased_cka"] == "supported"
    assert verdicts["a", "mine"] == "suggestive"
    assert {v for (task, _), v in verdicts.items() if task == "b"} == {"inconclusive"}


def test_drawn_permutations_name_their_seed(tmp_path):
    _study(units=11, tasks=("a",), effect=(0.5,)).to_csv(tmp_path / "t.csv", index=False)
    words = ("--outcome", "accuracy", "-m", "unbiased_cka", "--permutations", "99")
    one, again = (_rows(*words, "--seed", "5", cwd=tmp_path) for _ in range(2))
    assert one == again
    assert (one[0]["exact"], one[0]["permutations"], one[0]["resampling_seed"][0]) == (False, 99, 5)
    other = _rows(*words, "--seed", "6", cwd=tmp_path)
    assert other[0]["resampling_seed"] != one[0]["resampling_seed"]


def test_the_family_is_chosen_and_recorded(place):
    words = (
        "correlate",
        "t.csv",
        "--outcome",
        "accuracy",
        "-m",
        "unbiased_cka",
        "-m",
        "mine",
        "--family",
        "mine",
        "-o",
        "out/c.csv",
    )
    alignkit(*words, cwd=place)
    table = pd.read_csv(place / "out" / "c.csv").set_index(["task", "metric"])
    assert table.loc[("a", "mine"), "family"] == "primary"
    assert table.loc[("a", "unbiased_cka"), "adjustment"] == "BH"
    settings = json.loads((place / "out" / "c.settings.json").read_text())
    assert settings["family"] == ["mine"]
    assert settings["tested_family"] == ["a: mine", "b: mine"]
    assert settings["resampling"][0]["permutations"] == 40320


def test_a_loss_is_lower_is_better_and_labelled(place):
    found = alignkit(
        "correlate", "t.csv", "--outcome", "loss", "-m", "unbiased_cka", cwd=place
    ).stdout
    assert "outcome loss (lower is better)" in found
    row = _rows("--outcome", "loss", "-m", "unbiased_cka", cwd=place)[0]
    assert (row["expected_sign"], row["verdict"]) == ("-", "supported")
    assert row["pearson"] < -0.9


def test_a_column_can_be_declared_a_distance(place):
    rows = _rows("--outcome", "accuracy", "-m", "mine", "--lower-is-better", "mine", cwd=place)
    assert rows[0]["direction"] == "lower is more aligned"
    assert rows[0]["expected_sign"] == "-"


def test_the_table_can_be_read_at_100_columns(place):
    words = ("-m", "unbiased_cka", "-m", "mknn", "-m", "procrustes", "-m", "mine")
    out = alignkit("correlate", "t.csv", "--outcome", "accuracy", *words, cwd=place).stdout
    assert max(map(len, out.splitlines())) <= 100
    text = " ".join(out.split())  # lines longer than 100 columns are wrapped
    assert text.startswith("task a | split not given | outcome accuracy (higher is better)")
    assert "8 placements x 3 seeds = 24 runs | ICC(accuracy)" in text
    assert "effective n" in text
    assert "exact over 8! = 40,320 permutations" in text
    assert "6 tests corrected together power: 0.54 to detect r = 0.7" in text
    assert not re.search(r"\b0\.000\b", out)


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_legend_explains_the_columns_that_are_printed(tmp_path, seeds):
    _study(seeds=seeds).to_csv(tmp_path / "t.csv", index=False)
    words = ("--outcome", "accuracy", "-m", "unbiased_cka", "-m", "mknn")
    out = " ".join(alignkit("correlate", "t.csv", *words, cwd=tmp_path).stdout.split())
    for always in ("rho: Spearman's", "w/o none: r without", "leave one out: range"):
        assert always in out
    for by_seed in ("within: repeated-measures", "r w/o noise: r corrected"):
        assert (by_seed in out) == (seeds > 1)


def test_runs_as_units_are_stamped(place):
    done = alignkit(
        "-q",
        "correlate",
        "t.csv",
        "--outcome",
        "accuracy",
        "-m",
        "unbiased_cka",
        "--unit",
        "run",
        cwd=place,
    )
    assert "EXPLORATORY: seeds of a placement are treated as independent" in done.stdout
    row = _rows("--outcome", "accuracy", "-m", "unbiased_cka", "--unit", "run", cwd=place)[0]
    assert (row["family"], row["verdict"], row["unit"]) == ("exploratory", "suggestive", "run")


def test_mixed_splits_are_refused_until_one_is_chosen(place):
    table = pd.read_csv(place / "t.csv", keep_default_na=False)
    pd.concat(
        [table.assign(split="test"), table.assign(split="validation", unbiased_cka=0.5)]
    ).to_csv(place / "t.csv", index=False)
    done = alignkit("correlate", "t.csv", "--outcome", "accuracy", cwd=place, code=2)
    assert "mixes the splits test, validation" in done.stderr
    rows = _rows("--outcome", "accuracy", "-m", "unbiased_cka", "--split", "test", cwd=place)
    assert rows[0]["n"] == 8
    assert rows[0]["verdict"] == "supported"
    rows = _rows("--outcome", "accuracy", "-m", "unbiased_cka", "--split", "validation", cwd=place)
    assert rows[0]["reason"] == "unbiased_cka is constant"
    done = alignkit(
        "correlate", "t.csv", "--outcome", "accuracy", "--split", "dev", cwd=place, code=2
    )
    assert "no row with split dev; available: test, validation" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--outcome is missing: name the column"),
        (("--outcome", "acuracy"), "did you mean 'accuracy'?"),
        (("--outcome", "accuracy", "--calibrated"), "calibration needs runs"),
        (("--outcome", "accuracy", "-m", "unbiased_cka", "--family", "rsa"), "add --metric rsa"),
        (("--outcome", "accuracy", "--lower-is-better", "x"), "neither a metric nor the outcome"),
        (("--outcome", "accuracy", "-m", "accuracy"), "cannot be a metric too"),
        (("--outcome", "accuracy", "--task", "c"), "no row with task c; available: a, b"),
    ],
)
def test_faulty_arguments(place, words, message):
    done = alignkit("correlate", "t.csv", *words, cwd=place, code=2)
    assert message in re.sub(r"[\s│]+", " ", done.stderr)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t[t["placement"] == "p1"], "1 unit(s), at least 6 are needed"),
        (lambda t: t.head(2), "1 unit(s), at least 6 are needed"),
        (lambda t: t.assign(unbiased_cka=0.3), "unbiased_cka is constant"),
        (lambda t: t.assign(accuracy=np.nan), "a has no accuracy"),
        (lambda t: t.assign(unbiased_cka=np.nan), "a has no unbiased_cka"),
    ],
)
def test_what_cannot_be_tested_is_said_and_no_nan_is_printed(tmp_path, change, reason):
    change(_study(tasks=("a",), effect=(0.5,))).to_csv(tmp_path / "t.csv", index=False)
    words = ("correlate", "t.csv", "--outcome", "accuracy", "-m", "unbiased_cka", "--figures", "f")
    done = alignkit(*words, cwd=tmp_path)
    assert "not testable" in done.stdout
    assert reason in done.stdout
    assert "nan" not in done.stdout.lower()
    assert "NaN" not in alignkit(*words, "--json", cwd=tmp_path).stdout


def test_json_holds_what_was_pooled_over_tasks(place):
    words = ("correlate", "t.csv", "--outcome", "accuracy", "-m", "mknn", "--output", "c.csv")
    rows = json.loads(alignkit(*words, "--json", cwd=place).stdout)
    assert [row["task"] for row in rows] == ["a", "b"]
    row = rows[0]["pooled"]
    assert rows[1]["pooled"] == row
    assert (row["metric"], row["tasks"]) == ("mknn", "a, b")
    assert row["p"] == pytest.approx(pd.read_csv(place / "c.pooled.csv")["p"].item())
    alone = json.loads(alignkit(*words, "--task", "a", "--json", cwd=place).stdout)
    assert [row["pooled"] for row in alone] == [None]


def test_one_row_per_model_needs_neither_task_nor_seed(tmp_path):
    table = _study(tasks=("a",), seeds=1, effect=(0.9,))
    bare = table.drop(columns=["task", "seed"]).rename(columns={"placement": "model"})
    table.to_csv(tmp_path / "whole.csv", index=False)
    bare.to_csv(tmp_path / "models.csv", index=False)
    bare.drop(columns="model").to_csv(tmp_path / "rows.csv", index=False)
    words = ("--outcome", "accuracy", "-m", "mknn")
    whole, *others = (
        json.loads(alignkit("correlate", f"{name}.csv", *words, "--json", cwd=tmp_path).stdout)[0]
        for name in ("whole", "models", "rows")
    )
    for row in others:
        assert row["pearson"] == pytest.approx(whole["pearson"])
        assert row["p"] == whole["p"]
    assert others[0]["task"] == "models"
    said = alignkit("correlate", "models.csv", *words, cwd=tmp_path).stderr
    assert "named by column 'model'; each row is one seed" in said
    pd.concat([bare, bare]).to_csv(tmp_path / "twice.csv", index=False)
    refused = alignkit("correlate", "twice.csv", *words, cwd=tmp_path, code=2)
    assert "no column 'seed', and 'none' has several rows" in refused.stderr


def test_figures_come_with_their_data(place):
    alignkit(
        "correlate",
        "t.csv",
        "--outcome",
        "accuracy",
        "-m",
        "unbiased_cka",
        "-m",
        "mine",
        "--figures",
        "f",
        cwd=place,
    )
    stems = {"forest", "leave-one-out", "a-scatter", "a-null", "b-scatter", "b-null"}
    assert {file.name for file in (place / "f").iterdir()} == {
        f"{stem}.{kind}" for stem in stems for kind in ("svg", "png", "csv")
    }
    null = pd.read_csv(place / "f" / "a-null.csv")
    assert null.groupby("metric")["share"].sum().to_numpy() == pytest.approx([1, 1])
    points = pd.read_csv(place / "f" / "a-scatter.csv", keep_default_na=False)
    assert (points["runs"] == 3).all()
    assert "none" in set(points["unit"])


def test_power_tabulates_plans_and_draws(tmp_path):
    done = alignkit(
        "power",
        "--placements",
        "8",
        "--tests",
        "1",
        "--tests",
        "11",
        "--figures",
        "f",
        "-o",
        "p.csv",
        cwd=tmp_path,
    )
    assert "as given" in done.stdout
    assert "power 0.8 with one test needs 13 placements" in done.stdout
    table = pd.read_csv(tmp_path / "p.csv").set_index(["tests", "placements"])["power"]
    assert table[1, 8] == pytest.approx(0.545, abs=1e-3)
    assert table[11, 8] == pytest.approx(0.16, abs=2e-3)
    assert json.loads((tmp_path / "p.settings.json").read_text())["r"] == 0.7
    assert (tmp_path / "f" / "power.svg").is_file()
    words = ("power", "--placements", "6", "--placements", "7", "--simulate", "50", "--json")
    rows = json.loads(alignkit(*words, cwd=tmp_path).stdout)
    assert {row["placements"] for row in rows} == {6, 7}
    assert all(0 <= row["simulated"] <= 1 for row in rows)


def test_consistency_of_three_correlations_and_of_a_table(tmp_path):
    done = alignkit("consistency", "--r", "0.771", "--r", "0.730", "--r", "-0.967", cwd=tmp_path)
    assert "1 of 1 triples are impossible" in done.stdout
    (tmp_path / "printed.csv").write_text(
        "group,x,y,r,p,n\ng,acc,loss,-0.9,,\ng,m,acc,0.739,0.002,15\ng,m,loss,-0.7,0.9,15\n"
    )
    done = alignkit("consistency", "printed.csv", cwd=tmp_path)
    assert "all 1 triples are possible" in done.stdout
    assert "1 of 2 printed p fit" in done.stdout
    rows = json.loads(alignkit("consistency", "printed.csv", "--json", cwd=tmp_path).stdout)
    assert rows[0]["verdict"] == "possible"
    assert "give either a TABLE" in alignkit("consistency", cwd=tmp_path, code=2).stderr
    assert "x.csv does not exist" in alignkit("consistency", "x.csv", cwd=tmp_path, code=1).stderr


def test_a_minus_in_the_column_of_signs_is_no_missing_value(place):
    out = alignkit(
        "correlate", "t.csv", "--outcome", "loss", "-m", "unbiased_cka", cwd=place
    ).stdout
    assert "exp" in out
    assert re.search(r"unbiased_cka\s+-\s+supported", out)


def test_a_controlled_variable_is_named_and_is_no_metric(place):
    table = pd.read_csv(place / "t.csv", keep_default_na=False)
    size = {placement: i % 5 for i, placement in enumerate(dict.fromkeys(table["placement"]))}
    table.assign(size=table["placement"].map(size)).to_csv(place / "t.csv", index=False)
    words = ("correlate", "t.csv", "--outcome", "accuracy", "--control", "size")
    printed = " ".join(alignkit(*words, cwd=place).stdout.split())
    assert "controlled for size" in printed
    assert "of residuals (Freedman and Lane)" in printed
    rows = _rows(*words[2:], cwd=place)
    assert "size" not in {row["metric"] for row in rows}
    assert {row["control"] for row in rows} == {"size"}
    refused = alignkit(*words[:-1], "sise", cwd=place, code=2).stderr
    assert "no column 'sise'; did you mean 'size'?" in refused


@pytest.mark.parametrize("cell", ["running", "0.51*", "-", "12 %", "1,2,3"])
@pytest.mark.parametrize("named", [True, False])
def test_a_cell_that_is_no_number_is_named(place, cell, named):
    table = pd.read_csv(place / "t.csv", dtype=str, keep_default_na=False)
    table.loc[3, "mknn"] = cell
    table.to_csv(place / "t.csv", index=False)
    words = ("-m", "unbiased_cka", "-m", "mknn") if named else ()
    done = alignkit("correlate", "t.csv", "--outcome", "accuracy", *words, cwd=place, code=1)
    error = " ".join(done.stderr.split())
    assert "t.csv:5" in error
    assert "column 'mknn'" in error
    assert f"'{cell}'" in error
    only = ("-m", "unbiased_cka")
    alignkit("correlate", "t.csv", "--outcome", "accuracy", *only, cwd=place)


@pytest.mark.parametrize("cell", ["", "n/a", "None", "NaN", "null", "#N/A"])
def test_missing_cells_are_counted_and_the_family_stays(place, cell):
    words = ("correlate", "t.csv", "--outcome", "accuracy", "-o")
    whole = alignkit(*words, "whole.csv", cwd=place)
    table = pd.read_csv(place / "t.csv", dtype=str, keep_default_na=False)
    table.loc[3, "mknn"] = cell
    table.to_csv(place / "t.csv", index=False)
    done = alignkit(*words, "c.csv", cwd=place)
    printed = " ".join((done.stdout + done.stderr).split())
    assert "mknn is missing in 1 of 48 runs" in printed
    assert "mknn is missing" not in whole.stdout + whole.stderr
    families = [
        json.loads((place / f"{name}.settings.json").read_text())["tested_family"]
        for name in ("whole", "c")
    ]
    assert families[0] == families[1]


@pytest.mark.parametrize(
    ("separator", "decimal", "encoding"),
    [(";", ",", "utf-8"), ("\t", ".", "utf-16"), (";", ".", "utf-8-sig"), (",", ",", "utf-8")],
)
def test_tables_of_any_spelling_give_the_same(place, separator, decimal, encoding):
    words = ("correlate", "t.csv", "--outcome", "accuracy", "--json")
    expected = alignkit(*words, cwd=place).stdout
    table = pd.read_csv(place / "t.csv", keep_default_na=False)
    table.insert(0, "index", range(len(table)))
    table["notes"] = ["fine"] * len(table)
    table.to_csv(place / "t.csv", sep=separator, decimal=decimal, encoding=encoding, index=False)
    done = alignkit(*words, cwd=place)
    assert json.loads(done.stdout) == json.loads(expected)
    said = " ".join(done.stderr.split())
    assert "column 'index' holds ids or numbers of rows and is no metric" in said
    assert "column 'notes' holds text and is no metric" in said


def test_a_control_of_numbers_and_text_is_refused(place):
    table = pd.read_csv(place / "t.csv", keep_default_na=False)
    table["size"] = [str(i % 5) for i in range(len(table))]
    table.loc[2, "size"] = "2 (wide)"
    table.to_csv(place / "t.csv", index=False)
    words = ("correlate", "t.csv", "--outcome", "accuracy", "--control", "size")
    error = " ".join(alignkit(*words, cwd=place, code=1).stderr.split())
    assert "column 'size' holds numbers and text (t.csv:4: '2 (wide)')" in error


PLAIN = """group,x,y,r,p,n
g,acc,loss,-0.9,0.001,15
g,m,acc,0.739,0.002,15
g,m,loss,-0.7,0.9,15
"""
PRINTED = """group;x;y;r;p;n
g;acc;loss;\u22120,9***;<0,001;15
g;m;acc;,739**;= ,002;15
g;m;loss;\u2013,7;p > ,01;15
"""


def test_correlations_as_publications_print_them(tmp_path):
    (tmp_path / "plain.csv").write_text(PLAIN)
    (tmp_path / "printed.csv").write_text(PRINTED)
    plain = alignkit("consistency", "plain.csv", "--json", cwd=tmp_path)
    printed = alignkit("consistency", "printed.csv", "--json", cwd=tmp_path)
    assert json.loads(plain.stdout) == json.loads(printed.stdout)
    assert "marks after 2 number(s) of 'r' are left out" in printed.stderr
    # r = -0.9 has p below 0.001; r = -0.7 has p = 0.004, which is not above 0.01.
    assert "2 of 3 printed p fit" in printed.stderr
    (tmp_path / "star.csv").write_text("x,y,r\na,b,.77***\na,c,\u22120.5\n")
    assert "nothing to compare" in alignkit("consistency", "star.csv", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("row", "code", "message"),
    [
        ("a,b,high,15,0.1", 1, "t.csv:2: column 'r' holds 'high'"),
        ("a,b,<0.5,15,0.1", 1, "t.csv:2: column 'r' holds a bound"),
        ("a,b,77,15,0.1", 2, "values outside -1 to 1 (first: 77)"),
        ("a,b,0.5,15.5,0.1", 2, "'n' of the table has values that are not whole numbers"),
        ("a,b,0.5,15,n.s.", 1, "t.csv:2: column 'p' holds 'n.s.'"),
        ("a,b,0.5,15,5", 2, "column 'p' of the table has values outside 0 to 1"),
        ("a,b,***,15,0.1", 1, "t.csv:2: column 'r' holds '***'"),
        ("a,b,0.5", 1, "t.csv:2: 3 columns, expected 5"),
    ],
)
def test_what_is_no_printed_correlation_is_named(tmp_path, row, code, message):
    (tmp_path / "t.csv").write_text(f"x,y,r,n,p\n{row}\n")
    done = alignkit("consistency", "t.csv", cwd=tmp_path, code=code)
    assert message in " ".join(done.stderr.split())


def test_fewer_decimal_places_than_assumed_are_said(tmp_path):
    (tmp_path / "t.csv").write_text("x,y,r\na,b,.77\na,c,.73\nb,c,-.97\n")
    said = " ".join(alignkit("consistency", "t.csv", cwd=tmp_path).stderr.split())
    assert "r is printed with 2 decimal places at most; --digits 2 allows" in said
    assert "--digits" not in alignkit("consistency", "t.csv", "--digits", "2", cwd=tmp_path).stderr
