"""``alignkit measure``: every option as a user gives it."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from alignkit import measure
from alignkit.cli.resources import bytes_of
from alignkit.errors import UsageError
from tiny import alignkit, train_tiny

FIELDS = {
    "metric",
    "value",
    "reason",
    "n",
    "x",
    "y",
    "chance",
    "null_mean",
    "null_std",
    "p",
    "calibrated",
    "low",
    "high",
    "self_score",
    "warning",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with runs without and with fusions."""
    folder = tmp_path_factory.mktemp("measure")
    for placement in ("none", "1", "1,2"):
        train_tiny(folder / "runs", placement)
    return folder


@pytest.fixture
def arrays(tmp_path):
    """Two folders of layers and two arrays of 40 samples."""
    rng = np.random.default_rng(0)
    for side in ("text", "vision"):
        (tmp_path / side).mkdir()
        for layer in range(3):
            np.save(tmp_path / side / f"l{layer}.npy", rng.standard_normal((40, 4)))
    x = rng.standard_normal((40, 6))
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", x[:, :4] + rng.standard_normal((40, 4)))
    return tmp_path


def test_many_grids_are_a_line_each_and_few_are_heat_maps(place, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    metrics = [w for k in range(1, 5) for w in ("--metric", f"mknn:k={k}")]
    maps = alignkit("measure", *metrics, cwd=place).stdout
    assert maps.count("n=") == 12  # of three runs
    printed = alignkit("measure", *metrics, "--metric", "information_imbalance", cwd=place)
    assert "15 grids, one line each" in printed.stderr
    assert "n=" not in printed.stdout
    table = [line.split() for line in printed.stdout.splitlines()]
    assert table[0][-3:] == ["text", "and", "vision"]
    rows = _rows("--metric", "information_imbalance", cwd=place)
    for run in {row["run"] for row in rows}:
        of_run = [row for row in rows if row["run"] == run]
        values = [row["value"] for row in of_run]
        most = min(of_run, key=lambda row: row["value"])  # a distance
        name = run.partition("toy_match/")[2]
        (line,) = (r for r in table if r[:2] == [name, "information_imbalance"])
        shown = [min(values), sum(values) / len(values), max(values)]
        assert line[3] == str(len(values))
        assert [float(cell) for cell in line[4:7]] == pytest.approx(shown, abs=1e-4)
        assert line[7:9] == [most["x"], most["y"]]


def _rows(*words, cwd):
    return json.loads(alignkit("measure", *words, "--json", cwd=cwd).stdout)


def _run(place, name):
    return next((place / "runs" / "toy_match" / name).iterdir())


@pytest.mark.slow
def test_json_has_the_fixed_fields_for_runs_and_arrays(place, arrays):
    for rows in (
        _rows("-m", "cka", "--layers", "last", cwd=place),
        _rows("x.npy", "y.npy", "-m", "cka", cwd=arrays),
    ):
        assert set(rows[0]) >= FIELDS
        assert rows[0]["chance"] == rows[0]["null_mean"]
        assert rows[0]["p"] is None


def test_every_metric_at_once(arrays):
    rows = _rows(
        "x.npy", "y.npy", "--metric", "all", "--metric", "svcca:dims=2", "--k", "4", cwd=arrays
    )
    by_name = {(row["metric"], row["parameters"]): row for row in rows}
    listed = json.loads(alignkit("list", "metrics", "--json", cwd=arrays).stdout)
    assert {name for name, _ in by_name} == {one["name"] for one in listed} - {"cosine"}
    assert sum(name == "svcca" for name, _ in by_name) == 2
    done = alignkit("measure", "x.npy", "y.npy", "-m", "all", "--k", "4", cwd=arrays)
    assert "cosine is left out: cosine needs equal widths, but these are 6 and 4" in done.stderr
    assert all(row["value"] is not None for row in rows)


def test_k_sets_neighbours_where_they_are_not_named(arrays):
    rows = _rows(
        "x.npy", "y.npy", "-m", "cka", "-m", "mknn", "-m", "jaccard:k=7", "--k", "3", cwd=arrays
    )
    assert [row["parameters"].count("k=3") for row in rows] == [0, 1, 0]
    assert "k=7" in rows[2]["parameters"]
    done = alignkit("measure", "x.npy", "y.npy", "-m", "cka", "--k", "3", cwd=arrays, code=2)
    assert "no chosen metric (cka) has a parameter k" in done.stderr


def test_null_interval_and_chance(arrays):
    (row,) = _rows("x.npy", "y.npy", "-m", "mknn", "--null", "30", "--interval", "20", cwd=arrays)
    assert row["chance"] == row["null_mean"] == pytest.approx(10 / 39)
    assert row["null_std"] > 0
    assert row["p"] * 31 == pytest.approx(round(row["p"] * 31))
    assert row["low"] < row["value"] < row["high"]
    assert row["calibrated"] == pytest.approx((row["value"] - 10 / 39) / (1 - 10 / 39))
    shown = alignkit("measure", "x.npy", "y.npy", "-m", "mknn", "--null", "30", cwd=arrays).stdout
    assert "0.2564 +- 0.0" in shown


def test_layers_of_arrays(arrays):
    def pairs(layers):
        rows = _rows("text", "vision", "--layers", layers, cwd=arrays)
        return [(row["x"], row["y"]) for row in rows]

    assert len(pairs("all")) == 9
    assert pairs("last") == [("l2", "l2")]
    assert pairs("0,1-2") == pairs("same") == [("l0", "l0"), ("l1", "l1"), ("l2", "l2")]
    assert len(pairs("l[01]")) == 4
    (best,) = _rows("text", "vision", "--layers", "max-pair", "--null", "19", cwd=arrays)
    values = [row["value"] for row in _rows("text", "vision", cwd=arrays)]
    assert best["value"] == max(values)
    assert (best["pairs"], best["layers"], best["chance"]) == (9, "max-pair", None)


@pytest.mark.slow
def test_fusions_leave_out_runs_without_any(place):
    done = alignkit("measure", "--layers", "fusions", "--json", cwd=place)
    assert "none/seed0" in done.stderr
    assert "is left out: it has no fusions" in done.stderr
    found = pd.DataFrame(json.loads(done.stdout)).groupby("run")[["x", "y"]].agg(list)
    assert sorted(len(x) for x in found["x"]) == [2, 4]
    for word, site in (("before", "t00"), ("after", "t.f0")):
        rows = _rows("-p", "at_1", "--layers", word, cwd=place)
        assert [row["x"] for row in rows] == [site]
    done = alignkit("measure", _run(place, "none"), "--layers", "after", cwd=place, code=2)
    assert "selects no pair" in done.stderr


@pytest.mark.slow
def test_layers_are_checked_in_every_run_before_any_work(place):
    done = alignkit("measure", "--layers", "t.f1,v.f1", "-m", "rsa", cwd=place, code=2)
    assert "at_1/" in done.stderr
    assert not list(place.rglob("rsa*.csv"))


@pytest.mark.slow
def test_streams(place):
    rows = _rows("-p", "at_1", "--layers", "same", "--streams", "text,vision", cwd=place)
    assert [row["x"] for row in rows] == ["t00", "t01", "t02", "v00", "v01", "v02"]
    assert all(row["value"] == pytest.approx(1, abs=1e-6) for row in rows)
    assert len(_rows("-p", "none", "--streams", "all", cwd=place)) == 27
    done = alignkit("measure", "--streams", "audio", cwd=place, code=2)
    assert "unknown streams 'audio'" in done.stderr


@pytest.mark.slow
def test_several_splits(place):
    rows = _rows(
        "-p", "at_1", "--layers", "last", "--split", "test", "--split", "validation", cwd=place
    )
    assert [(row["split"], row["n"]) for row in rows] == [("test", 48), ("validation", 32)]
    shown = alignkit(
        "measure",
        "-p",
        "at_1",
        "--layers",
        "last",
        "--split",
        "test",
        "--split",
        "validation",
        cwd=place,
    ).stdout
    assert "validation" in shown


@pytest.mark.slow
def test_between_two_runs(place):
    one, other = _run(place, "none"), _run(place, "at_1")
    rows = _rows("--between", one, other, "--layers", "last", "--output", "b.csv", cwd=place)
    assert [(row["x"], row["y"]) for row in rows] == [("t02", "t02"), ("v02", "v02")]
    assert rows[0]["run"] == str(one)
    assert rows[0]["other"] == str(other)
    assert len(pd.read_csv(place / "b.csv")) == 2
    rows = _rows("--between", one, other, "--layers", "last", "--streams", "all", cwd=place)
    assert len(rows) == 4
    for words, message in [
        ((one,), "--between takes two runs"),
        ((one, other, "--split", "test", "--split", "validation"), "sample ids differ"),
    ]:
        done = alignkit("measure", "--between", *words, cwd=place, code=2)
        assert message in done.stderr


def test_samples_and_seed(arrays):
    def value(seed, n=20):
        return _rows("x.npy", "y.npy", "--samples", n, "--seed", seed, cwd=arrays)[0]

    assert value(0)["n"] == 20
    assert value(0) == value(0) != value(1)
    done = alignkit("measure", "x.npy", "y.npy", "--samples", "99", cwd=arrays)
    assert "there are only 40 samples, fewer than --samples 99; all are used" in done.stderr


def test_precision_device_and_memory(arrays):
    for dtype in ("float32", "float64"):
        (row,) = _rows(
            "x.npy", "y.npy", "--dtype", dtype, "--device", "cpu", "--memory", "1GB", cwd=arrays
        )
        assert row["dtype"] == dtype
    assert bytes_of("2GB") == 2_000_000_000
    assert bytes_of("1.5 GiB") == 3 * 2**29
    assert bytes_of("500mb") == 500_000_000
    assert bytes_of("1048576") == 2**20
    for text in ("2XB", "GB", "-1GB", ""):
        with pytest.raises(UsageError, match="is not a size"):
            bytes_of(text)


def test_arrays_of_different_precision_are_measured_in_the_higher(arrays):
    for name, kind in (("a", np.float16), ("b", np.float32)):
        np.save(arrays / f"{name}.npy", np.load(arrays / "y.npy").astype(kind))
    for pair, dtype in ((("a", "b"), "float32"), (("x", "b"), "float64")):
        words = (f"{pair[0]}.npy", f"{pair[1]}.npy")
        (row,) = _rows(*words, "--null", "5", "--interval", "5", cwd=arrays)
        assert row["dtype"] == dtype
        assert row["p"] is not None


def test_the_memory_bound_reaches_the_views(arrays, monkeypatch):
    from alignkit import metrics

    said = []
    monkeypatch.setattr(metrics, "set_memory", said.append)
    alignkit("measure", "x.npy", "y.npy", "--memory", "3MB", cwd=arrays)
    alignkit("measure", "x.npy", "y.npy", cwd=arrays)
    assert said == [3_000_000, None]


@pytest.mark.slow
def test_the_pooling_is_chosen(place):
    values = [
        _rows("-p", "at_1", "--layers", "last", "--pool", pool, cwd=place)[0]
        for pool in ("cls", "mean")
    ]
    assert values[0]["value"] != values[1]["value"]
    done = alignkit("measure", "--pool", "top", cwd=place, code=2)
    assert "unknown pooling 'top'; known: cls, max, mean" in done.stderr


def test_formats_may_be_mixed(arrays):
    x = np.load(arrays / "x.npy").astype(np.float32)
    ids = [f"s{i}" for i in range(40)]
    save_file({"only": torch.from_numpy(x).bfloat16()}, arrays / "x.safetensors")
    np.savez(arrays / "x.npz", only=x, ids=np.array(ids))
    pd.DataFrame(x, columns=list("abcdef")).assign(id=ids)[::-1].to_csv(
        arrays / "x.csv", index=False
    )
    for other in ("x.safetensors", "x.npz"):
        (row,) = _rows("x.npy", other, cwd=arrays)
        assert row["value"] == pytest.approx(1, abs=1e-4)
    (row,) = _rows("x.npz", "x.csv", cwd=arrays)  # rows in another order, joined by id
    assert row["value"] == pytest.approx(1, abs=1e-6)


def test_a_grid_is_a_heat_map_with_chance_levels(arrays):
    shown = alignkit("measure", "text", "vision", "-m", "cka", "-m", "mknn:k=4", cwd=arrays).stdout
    lines = shown.splitlines()
    assert lines[0] == "cka"
    assert lines[1].startswith("n=40   0.")
    assert "chance 0." in lines[1]
    assert len(lines) == 2 + 1 + 6 + 2 + 1 + 3  # cka's chance levels differ and stand below
    (rows,) = [line for line in lines if line.startswith("n=40") and "chance 0.103" in line]
    assert " to " not in rows.split("chance")[1]


def test_undefined_values_do_not_stop_the_others(arrays):
    np.save(arrays / "text" / "l1.npy", np.ones((40, 4)))
    rows = _rows("text", "vision", cwd=arrays)
    assert sum(row["value"] is None for row in rows) == 3
    assert {row["reason"] for row in rows} == {"", "text/l1.npy is constant"}
    shown = alignkit("measure", "text", "vision", cwd=arrays).stdout
    assert "--: text/l1.npy is constant (3 of 9)" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--null", "-1"), "--null is -1"),
        (("--interval", "1"), "--interval is 1"),
        (("--seed", "-1"), "--seed is -1"),
        (("--samples", "1"), "--samples is 1"),
        (("--dtype", "float16"), "unknown precision 'float16'"),
        (("--device", "bogus"), "unknown device 'bogus'"),
        (("--device", "meta"), "device 'meta' is not available"),
        (("--memory", "12"), "must be at least 1 MB"),
        (("--memory", "lots"), "--memory lots is not a size"),
        (("--layers", "before"), "--layers before: arrays have no fusions"),
        (("--split", "test"), "--split applies only to runs"),
        (("--task", "toy_match"), "--task applies only to runs"),
        (("--between",), "--between applies only to runs"),
        (("--output", "text"), "--output text is a folder"),
        (("--metric", "mknn:k=40"), "k=40 needs 1 <= k < n, and there are n=40"),
        (("--k", "0"), "no chosen metric (unbiased_cka) has a parameter k"),
        (("--metric", "mknn", "--k", "0"), "k=0 needs 1 <= k < n"),
    ],
)
def test_faulty_arguments_are_one_line(arrays, words, message):
    before = sorted(arrays.rglob("*"))
    done = alignkit("measure", "x.npy", "y.npy", *words, cwd=arrays, code=2)
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert done.stdout == ""
    assert sorted(arrays.rglob("*")) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(arrays):
    done = alignkit("measure", "x.npy", "y.npy", "--device", "cuda", cwd=arrays, code=2)
    assert "device 'cuda' is not available" in done.stderr


