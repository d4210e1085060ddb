"""``alignkit trajectory`` through the command line, on tiny runs and on anyone's arrays."""

import json
import math

import numpy as np
import pandas as pd
import pytest

import alignkit as package
from alignkit.runs import Run
from tiny import alignkit, train_tiny


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    """Three layers, and arrays that something is wrong with."""
    place = tmp_path_factory.mktemp("arrays")
    rng = np.random.default_rng(0)
    (place / "layers").mkdir()
    (place / "holed").mkdir()
    (place / "constant").mkdir()
    for layer in range(3):
        values = rng.standard_normal((50, 6))
        np.save(place / f"layers/l{layer}.npy", values)
        np.save(place / f"constant/l{layer}.npy", values if layer else np.ones((50, 6)))
        values[4, 2] = np.nan
        np.save(place / f"holed/l{layer}.npy", values)
    np.save(place / "x.npy", rng.standard_normal((50, 4)))
    return place


@pytest.fixture(scope="module")
def fused(tmp_path_factory):
    """Runs of three placements with two seeds each."""
    root = tmp_path_factory.mktemp("fused") / "runs"
    for placement in ("none", "1", "1,2"):
        for seed in (0, 1):
            train_tiny(root, placement, seed=seed)
    return root


def _json(*words, cwd, **options):
    return json.loads(alignkit("trajectory", *words, "--json", cwd=cwd, **options).stdout)


def test_arrays_are_measured_with_the_next_and_the_last_layer(arrays):
    rows = _json("layers", "--metric", "cka", "--metric", "mknn:k=5", cwd=arrays)["means"]
    layers = [np.load(arrays / f"layers/l{i}.npy") for i in range(3)]
    assert len(rows) == 2 * (2 + 2)
    for row in rows:
        name, _, k = row["metric"].partition(":k=")
        options = {"k": int(k)} if k else {}
        i, j = int(row["x"][1]), int(row["y"][1])
        assert row["value"] == pytest.approx(package.measure(layers[i], layers[j], name, **options))
        assert row["depth"] == (i + 0.5 if row["relation"] == "next" else i)
        assert (row["runs"], row["sd"], row["fusion"]) == (1, None, False)


def test_values_of_runs_are_those_of_measure_and_marked_at_fusions(fused, tmp_path):
    words = ("--runs", fused, "--metric", "cka", "--output", "out", "--figures", "figures")
    found = _json(*words, cwd=tmp_path)
    values = pd.read_csv(tmp_path / "out/values.csv")
    assert set(values["relation"]) == {"next", "to-last", "across"}
    for path in sorted(fused.glob("toy_match/at_1/*"))[:1]:
        run = Run(path)
        for row in values[values["model"] == str(path)].itertuples():
            x, y = (run.representation(site).values for site in (row.x, row.y))
            assert row.value == pytest.approx(package.measure(x, y, "cka"), rel=1e-5)
            fusion = row.relation == "next" and row.x.endswith("00")
            assert row.fusion == fusion, "the fusion stands before layer 1"
    runs = values.groupby(["unit", "stream", "relation", "x", "y"])["value"]
    for row in found["means"]:
        key = (row["unit"], row["stream"], row["relation"], row["x"], row["y"])
        both = runs.get_group(key)
        assert row["value"] == pytest.approx(both.mean())
        assert row["sd"] == pytest.approx(both.std())
        assert row["runs"] == 2
    for name in ("text-next", "vision-to-last", "text-vision-across"):
        file = tmp_path / f"figures/trajectory-toy_match-cka-{name}.png"
        assert file.read_bytes().startswith(b"\x89PNG")
        assert file.with_suffix(".csv").is_file()
    assert (tmp_path / "figures/jumps-toy_match.svg").is_file()
    stored = pd.read_csv(next(fused.glob("toy_match/none/*/alignment.csv")))
    assert {("t00", "t01"), ("v01", "v02")} <= set(zip(stored["x"], stored["y"], strict=True))


