"""Figures of correlations: what is drawn is what was found."""

import itertools

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest

from alignkit.report.correlations import write_figures
from alignkit.report.figures.forest import forest
from alignkit.report.figures.layer_pairs import layer_pairs
from alignkit.report.figures.leave_one_out import leave_one_out
from alignkit.report.figures.null_histograms import null_counts, null_histograms
from alignkit.report.figures.power_curve import power_curve
from alignkit.report.figures.scatter import scatter
from alignkit.report.style import svg
from alignkit.statistics import correlate
from alignkit.statistics.power import plan


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    rows = []
    for task, unit in itertools.product("ab", range(8)):
        level = rng.standard_normal()
        rows += [
            {
                "task": task,
                "placement": "none" if unit == 0 else f"p{unit}",
                "seed": s,
                "accuracy": level + 0.1 * rng.standard_normal(),
                "cka": level + 0.4 * rng.standard_normal(),
                "own": rng.standard_normal(),
            }
            for s in range(3)
        ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def found(table):
    return correlate(table, "accuracy", ["cka", "own"])


def _lines(ax, marker):
    return [line.get_xdata()[0] for line in ax.lines if line.get_marker() == marker]


def test_a_forest_has_every_r_and_rho(found):
    ax = forest(found.table).axes[0]
    assert _lines(ax, "s") == pytest.approx(found.table["pearson"].tolist())
    assert _lines(ax, "|") == pytest.approx(found.table["spearman"].tolist())
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cka", "own"] * 2
    said = [t.get_text() for t in ax.texts]
    assert (
        sum("supported" in text for text in said) == (found.table["verdict"] == "supported").sum()
    )


def test_the_strip_has_r_without_every_unit(found):
    left_out = pd.concat([h.left_out() for h in found.hypotheses])
    ax = leave_one_out(found.table, left_out).axes[0]
    dots = sorted(_lines(ax, "o") + _lines(ax, "D"))
    assert dots == pytest.approx(sorted(left_out["pearson"]))
    assert len(_lines(ax, "D")) == 4
    blue = matplotlib.colors.to_rgba("#0072B2")
    assert any(matplotlib.colors.to_rgba(line.get_color()) == blue for line in ax.lines)


def test_the_band_is_left_where_p_is_small(found, table):
    h = found.hypotheses[0]
    rows = pd.DataFrame([h.row])
    figure = scatter(
        h.points,
        table[table["task"] == "a"].assign(unit=table["placement"]),
        rows,
        "accuracy",
        critical={"cka": h.critical_r()},
    )
    ax = figure.axes[0]
    path = ax.collections[-1].get_paths()[0].vertices
    end = h.x.max()
    top = path[np.isclose(path[:, 0], end)][:, 1].max()
    slope, offset = np.polyfit(h.x, h.y, 1)
    assert (offset + slope * end > top) == (h.row["p"] < 0.05)


def test_nulls_are_those_of_the_test(found):
    h = found.hypotheses[0]
    counts = null_counts({"cka": h.null()})
    assert counts["share"].sum() == pytest.approx(1)
    beyond = counts[counts["low"] >= 0.6]["share"].sum()
    assert beyond == pytest.approx((h.null() >= 0.6).mean())
    ax = null_histograms(counts, pd.DataFrame([h.row]), {"cka": h.critical_r()}).axes[0]
    assert h.row["pearson"] in [line.get_xdata()[0] for line in ax.lines]


def test_a_map_has_a_cell_per_pair_and_a_dot_where_it_stands():
    rows = pd.DataFrame(
        [
            {
                "metric": "cka",
                "layer": f"t{i:02d}:v{j:02d}",
                "pearson": 0.1 * i - 0.2 * j,
                "p_adjusted": 0.01 if (i, j) == (2, 1) else 0.5,
            }
            for i in range(3)
            for j in range(2)
        ]
    )
    ax = layer_pairs(rows).axes[0]
    assert ax.images[0].get_array().shape == (3, 2)
    assert ax.images[0].get_array()[2, 1] == pytest.approx(0.0)
    assert [tuple(line.get_xydata()[0]) for line in ax.lines] == [(1, 2)]


def test_you_are_here():
    found = plan(0.7, [6, 8, 12], tests=[1, 4])
    picture = svg(power_curve(found.table, 0.7, 0.8, 8))
    assert "your placements" in picture
    assert "corrected for 4 tests" in picture


def test_every_pair_of_layers_is_tested_and_corrected_together(tmp_path):
    rng = np.random.default_rng(1)
    columns = {f"cka@t0{i}:v0{j}": ("cka", f"t0{i}:v0{j}") for i in range(3) for j in range(3)}
    level = rng.standard_normal(8)
    table = pd.DataFrame(
        {"task": "a", "placement": [f"p{i}" for i in range(8)], "seed": 0, "accuracy": level}
        | {c: level + rng.standard_normal(8) for c in columns}
    )
    found = correlate(table, "accuracy", list(columns), layer_pairs=columns, layer="all")
    assert found.table["metric"].unique() == ["cka"]
    assert set(found.table["adjustment"]) == {"max-T over layers"}
    assert (found.table["p_adjusted"] >= found.table["p"]).all()
    assert set(found.table["family"]) == {"exploratory"}
    alone = correlate(table, "accuracy", [found.hypotheses[0].column])
    assert alone.table["p"].iloc[0] == found.table["p"].iloc[0]
    assert write_figures(found, table, tmp_path) == 1
    assert (tmp_path / "a-layer-pairs.svg").is_file()
