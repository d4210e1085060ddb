"""Figures of comparisons for papers: read as they were stored, as fit as those of runs."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

import alignkit
from alignkit.analysis.comparison.compare import Compared
from alignkit.errors import DataError, UsageError
from alignkit.report.comparison.plot_kinds import KINDS
from alignkit.report.comparison.rows import best_rows
from alignkit.report.comparison.stored import read_comparison
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.plots import COLUMNS, TYPE_SIZE, Paper, plot_comparison
from tiny import alignkit as command

N = 30
LONG = "a-model-whose-name-is-much-longer-than-a-column-of-a-paper-is-wide"
MARKUP = "<b>=1+1 מודל 🐈"


def _layers(seed, depth):
    rng = np.random.default_rng(seed)
    shared = np.random.default_rng(9).standard_normal((N, 5))
    return [rng.standard_normal((N, 5)) + 0.2 * at * shared for at in range(depth)]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Three models of 3, 20 and 1 layers under two similarities and a distance, and its folder."""
    deep = {f"encoder.layer.{at}.output.dense": each for at, each in enumerate(_layers(2, 20))}
    models = {LONG: _layers(1, 3), MARKUP: deep, "one": _layers(3, 1)}
    metrics = ["unbiased_cka", "mknn:k=4", "information_imbalance"]
    result = alignkit.compare(models, metric=metrics, null=9, interval=9)
    folder = tmp_path_factory.mktemp("compared") / "c"
    result.save(folder)
    return result, folder


def _drawn(what, compared, folder, monkeypatch, **more):
    figures = []
    add = FigureFolder.add

    def keep(self, name, figure, *rest):
        figures.append(figure)
        return add(self, name, figure, *rest)

    monkeypatch.setattr(FigureFolder, "add", keep)
    return figures, plot_comparison(what, compared, folder, **more)


def test_a_stored_comparison_is_what_was_measured(stored):
    result, folder = stored
    read = read_comparison(folder)
    assert [metric.spec for metric in read.metrics] == [m.spec for m in result.measured.metrics]
    assert len(read.values) == len(result.values)
    before, after = best_rows(result.measured), best_rows(read)
    for was, now in zip(before, after, strict=True):
        for name in ("a", "b", "x", "y", "within", "value", "low", "p", "null_std"):
            assert now[name] == was[name], name


@pytest.mark.parametrize("width", COLUMNS.values())
@pytest.mark.parametrize("what", KINDS)
def test_figures_fit_the_paper(what, width, stored, tmp_path, monkeypatch):
    compared = read_comparison(stored[1])
    figures, paths = _drawn(what, compared, tmp_path, monkeypatch, paper=Paper(("png",), width))
    assert len(figures) == len(paths) >= 3
    for figure, path in zip(figures, paths, strict=True):
        assert figure.get_figwidth() <= width + 1e-6, path
        renderer, inside = figure.canvas.get_renderer(), figure.bbox.padded(1)
        for text in figure.findobj(Text):
            if not (text.get_visible() and text.get_text()):
                continue
            assert text.get_fontsize() == TYPE_SIZE, text.get_text()
            box = text.get_window_extent(renderer)
            in_view = any(text in ax.texts for ax in figure.axes) or box.width < inside.width
            assert in_view, f"{text.get_text()!r} is wider than {path}"
        for ax in figure.axes:
            box = ax.get_tightbbox(renderer)
            assert inside.x0 <= box.x0, f"{path} is cut on the left"
            assert box.x1 <= inside.x1, f"{path} is cut on the right"
            assert inside.y0 <= box.y0, f"{path} is cut at the bottom"
            assert box.y1 <= inside.y1, f"{path} is cut at the top"
        caption = path.with_suffix(".txt").read_text()
        assert caption.strip().endswith(".")
        assert "_" not in caption.replace(LONG, "")
        assert len(pd.read_csv(path.with_suffix(".csv"))) > 0


def test_layers_of_equal_depth_are_the_values_of_the_comparison(stored, tmp_path, monkeypatch):
    result, _ = stored
    _, paths = _drawn("depth", result.measured, tmp_path, monkeypatch, metrics=["mknn:k=4"])
    (path,) = paths
    table = pd.read_csv(path.with_suffix(".csv"), dtype={"x": str, "y": str})
    pair = table[table["placement"] == f"{LONG} and {MARKUP}"].reset_index(drop=True)
    assert list(pair["depth"]) == list(range(20))
    assert list(pair["x"]) == ["0"] * 5 + ["1"] * 10 + ["2"] * 5
    assert list(pair["y"]) == [f"encoder.layer.{at}.output.dense" for at in range(20)]
    grid = result.grid("mknn:k=4", LONG, MARKUP, column="value")
    expected = [grid.loc[row.x, row.y] for row in pair.itertuples()]
    assert pair["value"].tolist() == pytest.approx(expected)