def test_a_faulty_array_of_many_leaves_no_table(arrays):
    bad = np.load(arrays / "vision" / "l2.npy")
    bad[3, 1] = np.inf
    np.save(arrays / "vision" / "l2.npy", bad)
    done = alignkit("measure", "text", "vision", "--output", "grid.csv", cwd=arrays, code=2)
    assert "vision/l2.npy: 1 of 40 rows are non-finite (first: row 3)" in done.stderr
    assert not (arrays / "grid.csv").exists()


@pytest.mark.slow
def test_values_are_read_from_a_folder_that_cannot_be_written(place, monkeypatch):
    from alignkit.alignment import runs

    alignkit("measure", "-p", "at_1", "-m", "cka", "--layers", "last", cwd=place)

    def refuse(folder):
        raise AssertionError("nothing is missing, so nothing is to be locked")

    monkeypatch.setattr(runs, "locked", refuse)
    assert _rows("-p", "at_1", "-m", "cka", "--layers", "last", cwd=place)


def test_tokens_and_layers_of_arrays(arrays):
    rng = np.random.default_rng(3)
    states = rng.standard_normal((3, 40, 5, 4))
    np.save(arrays / "states.npy", states)
    torch.save(tuple(torch.tensor(layer) for layer in states), arrays / "states.pt")
    refused = alignkit("measure", "states.npy", "y.npy", cwd=arrays, code=2).stderr
    assert "with --axis layers and --pool mean (or cls, last, max)" in refused
    pooled = ("--pool", "mean", "-m", "cka")
    in_one = _rows("states.npy", "y.npy", "--axis", "layers", *pooled, cwd=arrays)
    apart = _rows("states.pt", "y.npy", *pooled, "--output", "table.csv", cwd=arrays)
    assert [row["x"] for row in in_one] == ["states/0", "states/1", "states/2"]
    assert [row["x"] for row in apart] == ["0", "1", "2"]
    assert [row["value"] for row in in_one] == [row["value"] for row in apart]
    assert list(pd.read_csv(arrays / "table.csv")["pool"]) == ["mean"] * 3
    np.save(arrays / "cls.npy", states[0, :, 0])
    sides = _rows(
        "states.pt", "states.pt", "--pool", "cls", "--pool", "last", "-m", "cka", cwd=arrays
    )
    plain = _rows("cls.npy", "states.pt", "--pool", "last", "-m", "cka", cwd=arrays)
    assert [row["value"] for row in sides[:3]] == [row["value"] for row in plain]


