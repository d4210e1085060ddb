"""The page: self-contained, repeatable, honest about what is missing, safe with any name."""

import re
from html.parser import HTMLParser
from types import SimpleNamespace
from xml.etree import ElementTree

import pandas as pd
import pytest

from alignkit.analysis.options import TableOptions
from alignkit.report.charts.script import hash_of
from alignkit.report.formatting import p_text
from alignkit.report.page import write_report
from alignkit.runs import Run
from alignkit.statistics import correlate
from alignkit.statistics.correlation.cautions import Caution
from alignkit.training.tracking import COLUMNS
from pages import charts_of, check_numbers
from tiny import without_manifests

EVIL = '<img src=x onerror=alert(1)>|</td><script>alert("1")</script>$\\frac{$ \x1b[31m'


class _Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data):
        self.text.append(data)


def parse(page):
    parser = _Elements()
    parser.feed(_without_scripts(page.read_text()))
    return parser


def _without_scripts(page):
    """The page as it is read; what its scripts hold is tested in a browser."""
    return re.sub(r"<script[^>]*>.*?</script>", "", page, flags=re.DOTALL)


@pytest.fixture(scope="module")
def written(study, tmp_path_factory):
    runs, table, found = study
    folder = tmp_path_factory.mktemp("page")
    page = write_report(
        runs, folder, correlations=found, table=table, options=TableOptions(("cka",))
    )
    return page, folder


def test_scores_are_means_over_seeds(study, written):
    table = study[1]
    text = " ".join(parse(written[0]).text)
    markdown = (written[1] / "report.md").read_text()
    for _, part in table.groupby(["task", "placement"]):
        shown = f"{part['accuracy'].mean():.3f} ± {part['accuracy'].std():.3f}"
        assert shown in text
        assert f"{shown} (3)" in markdown


def test_robust_p_and_the_least_p_stand_in_a_table_of_their_own(study, written):
    markdown = (written[1] / "report.md").read_text()
    (head,) = [line for line in markdown.splitlines() if "p studentised" in line]
    rows = markdown.split(head)[1].strip().splitlines()[1:]
    for line, (_, row) in zip(rows, study[2].table.iterrows(), strict=False):
        cells = [cell.strip().replace("\\", "") for cell in line.strip("|").split("|")]
        told = (row["p_studentised"], row["p_spearman_adjusted"], row["p_turn"], row["least_p"])
        assert cells[:6] == [row["task"], row["metric"], *map(p_text, told)]
    assert "p studentised" in " ".join(parse(written[0]).text)


def test_the_answer_is_in_the_words_of_the_verdicts(study, written):
    found = study[2].table
    lines = parse(written[0]).text
    said = " ".join(lines)
    assert "36 runs: 6 placements, 2 tasks, seeds 0, 1, 2" in said
    for task, part in found.groupby("task"):
        answer = next(line for line in lines if line.startswith(f"{task}, over"))
        assert "over 6 units (18 runs)" in answer
        assert set(part["verdict"]) <= set(re.findall("|".join(part["verdict"]), answer))
        best = part.loc[part["pearson"].abs().idxmax()]
        assert f"that of {best['metric']} (r = {best['pearson']:+.2f}" in answer
    assert "they do not show that alignment causes performance" in said


def test_sections_stand_in_order(written):
    ids = re.findall(r'<h2 id="(\w+)"', written[0].read_text())
    assert ids == ["scores", "against", "depth", "layers", "training", "more", "made"]


def test_the_page_needs_no_other_file(written):
    page = written[0].read_text()
    assert "default-src 'none'" in page
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert re.findall(r"script-src '([^']*)'", page) == [hash_of(*scripts)]
    assert "unsafe" not in page.partition("<body>")[0]
    page = _without_scripts(page)
    assert not re.search(r'(src|href)="(?!data:image/svg\+xml;base64,|#|figures/)', page)
    assert "url(" not in page
    for target in re.findall(r'href="(figures/[^"]+)"', page):
        assert (written[1] / target).is_file()


def test_markdown_points_at_figures_that_are_there(written):
    markdown = (written[1] / "report.md").read_text()
    targets = re.findall(r"\]\((figures/[^)]+)\)", markdown)
    assert len(targets) == 3 * len(list((written[1] / "figures").glob("*.svg")))
    assert all((written[1] / target).is_file() for target in targets)


