"""Figures for papers: as wide as asked for, with type of one size, all of it on the figure."""

import csv
import json
import shutil

import numpy as np
import pytest
from matplotlib.text import Text

from alignkit.analysis.options import TableOptions
from alignkit.errors import DataError, UsageError
from alignkit.plugins import use_plugin_files
from alignkit.progress import SILENT
from alignkit.report import plot_kinds
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.notebook import plot
from alignkit.report.plot_kinds import KINDS, Asked
from alignkit.report.plots import COLUMNS, TYPE_SIZE, Paper, plot_runs
from alignkit.report.proper_names import proper_name
from alignkit.report.style import PAGE, Page, drawn_for, full_width, page
from alignkit.runs import Run
from alignkit.statistics import correlate
from tiny import alignkit

OPTIONS = TableOptions(("cka", "mknn"))
PDF, PNG = Paper(), Paper(("png",))


@pytest.fixture
def runs(study, monkeypatch):
    """Runs that nobody trained, whose correlations are known."""
    runs, table, found = study
    monkeypatch.setattr(plot_kinds, "correlate_runs", lambda *_, **__: (found, table))
    return [run for run in runs if run.task == "toy_match"]


@pytest.fixture
def pairs(study, monkeypatch):
    """Makes the same runs correlate pair by pair."""
    _, table, _ = study
    rng = np.random.default_rng(0)
    columns = {
        f"cka {x} {y}": ("cka", (f"t{x:02d}", f"v{y:02d}")) for x in range(4) for y in range(4)
    }
    table = table.assign(**{name: rng.uniform(size=len(table)) for name in columns})
    layer_pairs = {name: (metric, ":".join(pair)) for name, (metric, pair) in columns.items()}
    found = correlate(
        table, "accuracy", list(columns), layer_pairs=layer_pairs, layer="all", permutations=19
    )
    monkeypatch.setattr(plot_kinds, "correlate_runs", lambda *_, **__: (found, table))


def _drawn(what, runs, folder, monkeypatch, paper=PDF, options=OPTIONS, **more):
    """Return the figures of a kind, and the paths of their files."""
    figures = []
    add = FigureFolder.add

    def keep(self, name, figure, *rest):
        figures.append(figure)
        return add(self, name, figure, *rest)

    monkeypatch.setattr(FigureFolder, "add", keep)
    asked = Asked(runs, options, permutations=19, **more)
    paths = plot_runs(what, asked, folder, paper)
    return figures, paths


# These are drawn from what runs hold beside their tables, so from runs that were trained.
OF_TRAINED = (
    "tracked",
    "hypotheses",
    "agreement",
    "stability",
    "dimension",
    "trajectory",
    "probe",
    "attention",
    "grad-cam",
    "tokens",
)  # of ablations, see tests/cli/test_ablation.py


@pytest.fixture
def trained(own_runs):
    """Small runs with values that were tracked in training."""
    runs = [run for run in own_runs[1] if run.task == "toy_match"]
    for run in runs:
        rows = [
            f"{epoch},{epoch},validation,cka,,cls,t{x:02d},v{x:02d},16,{0.1 * epoch + 0.05 * x},,0"
            for epoch in range(3)
            for x in range(3)
        ]
        head = "epoch,step,split,metric,parameters,pool,x,y,n,value,reason,chance"
        (run.path / "tracking.csv").write_text("\n".join([head, *rows, ""]))
    return runs


@pytest.mark.slow
@pytest.mark.parametrize("width", COLUMNS.values())
@pytest.mark.parametrize("what", OF_TRAINED)
def test_figures_of_trained_runs_fit_too(what, width, trained, tmp_path, monkeypatch):
    options = TableOptions(("cka", "mknn:k=5"))
    figures, paths = _drawn(
        what, trained, tmp_path, monkeypatch, Paper(("png",), width), options, measure=True
    )
    assert len(figures) == len(paths) > 0
    for figure, path in zip(figures, paths, strict=True):
        assert figure.get_figwidth() <= width + 1e-6, path
        _check_type(figure)
        assert path.with_suffix(".csv").stat().st_size > 20
        assert path.with_suffix(".txt").read_text().strip().endswith(".")