def test_changes_are_distances_from_identity_and_differences_over_depth(fused, tmp_path):
    words = ("--runs", fused, "--metric", "cka", "--output", "out")
    found = _json(*words, cwd=tmp_path)
    values, steps = (pd.read_csv(tmp_path / f"out/{name}.csv") for name in ("values", "steps"))
    model = str(next(fused.glob("toy_match/at_1/*")))
    own = values[values["model"] == model]
    mine = steps[steps["model"] == model].set_index(["stream", "step"])
    following = own[(own["relation"] == "next") & (own["stream"] == "text")]
    assert mine.loc["text", "change"].tolist() == pytest.approx((1 - following["value"]).tolist())
    across = own[own["relation"] == "across"].sort_values("depth")["value"]
    changes = across.diff().abs().dropna().tolist()
    assert mine.loc["text-vision", "change"].tolist() == pytest.approx(changes)
    assert mine.loc["text-vision", "fusion"].tolist() == [True, False]
    placement = next(
        row
        for row in found["placements"]
        if (row["placement"], row["stream"]) == ("at_1", "text-vision")
    )
    both = steps[(steps["placement"] == "at_1") & (steps["stream"] == "text-vision")]
    assert placement["at_fusions"] == pytest.approx(both[both["fusion"]]["change"].mean())
    assert placement["elsewhere"] == pytest.approx(both[~both["fusion"]]["change"].mean())
    assert {row["verdict"] for row in found["within"]} == {"not testable"}
    assert {row["verdict"] for row in found["against"]} == {"not testable"}


def test_the_terminal_marks_fusions(fused, tmp_path):
    done = alignkit("trajectory", "--runs", fused, "--metric", "cka", cwd=tmp_path)
    lines = [line.split() for line in done.stdout.splitlines()]
    row = next(line for line in lines if line[1:5] == ["at_1", "cka", "text", "next"])
    assert row[-2].endswith("*")
    assert not row[-1].endswith("*")
    assert "at whatever depth" in done.stdout


def test_one_stream_of_one_run_has_no_other_to_be_measured_with(fused, tmp_path):
    run = next(fused.glob("toy_match/at_1/*"))
    found = _json(f"{run}:text", cwd=tmp_path)
    assert {(r["stream"], r["relation"]) for r in found["means"]} == {
        ("text", "next"),
        ("text", "to-last"),
    }
    assert {row["verdict"] for row in found["within"]} == {"not testable"}


def test_one_bad_model_stops_no_other_and_what_is_undefined_is_null(arrays):
    words = ("trajectory", "holed", "x.npy", "constant", "--metric", "cka", "--json")
    done = alignkit(*words, cwd=arrays)
    assert "note: holed is left out: " in done.stderr
    assert "rows are non-finite" in done.stderr
    assert "note: x.npy is left out: it has one layer" in done.stderr
    rows = json.loads(done.stdout)["means"]
    assert [row["value"] is None for row in rows] == [True, False, True, False]
    assert "NaN" not in done.stdout
    shown = alignkit("trajectory", "constant", "--metric", "cka", cwd=arrays).stdout
    assert not math.isnan(float(shown.split()[-1]))
    assert " - " in shown


def test_samples_are_drawn_by_seed(arrays):
    rows = _json("layers", "-m", "cka", "--samples", "30", "--seed", "3", cwd=arrays)["means"]
    drawn = np.sort(np.random.default_rng(3).choice(50, 30, replace=False))
    x, y = (np.load(arrays / f"layers/l{i}.npy")[drawn] for i in (0, 1))
    assert rows[0]["value"] == pytest.approx(package.measure(x, y, "cka"))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("x.npy",), 2, "x.npy: it has one layer, and a trajectory needs two"),
        (("holed",), 2, "rows are non-finite"),
        (("layers", "-m", "ckaa"), 2, "did you mean 'cka'?"),
        (("layers", "-m", "mknn:k=80"), 2, "there are n=50 samples"),
        (("layers", "--samples", "1"), 2, "--samples is 1"),
        (("layers", "--permutations", "0"), 2, "--permutations is 0"),
        (("layers", "--split", "test"), 2, "--split does not go with arrays"),
        (("layers", "--placement", "late"), 2, "the models are named already"),
        (("nothing",), 2, "'nothing' is neither an encoder"),
    ],
)
def test_faulty_input_is_one_line(arrays, words, code, message):
    done = alignkit("trajectory", *words, cwd=arrays, code=code)
    assert message in done.stderr
    assert done.stdout == ""
