"""Quotes: cells of several lines, and quotes that are characters."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignkit.errors import DataError
from alignkit.tables import read_rows, read_table

WORDS = st.text(st.sampled_from("ab\",;\n\r\t 'é"), max_size=8)


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=6),
    dialect=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    separator=st.sampled_from([",", ";", "\t"]),
)
def test_what_the_standard_library_writes_is_read_back(
    tmp_path_factory, rows, dialect, line_end, separator
):
    out = io.StringIO()
    writer = csv.writer(out, quoting=dialect, lineterminator=line_end, delimiter=separator)
    writer.writerows([("x", "y", "z"), *rows])
    path = tmp_path_factory.mktemp("t") / "x.csv"
    path.write_text(out.getvalue(), newline="")
    try:
        read = [tuple(cells) for cells in read_table(path).rows()]
    except DataError as error:
        # Only where every line of a cell of several lines could be a row of its own.
        if "rows of 3 cells too" not in str(error):
            raise
        ambiguous = True
    else:
        ambiguous = False
        assert read == rows
    assert not ambiguous or any({*cell} & {*"\n\r"} for row in rows for cell in row)


def _titles(path, lines):
    path.write_text("".join(f"{line}\r\n" for line in lines), newline="")
    return [cells for _, cells in read_rows(path, 3)]


def test_a_title_whose_quote_is_not_closed_swallows_no_rows(tmp_path):
    lines = [f'pie_{i}.jpg,"Pie, the ""{i}th""",pie' for i in range(20)]
    lines[4] = 'pie_4.jpg,"Best pie ever,pie'
    lines[9] = 'pie_9.jpg,A 12" pie,pie'
    rows = _titles(tmp_path / "t.csv", lines)
    assert [row[0] for row in rows] == [f"pie_{i}.jpg" for i in range(20)]
    assert rows[4][1] == '"Best pie ever'
    assert rows[9][1] == 'A 12" pie'
    assert rows[3][1] == 'Pie, the "3th"'


def test_a_quote_that_another_row_may_close_is_refused(tmp_path):
    lines = ["a,x,1", 'b,"x,1', "c,x,1", 'd,12",1', "e,x,1"]
    with pytest.raises(
        DataError, match=r"t\.csv:2: a quote opens a cell here and line 4 may close"
    ):
        _titles(tmp_path / "t.csv", lines)


def test_a_cell_of_several_lines(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('id,text,n\n1,"one\n\ntwo, ""three""\n",2\n2,b,3\n')
    table = read_table(path)
    assert list(table.rows()) == [["1", 'one\n\ntwo, "three"\n', "2"], ["2", "b", "3"]]
    assert [table.where(row) for row in range(2)] == ["x.csv:2", "x.csv:6"]


def test_stray_quotes_are_said(tmp_path):
    (tmp_path / "x.csv").write_text('a,b\n"x,1\ny,2\n')
    table = read_table(tmp_path / "x.csv")
    assert table.texts("a") == ['"x', "y"]
    assert any("1 quote(s) that are not closed" in note for note in table.notes)