@pytest.mark.parametrize("streams", ["text", "vision"])
def test_maps_of_one_stream_have_its_layers_on_both_sides(streams, trained, tmp_path, monkeypatch):
    options = TableOptions(("cka",))
    (figure,), (path,) = _drawn(
        "layers", trained, tmp_path, monkeypatch, options=options, streams=streams, measure=True
    )
    assert path.name == f"toy_match-cka-{streams}-layers.pdf"
    maps = figure.axes[:-1]
    for labels in ([ax.get_xlabel() for ax in maps], [ax.get_ylabel() for ax in maps]):
        assert set(labels) - {""} == {f"{streams} layer"}
    assert maps[0].get_ylabel()
    assert maps[-1].get_xlabel()
    with path.with_suffix(".csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["x"][0] + row["y"][0] for row in rows} == {streams[0] * 2}
    same = [float(row["value"]) for row in rows if row["x"] == row["y"]]
    assert same == pytest.approx([1] * len(same))
    fused = [ax for ax in figure.axes if any(text.get_text() == "f0" for text in ax.texts)]
    assert {ax.get_title("left") for ax in fused} == {
        run.placement for run in trained if run.stored["placement"][streams]
    }


@pytest.fixture
def by_epoch(runs, tmp_path):
    """Runs that tracked whole grids at three epochs, and one that tracked equal depths only."""
    copies = [
        Run(shutil.copytree(run.path, tmp_path / "runs" / "t" / str(i // 3) / f"seed{i}"))
        for i, run in enumerate(runs[:7])
    ]
    for i, run in enumerate(copies):
        fused = [f".f{j}" for j in range(len(run.stored["placement"]["text"]))]
        sites = [f"{n:02d}" for n in range(3)] + fused
        rows = [
            f"{epoch},{4 * epoch},validation,cka,,cls,{a}{x},{b}{y},16,"
            f"{0.1 * epoch + 0.01 * i + 0.02 * len(x)},,0.05"
            for epoch in range(3)
            for a, b in (("t", "v"), ("t", "t"))
            for x in sites
            for y in sites
            if i < 6 or (x == y and a != b)
        ]
        head = "epoch,step,split,metric,parameters,pool,x,y,n,value,reason,chance"
        (run.path / "tracking.csv").write_text("\n".join([head, *rows, ""]))
    return copies


def test_epochs_stand_side_by_side_on_one_scale(by_epoch, tmp_path, monkeypatch):
    notes = Notes()
    more = {"epochs": (0, "2"), "reporter": notes}
    (figure,), (path,) = _drawn("layers", by_epoch, tmp_path, monkeypatch, PNG, **more)
    assert path.name == "toy_match-cka-layers-by-epoch.png"
    assert notes.said == [
        f"note: 1 of 7 runs are left out, which tracked no whole grid, such as {by_epoch[6].path}"
    ]
    maps = [ax for ax in figure.axes if ax.images]
    titles = [ax.get_title("left").replace("\n", ", ") for ax in maps]
    placements = list(dict.fromkeys(run.placement for run in by_epoch[:6]))
    assert titles == [f"{name}, epoch {epoch}" for name in placements for epoch in (0, 2)]
    rows = [round(ax.get_position().y0, 6) for ax in maps]
    assert all(a == b for a, b in zip(rows[0::2], rows[1::2], strict=True))
    assert len({ax.images[0].get_clim() for ax in maps}) == 1
    fused = [ax for ax in maps if any(text.get_text() == "f0" for text in ax.texts)]
    assert len(fused) == 2 * len(placements[1:])  # the first has none
    with path.with_suffix(".csv").open() as file:
        table = list(csv.DictReader(file))
    assert {(row["epoch"], row["step"]) for row in table} == {("0", "0"), ("2", "8")}
    seeds = [run for run in by_epoch[:6] if run.placement == placements[0]]
    first = next(row for row in table if (row["epoch"], row["x"], row["y"]) == ("2", "t01", "v02"))
    known = np.mean([0.2 + 0.01 * by_epoch.index(run) + 0.04 for run in seeds])
    assert float(first["value"]) == pytest.approx(known)
    caption = path.with_suffix(".txt").read_text()
    assert "one map per placement at epoch 0, epoch 2; values from" in caption
    assert "Epoch 0 is the untrained model." in caption


@pytest.mark.parametrize("streams", ["cross", "text"])
@pytest.mark.parametrize("width", COLUMNS.values())
def test_every_run_at_every_epoch_fits(width, streams, by_epoch, tmp_path, monkeypatch):
    more = {"epochs": ("all",), "unit": "run", "streams": streams}
    paper = Paper(("png",), width)
    (figure,), _ = _drawn("layers", by_epoch, tmp_path, monkeypatch, paper, **more)
    assert figure.get_figwidth() <= width + 1e-6
    _check_type(figure)
    assert len([ax for ax in figure.axes if ax.images]) == 18


def test_values_by_step_are_named_by_steps(by_epoch, tmp_path, monkeypatch):
    for run in by_epoch:
        file = run.path / "config.json"
        config = json.loads(file.read_text()) | {"conduct": {"track_every": "4s"}}
        file.write_text(json.dumps(config))
    again = [Run(run.path) for run in by_epoch]
    (figure,), _ = _drawn("layers", again, tmp_path, monkeypatch, epochs=(1,))
    titles = {ax.get_title("left").replace("\n", ", ") for ax in figure.axes if ax.images}
    assert titles == {f"{run.placement}, step 4" for run in by_epoch[:6]}


def test_what_was_not_tracked_is_named(by_epoch, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="`epoch=7` was not tracked; these runs hold 0, 1, 2"):
        _drawn("layers", by_epoch, tmp_path, monkeypatch, epochs=(0, 7))
    with pytest.raises(DataError, match="alignkit train --track-alignment METRIC --track-layers"):
        _drawn("layers", by_epoch, tmp_path, monkeypatch, epochs=(0,), streams="vision")


def test_epochs_go_with_nothing_that_training_chose(tmp_path):
    for words in (("--split", "test"), ("--samples", "9"), ("--pool", "mean")):
        done = alignkit("plot", "layers", "--epoch", "1", *words, cwd=tmp_path, code=2)
        said = " ".join(done.stderr.split())
        assert f"{words[0]} does not go with --epoch, whose values were measured in trai" in said
    done = alignkit("plot", "layers", "--epoch", "last", cwd=tmp_path, code=2)
    assert "--epoch last must be all or a number, 0 for before training" in done.stderr


def test_without_a_metric_all_that_was_tracked_is_drawn(by_epoch, tmp_path):
    file = by_epoch[0].path / "tracking.csv"
    file.write_text(file.read_text().replace("cka,,", "procrustes,,"))
    done = alignkit("plot", "layers", by_epoch[0].path, "--epoch", "0", cwd=tmp_path)
    assert done.stdout.split() == ["figures/toy_match-procrustes-layers-by-epoch.pdf"]
    assert [path.name for path in plot("tracked", by_epoch[:1], folder=tmp_path / "f")] == [
        "toy_match-procrustes-tracked.svg",
        "toy_match-procrustes-tracked.pdf",
    ]


def test_many_maps_fit_on_a_page_in_one_column(runs, tmp_path, monkeypatch):
    paper = Paper(("png",), COLUMNS[1])
    figures, _ = _drawn("layers", runs, tmp_path, monkeypatch, paper, unit="run")
    assert len(runs) == 18
    assert max(figure.get_figheight() for figure in figures) <= PAGE


def test_a_figure_that_is_higher_than_a_page_is_said(by_epoch, tmp_path, monkeypatch):
    notes = Notes()
    more = {"epochs": ("all",), "unit": "run", "reporter": notes}
    monkeypatch.setattr("alignkit.report.plots.PAGE", 2.0)
    _drawn("layers", by_epoch[:6], tmp_path, monkeypatch, PNG, **more)
    (said,) = notes.said
    assert "note: toy_match-cka-layers-by-epoch is " in said
    assert "inches high, and a page of a paper about 2; choose fewer placements" in said


class Notes(type(SILENT)):
    """Keeps what is said."""

    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)


def test_every_run_has_a_map_of_its_own_on_one_scale(runs, tmp_path, monkeypatch):
    figures, _ = _drawn("layers", runs[:6], tmp_path, monkeypatch, unit="run")
    maps = [ax for ax in figures[0].axes if ax.images]
    assert {ax.get_title("left") for ax in maps} == {
        f"{run.placement}, seed {run.seed}" for run in runs[:6]
    }
    assert len({ax.images[0].get_clim() for ax in maps}) == 1


def test_where_nothing_can_be_drawn_the_command_that_says_why_is_named(runs, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="for 'tracked'; see: alignkit train --track-alignment"):
        _drawn("tracked", runs, tmp_path, monkeypatch)


@pytest.mark.slow
def test_tracked_values_that_cannot_be_read_are_named(trained, tmp_path, monkeypatch):
    file = trained[0].path / "tracking.csv"
    file.write_text(file.read_text() + "2,2,validation,cka,,cls,t00,v00,16,0.5,,0,and,more\n")
    with pytest.raises(DataError, match=r"tracking\.csv cannot be read: .* alignkit train"):
        _drawn("tracked", trained, tmp_path, monkeypatch)


@pytest.mark.parametrize("width", COLUMNS.values())
@pytest.mark.parametrize("what", [kind for kind in KINDS if kind not in (*OF_TRAINED, "ablation")])
def test_a_figure_is_as_wide_as_the_paper_and_holds_all_its_type(
    what, width, runs, tmp_path, monkeypatch, request
):
    if what == "layer-pairs":
        request.getfixturevalue("pairs")
    figures, paths = _drawn(what, runs, tmp_path, monkeypatch, paper=Paper(("png",), width))
    assert len(figures) == len(paths) > 0
    for figure, path in zip(figures, paths, strict=True):
        assert figure.get_figwidth() <= width + 1e-6
        assert figure.get_figwidth() > 0.55 * width
        _check_type(figure)
        assert path.read_bytes().startswith(b"\x89PNG")


def _check_type(figure):
    renderer = figure.canvas.get_renderer()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    # Ticks beyond the axes are made, and not drawn.
    inside = figure.bbox.padded(1)
    for text in texts:
        assert text.get_fontsize() == TYPE_SIZE, text.get_text()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                    texts = [text for text in texts if text not in (tick.label1, tick.label2)]
    for text in texts:
        box = text.get_window_extent(renderer)
        assert inside.x0 <= box.x0, f"{text.get_text()!r} is cut on the left"
        assert box.x1 <= inside.x1, f"{text.get_text()!r} is cut on the right"
        assert inside.y0 <= box.y0, f"{text.get_text()!r} is cut at the bottom"
        assert box.y1 <= inside.y1, f"{text.get_text()!r} is cut at the top"


def test_names_are_those_of_a_paper_and_files_keep_the_names_of_the_command(
    runs, tmp_path, monkeypatch
):
    figures, paths = _drawn("scatter", runs, tmp_path, monkeypatch, paper=Paper(("svg", "pdf")))
    said = " ".join(text.get_text() for text in figures[0].findobj(Text))
    assert "CKA (higher is more aligned)" in said
    assert "Accuracy" in said
    assert [path.name for path in paths[:2]] == ["toy_match-scatter.svg", "toy_match-scatter.pdf"]
    assert paths[0].read_text().startswith("<svg")
    with paths[0].with_suffix(".csv").open() as file:
        assert {row["metric"] for row in csv.DictReader(file)} == {"cka", "mknn"}


def test_the_caption_says_what_is_shown_and_how_to_read_it(runs, tmp_path, monkeypatch):
    _, paths = _drawn("depth", runs, tmp_path, monkeypatch)
    caption = paths[0].with_suffix(".txt").read_text()
    assert caption.startswith("CKA by depth, one panel per placement. At the last layer it is ")
    assert "A fusion at index k runs before layer k" in caption
    assert {path.suffix for path in tmp_path.iterdir()} == {".pdf", ".csv", ".txt"}


def test_a_style_of_matplotlib_is_honoured(runs, tmp_path, monkeypatch):
    style = tmp_path / "mine.mplstyle"
    style.write_text("axes.facecolor: 102030\n")
    figures, _ = _drawn("depth", runs, tmp_path, monkeypatch, paper=Paper(style=str(style)))
    assert figures[0].axes[0].get_facecolor()[:3] == pytest.approx((16 / 255, 32 / 255, 48 / 255))
    plain, _ = _drawn("depth", runs, tmp_path, monkeypatch, paper=Paper())
    assert plain[0].axes[0].get_facecolor()[:3] == (1, 1, 1)


def test_curves_of_training_need_no_alignment(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("alignkit.report.content._alignment", None)
    _, paths = _drawn("training", runs, tmp_path, monkeypatch)
    assert [path.name for path in paths] == ["toy_match-training.pdf"]


@pytest.mark.parametrize(
    ("what", "paper", "said"),
    [
        ("heatmap", Paper(), "there is no figure 'heatmap'; choose layers, depth"),
        ("depth", Paper(("eps",)), "'eps' is no format of figures; choose svg, png, pdf"),
        ("depth", Paper(width=2), "`width=2` must be 3 to 30 inches"),
        ("depth", Paper(width=float("nan")), "must be 3 to 30 inches"),
        ("depth", Paper(style="nowhere"), "`style=nowhere` is neither a file nor a style"),
    ],
)
def test_what_there_is_not_is_refused_before_anything_is_measured(
    what, paper, said, tmp_path, monkeypatch
):
    monkeypatch.setattr(plot_kinds, "correlate_runs", None)
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        plot_runs(what, Asked([], OPTIONS), tmp_path / "out", paper)
    assert not (tmp_path / "out").exists()


GIVEN = {
    "metric": ("cka",),
    "layer": ("max",),
    "streams": ("text",),
    "epoch": ("1",),
    "unit": ("run",),
    "control": ("epoch",),
    "margin": ("0.4",),
    "outcome": ("loss",),
    "split": ("validation",),
    "pool": ("mean",),
    "within": ("label",),
    "groups": ("picture",),
    "samples": ("20",),
    "permutations": ("19",),
    "seed": ("1",),
    "option": ("head",),
    "reference": ("sum",),
}


@pytest.mark.parametrize("what", KINDS)
def test_options_that_a_kind_does_not_follow_are_refused_before_runs_are_read(what, tmp_path):
    for name, words in GIVEN.items():
        done = alignkit("plot", what, f"--{name}", *words, cwd=tmp_path, code=2)
        refused = f"--{name} does not go with figures of {what}; it does with "
        if name in KINDS[what].options:
            assert "there is no trained run" in done.stderr, done.stderr
        else:
            assert refused in " ".join(done.stderr.split()), done.stderr
            with pytest.raises(UsageError, match=f"`{name}` does not go with figures of {what}"):
                plot(what, tmp_path, **{name: words[0]})


def test_every_option_of_the_command_goes_with_a_kind():
    followed = {name for kind in KINDS.values() for name in kind.options}
    assert followed == set(GIVEN)


def test_an_option_is_refused_where_it_is_given_at_its_default(tmp_path):
    done = alignkit("plot", "training", "--layer", "last", cwd=tmp_path, code=2)
    said = " ".join(done.stderr.split())
    assert "it does with scatter, forest, leave-one-out, null, hypotheses" in said


@pytest.mark.parametrize("what", ["layers", "depth", "tracked"])
def test_maps_and_curves_are_of_placements_or_runs(what, tmp_path):
    done = alignkit("plot", what, "--unit", "head", cwd=tmp_path, code=2)
    said = " ".join(done.stderr.split())
    assert f"--unit head does not go with figures of {what}; choose placement or run" in said


def test_the_command_prints_the_path_of_each_figure(own_runs, tmp_path):
    paths = [run.path for run in own_runs[1] if run.task == "toy_match"]
    words = ("--metric", "cka", "--columns", "1", "--figure-format", "svg", "-o", "f")
    done = alignkit("plot", "layers", *paths, *words, cwd=tmp_path)
    assert done.stdout.split() == ["f/toy_match-cka-layers.svg"]
    svg = (tmp_path / "f" / "toy_match-cka-layers.svg").read_text()
    assert 'width="241.2pt"' in svg  # 3.35 inches
    for wrong in (("--columns", "3"), ("--columns", "1", "--width", "4")):
        refused = alignkit("plot", "layers", *paths, *wrong, cwd=tmp_path, code=2)
        assert "give --columns 1 or --columns 2, or --width INCHES" in refused.stderr


def test_a_page_holds_for_its_block_only():
    with drawn_for(Page(4, 8)):
        assert (full_width(), page().type_size) == (4, 8)
    assert page() == Page()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("auroc", "AUROC"),
        ("macro_f1", "Macro F1"),
        ("svcca:dims=10,eps=1e-3", "SVCCA (dims = 10, eps = 1e-3)"),
        ("mknn", "Mutual kNN"),
        ("mm_imdb", "MM-IMDb"),
        ("alignkit-tasks.mm_imdb", "MM-IMDb"),
        ("my_metric", "My metric"),
        ("", ""),
    ],
)
def test_proper_names(name, said):
    assert proper_name(name) == said


def test_a_plugin_says_how_its_name_is_written(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import alignkit\n\n"
        "def rv(x, y):\n    return 0.5\n\n"
        "@alignkit.hookimpl\ndef register_metrics(register):\n"
        "    register('rv_mine', rv, label='RV<')\n"
    )
    use_plugin_files([tmp_path / "mine.py"])
    try:
        assert proper_name("rv_mine:k=1") == "RV< (k = 1)"
    finally:
        use_plugin_files([])
