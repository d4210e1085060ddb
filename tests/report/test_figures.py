"""Figures from plain tables: what is drawn is what the table holds."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from alignkit.report.figures.depth_curves import depth_curves
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.figures.heatmaps import heatmaps
from alignkit.report.figures.scatter import scatter
from alignkit.report.figures.training_curves import training_curves
from alignkit.report.sites import in_order
from alignkit.report.style import columns_for, looks, png, short, svg

PLACEMENTS = {"none": {"text": [], "vision": []}, "odd": {"text": [1, 3], "vision": [2, 3]}}


def _depths():
    return pd.DataFrame(
        [
            {"placement": name, "seed": seed, "depth": i, "value": 0.1 * i + seed, "chance": 0.05}
            for name in PLACEMENTS
            for seed in (0, 1)
            for i in range(4)
        ]
    )


def test_depth_curves_are_means_and_fusions_stand_between_layers():
    figure = depth_curves(_depths(), PLACEMENTS, "cka")
    odd = next(ax for ax in figure.axes if ax.get_title(loc="left") == "odd")
    curve = next(line for line in odd.lines if line.get_linewidth() == 1.7)
    assert np.allclose(curve.get_ydata(), [0.5, 0.6, 0.7, 0.8])
    marks = {
        marker: [
            tuple(point)
            for line in odd.lines
            if line.get_marker() == marker
            for point in line.get_xydata()
        ]
        for marker in "^v"
    }
    assert np.allclose(marks["^"], [(0.5, 0.55), (2.5, 0.75)])  # text
    assert np.allclose(marks["v"], [(1.5, 0.65), (2.5, 0.75)])  # vision
    none = next(ax for ax in figure.axes if ax.get_title(loc="left") == "none")
    assert not [line for line in none.lines if line.get_marker() in "^v"]


def test_depth_curves_show_other_placements_in_grey_and_every_seed():
    ax = depth_curves(_depths(), PLACEMENTS, "cka").axes[1]
    context, seeds = ax.collections
    curves = [[(i, 0.1 * i + 0.5) for i in range(4)]] * 2
    assert np.allclose(context.get_segments(), curves)
    assert matplotlib.colors.to_hex(context.get_color()[0]) == "#d9d9d9"
    assert np.allclose(
        seeds.get_segments(), [[(i, 0.1 * i + seed) for i in range(4)] for seed in (0, 1)]
    )
    low, high = ax.get_ylim()
    assert low < 0 < 1.3 < high < 1.4, "the curves of all seeds must be seen"


def _grid(placement, sites_x, sites_y, value=0.5):
    return pd.DataFrame(
        [
            {"placement": placement, "x": x, "y": y, "value": value + 0.01 * i}
            for i, (x, y) in enumerate((x, y) for x in sites_x for y in sites_y)
        ]
    )


def test_fusions_stand_at_their_places_in_each_stream():
    sites = ["t00", "t01", "t02", "t03", "t.f0", "t.f1"]
    assert in_order(sites, [1, 3]) == ["t00", "t.f0", "t01", "t02", "t.f1", "t03"]
    assert in_order(sites, [0, 4]) == ["t.f0", "t00", "t01", "t02", "t03", "t.f1"]
    values = _grid("odd", sites, [s.replace("t", "v") for s in sites])
    figure = heatmaps(values, PLACEMENTS, "cka")
    ax = figure.axes[0]
    cells = ax.images[0].get_array()
    # Four layers of two cells, two fusions of one; text f0 follows layer 0, vision f0 layer 1.
    assert cells.shape == (10, 10)
    lookup = values.set_index(["x", "y"])["value"]
    assert cells[2, 0] == lookup["t.f0", "v00"]
    assert cells[0, 4] == lookup["t00", "v.f0"]
    assert cells[9, 9] == lookup["t03", "v03"]
    marked = [(t.get_text(), t.xy) for t in ax.texts if isinstance(t, Annotation)]
    assert marked == [("f0", (4.5, 1)), ("f1", (7.5, 1)), ("f0", (1, 2.5)), ("f1", (1, 7.5))]


def test_every_layer_of_a_map_has_a_tick_and_some_have_numbers():
    sites = [[f"{stream}{i:02d}" for i in range(30)] for stream in "tv"]
    figure = heatmaps(_grid("none", *sites), PLACEMENTS, "cka")
    (ax, _) = figure.axes
    widest = dict(zip(ax.get_xticks(), (t.get_text() for t in ax.get_xticklabels()), strict=True))
    beside = {
        t.get_position()[0]: t.get_text()
        for t in ax.texts
        if t.get_position()[1] == 0 and t.get_ha() == "center"
    }
    assert len(widest) == 1
    assert not widest.keys() & beside.keys()
    assert widest | beside == {2 * i + 1: str(i) for i in range(0, 30, 3)}
    below = next(line for line in ax.lines if line.get_marker() == matplotlib.markers.TICKDOWN)
    assert sorted([*widest, *below.get_xdata()]) == [2 * i + 1 for i in range(30)]
    assert set(below.get_ydata()) == {0}


def test_maps_share_a_colour_scale_and_show_what_is_undefined():
    first = _grid("none", ["t00", "t01"], ["v00", "v01"], 0.1)
    second = _grid("odd", ["t00", "t01"], ["v00", "v01"], 0.8)
    second.loc[0, "value"] = float("nan")
    figure = heatmaps(pd.concat([first, second]), PLACEMENTS, "cka")
    maps = [ax.images[0] for ax in figure.axes if ax.images]
    assert len(maps) == 2
    for image in maps:
        assert image.get_clim() == pytest.approx((0.1, 0.83))
    assert maps[1].get_array().mask[0, 0]
    assert not maps[0].get_array().mask.any()
    assert "undefined" in svg(figure)


def test_bright_is_aligned_for_distances_too():
    values = _grid("none", ["t00", "t01"], ["v00", "v01"])
    image = heatmaps(values, PLACEMENTS, "d", lower_is_aligned=True).axes[0].images[0]
    low, high = image.cmap(image.norm([0.5, 0.53]))[:, :3].sum(axis=1)
    assert low > high


def _scatter(n=6):
    names = [f"placement_{i}" for i in range(n)]
    rng = np.random.default_rng(0)
    units = pd.DataFrame(
        {"unit": names, "cka": 0.5 + 0.1 * rng.random(n), "accuracy": 0.7 + 0.1 * rng.random(n)}
    )
    rows = pd.DataFrame(
        [
            {
                "metric": "cka",
                "pearson": 0.5,
                "p": 0.0004,
                "n": n,
                "verdict": "suggestive",
                "direction": "higher is more aligned",
            }
        ]
    )
    runs = pd.concat([units.assign(cka=units["cka"] + d) for d in (-0.01, 0.01)])
    return units, scatter(units, runs, rows, "accuracy")


@pytest.mark.parametrize("n", [6, 16])
def test_labels_of_scattered_points_do_not_overlap(n):
    units, figure = _scatter(n)
    labels = [t for t in figure.axes[0].texts if isinstance(t, Annotation)]
    assert sorted(t.get_text() for t in labels) == sorted(units["unit"])
    figure.canvas.draw()  # settles where the annotations stand
    renderer = figure.canvas.get_renderer()
    boxes = [matplotlib.text.Text.get_window_extent(t, renderer) for t in labels]
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    assert not [1 for a, b in pairs if a.overlaps(b)]


def test_scatter_shows_units_runs_and_the_finding():
    units, figure = _scatter()
    ax = figure.axes[0]
    large = [line for line in ax.lines if line.get_markersize() == 7]
    assert np.allclose([line.get_xydata()[0] for line in large], units[["cka", "accuracy"]])
    assert sum(len(line.get_xdata()) for line in ax.lines if line.get_markersize() == 3) == 12
    assert "r = +0.50, p < 0.001, n = 6, suggestive" in ax.get_title(loc="left")


LONG = "finetuned,pretraining.objectives=mlm+itm,head=hadamard {}"


def _scatters():
    names = ("information_imbalance", "unbiased_cka", "svcca:dims=10", "mknn", "r2")
    units = pd.DataFrame(
        [{"unit": f"u{i}", "accuracy": i / 20, **dict.fromkeys(names, i % 7)} for i in range(20)]
    )
    row = {"pearson": -0.48, "p": 0.0341, "n": 20, "verdict": "inconclusive", "direction": "higher"}
    return scatter(units, None, pd.DataFrame([{"metric": m, **row} for m in names]), "accuracy")


def _maps():
    placements = {LONG.format(i): {"text": [], "vision": []} for i in range(12)}
    cells = [(f"t0{i}", f"v0{j}") for i in (1, 2) for j in (1, 2)]
    rows = [
        {"placement": name, "x": x, "y": y, "value": 0.1} for name in placements for x, y in cells
    ]
    return heatmaps(pd.DataFrame(rows), placements, "unbiased_cka")


def _curves():
    placements = {LONG.format(i): {"text": [], "vision": []} for i in range(12)}
    rows = [
        {"placement": name, "seed": 0, "depth": d, "value": d / 3, "chance": 0.0}
        for name in placements
        for d in (1, 2, 3)
    ]
    return depth_curves(pd.DataFrame(rows), placements, "unbiased_cka")


@pytest.mark.parametrize("draw", [_scatters, _maps, _curves])
def test_the_titles_of_panels_neither_meet_nor_leave_the_figure(draw):
    figure = draw()
    figure.canvas.draw()
    titles = [ax._left_title for ax in figure.axes if ax.get_title(loc="left")]
    boxes = [title.get_window_extent(figure.canvas.get_renderer()) for title in titles]
    assert len(boxes) >= 5
    assert all(box.x1 <= figure.bbox.x1 for box in boxes)
    assert not [1 for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


def test_training_curves_are_means_over_seeds():
    history = pd.DataFrame(
        [
            {
                "placement": "a",
                "seed": s,
                "epoch": e,
                "split": split,
                "loss": 1.0 - 0.1 * e + s,
                "value": 0.5 + 0.1 * e + s,
            }
            for s in (0, 1)
            for e in (0, 1, 2)
            for split in ("train", "validation")
        ]
    )
    left, right = training_curves(history, "accuracy").axes
    assert np.allclose(left.lines[0].get_ydata(), [1.0, 1.1, 1.2])
    assert [line.get_linestyle() for line in right.lines] == ["-", "--"]


def test_every_objective_of_pretraining_has_its_loss():
    rows = [
        {"placement": p, "seed": 0, "epoch": e, "split": split, "loss": 3.0 - e, "value": 0.5,
         "mlm_loss": 2.0 - e, "itm_loss": 1.0, "mim_loss": np.nan}
        for p in ("a", "b")
        for e in (0, 1)
        for split in ("train", "validation")
        if (e, split) != (0, "train")
    ]  # fmt: skip
    figure = training_curves(pd.DataFrame(rows), "pretraining_accuracy")
    assert [ax.get_title(loc="left") for ax in figure.axes][1:] == [
        "loss, all objectives",
        "loss of mlm",
        "loss of itm",
    ]
    own = figure.axes[2].lines
    assert [line.get_linestyle() for line in own] == ["-", "-", "--", "--"]
    assert np.allclose(own[0].get_xydata(), [[0, 2], [1, 1]])
    assert np.allclose(own[2].get_xydata(), [[1, 1]])


def test_a_users_own_style_changes_nothing_and_stays_as_it_was():
    figure = depth_curves(_depths(), PLACEMENTS, "cka")
    before = svg(figure), png(figure)
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.fonttype": "path"}):
        again = depth_curves(_depths(), PLACEMENTS, "cka")
        assert (svg(again), png(again)) == before
        assert matplotlib.rcParams["font.size"] == 30


def test_sixteen_names_look_different():
    found = looks(f"p{i}" for i in range(16))
    assert len(set(found.values())) == 16
    assert len({look.colour for look in found.values()}) == 16
    assert [columns_for(n) for n in (1, 2, 4, 6, 8, 16)] == [1, 2, 2, 3, 4, 4]


def test_a_fusion_before_the_first_layer_is_led_to_from_the_curve():
    placements = {"first": {"text": [0], "vision": []}}
    values = _depths().assign(placement="first")
    (ax,) = depth_curves(values, placements, "cka").axes
    (mark,) = [line for line in ax.lines if line.get_marker() == "^"]
    assert np.allclose(mark.get_xydata(), [(-0.5, 0.5)])
    (lead,) = [line for line in ax.lines if line.get_linewidth() == 0.9]
    assert np.allclose(lead.get_xydata(), [(0, 0.5), (-0.5, 0.5)])


def test_a_single_layer_is_a_point_that_is_seen():
    values = _depths()
    (ax, *_) = depth_curves(values[values["depth"] == 2], PLACEMENTS, "cka").axes
    (curve,) = [line for line in ax.lines if line.get_linewidth() == 1.7]
    assert len(curve.get_xdata()) == 1
    assert curve.get_markersize() >= 5


def test_the_same_data_are_written_once_and_other_data_of_that_name_beside_them(tmp_path):
    folder = FigureFolder(tmp_path, ["svg"])
    data = pd.DataFrame({"metric": ["cka", "übung"], "r": [0.1, None]})
    folder.add("h1-correlations", Figure(), data, "title", "alternative")
    assert folder.add_data("h1-correlations", data.copy()) == "h1-correlations"
    assert folder.add_data("h1-correlations", data.iloc[:1]) == "h1-correlations-2"
    assert {file.name for file in tmp_path.glob("*.csv")} == {
        "h1-correlations.csv",
        "h1-correlations-2.csv",
    }


def test_long_names_keep_their_ends_and_sentences_their_beginnings():
    names = [f"vilbert_large_pretrained_fusion_at_layer_{at}" for at in range(12)]
    shown = [short(name) for name in names]
    assert len(set(shown)) == len(names)
    assert {len(name) for name in shown} == {24}
    assert shown[3] == "vilbert_large_pr…layer_3"
    assert short("higher is more aligned, and lower is less") == "higher is more aligned,…"
    assert short("cka") == "cka"
    assert short("a" * 24) == "a" * 24