def test_every_picture_has_words(written):
    page = _without_scripts(written[0].read_text())
    alternatives = re.findall(r'<div class="drawing" role="img" aria-label="([^"]+)"', page)
    assert len(alternatives) == page.count("<figure") == page.count('class="summary') == 6


def test_same_input_gives_the_same_bytes(study, tmp_path):
    runs, table, found = study
    runs = [run for run in runs if run.task == "toy_match"]
    for folder, given in (("a", runs), ("b/c", runs[::-1])):
        write_report(
            given,
            tmp_path / folder,
            correlations=found,
            table=table,
            options=TableOptions(("cka",)),
            figure_formats=("png",),
        )
    files = [file for file in sorted((tmp_path / "a").rglob("*")) if file.is_file()]
    drawn = {file.stem for file in files if file.suffix == ".svg"}
    assert len(drawn) == 4
    charts = ("overview", "against", "forest", "depth", "layers", "training")
    assert len(files) == 3 + 3 * len(drawn) + len(charts)
    for file in files:
        twin = tmp_path / "b" / "c" / file.relative_to(tmp_path / "a")
        assert file.read_bytes() == twin.read_bytes(), file.name


def test_one_run_without_correlation_says_why(study, tmp_path):
    page = write_report(study[0][:1], tmp_path)
    assert "there is nothing to compare yet" in page.read_text()
    assert not list((tmp_path / "figures").glob("*scatter*"))


def test_two_placements_are_too_few_and_the_page_says_so(study, tmp_path):
    runs = [run for run in study[0] if run.task == "toy_match" and run.seed == 0][:2]
    assert "No task has more than 2 placements" in write_report(runs, tmp_path).read_text()


def test_runs_that_differ_are_reported(study, tmp_path):
    """A metric that one run lacks, another number of samples, a run without a score."""
    runs = [_copy(run, tmp_path) for run in study[0] if run.task == "toy_match" and run.seed == 0]
    _edit(runs[0], lambda table: table[table["metric"] != "mknn"])
    _edit(runs[1], lambda table: table.assign(n=100))
    runs[2].performance_file.write_text('{"primary": "accuracy", "splits": {}}')
    text = write_report(runs, tmp_path / "report").read_text()
    assert "toy_match, mknn: measured in only 5 of 6 runs" in text
    assert "toy_match, cka: measured on different numbers of samples (100, 512)" in text
    assert "toy_match: 1 run not scored on test" in text
    assert "not scored" in text


def _copy(run, folder):
    target = folder / "runs" / run.task / run.path.parent.name / run.path.name
    target.mkdir(parents=True)
    for file in run.path.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return Run(target)


def _edit(run, change):
    without_manifests(run.path)
    change(pd.read_csv(run.alignment_file)).to_csv(run.alignment_file, index=False)


def test_hostile_names_stay_text(write_study, joined, tmp_path):
    def report(folder, task, metric, prefix, note):
        placements = {f"{prefix}{i}": ([i], [i]) for i in range(3)}
        root = tmp_path / folder / "runs"
        runs = write_study(root, (task,), placements, (0,), ("cka", metric), depth=4)
        table = joined(runs, ("cka", metric))
        found = correlate(table, "accuracy", ["cka", metric], permutations=9)
        found = SimpleNamespace(
            table=found.table.assign(verdict=note, direction=note),
            units=found.units,
            cautions=[Caution("too_few_units", {"task": note, "n": 1})],
            settings=found.settings,
            hypotheses=found.hypotheses,
            tasks=found.tasks,
            pooled=found.pooled,
        )
        return write_report(runs, tmp_path / folder, correlations=found, table=table, title=note)

    plain = parse(report("plain", "task", "metric", "p", "note"))
    page = report("evil", EVIL, f"={EVIL}", EVIL, EVIL)
    assert parse(page).tags == plain.tags
    assert _svg_tags(tmp_path / "evil") == _svg_tags(tmp_path / "plain")
    markdown = (tmp_path / "evil" / "report.md").read_text()
    assert "\x1b" not in markdown + page.read_text()
    assert not re.search(r"(?<!\\)<", markdown)
    rows = [line for line in markdown.splitlines() if line.startswith("|") and "onerror" in line]
    columns = {len(re.findall(r"(?<!\\)\|", line)) for line in rows}
    assert columns == {5, 14, 13, 8}  # scores, correlations, what they rest on, metrics