def test_axes_are_refused_for_runs_and_where_they_do_not_apply(place, arrays):
    said = alignkit("measure", "--axis", "layers", cwd=place, code=2).stderr
    assert "--axis says what arrays hold, and does not go with runs" in said
    said = alignkit("measure", "--pool", "cls", "--pool", "mean", cwd=place, code=2).stderr
    assert "--pool is given twice, which only two arrays can differ in" in said
    said = alignkit("measure", "x.npy", "y.npy", "--pool", "mean", cwd=arrays, code=2).stderr
    assert "--pool has nothing to pool in x.npy and y.npy; leave it out" in said
    said = alignkit("stability", "x.npy", "y.npy", "--axis", "layers", cwd=arrays, code=2).stderr
    assert "--axis does not apply to x.npy and y.npy" in said


def test_a_warning_of_several_metrics_is_one_line(arrays):
    np.save(arrays / "answers.npy", np.eye(2)[np.arange(40) % 2])
    metrics = [word for name in ("mknn", "jaccard", "cka") for word in ("-m", name)]
    said = alignkit("measure", "answers.npy", "y.npy", *metrics, cwd=arrays).stderr
    ties, chance = [line for line in said.splitlines() if "mknn" in line]
    assert ties.startswith("note: mknn, jaccard: 40 of 40 samples of answers.npy have up to 19")
    assert chance.startswith("note: mknn, jaccard: k=10 is 26% of the 39 other samples")


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_folders_of_few_bits_keep_their_rounding(kind, tmp_path):
    """A huge column hides no other, and what is equal but for rounding has no value."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(1.3 * rng.standard_normal((40, 6)))
    y = x[:, :4] + torch.from_numpy(rng.standard_normal((40, 4)))
    x[:, 2] = torch.where(torch.arange(40) % 2 == 0, 448.0, 448.0 * (1 - 2**-11))
    same = x[:1] + 0 * x
    for side, values in (("x", {"huge": x, "same": same}), ("y", {"y": y})):
        (tmp_path / side).mkdir()
        for name, value in values.items():
            stored = value.to(getattr(torch, kind)).contiguous()
            if kind == "float16":
                np.save(tmp_path / side / f"{name}.npy", stored.numpy())
            else:
                save_file({name: stored}, tmp_path / side / f"{name}.safetensors")
    without = x.clone()
    without[:, 2] = 0
    rows = _rows("x", "y", "-m", "unbiased_cka", "-m", "rsa:rdm=euclidean", cwd=tmp_path)
    assert len(rows) == 4
    for row in rows:
        metric = "rsa:rdm=euclidean" if row["metric"] == "rsa" else row["metric"]
        if row["x"] == "same":
            assert row["value"] is None
            assert "is constant" in row["reason"]
        else:
            sides = (side.to(getattr(torch, kind)) for side in (without, y))
            assert row["value"] == pytest.approx(measure(*sides, metric), abs=1e-6)
            assert row["value"] == pytest.approx(measure(without, y, metric), abs=0.05)


@pytest.mark.parametrize("damage", [b"", b"x"])
def test_the_command_that_mends_damaged_representations_is_said_and_mends_them(damage, tmp_path):
    run = train_tiny(tmp_path / "runs", "none").path
    alignkit("extract", run, cwd=tmp_path)
    stored = run / "representations" / "test" / "t00.cls.npy"
    whole = stored.read_bytes()
    stored.write_bytes(whole[:-8] + damage)
    words = ("measure", run, "-m", "cka", "--layers", "0")
    said = alignkit(*words, cwd=tmp_path, code=1).stderr
    command = said.strip().rpartition("extract it again: ")[2]
    assert command.split()[:2] == ["alignkit", "extract"]
    alignkit(*command.split()[1:], cwd=tmp_path)
    assert stored.read_bytes() == whole
    alignkit(*words, cwd=tmp_path)
