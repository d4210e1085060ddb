"""``alignkit.compare`` from Python: values, samples, controls, and what it shows and saves."""

import re
from itertools import product
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

import alignkit
from alignkit.metrics import maximum, resolve
from alignkit.metrics.arrays import Representation
from alignkit.report.layer_names import short_layers
from tiny import alignkit as run

N = 40
QUICK = {"null": 20, "interval": 0}


def layers(seed, depth, shared=None, width=6):
    """Layers that know more of what is shared the deeper they are."""
    rng = np.random.default_rng(seed)
    noise = [rng.standard_normal((N, width)) for _ in range(depth)]
    if shared is None:
        return noise
    return [each + at * shared[:, :width] for at, each in enumerate(noise)]


@pytest.fixture(scope="module")
def shared():
    return np.random.default_rng(9).standard_normal((N, 8))


@pytest.fixture(scope="module")
def two(shared):
    return layers(1, 3, shared), layers(2, 2, shared)


def test_values_are_those_of_measure_and_the_best_is_the_largest(two):
    xs, ys = two
    result = alignkit.compare(xs, ys, metric="mknn:k=4", **QUICK)
    assert len(result.values) == 6
    for row in result.values.itertuples():
        direct = alignkit.measure(xs[int(row.x)], ys[int(row.y)], metric="mknn", k=4)
        assert row.value == pytest.approx(direct)
        assert row.chance == pytest.approx(4 / (N - 1))
        assert row.calibrated == pytest.approx((direct - 4 / (N - 1)) / (1 - 4 / (N - 1)))
    (best,) = result.best.itertuples()
    assert best.value == result.values["value"].max()
    assert (best.x, best.y) == ("2", "1")
    assert best.identical == 1
    assert best.chance == pytest.approx(4 / (N - 1))


def test_the_null_is_that_of_the_best_pair(two):
    sides = [[Representation(v, name=str(i)) for i, v in enumerate(side)] for side in two]
    direct = maximum(resolve("unbiased_cka"), *sides, null=50, seed=3)
    result = alignkit.compare(*two, metric="unbiased_cka", null=50, interval=0, seed=3)
    (best,) = result.best.itertuples()
    assert (best.p, best.null_mean) == pytest.approx((direct.p, direct.null_mean))
    assert best.null_mean > 0  # the best of six is above 0 by chance, one alone is not
    assert best.chance == 0


def test_a_grid_draws_permutations_only_where_chance_is_not_known(two):
    result = alignkit.compare(*two, metric=["unbiased_cka", "svcca"], **QUICK)
    drawn = result.values.groupby("metric")["permutations"].max()
    assert drawn["unbiased_cka"] == 0
    assert drawn["svcca"] == 20
    assert result.values["calibrated"].notna().all()