def _svg_tags(folder):
    pictures = sorted((folder / "figures").glob("*.svg"))
    assert len(pictures) == 6
    return {element.tag for picture in pictures for element in ElementTree.parse(picture).iter()}


def test_names_that_differ_in_odd_letters_keep_their_own_files(write_study, tmp_path):
    runs = write_study(tmp_path / "runs", ("a/b", "a:b", "A|b"), {"p": ([1], [1])}, (0,), ("m",), 3)
    write_report(runs, tmp_path)
    names = [file.stem.lower() for file in (tmp_path / "figures").glob("*-training*.svg")]
    assert len(set(names)) == 3


def test_values_of_another_version_are_reported(study, tmp_path):
    runs = [_copy(run, tmp_path) for run in study[0] if run.task == "toy_match" and run.seed == 0]
    _edit(runs[0], lambda table: table.drop(columns="version"))
    text = write_report(runs, tmp_path / "report").read_text()
    total = len(runs) * len(runs[0].alignment()) // 2
    assert f"mknn: {total // len(runs)} of " in text
    assert "values are of version 1 of the metric, and the installed one is version 2" in text


def test_every_number_of_a_chart_is_in_its_csv(written):
    charts = charts_of(written[0])
    assert set(charts) == {"overview", "against", "forest", "depth", "layers", "training"}
    check_numbers(charts, written[1])


def test_charts_of_runs_are_what_was_stored(study, written):
    """The CSV of the maps is that of the runs, and the means over them."""
    data = pd.read_csv(written[1] / "figures" / "layers.csv")
    run = study[0][-1]
    stored = run.alignment().query("metric == 'cka'").set_index(["x", "y"])["value"]
    mine = data[(data["task"] == run.task) & (data["placement"] == run.placement)]
    mine = mine[mine["metric"] == "cka"].set_index(["x", "y"])
    assert list(mine["run"].unique()) == ["mean over seeds", "seed 0", "seed 1", "seed 2"]
    one = mine[mine["run"] == f"seed {run.seed}"]["value"]
    assert one.sort_index().to_dict() == pytest.approx(stored.sort_index().to_dict())
    singles = mine[mine["run"] != "mean over seeds"].groupby(level=[0, 1])["value"].mean()
    means = mine[mine["run"] == "mean over seeds"]["value"]
    assert means.sort_index().to_dict() == pytest.approx(singles.sort_index().to_dict())


def test_every_split_and_pooling_that_was_measured_can_be_chosen(study, tmp_path):
    runs = [_copy(run, tmp_path) for run in study[0] if run.task == "toy_match" and run.seed == 0]
    for run in runs:
        _edit(run, _with_other_splits)
    page = write_report(runs, tmp_path / "report", options=TableOptions(("cka",)))
    charts = charts_of(page)
    for name in ("layers", "depth"):
        rows = charts[name]["rows"]
        assert rows["split"]["levels"] == ["test", "validation"]
        assert rows["pooling"]["levels"] == ["cls", "mean"]
        assert [s["column"] for s in charts[name]["selectors"]][:4] == [
            "task",
            "metric",
            "split",
            "pooling",
        ]
    assert '<select name="pooling"' in page.read_text()


def _with_other_splits(table):
    others = [
        table.assign(split=split, pool=pool, value=table["value"] / 2)
        for split, pool in (("test", "mean"), ("validation", "cls"))
    ]
    return pd.concat([table, *others], ignore_index=True)


def _with_grids_by_epoch(run, metric="cka", epochs=3):
    """Store whole grids that were tracked in training, as large as those of the trained run."""
    table = run.alignment().query("metric == 'cka' and split == 'test' and pool == 'cls'")
    parts = [
        table.assign(
            epoch=epoch,
            step=4 * epoch,
            split="validation",
            metric=metric,
            value=table["value"] * epoch / epochs,
            n=64,
        )
        for epoch in range(epochs)
    ]
    pd.concat(parts)[COLUMNS].to_csv(run.path / "tracking.csv", index=False)


