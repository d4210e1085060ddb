"""Alignment while training: on a fixed probe set, epoch 0 included, without a trace."""

import re

import pandas as pd
import pytest

from alignkit.alignment.runs import measure_run
from alignkit.chain.train import train
from alignkit.errors import UsageError
from alignkit.runs import RuntimeOptions, Training, load_runs, resolve_config
from alignkit.training.tracking import COLUMNS, Tracker
from tiny import TINY_MODEL, TINY_TASK, alignkit


def _run(root, epochs=3, **runtime):
    options = Training(epochs=epochs, batch_size=16)
    return train(
        resolve_config(TINY_TASK, "1,2", TINY_MODEL, options, runtime=RuntimeOptions(**runtime)),
        root,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("every", "steps"), [("1", [0, 4, 8, 12]), ("2", [0, 8]), ("5s", [0, 5, 10])]
)
def test_it_is_measured_when_it_is_time(tmp_path, every, steps):
    run = _run(tmp_path, track=("cka", "mknn:k=3"), track_every=every, track_samples=20)
    table = pd.read_csv(run.path / "tracking.csv")
    assert sorted(table["step"].unique()) == steps
    assert set(table["metric"]) == {"cka", "mknn"}
    assert (table["n"] == 20).all()
    assert set(zip(table["x"], table["y"], strict=True)) == {(f"t0{i}", f"v0{i}") for i in range(3)}


@pytest.mark.slow
def test_whole_grids_of_all_streams_are_what_measure_finds(tmp_path):
    which = {"track_layers": "all", "track_streams": "all"}
    run = _run(tmp_path / "grids", 1, track=("cka",), track_samples=32, **which)
    tracked = run.tracking()
    assert run.config.identity == _run(tmp_path / "plain", 1, track=("cka",)).config.identity
    assert not tracked.duplicated(["step", "metric", "x", "y"]).any()
    # Four layers and fusions of a stream, two fusions each, and what is tracked in any case.
    table = measure_run(
        run, ["cka"], split="validation", pool="cls", layers="all", streams="all"
    ).set_index(["x", "y"])["value"]
    best = run.performance()["epoch"]
    last = tracked[tracked["epoch"] == best].set_index(["x", "y"])["value"]
    assert set(last.index) == set(table.index) | {("t02", "v02")}
    assert last[table.index].to_dict() == pytest.approx(table.to_dict(), abs=1e-6)
    assert sorted(tracked["epoch"].unique()) == [0, 1]


@pytest.mark.slow
def test_layers_of_equal_depth_do_not_depend_on_the_others(tmp_path):
    plain = _run(tmp_path / "a", 1, track=("mknn:k=3",)).tracking()
    more = _run(tmp_path / "b", 1, track=("mknn:k=3",), track_layers="t.f*").tracking()
    both = plain.merge(more, on=["step", "x", "y"], how="left")
    assert (both["value_x"] == both["value_y"]).all()
    assert set(more["x"]) > set(plain["x"])


def test_rows_of_earlier_checkpoints_had_names():
    row = dict(zip(COLUMNS, range(len(COLUMNS)), strict=True))
    tracker = Tracker.__new__(Tracker)
    tracker.restore([row])
    assert tracker.state() == [list(range(len(COLUMNS)))]


@pytest.mark.slow
def test_a_study_file_tracks_grids_too(tmp_path):
    (tmp_path / "study.toml").write_text(
        f"""
        [grid]
        tasks = ["{TINY_TASK}"]
        placements = ["1"]
        [options]
        architecture = "{TINY_MODEL}"
        epochs = 1
        track = ["cka"]
        track_layers = "all"
        track_streams = "vision"
        """
    )
    alignkit("study", "run", "study.toml", cwd=tmp_path)
    (run,) = load_runs(tmp_path / "runs")
    assert {("v00", "v02"), ("v.f0", "v01")} <= set(run.tracking()[["x", "y"]].itertuples(False))


@pytest.mark.slow
def test_tracking_changes_no_weight(tmp_path):
    plain, tracked = _run(tmp_path / "a"), _run(tmp_path / "b", track=("cka",), track_every="3s")
    assert plain.config.identity == tracked.config.identity
    assert plain.model_file.read_bytes() == tracked.model_file.read_bytes()


@pytest.mark.slow
def test_the_value_is_what_measure_finds(tmp_path):
    run = _run(tmp_path, 0, track=("cka",), track_samples=32)
    tracked = pd.read_csv(run.path / "tracking.csv").set_index("x")["value"]
    table = measure_run(run, ["cka"], split="validation", pool="cls", layers="same")
    assert tracked.to_dict() == pytest.approx(table.set_index("x")["value"].to_dict(), rel=1e-6)


def test_an_unknown_metric_is_refused_before_the_work(tmp_path):
    done = alignkit(
        "train",
        "--task",
        TINY_TASK,
        "-a",
        TINY_MODEL,
        "-p",
        "1",
        "--track-alignment",
        "ckaa",
        cwd=tmp_path,
        code=2,
    )
    assert "did you mean 'cka'?" in done.stderr


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        ({"track_layers": "t0x"}, "`track_layers=t0x`: no layer matches this name or pattern"),
        ({"track_layers": "9"}, "`track_layers=9`: there is no layer 9; layers are 0 to 2"),
        ({"track_layers": "next"}, "`track_layers=next`: it pairs the layers of one stream"),
        ({"track_streams": "both"}, "unknown streams 'both'; known: cross, text"),
        (
            {"track_streams": "text"},
            "`track_streams=text` with `track_layers=same` pairs layers with themselves",
        ),
        ({"track_layers": "last", "track_streams": "all"}, "pairs layers with themselves"),
        (
            {"track": (), "track_layers": "all"},
            "`track_layers=all` has no effect where no metric is tracked; name one",
        ),
        ({"track": (), "track_every": "2"}, "`track_every=2` has no effect"),
    ],
)
def test_what_cannot_be_tracked_is_refused_before_the_work(runtime, said):
    options = RuntimeOptions(**{"track": ("cka",)} | runtime)
    with pytest.raises(UsageError, match=re.escape(said)):
        resolve_config(TINY_TASK, "1,2", TINY_MODEL, runtime=options)


def test_more_values_than_are_kept_are_refused_before_the_work(tmp_path):
    words = ("--task", TINY_TASK, "-a", TINY_MODEL, "-p", "1", "--epochs", "40000")
    track = ("--track-alignment", "cka", "--track-layers", "all", "--track-every", "1s")
    done = alignkit("train", *words, *track, cwd=tmp_path, code=2)
    said = " ".join(done.stderr.split())
    assert "--track-every 1s gives 1,280,016 values, of 16 pairs of layers 80,001 times" in said
    assert not list(tmp_path.rglob("train.json"))


@pytest.mark.parametrize("every", ["0", "s", "2e", "-1"])
def test_faulty_intervals(every):
    with pytest.raises(UsageError, match="`track_every`"):
        RuntimeOptions(track_every=every)