def test_rows_are_joined_by_id_and_what_has_no_partner_is_counted(two):
    x, y = two[0][2], two[1][1]
    ids = [f"s{i}" for i in range(N)]
    order = np.random.default_rng(0).permutation(N)[:30]
    part = pd.DataFrame(y[order], index=[ids[i] for i in order])
    result = alignkit.compare(pd.DataFrame(x, index=ids), part, **QUICK)
    kept = np.sort(order)
    (best,) = result.best.itertuples()
    assert best.n == 30
    assert best.value == pytest.approx(alignkit.measure(x[kept], y[kept]))
    said = " ".join(result.lines())
    assert "30 samples, joined by id" in said
    assert "10 of the 40 samples of a are left out" in said
    assert list(result.models["left_out"]) == [10, 0]


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.ones((4, 2)), np.ones((5, 2)), "a has 4 samples and b has 5 without ids"),
        (np.ones((1, 2)), np.ones((1, 2)), "only 1 sample is shared by a and b"),
        (
            pd.DataFrame(np.eye(3), index=list("abc")),
            pd.DataFrame(np.eye(3), index=list("xyz")),
            r"no sample id is shared by a and b \(a has 'a', ...; b has 'x'",
        ),
        (
            pd.DataFrame(np.eye(3), index=list("aab")),
            np.eye(3),
            "sample id 'a' occurs more than once",
        ),
        ("no_such_thing", np.eye(3), "'no_such_thing' is neither an encoder"),
        ("missing/file.npy", np.eye(3), "there is no missing/file.npy"),
        ("minilm", np.eye(3), "encoders need `data`"),
        (3, np.eye(3), "a is of type int; expected an array"),
        ({"x": np.eye(3)}, None, "there is only one model"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(a, b, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(alignkit.AlignkitError, match=message) as error:
        alignkit.compare(a, b, **QUICK)
    assert "\n" not in str(error.value)


def test_unknown_words_are_refused(two):
    with pytest.raises(alignkit.UsageError, match="unknown split 'tset'"):
        alignkit.compare(*two, split="tset")
    with pytest.raises(alignkit.UsageError, match="best pair is always shown"):
        alignkit.compare(*two, layers="max-pair")
    with pytest.raises(alignkit.UsageError, match="`data=nowhere` is neither a task"):
        alignkit.compare("minilm", two[1], data="nowhere")
    with pytest.raises(alignkit.UsageError, match="none of the models can be made with random"):
        alignkit.compare(*two, random_weights=True)


def test_several_models_give_a_grid_of_pairs(two, shared):
    a = {"first": two[0], "second": {"deep": two[0][2]}}
    b = {"other": two[1], "noise": layers(5, 2)}
    result = alignkit.compare(a, b, **QUICK)
    pairs = list(zip(result.best["a"], result.best["b"], strict=True))
    assert pairs == list(product(a, b))
    table = result.grid(a="first", b="other")
    assert table.shape == (3, 2)
    assert table.loc["2", "1"] == pytest.approx(alignkit.measure(two[0][2], two[1][1]))
    each = alignkit.compare({**a, **b}, **QUICK)
    assert len(each.best) == 6
    with pytest.raises(alignkit.UsageError, match="was not measured"):
        result.grid(a="third")


def test_of_many_pairs_of_models_what_they_share_is_said(two):
    a = {f"a{at}": layers(20 + at, 1) for at in range(3)} | {"good": two[0]}
    result = alignkit.compare(a, {"b0": two[1], "b1": layers(8, 1)}, **QUICK)
    said = result.lines()
    assert said[1].startswith("Of 8 pairs of models, good and b0 align most (unbiased_cka ")
    small = (result.best["p"] <= 0.05).sum()
    assert f"(p <= 0.05) in {small} of 8" in said[2]
    assert len(said) == 3


def test_a_model_against_itself_leaves_out_each_layer_with_itself(tmp_path, two):
    for at, values in enumerate(two[0]):
        np.save(tmp_path / f"layer{at}.npy", values)
    result = alignkit.compare(tmp_path, tmp_path, **QUICK)
    (best,) = result.best.itertuples()
    assert best.x != best.y
    assert best.pairs == 3
    assert np.allclose(np.diag(result.grid()), 1)


def test_files_of_one_name_are_told_apart(tmp_path, two, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for at, side in enumerate(("first", "second")):
        (tmp_path / side).mkdir()
        np.save(tmp_path / side / "features.npy", two[at][1])
    result = alignkit.compare("first/features.npy", "second/features.npy", **QUICK)
    assert list(result.models["model"]) == ["first/features.npy", "second/features.npy"]
    result = alignkit.compare({"mine": "first/features.npy"}, two[1][1], **QUICK)
    assert list(result.models["model"]) == ["mine", "b"]
    monkeypatch.chdir(tmp_path / "first")
    assert list(alignkit.compare(".", two[1], **QUICK).models["model"]) == ["first", "b"]


def test_precisions_that_differ_become_the_higher_one(two):
    halves = [values.astype(np.float32) for values in two[0]]
    result = alignkit.compare(halves, two[1], **QUICK)
    assert set(result.values["dtype"]) == {"float64"}


def test_layers_are_selected_by_name(two):
    result = alignkit.compare(*two, layers="last", **QUICK)
    assert list(zip(result.values["x"], result.values["y"], strict=True)) == [("2", "1")]


def test_classes_give_values_within_beside_plain_ones(tmp_path, two):
    kinds = np.repeat([0, 1], N // 2)
    np.save(tmp_path / "kinds.npy", kinds)
    result = alignkit.compare(*two, within=str(tmp_path / "kinds.npy"), **QUICK)
    assert [bool(name) for name in result.best["within"]] == [False, True]
    assert "within kinds" in repr(result)
    direct = alignkit.measure(two[0][2], two[1][1], within=kinds)
    inside = result.values[result.values["within"] != ""]
    row = inside[(inside["x"] == "2") & (inside["y"] == "1")]
    assert row["value"].item() == pytest.approx(direct)


def test_undefined_values_are_said(two):
    result = alignkit.compare(np.ones((N, 3)), two[1], **QUICK)
    assert "is undefined (" in repr(result)
    assert "undefined" in result._repr_html_()


EVIL = '<img src=x onerror=alert(1)>"&_%'


def test_what_is_saved_is_whole_repeats_and_is_safe_with_any_name(tmp_path, two):
    result = alignkit.compare({EVIL: two[0]}, {"b": two[1]}, null=20, interval=20)
    page = result.save(tmp_path / "one")
    again = result.save(tmp_path / "two")
    files = {f.relative_to(page.parent) for f in page.parent.rglob("*") if f.is_file()}
    assert {str(f) for f in files if len(f.parts) == 1} == {
        "compare.html",
        "values.csv",
        "best.csv",
        "best.tex",
        "settings.json",
    }
    assert {f.suffix for f in files if len(f.parts) == 2} == {".svg", ".png", ".pdf", ".csv"}
    for file in files:
        assert (page.parent / file).read_bytes() == (again.parent / file).read_bytes()
    text = page.read_text()
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text
    assert "http" not in re.sub(r"data:[^\"]*", "", text).replace("http-equiv", "")
    for svg in (page.parent / "figures").glob("*.svg"):
        ElementTree.parse(svg)
    pdf = next((page.parent / "figures").glob("*.pdf")).read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"CreationDate" not in pdf
    table = pd.read_csv(page.parent / "values.csv")
    assert len(table) == len(result.values)
    assert table["value"].tolist() == result.values["value"].tolist()
    tex = (page.parent / "best.tex").read_text()
    assert r"\_\%" in tex
    assert tex.count("{") == tex.count("}")


def test_the_page_shows_alignment_by_depth(tmp_path, two):
    result = alignkit.compare({"a": two[0]}, {"b": two[1]}, metric="cka", null=0, interval=0)
    page = result.save(tmp_path).read_text()
    assert '<a href="#depth">By depth</a>' in page
    assert '<h2 id="depth">' in page
    drawn = pd.read_csv(tmp_path / "figures/depth-cka.csv", dtype={"x": str, "y": str})
    values = result.values.set_index(["x", "y"])["value"]
    pairs = list(zip(drawn["x"], drawn["y"], strict=True))
    assert list(drawn["value"]) == [values[pair] for pair in pairs]
    assert len(set(pairs)) == len(pairs) > 1


def test_of_many_pairs_of_models_the_most_aligned_are_drawn(tmp_path):
    some = {f"m{at}": layers(at, 2, width=2) for at in range(10)}
    result = alignkit.compare(some, metric="unbiased_cka", null=0, interval=0)
    page = result.save(tmp_path)
    drawn = sorted(file.stem for file in (tmp_path / "figures").glob("layers-*.csv"))
    assert len(drawn) == 40
    assert "Maps are of the 40 most aligned of 45 pairs of models." in page.read_text()
    assert "Curves are of the 40 most aligned of 45 pairs of models." in page.read_text()
    best = result.best.sort_values("value", ascending=False)
    for row in best.head(40).itertuples():
        assert f"layers-{row.a}-{row.b}-unbiased_cka" in drawn
    assert "Figures are of the 30 most aligned of 45 pairs of models." in page.read_text()
    drawn = pd.read_csv(tmp_path / "figures/best-unbiased_cka.csv")
    assert set(drawn["value"]) == set(best.head(30)["value"])
    table = pd.read_csv(tmp_path / "figures/models-unbiased_cka.csv")
    assert len(table) == 45
    for what, most in (("layers", 40), ("depth", 40), ("best", 30)):
        done = run("plot", what, tmp_path, "--figure-format", "svg", cwd=tmp_path)
        assert f"note: figures are of the {most} most aligned of 45 pairs of models" in done.stderr


def test_a_distance_is_calibrated_upwards_and_its_best_is_the_smallest(tmp_path, two):
    result = alignkit.compare(*two, metric="information_imbalance", **QUICK)
    (best,) = result.best.itertuples()
    assert best.value == result.values["value"].min()
    close = result.values.loc[result.values["value"].idxmin()]
    assert close["calibrated"] == result.values["calibrated"].max()
    assert "lower is more aligned" in result.save(tmp_path).read_text()


def test_a_notebook_shows_the_figure_and_the_sentences(two):
    shown = alignkit.compare(*two, **QUICK)._repr_html_()
    assert "<svg" in shown
    assert "align best at 2 and 1" in shown


def test_names_are_short_and_stay_apart():
    names = [f"encoder.layer.{i}" for i in range(3)] + ["final"]
    assert list(short_layers(names).values()) == ["0", "1", "2", "final"]
    stages = ["stages.0.blocks.0", "stages.1.blocks.0"]
    assert list(short_layers(stages).values()) == ["0.blocks.0", "1.blocks.0"]
    assert (
        len(set(short_layers(["x" * 30 + "a" + "y" * 30, "x" * 30 + "b" + "y" * 30]).values())) == 2
    )


def test_files_of_more_dimensions_are_read_as_by_measure(tmp_path, two):
    tokens = np.random.default_rng(0).standard_normal((N, 5, 4))
    np.save(tmp_path / "tokens.npy", tokens)
    np.save(tmp_path / "stack.npy", np.stack(two[0]))
    np.save(tmp_path / "plain.npy", two[1][1])
    files = [tmp_path / f"{name}.npy" for name in ("tokens", "stack", "plain")]
    result = alignkit.compare(files[0], two[1][1], pool="mean", **QUICK)
    (value,) = result.values["value"]
    assert value == pytest.approx(alignkit.measure(tokens.mean(1), two[1][1]))
    assert list(result.values["a_pool"]) == ["mean"]
    assert len(alignkit.compare(files[1], files[2], axis="layers", **QUICK).values) == 3
    with pytest.raises(alignkit.UsageError, match="has 3 dimensions"):
        alignkit.compare(files[0], files[2], **QUICK)
    with pytest.raises(alignkit.UsageError, match="`pool` has nothing to pool in"):
        alignkit.compare(files[2], two[0], pool="mean", **QUICK)
    with pytest.raises(alignkit.UsageError, match="unknown pooling 'own' of arrays"):
        alignkit.compare(files[2], files[2], pool="own", **QUICK)
    with pytest.raises(alignkit.UsageError, match="`axis` is given 3 times"):
        alignkit.compare(files[1], files[2], axis=["layers"] * 3, **QUICK)


def test_columns_of_ids_are_named_for_each_side(tmp_path, two):
    for name, column in (("a", "key"), ("b", "code")):
        table = pd.DataFrame(two[0][2]).add_prefix("c")
        table.insert(0, column, [f"k{at}" for at in range(N)])
        table.iloc[:: 1 if name == "a" else -1].to_csv(tmp_path / f"{name}.csv", index=False)
    result = alignkit.compare(tmp_path / "a.csv", tmp_path / "b.csv", id=["key", "code"], **QUICK)
    assert result.best["value"].item() == pytest.approx(1)
    assert "joined by id" in result.lines()[0]