def test_the_epoch_of_the_maps_can_be_chosen_where_grids_were_tracked(study, tmp_path):
    runs = [_copy(run, tmp_path) for run in study[0] if run.task == "toy_match" and run.seed < 2]
    for run in runs:
        _with_grids_by_epoch(run)
    page = write_report(runs, tmp_path / "report", options=TableOptions(("cka", "mknn")))
    chart = charts_of(page)["layers"]
    assert [s["column"] for s in chart["selectors"]] == [
        "task",
        "metric",
        "epoch",
        "split",
        "pooling",
        "run",
        "placement",
    ]
    assert chart["rows"]["epoch"]["levels"] == ["kept weights", "epoch 0", "epoch 1", "epoch 2"]
    assert "epoch 0 is the untrained model" in page.read_text()
    data = pd.read_csv(tmp_path / "report" / "figures" / "layers.csv")
    assert set(data.loc[data["metric"] == "mknn", "epoch"]) == {"kept weights"}
    first = data[data["epoch"] == "epoch 2"]
    assert set(first["run"]) == {"mean over seeds", "seed 0", "seed 1"}
    assert set(zip(first["split"], first["pooling"], first["n"], strict=True)) == {
        ("validation", "cls", 64)
    }
    keys = ["placement", "run", "x", "y"]
    kept = data.query("epoch == 'kept weights' and metric == 'cka' and split == 'test'")
    both = first.merge(kept, on=keys, suffixes=("", "_kept"))
    assert len(both) == len(first) == len(kept)
    assert both["value"].to_numpy() == pytest.approx(2 / 3 * both["value_kept"].to_numpy())


def test_without_grids_by_epoch_there_is_no_such_choice(study, written):
    chart = charts_of(written[0])["layers"]
    assert "epoch" not in chart["rows"]
    assert "epoch" not in [s["column"] for s in chart["selectors"]]


def test_epochs_that_do_not_fit_are_left_out_and_said(study, tmp_path, monkeypatch):
    runs = [_copy(run, tmp_path) for run in study[0] if run.task == "toy_match"]
    for run in runs:
        _with_grids_by_epoch(run)
    monkeypatch.setattr("alignkit.report.charts.layers.MOST_ROWS", 3000)
    page = write_report(runs, tmp_path / "report", options=TableOptions(("cka",)))
    levels = charts_of(page)["layers"]["rows"]["epoch"]["levels"]
    assert levels == ["kept weights", "epoch 0"]
    said = r"This page leaves out [\d,]+ values of epochs, single runs, epochs of single runs, so"
    assert re.search(said, page.read_text())


def test_a_page_of_24_runs_with_ten_epochs_is_below_5_mb(write_study, joined, tmp_path):
    runs = write_study(tmp_path / "runs", ("t",), seeds=(0, 1, 2, 3))
    for run in runs:
        _with_grids_by_epoch(run, epochs=10)
    page = write_report(runs, tmp_path / "report", options=TableOptions(("cka", "mknn")))
    assert page.stat().st_size < 5_000_000


def test_a_page_leaves_out_what_does_not_fit_and_says_so(study, tmp_path, monkeypatch):
    monkeypatch.setattr("alignkit.report.charts.layers.MOST_ROWS", 5000)
    page = write_report(study[0], tmp_path, options=TableOptions(("cka",)))
    rows = charts_of(page)["layers"]["rows"]
    assert rows["run"]["levels"] == ["mean over seeds"]
    assert re.search(r"This page leaves out [\d,]+ values of single runs", page.read_text())


def test_a_page_of_24_runs_is_small(write_study, joined, tmp_path):
    runs = write_study(tmp_path / "runs", ("t",), seeds=(0, 1, 2, 3))
    assert len(runs) == 24
    table = joined(runs)
    found = correlate(table, "accuracy", ["cka", "mknn"], permutations=9)
    page = write_report(runs, tmp_path / "report", correlations=found, table=table)
    assert page.stat().st_size < 2_000_000


def test_models_of_one_layer_have_no_maps_and_no_curves(write_study, tmp_path):
    runs = write_study(tmp_path / "runs", ("t",), {"none": ([], [])}, (0,), ("cka",), depth=1)
    assert set(charts_of(write_report(runs, tmp_path / "r"))) == {"overview", "training"}
