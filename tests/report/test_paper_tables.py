"""Tables for papers: whatever a cell holds, it stays one cell, under the name of a paper."""

import re

import pytest

from alignkit.errors import UsageError
from alignkit.report.paper_tables import (
    PaperColumn,
    PaperTable,
    as_latex,
    as_markdown,
    check_table_format,
    latex,
    markdown,
)
from alignkit.report.result_tables import write_result_tables

EVIL = ["a_b & 50% #1", "x|y \\ {z} $q$", "two\nlines", "[8pt]", "~^<b>&amp;", "naïve …", ""]


def test_latex_is_escaped():
    assert latex("a_b & 50% ~ {x} \\") == r"a\_b \& 50\% \textasciitilde{} \{x\} \textbackslash{}"
    assert latex("-0.5 to -1e-05, a-b, x2-3") == "$-$0.5 to $-$1e-05, a-b, x2-3"
    assert latex("0.7 ± 0.1, η² <0.001") == r"0.7 $\pm$ 0.1, $\eta^2$ $<$0.001"
    assert latex("[8pt]") == "{}[8pt]"
    assert latex("two\nlines") == r"two\textbackslash{}nlines"


def _unescaped(text, mark):
    return re.findall(rf"(?<!\\){re.escape(mark)}", text)


@pytest.mark.parametrize("first", range(len(EVIL)))
def test_any_text_stays_in_its_cell(first):
    cells = EVIL[first:] + EVIL[:first]
    columns = [PaperColumn(name, cells) for name in ("what & why", "b|c")]
    tex = as_latex(PaperTable(columns, "50 % of a_b"))
    rows = tex.partition("\\midrule\n")[2].partition("    \\bottomrule")[0].splitlines()
    assert len(rows) == len(cells)
    for row in rows:
        assert row.endswith(" \\\\")
        assert len(_unescaped(row, "&")) == 1
        for mark in "%#_":
            assert not _unescaped(row, mark)
        assert row.count("{") == row.count("}")
        assert len(_unescaped(row, "$")) % 2 == 0
    said = as_markdown(PaperTable(columns, "50 % of a_b")).splitlines()
    assert said[0] == "50 % of a\\_b"
    assert len(said) == 2 + 2 + len(cells)
    for line in said[2:]:
        assert len(_unescaped(line.replace("\\\\", ""), "|")) == 3
        assert "<b>" not in line.replace("\\<b\\>", "")


def test_names_and_statistics_are_those_of_a_paper():
    table = PaperTable(
        [
            PaperColumn("metric", ["unbiased_cka", "mknn:k=5"]),
            PaperColumn("auroc", ["0.712 ± 0.020", "0.5"], right=True),
            PaperColumn("p adj", ["<0.001", "0.020"], right=True),
            PaperColumn("95 %", ["-0.90..+0.72", ""], right=True),
        ],
        "correlations",
    )
    tex = as_latex(table)
    assert "\\begin{tabular}{lrrr}" in tex
    assert "Metric & AUROC & $p$ adj & 95 \\% \\\\" in tex
    row = "Unbiased CKA & 0.712 $\\pm$ 0.020 & $<$0.001 & $-$0.90 to +0.72 \\\\"
    assert row in tex
    assert "Mutual kNN (k = 5)" in tex
    assert "\\caption{Correlations}" in tex
    assert as_markdown(table).splitlines()[2:4] == [
        "| Metric | AUROC | p adj | 95 % |",
        "| --- | --: | --: | --: |",
    ]


def test_an_unknown_format_is_refused():
    with pytest.raises(UsageError, match="'html' is no format of tables; choose csv, markdown"):
        check_table_format("html")


def test_markdown_starts_no_markup():
    assert markdown("![x](y) `z` $m$ ~~s~~ &lt;") == (r"\!\[x\](y) \`z\` \$m\$ \~\~s\~\~ &amp;lt;")


def test_tables_of_a_report_hold_what_their_csv_does(study, tmp_path):
    from alignkit.analysis.scores import scores_by_unit

    runs, _, found = study
    means = scores_by_unit(runs, [run.scores("test") for run in runs], "variant")
    write_result_tables(means, "test", found, tmp_path, ["csv", "latex", "markdown"])
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{ending}" for name in ("scores", "correlations") for ending in ("csv", "tex", "md")
    }
    lines = (tmp_path / "scores.md").read_text().splitlines()
    (late,) = [line for line in lines if line.startswith("| Toy match | late ")]
    row = means[(means["task"] == "toy_match") & (means["unit"] == "late")]
    row = row[row["score"] == "accuracy"].iloc[0]
    assert f"{row['mean']:.3f} ± {row['sd']:.3f}" in late
    assert "| 3 | 512 |" in late
    tex = (tmp_path / "correlations.tex").read_text()
    assert len(re.findall(r"\\begin\{table\*?\}", tex)) == 2
    cka = found.table[(found.table["task"] == "toy_match") & (found.table["metric"] == "cka")]
    assert f"CKA & +{cka['pearson'].iloc[0]:.2f} &" in tex


def _table(*widths, right=False):
    return PaperTable([PaperColumn("x", ["a" * width], right) for width in widths])


def test_a_table_spans_what_it_needs():
    narrow, both, wide = (as_latex(_table(*[8] * count)) for count in (4, 8, 12))
    assert "\\begin{table}\n" in narrow
    assert "\\end{table}\n" in narrow
    for tex in (both, wide):
        assert "\\begin{table*}\n" in tex
        assert "\\end{table*}\n" in tex
    assert "footnotesize" not in narrow + both
    assert "\\footnotesize\n  \\setlength{\\tabcolsep}{3pt}" in wide


def test_long_texts_of_a_wide_table_have_several_lines():
    assert r"\begin{tabular}{lp{0.2\linewidth}}" in as_latex(_table(20, 90))
    assert r"\begin{tabular}{ll}" in as_latex(_table(5, 40))  # it fits
    assert r"\begin{tabular}{rr}" in as_latex(_table(20, 90, right=True))  # numbers