def test_the_colours_of_a_map_are_of_its_values_and_its_digits_too(tmp_path, monkeypatch):
    result = alignkit.compare(_layers(1, 2), _layers(2, 3), metric="cka", null=9, interval=0)
    (figure,), _ = _drawn("layers", result.measured, tmp_path, monkeypatch)
    values = result.grid().to_numpy(float)
    ax = figure.axes[0]
    assert np.asarray(ax.images[0].get_array()) == pytest.approx(values)
    assert [text.get_text() for text in ax.texts] == [f"{value:z.2f}" for value in values.flat]
    assert figure.axes[1].get_ylabel().replace("\n", " ") == "CKA, calibrated"


def test_from_python_and_from_the_command_line_they_are_the_same(stored, tmp_path):
    result, folder = stored
    kinds = {what: result.plot(what, "mknn:k=4", folder=tmp_path / "p") for what in KINDS}
    assert kinds["best"]._repr_html_().startswith("<svg")
    for what, paths in kinds.items():
        words = ("--metric", "mknn:k=4", "--figure-format", "svg", "-o", "c")
        done = command("plot", what, folder, *words, cwd=tmp_path)
        printed = [tmp_path / line for line in done.stdout.splitlines()]
        drawn = [path for path in paths if path.suffix == ".svg"]
        assert [path.read_bytes() for path in printed] == [path.read_bytes() for path in drawn]


def test_a_style_of_matplotlib_is_honoured(stored, tmp_path, monkeypatch):
    style = tmp_path / "mine.mplstyle"
    style.write_text("axes.facecolor: 102030\n")
    figures, _ = _drawn(
        "best", stored[0].measured, tmp_path, monkeypatch, paper=Paper(style=str(style))
    )
    assert figures[0].axes[0].get_facecolor()[:3] == pytest.approx((16 / 255, 32 / 255, 48 / 255))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("scatter", "c"), "'scatter' is a figure of runs; for a comparison, choose layers, depth"),
        (("nothing", "c"), "there is no figure 'nothing'; choose layers, depth, models, best"),
        (("models",), "'models' is a figure of models that were compared; name the folder of a"),
        (("layers", "c", "--layer", "last"), "--layer has no meaning for a comparison"),
        (("layers", "c", "--task", "toy"), "--task has no meaning for a comparison"),
        (("layers", "c", "c2"), "c is a comparison; name it alone"),
        (("layers", "c", "-m", "svcca"), "svcca was not measured; this comparison has unbiased_"),
    ],
)
def test_what_a_comparison_has_not_is_one_line(words, said, stored, tmp_path):
    (tmp_path / "c").symlink_to(stored[1])
    done = command("plot", *words, cwd=tmp_path, code=2)
    (line,) = done.stderr.splitlines()
    assert said in line
    assert not (tmp_path / "figures").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    done = command("plot", "layers", "nowhere", cwd=tmp_path, code=1)
    assert "nowhere is not a run directory" in done.stderr


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("values.csv", None, "there is no .*values.csv; create it with: alignkit compare --output"),
        ("values.csv", "a,b\n1,2\n", "has no column 'random_weights'; create it again with"),
        ("best.csv", "", "best.csv cannot be read"),
        ("settings.json", None, "settings.json"),
        ("settings.json", '{"metrics": "cka"}', "settings.json"),
    ],
)
def test_damaged_files_are_named(file, content, said, stored, tmp_path):
    for path in stored[1].glob("*.*"):
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(content)
    with pytest.raises(DataError, match=said):
        read_comparison(tmp_path)


def test_values_that_are_no_numbers_are_refused(stored, tmp_path):
    for path in stored[1].glob("*.*"):
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    table = pd.read_csv(tmp_path / "values.csv", dtype=str, keep_default_na=False)
    table.loc[0, "value"] = "much"
    table.to_csv(tmp_path / "values.csv", index=False)
    with pytest.raises(DataError, match="'value' is not a number throughout"):
        read_comparison(tmp_path)


def test_nothing_is_drawn_of_a_single_pair(tmp_path):
    result = alignkit.compare(_layers(1, 1), _layers(2, 1), null=0, interval=0)
    assert isinstance(result.measured, Compared)
    with pytest.raises(DataError, match="this comparison holds nothing to draw for 'layers'"):
        result.plot("layers", folder=tmp_path / "f")
    with pytest.raises(UsageError, match="no format of figures"):
        result.plot("layers", folder=tmp_path / "f", formats=("eps",))
    assert not (tmp_path / "f").exists()
