"""Sections of plugins: on the page, escaped, and left out with their name where they fail."""

import json
import re
from pathlib import Path

import pytest

from alignkit.analysis.options import TableOptions
from alignkit.engines.perform import Notes
from alignkit.errors import UsageError
from alignkit.plugins import use_plugin_files
from alignkit.report.page import write_report
from alignkit.statistics import correlate
from alignkit.testing import check_section
from tiny import alignkit as command

EXAMPLE = Path(__file__).parents[2] / "examples" / "third_party" / "seeds_section.py"
EVIL = '<img src=x onerror=alert(1)>|</td><script>alert("1")</script>'
PLUGIN = f"""
import itertools
import alignkit

EVIL = {EVIL!r}
calls = itertools.count()

def evil(content):
    import pandas as pd
    from matplotlib.figure import Figure

    table = pd.DataFrame({{EVIL: [EVIL, None], "number": [0.123456, 2]}})
    figure = alignkit.SectionFigure(EVIL, Figure(), table)
    return alignkit.Section(EVIL, [EVIL], {{EVIL: table}}, [figure])

def fails(content, message: str = "no"):
    raise RuntimeError(message)

def refuses(content):
    raise alignkit.DataError("these runs have no such thing")

@alignkit.hookimpl
def register_sections(register):
    register("evil", evil)
    register("fails", fails)
    register("refuses", refuses)
    register("no_section", lambda content: "text")
    register("no_table", lambda content: alignkit.Section("t", tables={{"c": 3}}))
    register("no_figure", lambda content: alignkit.Section("f", figures=["f.png"]))
    register("nothing", lambda content: None)
    register("untitled", lambda content: alignkit.Section(" "))
    register("restless", lambda content: alignkit.Section(f"call {{next(calls)}}"))
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory, write_study, joined):
    """Runs whose own figures are drawn soon."""
    placements = {"none": ([], []), "late": ([2], [2])}
    root = tmp_path_factory.mktemp("sections") / "runs"
    runs = write_study(root, ("toy_match",), placements, metrics=("cka",), depth=3)
    table = joined(runs, ("cka",))
    return runs, table, correlate(table, "accuracy", ["cka"], permutations=9)


@pytest.fixture(autouse=True)
def added(tmp_path):
    """A plugin with sections, good and bad, and the example."""
    file = tmp_path / "sections.py"
    file.write_text(PLUGIN)
    use_plugin_files([file, EXAMPLE])
    yield file
    use_plugin_files([])


def _report(study, folder, *sections):
    runs, table, found = study
    notes = Notes()
    page = write_report(
        runs,
        folder,
        correlations=found,
        table=table,
        options=TableOptions(("cka",)),
        added=sections,
        reporter=notes,
    )
    return page.read_text(), (folder / "report.md").read_text(), notes.said


def test_the_example_is_a_section_with_a_table_and_a_figure(study, tmp_path):
    page, markdown, notes = _report(study, tmp_path / "r", "seeds:least=3")
    assert not notes
    assert '<h2 id="added1">Differences between seeds</h2>' in page
    assert '<a href="#added1">Differences between seeds</a>' in page
    scores = study[1].groupby(["task", "placement"])["accuracy"]
    for lowest in scores.min():
        assert f"<td>{lowest:.4g}</td>" in page
        assert f" {lowest:.4g} |" in markdown
    assert (tmp_path / "r" / "figures" / "seeds-1.csv").is_file()
    assert "](figures/seeds-1.svg)" in markdown
    settings = json.loads((tmp_path / "r" / "settings.json").read_text())
    assert settings["sections"] == ["seeds:least=3"]


def test_what_has_nothing_to_show_leaves_the_page_as_it_is(study, tmp_path):
    plain = _report(study, tmp_path / "plain")
    other = _report(study, tmp_path / "other", "nothing")
    assert other[1] == plain[1]
    assert _report(study, tmp_path / "few", "seeds:least=4")[1] == plain[1]


def test_hostile_text_stays_text(study, tmp_path):
    page, markdown, notes = _report(study, tmp_path / "r", "evil")
    assert not notes
    page = page.rpartition("<script>")[0]
    assert "<script>" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page
    assert "<td>0.1235</td>" in page
    assert not re.search(r"(?<!\\)<", markdown)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("fails:message=why", "section 'fails' .*sections.py.*RuntimeError: why"),
        ("refuses", "these runs have no such thing"),
        ("no_section", "'no_section' .*gave 'text'; expected an alignkit.Section"),
        ("no_table", "'no_table' .*its tables"),
        ("no_figure", "'no_figure' .*its figures"),
    ],
)
def test_one_that_fails_is_named_and_left_out(study, tmp_path, section, message):
    page, markdown, (note,) = _report(study, tmp_path / "r", section, "seeds")
    name = section.partition(":")[0]
    assert note.startswith(f"section '{name}' is left out: ")
    assert re.search(message, note)
    assert "Differences between seeds" in page, "the others are there"
    assert f"section &#39;{name}&#39; is left out" in page
    assert "is left out" in markdown


def test_unknown_ones_are_refused_before_any_work(tmp_path):
    with pytest.raises(UsageError, match="unknown section 'seds'; did you mean 'seeds'"):
        write_report([], tmp_path, added=["seds"])
    words = ("--plugin", EXAMPLE, "report", "--section", "seeds:most=3")
    done = command(*words, cwd=tmp_path, code=2)
    assert "section 'seeds' has no option 'most'" in done.stderr


def test_the_check_makes_a_section_of_made_up_tables_and_of_runs(study):
    assert check_section("seeds").title == "Differences between seeds"
    assert len(check_section("seeds", study[0]).tables[0][2]) == 2
    assert check_section("nothing") is None
    for name, message in (("untitled", "has no title"), ("restless", "another one the second")):
        with pytest.raises(AssertionError, match=message):
            check_section(name)
